"""The lease on a service: who may write, and when another run takes over."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import lease, operation, records, release
from hypothesis import given
from hypothesis import strategies as st

NOW = "2026-11-27T10:00:00Z"
ADA = {"who": "arn:aws:iam::640080112933:user/ada", "host": "runner-7", "why": "sessions"}


def taken(head: dict[str, Any] | None = None, nonce: str = "a", ttl: int = 90) -> dict[str, Any]:
    return lease.taken(head or records.new_head(), nonce, ttl, ADA, NOW)


def test_a_lease_names_its_holder_and_its_writes_are_told_apart() -> None:
    head = taken()
    assert head["lease"] == {"nonce": "a", "key": "a/1/1", "ttl_s": 90, **ADA, "since": NOW}
    assert (head["epoch"], head["write_id"]) == (1, "a.1")
    again = lease.renewed(head, "a")
    assert again and (again["lease"]["key"], again["write_id"], again["epoch"]) == ("a/1/2", "a.2", 1)
    assert records.read_back(again, records.HEAD)[1] == []
    assert "user/ada on runner-7 since 2026-11-27T10:00:00Z (sessions)" in lease.holder_text(lease.holder(again) or {})


def test_only_the_holder_renews_and_gives_back() -> None:
    head = taken(taken(nonce="a"), nonce="b")
    assert head["lease"]["key"] == "b/2/1"
    assert lease.renewed(head, "a") is None
    assert lease.released(head, "a") is None
    free = lease.released(head, "b")
    assert free and free["lease"] is None and free["epoch"] == 2
    assert lease.renewed(free, "b") is None, "a lease that was taken away does not come back by itself"


def test_text_of_others_stays_on_one_line() -> None:
    head = lease.taken(records.new_head(), "a", 90, {"who": "x", "host": "h", "why": "a\n::error::b" + "c" * 5000}, NOW)
    assert "\n" not in head["lease"]["why"] and len(head["lease"]["why"]) <= lease.LONGEST_TEXT


@pytest.mark.parametrize(
    "wrong",
    [
        {"nonce": None},
        {"ttl_s": "soon"},
        {"key": None},
        {"more": 1},
    ],
)
def test_a_lease_that_nobody_of_us_wrote_is_refused(wrong: dict[str, Any]) -> None:
    head = taken()
    assert records.read_back({**head, "lease": {**head["lease"], **wrong}}, records.HEAD)[1]


@given(
    ttl=st.integers(1, 600),
    looks=st.lists(st.tuples(st.floats(0, 400), st.booleans()), min_size=1, max_size=30),
)
def test_a_lease_is_taken_over_only_after_it_stood_still_for_its_ttl_and_one_call(
    ttl: int, looks: list[tuple[float, bool]]
) -> None:
    head, watch, now, changed = taken(ttl=ttl), lease.Watch(), 1000.0, 1000.0
    for pause, renews in [(0.0, False), *looks]:
        now += pause
        if renews:
            head, changed = lease.renewed(head, "a") or {}, now
        over = watch.is_over(head, now)
        assert over == (now - changed >= ttl + lease.call_limit(ttl))
        if over:
            break


@given(ttl=st.integers(1, 600))
def test_three_calls_fit_into_a_lease(ttl: int) -> None:
    assert 3 * lease.call_limit(ttl) <= ttl + 1e-6
    assert lease.call_limit(ttl) <= 25


def test_who_waits_the_default_time_takes_over_from_a_killed_run() -> None:
    assert lease.TTL + lease.call_limit(lease.TTL) + lease.LOOK_EVERY < lease.WAIT


LIVE = {
    "task_definition": "arn:aws:ecs:us-east-1:640080112933:task-definition/web:74",
    "deployment": "ecs-svc/1",
    "settings": {},
    "running": 3,
    "desired": 3,
    "attributes": {},
}
IDENTITY = records.Identity("640080112933", "us-east-1", "production", "web")


def opened(head: dict[str, Any], kind: str = "scale") -> list[release.Write]:
    audit = {"who": "ada", "host": "h", "commit": None, "why": "load"}
    request = release.Request(IDENTITY, kind, operation.NOTHING, audit, "a")
    return operation.opening(head, {}, request, {"count": 5}, LIVE, NOW)


def test_an_operation_leaves_a_record_and_is_no_release() -> None:
    head = {**taken(), "current": 1, "seq": 7, "open": 7}
    created, counted, applying = opened(head)
    assert [each.how for each in (created, counted, applying)] == [release.CREATE, release.HEAD, release.REPLACE]
    assert (counted.document["seq"], counted.document["open"], counted.document["current"]) == (8, 7, 1)
    assert counted.document["lease"] == head["lease"]
    last = operation.closed(applying.document, {"desired": 5}, None, 1.23, NOW)
    assert records.read_back(last, records.RECORD)[1] == []
    assert (last["state"], last["operation"]["result"]) == ("succeeded", {"desired": 5})
    assert not records.proven(last)
    failed = operation.closed(applying.document, None, "AWS refused it", 1, NOW)
    assert (failed["state"], failed["verdict"]["reason"]) == ("failed", "AWS refused it")
    with pytest.raises(ValueError, match="deploy is no operation"):
        opened(head, "deploy")


def test_what_died_in_an_operation_is_abandoned_by_the_next_release() -> None:
    head = taken()
    _created, counted, applying = opened(head)
    known = {1: applying.document}
    request = release.Request(IDENTITY, "deploy", operation.NOTHING, {"who": "ada"}, "b")
    opening = release.opening(counted.document, known, request, LIVE, NOW)
    first = opening.writes[0]
    assert (first.how, first.document["seq"], first.document["state"]) == (release.REPLACE, 1, "abandoned")
