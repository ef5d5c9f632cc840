# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module deployment_stop: what is under way is stopped, rolled back, and confirmed to its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, waits
from ansible_collections.steady.ecs.plugins.modules import deployment_stop as module

from tests.unit.answers import deployment, moment, revision, rollout
from tests.unit.modules.verb_world import VerbWorld
from tests.unit.modules.world import no_answer, refused


class Stoppable(VerbWorld):
    """ECS rolls back twenty seconds after it was asked to."""

    def stop_service_deployment(self, **arguments: Any) -> dict[str, Any]:
        self._called("stop_service_deployment", arguments)
        return self.stopped(arguments)

    def stopped(self, arguments: dict[str, Any]) -> dict[str, Any]:
        rollout = self.rollouts[arguments["serviceDeploymentArn"]]
        if rollout["status"] not in ("PENDING", "IN_PROGRESS"):
            raise refused("ConflictException", f"Service deployment in status {rollout['status']} cannot be stopped.")()
        rollout.update(status="ROLLBACK_REQUESTED", statusReason="Service deployment was stopped by the user.")
        self.at(20, self.roll_back)
        return {"serviceDeploymentArn": arguments["serviceDeploymentArn"]}

    def lose_the_stop(self) -> Exception:
        self.stopped(self.calls[-1][1])
        return no_answer()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stoppable:
    found = Stoppable(tmp_path)
    monkeypatch.setattr(waits, "clock", found)
    monkeypatch.setattr(reads, "_definitions", {})
    return found


def test_c80_stopping_is_asked_for_and_confirmed_to_its_end(world: Stoppable) -> None:
    world.begin_deployment()
    arn = next(iter(world.rollouts))
    found = world.verb(module, why="it loses orders")
    assert world.called("stop_service_deployment") == [{"serviceDeploymentArn": arn, "stopType": "ROLLBACK"}]
    assert world.rollouts[arn]["status"] == "ROLLBACK_SUCCESSFUL", "it was waited for"
    assert (found["outcome"], found["verdict"], found["task_definition_arn"]) == ("proven", "rolled_back", revision(1))
    assert found["changed"] is True
    assert "deployment ecs-svc/2 of web:2 was stopped; web runs web:1" in found["detail"]
    record = world.newest()
    assert (record["kind"], record["state"]) == ("stop", "succeeded")
    assert record["operation"]["arguments"] == {"deployment": "ecs-svc/2"}
    assert world.kept.store.head()["lease"] is None


def test_a_lost_answer_is_looked_up(world: Stoppable) -> None:
    world.begin_deployment()
    world.fail("stop_service_deployment", world.lose_the_stop)
    assert world.verb(module)["outcome"] == "proven"
    assert len(world.called("stop_service_deployment")) == 1


def test_what_ecs_stops_already_is_followed(world: Stoppable) -> None:
    world.begin_deployment()
    next(iter(world.rollouts.values())).update(status="ROLLBACK_IN_PROGRESS")
    world.at(10, world.roll_back)
    planned, found = world.verb(module, check_mode=True), world.verb(module)
    assert (found["outcome"], found["changed"], planned["changed"]) == ("proven", False, False)
    assert (
        "deployment ecs-svc/2 of web:2 was taken back by ECS already, so nothing was sent; web runs web:1"
        in (found["detail"])
    )
    assert world.newest()["operation"]["result"]["stopped"] is None
    assert world.called("stop_service_deployment") == []


def test_what_a_person_has_asked_ecs_to_stop_is_followed(world: Stoppable) -> None:
    world.begin_deployment()
    next(iter(world.rollouts.values())).update(status="STOP_REQUESTED")
    world.at(10, world.roll_back)
    planned, found = world.verb(module, check_mode=True), world.verb(module)
    assert (found["outcome"], found["changed"], planned["changed"]) == ("proven", False, False)
    assert world.called("stop_service_deployment") == []


def test_nothing_under_way_is_nothing_to_stop(world: Stoppable) -> None:
    found = world.verb(module)
    assert (found["changed"], found["outcome"]) == (False, "unchanged")
    assert "no deployment is under way; web runs web:1" in found["detail"]
    assert not world.kept.store.records()


def test_a_deployment_that_was_faster_is_no_success(world: Stoppable) -> None:
    world.begin_deployment()
    world.start_tasks()
    world.fail("stop_service_deployment", refused("ConflictException", "in status SUCCESSFUL cannot be stopped"))
    found = world.verb(module)
    assert found["failed"]
    assert found["outcome"] == "failed"
    assert "SUCCESSFUL cannot be stopped" in found["msg"]
    assert world.newest()["state"] == "failed"


def test_what_has_succeeded_before_it_was_taken_back_is_no_success(world: Stoppable) -> None:
    world.begin_deployment()
    world.start_tasks()
    next(iter(world.rollouts.values())).update(status="ROLLBACK_REQUESTED")
    world.at(3, world.complete)
    found = world.verb(module)
    assert (found["failed"], found["outcome"], found["verdict"]) == (True, "failed", "succeeded")
    assert "deployment ecs-svc/2 of web:2 was not taken back, for it had succeeded" in found["msg"]
    assert "rollback.yml goes back" in found["msg"]


def test_what_the_open_release_set_beside_the_deployment_is_named(world: Stoppable) -> None:
    seq = world.kept.opened(changes={"cpu": "2"})
    world.begin_deployment()
    found = world.verb(module)
    assert f"release {seq} is open: rollback.yml puts back" in found["detail"]
    assert world.kept.store.head()["open"] == seq, "it stays open for its own recovery"
    assert world.kept.store.record(seq)["state"] == "applying"


@pytest.mark.parametrize("under_way", [True, False])
def test_a_release_whose_record_is_final_is_not_open_though_the_head_was_not_written(
    world: Stoppable, under_way: bool
) -> None:
    """Rolled back as was said, it would take a good release away."""
    seq = world.kept.released(1, head_too=False)
    assert world.kept.store.head()["open"] == seq
    if under_way:
        world.begin_deployment()
    found = world.verb(module)
    assert found["changed"] is under_way
    assert "rollback.yml" not in found["detail"] and "is open" not in found["detail"]


def test_where_ecs_stops_no_deployment_the_revision_before_is_deployed(
    world: Stoppable, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.begin_deployment()
    monkeypatch.setattr(reads, "service_deployments", lambda *_asked: None)
    world.after_update = lambda: _back(world)
    found = world.verb(module)
    assert world.writes() == [{"cluster": "c1", "service": "web", "taskDefinition": revision(1)}]
    assert (found["outcome"], found["verdict"], found["task_definition_arn"]) == ("proven", "succeeded", revision(1))
    assert found["changed"] is True


def _back(world: Stoppable) -> None:
    world.service["deployments"] = [deployment(1, id="ecs-svc/3", createdAt=None)]
    world.service["taskDefinition"] = revision(1)
    for each in world.tasks:
        each["startedBy"] = "ecs-svc/3"


def test_check_mode_says_what_would_be_stopped(world: Stoppable) -> None:
    world.begin_deployment()
    planned = world.verb(module, check_mode=True)
    assert (planned["changed"], planned["outcome"], planned["deployment_id"]) == (True, "unchanged", "ecs-svc/2")
    assert world.called("stop_service_deployment") == []
    assert set(planned) == set(world.verb(module))


def test_the_run_that_is_at_work_has_to_end_first(world: Stoppable) -> None:
    world.begin_deployment()
    world.kept.leased(ttl=90)
    found = world.verb(module, lease_wait=5)
    assert (found["outcome"], found["reason"]) == ("held", "held")
    assert world.called("stop_service_deployment") == []


@pytest.mark.parametrize("status", ["ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"])
@pytest.mark.parametrize(
    ("lead", "is_listed"),
    [("the earlier", True), ("the earlier, complete", True), ("a new one", True), ("a new one", False)],
)
def test_c80_what_ecs_takes_back_already_is_followed_whichever_deployment_is_primary(
    world: Stoppable, status: str, lead: str, is_listed: bool
) -> None:
    """Stopped by its PRIMARY deployment, the good one would be stopped, or one that is never listed waited for."""
    good = rollout(1, "SUCCESSFUL")
    world.rollouts[good["serviceDeploymentArn"]] = good
    world.begin_deployment()
    bad, before = world.service["deployments"]
    bad["status"] = "ACTIVE"
    state = "COMPLETED" if "complete" in lead else "IN_PROGRESS"
    back = {"status": "PRIMARY", "rolloutState": state}
    first = {**before, **back} if "earlier" in lead else {**before, **back, "id": "ecs-svc/3"}
    first["createdAt"] = before["createdAt"] if "earlier" in lead else moment(world.seconds + 200)
    world.service.update(deployments=[first, bad] if is_listed else [first], taskDefinition=revision(1))
    list(world.rollouts.values())[-1]["status"] = status
    planned = world.verb(module, check_mode=True)
    assert not planned["changed"] and "is taken back by ECS already" in planned["detail"]
    world.at(10, lambda: world.rollouts[arn].update(status="ROLLBACK_SUCCESSFUL"))
    arn = next(each for each in world.rollouts if each.endswith("/2"))
    found = world.verb(module)
    assert (found["outcome"], found["verdict"], found["task_definition_arn"]) == ("proven", "rolled_back", revision(1))
    assert found["service_deployment_arn"] == arn and good["status"] == "SUCCESSFUL"
    assert world.called("stop_service_deployment") == []
    if is_listed:
        assert found["deployment_id"] == planned["deployment_id"] == "ecs-svc/2"
        assert "deployment ecs-svc/2 of web:2 was taken back by ECS already" in found["detail"]
