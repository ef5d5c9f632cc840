"""What a rollback restores, where more than revision and attributes has changed since."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import intent, named_release, records, restore
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_release import GROUP, OTHER, Service

OLD = f"app:latest@sha256:{'1' * 64}"


def test_the_attributes_of_a_group_that_the_service_has_left_are_not_written() -> None:
    service = Service()
    service.deploy(75, "100")
    target = service.records[1]
    whole = restore.restoration(target, service.records, service.live)
    assert whole["attributes"] == {GROUP: {"duration": "3600"}} and whole["not_restorable"] == []
    moved = {**service.live, "attributes": {OTHER: {"duration": "1"}}}
    found = restore.restoration(target, service.records, moved)
    assert found["attributes"] == {} and found["not_restorable"] == [f"{GROUP} duration"]


def test_c68_a_release_brings_the_images_that_ran_then() -> None:
    service = Service()
    service.deploy(75, "100")
    service.records[2]["verdict"]["images"] = {"app": OLD}
    service.records[1]["before"]["images"] = {"app": OLD}
    assert restore.restoration(service.records[2], service.records, service.live)["images"] == {"app": OLD}
    assert restore.restoration(service.records[1], service.records, service.live)["images"] == {"app": OLD}
    del service.records[1]["before"]["images"]
    assert restore.restoration(service.records[1], service.records, service.live)["images"] == {}


def test_what_a_record_keeps_of_images_and_causes_is_bounded() -> None:
    given_: dict[str, Any] = {
        **dict.fromkeys(("verdict", "reason", "rolled_back_by")),
        "duration_seconds": 1.0,
        "checks": [],
        "timeline": [],
        "images": {"app": OLD, "side": "side:latest"},
        "cause": {"container": "app", "log_lines": [f"line {n} \x1b[31m" + "x" * 5000 for n in range(100)]},
    }
    kept = intent.result(given_, {}, "2025-11-27T10:00:00Z")
    assert kept["images"] == {"app": OLD}, "a tag alone says nothing of what ran"
    lines = kept["cause"]["log_lines"]
    assert len(lines) == 20 and lines[-1].startswith("line 99") and max(map(len, lines)) == intent.LONGEST_TEXT
    assert "\x1b" not in json.dumps(kept)
    assert len(json.dumps(kept)) < records.SIZE_LIMIT // 4


def test_the_other_releases_come_proven_first_and_nearest_first() -> None:
    service = Service()
    for revision, outcome in ((75, "proven"), (76, "failed"), (77, "proven"), (78, "proven")):
        service.deploy(revision, str(revision), outcome)
    chosen = service.records[4]
    found = [each["seq"] for each in restore.others(service.records, chosen, service.live)]
    assert found == [2, 1], "neither the chosen one, nor what is live, nor what failed"


@given(
    st.lists(st.tuples(st.integers(75, 78), st.sampled_from(["proven", "failed"]), st.sampled_from("ab")), max_size=5),
    st.sampled_from(["1", "2", "3", "web:75", "web:77", "aaaaaaa", "bbbbbbb"]),
)
def test_a_name_chooses_only_what_serves_and_prefers_what_is_proven(
    deploys: list[tuple[int, str, str]], wanted: str
) -> None:
    service = Service()
    for revision, outcome, letter in deploys:
        number = service.deploy(revision, str(revision), outcome)
        service.records[number]["audit"]["commit"] = letter * 40
    found = named_release.find(service.records, wanted)
    if found.record is None:
        assert found.reason and found.remedy
        return
    assert found.record["state"] == records.SUCCEEDED
    if not wanted.isdigit():
        same = [each for each in service.records.values() if named_release.find({1: each}, wanted).record]
        assert records.proven(found.record) or not any(map(records.proven, same))


def test_the_way_back_from_a_rollback_that_did_not_come_to_its_end_is_where_it_was_going() -> None:
    service = Service()
    for revision in (75, 76, 77):
        service.deploy(revision, str(revision))
    service.open("rollback", 3)
    rollback = max(service.records)
    for state in ("applying", "failed"):
        record = {**service.records[rollback], "state": state}
        base = restore.way_back(record, {**service.records, rollback: record})
        assert base and base["seq"] == 3
        assert restore.command("rollback.yml", record, base, service.records) == "rollback.yml -e rollback_to=3"
    assert restore.way_back({**record, "state": "rolled_back"}, service.records) is None
