# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an approval and a release window let through is judged under the lease: a run may have waited for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, waits
from ansible_collections.steady.ecs.plugins.module_utils.rules import approval
from ansible_collections.steady.ecs.plugins.modules import release, service_drift

from tests.unit.modules.releases import CLUSTER, DURATION, GROUP
from tests.unit.modules.system import System

Answer = dict[str, Any]
WINDOW = "thu 09:00-16:00 UTC"
INSIDE, OUTSIDE = "Thu, 27 Nov 2025 15:59:00 GMT", "Thu, 27 Nov 2025 16:01:00 GMT"


def sticky(seconds: int) -> Answer:
    return {"attributes": {"stickiness.enabled": True, DURATION: seconds}}


class Waiting:
    """The production system, and a clock in whose first pause another run does something."""

    def __init__(self, folder: Path) -> None:
        self.system, self.folder, self.seconds = System(), folder, 1000.0
        self.meanwhile: list[Callable[[], object]] = []
        self.said(INSIDE)

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        if self.meanwhile:
            self.meanwhile.pop()()

    def said(self, date: str) -> None:
        """AWS's clock."""
        self.system.caller["ResponseMetadata"] = {"HTTPHeaders": {"date": date}}

    def plan(self, seconds: int, **more: Any) -> Answer:
        return self.system.run(service_drift, store=str(self.folder), **sticky(seconds), **more)

    def open(self, seconds: int, **more: Any) -> Answer:
        differences = self.plan(seconds)["differences"]
        named = {"state": "opened", "store": str(self.folder), "differences": differences}
        return self.system.run(release, **named, **sticky(seconds), **more)

    def proven(self, opened: Answer, seconds: int) -> None:
        self.system.attributes[GROUP][DURATION] = str(seconds)
        closing = {"state": "closed", "store": str(self.folder), "release": opened["release"], "outcome": "proven"}
        assert not self.system.run(release, **closing).get("failed")

    def record(self, seq: int) -> Answer:
        found: Answer = json.loads(next(self.folder.rglob(f"releases/{seq:08d}.json")).read_text())
        return found

    def documents(self) -> tuple[Answer, list[int]]:
        head = json.loads(next(self.folder.rglob("head.json")).read_text())
        return head, sorted(int(each.stem) for each in self.folder.rglob("releases/*.json"))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Waiting:
    found = Waiting(tmp_path / "store")
    monkeypatch.setattr(waits, "clock", found)
    monkeypatch.setattr(reads, "_definitions", {})
    monkeypatch.setattr(approval, "MOST_ROUNDS", approval.FEWEST_ROUNDS)
    return found


def test_an_approval_holds_for_this_plan_and_no_other(world: Waiting) -> None:
    printed = world.plan(86400, digest=True)["digest"]
    assert f"this plan and no other: -e release_plan={printed}" in world.system.lines
    assert world.plan(86400, approved_plan=printed)["status"] == "DRIFTED"
    refused = world.plan(7200, approved_plan=printed)
    assert refused["failed"] and refused["reason"] == "not_approved"
    assert f"{DURATION} of target group" in refused["msg"]


def test_new_tasks_by_force_are_in_the_digest(world: Waiting) -> None:
    assert world.plan(3600, digest=True)["digest"] == "", "nothing would be done"
    forced = world.plan(3600, digest=True, force=True)
    assert any("forceNewDeployment" in each for each in forced["calls"])
    assert not world.plan(3600, force=True, approved_plan=forced["digest"]).get("failed")
    other = world.plan(86400, digest=True)["digest"]
    refused = world.plan(3600, force=True, approved_plan=other)
    assert refused["failed"] and "rollout_force of service" in refused["msg"]


def test_an_approval_holds_in_its_cluster_though_the_arn_of_the_service_does_not_name_it(world: Waiting) -> None:
    """A service that was made before the long form of ARN, and another of its name."""
    service = world.system.service
    service["serviceArn"] = service["serviceArn"].replace(f"{CLUSTER}/", "")
    printed = world.plan(86400, digest=True)["digest"]
    assert not world.plan(86400, approved_plan=printed).get("failed")
    service["clusterArn"] += "-2"
    refused = world.plan(86400, approved_plan=printed)
    assert refused["failed"] and "it was made for another service" in refused["msg"]


@pytest.mark.parametrize("given", ["approved", "not"])
def test_a_plan_that_changed_in_the_wait_for_the_lease_is_not_carried_out(world: Waiting, given: str) -> None:
    approved = world.plan(86400, digest=True)["digest"]
    other = world.open(7200)
    world.meanwhile.append(lambda: world.proven(other, 7200))
    found = world.open(86400, **({"approved_plan": approved} if given == "approved" else {}))
    head, records = world.documents()
    assert head["lease"] is not None if given == "not" else head["lease"] is None
    if given == "not":
        assert not found.get("failed"), "nobody asked for an approval"
        return
    assert (found["failed"], found["reason"]) == (True, "not_approved")
    assert f"{DURATION} of target group" in found["msg"] and "Nothing was changed" in found["msg"]
    assert (head["open"], records) == (None, [1, 2])


def test_what_a_person_changes_between_plan_and_lease_is_seen_too(world: Waiting) -> None:
    approved = world.plan(86400, digest=True)["digest"]
    assert world.open(86400, approved_plan=approved)["release"]["seq"] == 2
    again = Waiting(world.folder.parent / "other")
    differences = again.plan(86400)["differences"]
    again.system.attributes[GROUP][DURATION] = "60"
    found = again.system.run(
        release,
        state="opened",
        store=str(again.folder),
        differences=differences,
        approved_plan=approved,
        **sticky(86400),
    )
    assert found["reason"] == "not_approved"


def test_an_approved_plan_is_gone_on_with_after_a_death_in_the_middle(world: Waiting) -> None:
    grace = {"settings": {"healthCheckGracePeriodSeconds": 30}}
    approved = world.plan(86400, digest=True, **grace)["digest"]
    opened = world.open(86400, approved_plan=approved, **grace)
    world.system.attributes[GROUP][DURATION] = "86400"
    named = {"state": "interrupted", "store": str(world.folder), "release": opened["release"]}
    world.system.run(release, **named)
    assert not world.plan(86400, approved_plan=approved, **grace).get("failed")
    found = world.open(86400, approved_plan=approved, **grace)
    assert (found["release"]["seq"], found["release"]["resumed"]) == (2, True)


def test_a_window_that_closed_in_the_wait_for_the_lease_opens_nothing(world: Waiting) -> None:
    other = world.open(7200, windows=[WINDOW])

    def ended() -> None:
        world.proven(other, 7200)
        world.said(OUTSIDE)

    world.meanwhile.append(ended)
    found = world.open(86400, windows=[WINDOW])
    assert (found["failed"], found["reason"]) == (True, "window")
    assert "The next one opens Thu 2025-12-04 09:00" in found["msg"]
    head, records = world.documents()
    assert (head["lease"], head["open"], records) == (None, None, [1, 2])
    assert world.open(86400, windows=[WINDOW], window_override="the shop is down")["release"]["seq"] == 3
    assert world.record(3)["audit"]["window_override"] == "the shop is down"
    assert "release windows overridden: the shop is down" in world.system.lines


def test_a_reason_is_recorded_where_no_window_is_open_and_only_there(world: Waiting) -> None:
    opened = world.open(7200, windows=[WINDOW], window_override="just in case")
    assert opened["release"]["seq"] == 2 and world.record(2)["audit"]["window_override"] is None
    assert "overridden" not in str(world.system.lines)
    world.proven(opened, 7200)
    world.said(OUTSIDE)
    assert world.open(86400, windows=[WINDOW], window_override=" \n")["reason"] == "window"
    world.open(86400, window_override="no window is declared")
    assert world.record(3)["audit"]["window_override"] is None


def test_grounds_that_are_given_to_the_run_that_goes_on_are_recorded(world: Waiting) -> None:
    first = world.open(7200, audit={"approved_by": None, "inventory_commit": "a" * 40})
    world.system.run(release, state="interrupted", store=str(world.folder), release=first["release"])
    assert "approved by" not in str(world.system.lines)
    again = world.open(7200, commit="5d290ed", audit={"approved_by": "grace", "inventory_commit": "b" * 40})
    assert again["release"]["resumed"]
    record = world.record(2)
    audit = record["audit"]
    assert (audit["approved_by"], audit["commit"], audit["inventory_commit"]) == ("grace", "5d290ed", "a" * 40)
    assert "approved by grace: recorded, not enforced" in world.system.lines
    assert record["log"][-1]["who"] == audit["who"] and record["log"][0]["who"] is None
    world.system.run(release, state="interrupted", store=str(world.folder), release=again["release"])
    world.open(7200)
    assert world.record(2)["audit"]["approved_by"] == "grace", "who goes on without a word takes nothing back"


def test_what_a_run_left_open_lets_no_other_release_through(world: Waiting) -> None:
    """Half done is the other one: this one would leave it as it is, and begin anew."""
    approved = world.plan(86400, digest=True)["digest"]
    opened = world.open(7200, windows=[WINDOW])
    world.system.run(release, state="interrupted", store=str(world.folder), release=opened["release"])
    world.said(OUTSIDE)
    assert world.open(86400, windows=[WINDOW])["reason"] == "window"
    head, records = world.documents()
    assert (head["lease"], head["open"], records) == (None, 2, [1, 2])
    system = world.system
    system.service["taskDefinition"] = system.register(75, system.definitions[system.service["taskDefinition"]])
    assert world.open(86400, approved_plan=approved)["reason"] == "not_approved", "another revision is live by now"
    assert world.documents()[1] == [1, 2]


def test_what_a_run_left_open_goes_on_outside_the_window(world: Waiting) -> None:
    opened = world.open(7200, windows=[WINDOW])
    world.system.run(release, state="interrupted", store=str(world.folder), release=opened["release"])
    world.said(OUTSIDE)
    assert world.open(7200, windows=[WINDOW])["release"]["resumed"] is True
