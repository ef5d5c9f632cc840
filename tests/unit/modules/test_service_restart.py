# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module service_restart: new tasks of the revision that runs, exactly once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, waits
from ansible_collections.steady.ecs.plugins.module_utils.rules import looks, records, release
from ansible_collections.steady.ecs.plugins.modules import service_restart as module
from ansible_collections.steady.ecs.plugins.modules import service_scale

from tests.unit.answers import revision
from tests.unit.modules.verb_world import VerbWorld
from tests.unit.modules.world import no_answer, refused

Answer = dict[str, Any]
FORCE = {"cluster": "c1", "service": "web", "forceNewDeployment": True}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VerbWorld:
    found = VerbWorld(tmp_path)
    monkeypatch.setattr(waits, "clock", found)
    monkeypatch.setattr(reads, "_definitions", {})
    return found


def a_colleague_scales(world: VerbWorld) -> None:
    """To four tasks; the deployment stays what it is."""
    world.at(1, lambda: world.run_tasks(4, int(looks.primary(world.service)["id"].rpartition("/")[2])))
    assert world.verb(service_scale, count=4)["outcome"] == "proven"


def goes_well(world: VerbWorld) -> None:
    world.at(10, world.start_tasks)
    world.at(20, world.complete)


def test_c93_a_restart_sends_no_revision_that_it_could_pin(world: VerbWorld) -> None:
    goes_well(world)
    found = world.verb(module, why="new certificates")
    assert world.writes() == [FORCE]
    assert (found["outcome"], found["verdict"], found["deployment_id"]) == ("proven", "succeeded", "ecs-svc/2")
    record = world.newest()
    assert (record["kind"], record["state"], record["audit"]["why"]) == ("restart", "succeeded", "new certificates")
    assert record["steps"]["deployment"] == "ecs-svc/2"
    assert world.before == ["applying"]
    assert world.kept.store.head()["lease"] is None


def test_c57_forced_exactly_once_though_the_answer_is_lost(world: VerbWorld) -> None:
    goes_well(world)
    world.fail("update_service", world.lose_the_answer)
    found = world.verb(module)
    assert found["outcome"] == "proven"
    assert world.writes() == [FORCE]


def test_c57_a_call_that_did_not_arrive_is_made_again(world: VerbWorld) -> None:
    goes_well(world)
    world.fail("update_service", no_answer)
    assert world.verb(module)["outcome"] == "proven"
    assert world.writes() == [FORCE, FORCE]
    assert len(world.rollouts) == 1


def test_c57_a_deployment_under_way_is_followed_and_not_forced_again(world: VerbWorld) -> None:
    world.begin_deployment()
    goes_well(world)
    planned = world.verb(module, check_mode=True)
    assert planned["changed"] is False
    assert "deployment ecs-svc/2 is under way and replaces all tasks, so it would be followed" in planned["detail"]
    found = world.verb(module)
    assert (found["outcome"], found["changed"], found["deployment_id"]) == ("proven", False, "ecs-svc/2")
    assert world.writes() == []


@pytest.mark.parametrize("status", ["ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"])
@pytest.mark.parametrize("lead", ["the earlier one", "a new one"])
def test_a_way_back_that_ecs_is_on_is_no_restart(world: VerbWorld, status: str, lead: str) -> None:
    """The tasks that it goes back to stay; which deployment is PRIMARY meanwhile AWS does not say."""
    world.begin_deployment()
    for each in world.rollouts.values():
        each["status"] = status
    if lead == "the earlier one":
        world.service["deployments"].reverse()
        world.service["deployments"][0]["status"], world.service["deployments"][1]["status"] = "PRIMARY", "ACTIVE"
    for check_mode in (True, False):
        found = world.verb(module, check_mode=check_mode)
        assert (found["failed"], found["reason"], found["outcome"]) == (True, "going_back", "error")
        assert "Nothing was restarted" in found["msg"]
    assert world.writes() == []


def test_what_a_run_brought_while_this_one_waited_is_named(world: VerbWorld) -> None:
    world.kept.leased(ttl=90)

    def deployed() -> None:
        world.service["taskDefinition"] = world.service["deployments"][0]["taskDefinition"] = revision(2)

    world.at(30, deployed)
    world.at(130, world.start_tasks)
    world.at(140, world.complete)
    found = world.verb(module)
    assert (found["outcome"], found["task_definition_arn"]) == ("proven", revision(2))
    assert found["detail"].startswith("web runs web:2, ")


@pytest.mark.parametrize("noted", [True, False])
def test_c57_an_interrupted_restart_that_ecs_has_finished_is_not_begun_again(world: VerbWorld, noted: bool) -> None:
    began = world.kept.store.now()
    seq = interrupted(world, noted, began)
    world.begin_deployment()
    world.start_tasks()
    world.complete()
    planned = world.verb(module, check_mode=True)
    found = world.verb(module)
    assert (found["outcome"], found["changed"], planned["changed"]) == ("proven", False, False)
    assert world.writes() == []
    assert found["release"] == seq + 1
    done = f"deployment ecs-svc/2, begun at {began} by the interrupted restart {seq}, has replaced them; run again"
    assert done in found["detail"] and done in planned["detail"]
    assert "all started anew" not in found["detail"]
    world.after_update = lambda: world.begin_deployment(3)
    world.at(10, lambda: world.start_tasks(3))
    world.at(20, lambda: world.complete(3))
    assert world.verb(module)["deployment_id"] == "ecs-svc/3", "run again it restarts anew, as was said"
    assert world.writes() == [FORCE]


@pytest.mark.parametrize("noted", [True, False])
def test_a_restart_that_died_long_ago_does_not_swallow_todays(world: VerbWorld, noted: bool) -> None:
    """A secret has been rotated since: tasks of then keep the old one."""
    interrupted(world, noted, "2025-11-27T10:00:00Z")
    world.begin_deployment()
    world.start_tasks()
    world.complete()
    world.after_update = lambda: world.begin_deployment(3)
    world.at(10, lambda: world.start_tasks(3))
    world.at(20, lambda: world.complete(3))
    assert "3 tasks of web:2 would be replaced" in world.verb(module, check_mode=True)["detail"]
    found = world.verb(module)
    assert world.writes() == [FORCE]
    assert (found["outcome"], found["changed"], found["deployment_id"]) == ("proven", True, "ecs-svc/3")
    assert "all started anew" in found["detail"]


@pytest.mark.parametrize("noted", [True, False])
def test_c57_a_verb_beside_it_does_not_hide_an_interrupted_restart(world: VerbWorld, noted: bool) -> None:
    seq = interrupted(world, noted, world.kept.store.now())
    world.begin_deployment()
    world.start_tasks()
    world.complete()
    a_colleague_scales(world)
    world.calls.clear()
    assert world.verb(module, check_mode=True)["changed"] is False
    found = world.verb(module)
    assert (found["outcome"], found["changed"], world.writes()) == ("proven", False, [])
    assert f"by the interrupted restart {seq}, has replaced them" in found["detail"]


def timed_out(world: VerbWorld) -> Answer:
    return world.verb(module, wait_timeout=30)


def expired(world: VerbWorld) -> Answer:
    """The credentials end while it looks, and are there again for the last write of the record."""
    world.at(12, lambda: world.fail("describe_services", refused("ExpiredTokenException")))
    return world.verb(module)


@pytest.mark.parametrize("ends", [timed_out, expired])
@pytest.mark.parametrize("times", [1, 2])
def test_c57_run_again_as_it_said_a_restart_is_followed_and_not_forced_again(
    world: VerbWorld, ends: Any, times: int
) -> None:
    """Its record is closed, for it was not killed; ECS finishes meanwhile."""
    for _time in range(times):
        first = ends(world)
        assert (first["outcome"], first["verdict"]) == ("interrupted", "unknown")
        assert world.newest()["state"] == "failed"
    world.start_tasks()
    world.complete()
    found = world.verb(module)
    assert (found["outcome"], found["changed"], found["deployment_id"]) == ("proven", False, "ecs-svc/2")
    assert world.writes() == [FORCE]
    assert f"by the interrupted restart {first['release']}, has replaced them" in found["detail"]


def test_a_restart_that_failed_is_begun_anew(world: VerbWorld) -> None:
    world.at(20, world.roll_back)
    assert world.verb(module)["verdict"] == "rolled_back"
    world.rollouts.clear()
    goes_well(world)
    assert world.verb(module)["changed"] is True
    assert world.writes() == [FORCE, FORCE]


def interrupted(world: VerbWorld, noted: bool, began: str) -> int:
    """The record of a restart that died after its call."""
    store = world.kept.store
    request = release.Request(
        store.identity, "restart", _nothing(), {"who": "ada", "host": "h", "commit": None, "why": ""}, "dead"
    )
    record = release.prepared(1, 1, None, request, world.kept.live, began)
    record = {**record, "operation": {"verb": "restart", "arguments": {}, "result": None}}
    applying = records.moved(record, records.APPLYING, began)
    if noted:
        applying = {**applying, "steps": {**applying["steps"], "deployment": "ecs-svc/2"}}
    head = records.written(store.head(), "dead", seq=1)
    store.apply([release.Write("create", record), release.Write("head", head), release.Write("replace", applying)])
    return 1


def _nothing() -> dict[str, Any]:
    from ansible_collections.steady.ecs.plugins.module_utils.rules.operation import NOTHING

    return NOTHING


def test_a_restart_that_fails_says_why(world: VerbWorld) -> None:
    world.at(20, world.roll_back)
    found = world.verb(module)
    assert (found["failed"], found["outcome"], found["verdict"]) == (True, "failed", "rolled_back")
    assert world.newest()["state"] == "failed"


def test_no_task_no_restart(world: VerbWorld) -> None:
    world.service["desiredCount"] = 0
    found = world.verb(module)
    assert (found["outcome"], found["changed"]) == ("unchanged", False)
    assert world.writes() == []


def test_check_mode_sends_nothing(world: VerbWorld) -> None:
    planned = world.verb(module, check_mode=True)
    assert (planned["changed"], planned["outcome"]) == (True, "unchanged")
    assert "3 tasks of web:1 would be replaced" in planned["detail"]
    assert world.writes() == []
    goes_well(world)
    assert set(planned) == set(world.verb(module))


def test_a_service_of_another_controller_is_refused(world: VerbWorld) -> None:
    world.service["deploymentController"] = {"type": "CODE_DEPLOY"}
    found = world.verb(module)
    assert (found["failed"], found["outcome"]) == (True, "error")
    assert "CODE_DEPLOY" in found["msg"]


def test_the_revision_stays_what_it_was(world: VerbWorld) -> None:
    world.after_update = lambda: world.begin_deployment(2)
    goes_well(world)
    world.verb(module)
    assert "taskDefinition" not in world.writes()[0]
    assert revision(1) == world.newest()["before"]["task_definition"]
