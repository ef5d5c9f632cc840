# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Autoscaling adds tasks while a release is verified (case C35): what still starts says nothing against the release."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, waits
from ansible_collections.steady.ecs.plugins.module_utils.rules.conclusion import Run, last_note, outcome, rolls_back
from ansible_collections.steady.ecs.plugins.modules import service_health as module

from tests.unit.answers import crashed, deployment, revision, target, task
from tests.unit.modules.world import World

Answer = dict[str, Any]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    found = World()
    monkeypatch.setattr(waits, "clock", found)
    monkeypatch.setattr(reads, "_definitions", {})
    return found


def verify(world: World, **changes: Any) -> Answer:
    options = {name: option.get("default") for name, option in module.SPEC.options.items()}
    return world.run(module.run, {**options, "cluster": "c1", "service": "web", **changes})


def grow(world: World, status: str = "PENDING", state: str = "") -> None:
    """Three more are wanted; their tasks have this status, and their targets this state."""
    world.service["desiredCount"] = 6
    world.tasks += [task(1, index, lastStatus=status) for index in range(3, 6)]
    world.targets += [target(1, index, state) for index in range(3, 6) if state]


def released(health: Answer, **more: Any) -> Run:
    """The run of a release whose deployment has succeeded, with this verification."""
    deployed = {"verdict": "succeeded", "deployment_id": "ecs-svc/1"}
    return Run(opened={"release": {"seq": 2}}, deployment=deployed, health=health, failure=health, **more)


@pytest.mark.parametrize(
    ("status", "state"),
    [("PROVISIONING", ""), ("PENDING", ""), ("ACTIVATING", "initial"), ("RUNNING", "initial")],
)
def test_c35_a_release_stays_while_tasks_of_a_scaling_still_start(world: World, status: str, state: str) -> None:
    grow(world, status, state)
    found = verify(world)
    assert (found["failed"], found["ok"], world.seconds) == (True, False, 720)
    assert "3 tasks are still starting" in found["msg"] and "Run the same command again" in found["msg"]
    run = released(found)
    assert (rolls_back(run), outcome(run), last_note(run)) == (False, "interrupted", "interrupted")
    assert outcome(Run(health=found, failure=found)) == "failed", "a verification alone is no release to go on with"


def test_c35_a_way_back_is_not_given_up_while_tasks_of_a_scaling_still_start(world: World) -> None:
    grow(world)
    found = verify(world, task_definition=revision(1))
    failed = {"failed": True, "reason": "unhealthy", "msg": "an endpoint answers 500"}
    run = released(failed, restored=found, undoing=[found])
    assert (outcome(run), last_note(run)) == ("interrupted", "interrupted")


def test_c35_they_are_waited_for(world: World) -> None:
    grow(world)

    def started() -> None:
        for each in world.tasks:
            each["lastStatus"] = "RUNNING"
        world.targets += [target(1, index) for index in range(3, 6)]

    world.at(100, started)
    assert verify(world)["summary"] == "web runs web:1, 6/6 healthy"


def looping(world: World) -> None:
    world.tasks.append(crashed(1, 9))


def lacking(world: World) -> None:
    world.tasks.pop()


def failing_check(world: World) -> None:
    world.targets[0]["state"] = "unhealthy"


def failing_newcomer(world: World) -> None:
    world.tasks[3]["lastStatus"] = "RUNNING"
    world.targets.append(target(1, 3, "unhealthy"))


def failing_container(world: World) -> None:
    world.tasks[0]["healthStatus"] = "UNHEALTHY"


def unregistered(world: World) -> None:
    world.targets.pop(0)


def other_revision(world: World) -> None:
    world.tasks[0]["taskDefinitionArn"] = revision(9)


def replaced(world: World) -> None:
    world.service["deployments"].append(deployment(9, "ACTIVE"))


def none_left(world: World) -> None:
    for each in world.tasks:
        each["lastStatus"] = "PENDING"


@pytest.mark.parametrize(
    "happens",
    [
        *(looping, lacking, failing_check, failing_newcomer, failing_container),
        *(unregistered, other_revision, replaced, none_left),
    ],
)
def test_whatever_else_is_wrong_is_a_reason_to_go_back(world: World, happens: Any) -> None:
    grow(world)
    happens(world)
    found = verify(world, wait_timeout=12)
    assert found["reason"] == "unhealthy" and "still starting" not in found["msg"]
    assert rolls_back(released(found)), "a task that stops and starts again is none that only starts"


def test_what_an_earlier_deployment_stopped_does_not_matter(world: World) -> None:
    grow(world)
    world.tasks.append(task(0, 0, lastStatus="STOPPED", desiredStatus="STOPPED"))
    assert not rolls_back(released(verify(world, wait_timeout=0)))


def test_a_count_that_is_declared_is_another_wish(world: World) -> None:
    grow(world)
    found = verify(world, desired_count=3, wait_timeout=0)
    assert rolls_back(released(found))
