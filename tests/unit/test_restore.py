"""What a rollback restores, where more than revision and attributes has changed since."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import intent, named_release, records, release, restore
from ansible_collections.steady.ecs.plugins.module_utils.rules.outcome import LONGEST_TEXT
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_release import GROUP, NOW, OTHER, Service

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
    assert len(lines) == 20 and lines[-1].startswith("line 99") and max(map(len, lines)) == LONGEST_TEXT
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


class Counted(Service):
    """A service whose desired count somebody moves, and its releases."""

    def __init__(self, desired: int) -> None:
        super().__init__()
        self.live["desired"] = desired

    def ended(self, outcome: str, **declared: Any) -> Any:
        """A release with this end, and its record."""
        record = self.open(**declared).record
        self.write(release.closing(self.head, release.step(record, {"deployment": "d"}, NOW), outcome, {}, NOW))
        return self.records[record["seq"]]

    def begins_to_go_back(self) -> dict[str, Any]:
        """What the operator's rollback restores, as the one that is opened says it."""
        choice = self.choose()
        assert choice.record is not None
        found = restore.restoration(choice.record, self.records, self.live)
        made = intent.restoring(found)
        request = release.Request(records.Identity("1", "r", "c", "s"), "rollback", made, {}, "n", found["seq"])
        self.write(release.opening(self.head, self.records, request, self.live, NOW).writes)
        return found


FIXED: dict[str, Any] = {"settings": {"desiredCount": 3}}


@pytest.mark.parametrize("base", [pytest.param(FIXED, id="the base fixed one"), pytest.param({}, id="others own it")])
@pytest.mark.parametrize(
    ("now", "settings", "stays"),
    [
        pytest.param(3, {"desiredCount": 8}, [], id="changed by the release"),
        pytest.param(8, {}, [], id="not reached, or back already"),
        pytest.param(5, {}, ["desiredCount"], id="moved since by others"),
    ],
)
def test_the_count_of_a_release_that_is_undone_is_the_one_that_it_found(
    base: dict[str, Any], now: int, settings: dict[str, int], stays: list[str]
) -> None:
    service = Counted(3)
    target = service.ended("proven", **base)
    service.live["desired"] = 8  # by hand
    service.open(**FIXED)
    service.live["desired"] = now
    found = restore.restoration(target, service.records, service.live)
    assert (found["settings"], found["not_restorable"]) == (settings, stays)


def test_a_rollback_that_goes_on_restores_the_count_that_it_began_with() -> None:
    service = Counted(3)
    service.ended("proven", **FIXED)
    service.live["desired"] = 8  # by hand
    service.open(**FIXED)
    service.live["desired"] = 3
    began = service.begins_to_go_back()
    assert began["settings"] == {"desiredCount": 8}
    for now in (3, 8):
        service.live["desired"] = now
        assert service.begins_to_go_back() == began
    assert len(service.records) == 4, "the same one is resumed"


@pytest.mark.parametrize(
    ("after", "restored"),
    [
        pytest.param([("proven", FIXED)], True, id="fixed still"),
        pytest.param([("proven", FIXED), ("failed_rolled_back", FIXED)], True, id="fixed by all since"),
        pytest.param([("failed_rolled_back", FIXED), ("proven", {})], False, id="left to autoscaling since"),
        pytest.param([("proven", {}), ("failed_rolled_back", FIXED)], False, id="left to it by what is live"),
        pytest.param([("proven", FIXED), ("failed", {})], False, id="left to it by the last one, which failed"),
        pytest.param([("proven", {}), ("proven", FIXED)], True, id="fixed again"),
    ],
)
def test_an_operators_rollback_restores_a_count_only_where_releases_fix_it_still(
    after: list[tuple[str, dict[str, Any]]], restored: bool
) -> None:
    service = Counted(3)
    target = service.ended("proven", **FIXED)
    for outcome, declared in after:
        service.ended(outcome, **declared)
    service.live["desired"] = 12
    found = restore.restoration(target, service.records, service.live)
    assert found["settings"] == ({"desiredCount": 3} if restored else {})
    assert found["not_restorable"] == ([] if restored else ["desiredCount"])
    said = [each.as_text() for each in restore.changes(found, service.live) if each.path == "desiredCount"]
    assert len(said) == int(restored) and all("3" in each and "12" in each for each in said)


@pytest.mark.parametrize(
    ("attached", "value"),
    [
        pytest.param({OTHER: {"stickiness.enabled": "false"}}, "false", id="the group was attached since"),
        pytest.param({GROUP: {"stickiness.enabled": "true"}}, None, id="attached by the release that declares it"),
    ],
)
def test_an_attribute_that_the_target_does_not_know_is_as_the_next_release_found_it(
    attached: dict[str, Any], value: str | None
) -> None:
    service = Counted(3)
    service.live["attributes"] = {GROUP: {"duration": "3600"}}
    target = service.ended("proven", changes={"cpu": "512"})
    service.live["attributes"] = attached
    service.ended("failed", attributes={OTHER: {"stickiness.enabled": "true"}})
    service.live["attributes"] = {OTHER: {"stickiness.enabled": "true"}}
    service.open(attributes={OTHER: {"stickiness.enabled": "true"}})  # finds what the one before it left
    found = restore.restoration(target, service.records, service.live)
    assert found["attributes"] == ({OTHER: {"stickiness.enabled": value}} if value else {})
    assert found["not_restorable"] == ([] if value else [f"{OTHER} stickiness.enabled"])


def test_an_attribute_that_aws_has_added_since_goes_back_to_what_it_was_before_it_was_declared() -> None:
    service = Counted(3)
    target = service.ended("proven", changes={"cpu": "512"})
    service.live["attributes"] = {GROUP: {"new": "off"}}
    service.open(attributes={GROUP: {"new": "on"}})
    service.live["attributes"] = {GROUP: {"new": "on"}}
    found = restore.restoration(target, service.records, service.live)
    assert found["attributes"] == {GROUP: {"new": "off"}} and found["not_restorable"] == []
