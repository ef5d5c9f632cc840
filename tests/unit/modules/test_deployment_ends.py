# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ended a deployment, and what is called its cause: a failed task, or somebody who had nothing to do with it."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, waits
from botocore.exceptions import ClientError

from tests.unit.answers import crashed, deployment, event, task
from tests.unit.modules.test_deployment import goes_well, roll
from tests.unit.modules.world import World, refused


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    found = World()
    monkeypatch.setattr(waits, "clock", found)
    monkeypatch.setattr(reads, "_definitions", {})
    return found


def one_does_not_start(world: World) -> None:
    """One task fails before it starts, as any may, and ECS starts another."""
    world.at(5, lambda: world.tasks.append(crashed(2, 7)))
    world.at(5, lambda: world.service["deployments"][0].update(failedTasks=1))
    world.at(10, world.start_tasks)


def end(world: World, status: str, reason: str, **more: Any) -> None:
    for each in world.rollouts.values():
        each.update(status=status, statusReason=reason, **more)
    world.service["deployments"] = [deployment(1)]


PAUSED = {"status": "AWAITING_ACTION", "hookId": "h-1"}
HOOK = {"status": "FAILED", "hookId": "h-1", "targetArn": "arn:x:function:smoke"}
ALARM = "Service deployment rolled back because an alarm was detected."


@pytest.mark.parametrize(
    ("happens", "word"),
    [
        (lambda world: end(world, "ROLLBACK_SUCCESSFUL", ALARM), "rolled_back"),
        (lambda world: end(world, "ROLLBACK_SUCCESSFUL", "Stopped by the user."), "rolled_back"),
        (lambda world: end(world, "ROLLBACK_SUCCESSFUL", "", lifecycleHookDetails=[HOOK]), "rolled_back"),
        (lambda world: end(world, "ROLLBACK_FAILED", ALARM), "failed"),
        (lambda world: end(world, "STOPPED", "Stopped."), "stopped"),
        (lambda world: world.begin_deployment(3), "superseded"),
        (lambda world: end(world, "IN_PROGRESS", "", lifecycleHookDetails=[PAUSED]), "paused"),
        (lambda world: (world.complete(), world.tasks.clear(), world.service.update(desiredCount=0)), "nothing_ran"),
    ],
)
def test_a_task_that_failed_earlier_is_not_the_cause_of_what_others_ended(
    world: World, happens: Any, word: str
) -> None:
    one_does_not_start(world)
    world.at(30, lambda: happens(world))
    found = roll(world, task_definition="web:2")
    assert (found["verdict"], found["cause"]) == (word, None)
    assert "Cause:" not in found["msg"]
    told = "Besides, a task had failed: Container app (example.com/app:2) exited with code 3" in found["msg"]
    assert told is (word in ("rolled_back", "failed")), "an alarm may have rung for it"
    assert any("exited with code 3" in each["text"] for each in found["timeline"]), "it is told when it happens"


@pytest.mark.parametrize("code", ["SpotInterruption", "InfrastructureHealth"])
def test_a_task_that_aws_takes_away_in_the_rollout_is_no_failure_of_the_release(world: World, code: str) -> None:
    """ECS starts another in its place: the release has to wait for that, and is proven."""
    lost = {**crashed(2, 7), "stopCode": code, "stoppedReason": "The host is gone."}
    world.at(2, lambda: world.tasks.append(task(2, 7)))
    world.at(5, lambda: world.tasks.__setitem__(-1, lost))
    world.at(20, world.start_tasks)
    world.at(40, world.complete)
    found = roll(world, task_definition="web:2")
    assert (found["verdict"], found["cause"], "msg" in found) == ("succeeded", None, False)
    assert not [line for line in world.lines if "failed" in line]


GONE_PAST = {**HOOK, "status": "TIMED_OUT", "timeoutAction": "CONTINUE"}
BREAKER = "Service deployment rolled back because the circuit breaker threshold was exceeded."


@pytest.mark.parametrize(
    ("reason", "more"),
    [
        ("", {"lifecycleHookDetails": [GONE_PAST]}),
        (BREAKER, {"lifecycleHookDetails": [GONE_PAST]}),
        (f"{BREAKER} It went back to arn:aws:ecs:us-east-1:1:service-revision/prod/user-service/12.", {}),
        (f"{BREAKER} The target group is web/alarm.", {}),
    ],
)
def test_a_name_or_a_hook_that_was_gone_past_is_nobody_from_outside(world: World, reason: str, more: Any) -> None:
    one_does_not_start(world)
    world.at(30, lambda: end(world, "ROLLBACK_SUCCESSFUL", reason, **more))
    found = roll(world, task_definition="web:2")
    assert (found["verdict"], (found["cause"] or {}).get("exit_code")) == ("rolled_back", 3)


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        ("deployment failed: alarm detected.", "deployment failed: alarm detected."),
        ("was unable to place a task.", None),
    ],
)
def test_only_an_event_that_speaks_of_an_end_from_outside_is_its_cause(
    world: World, last: str, reason: str | None
) -> None:
    for index, text in enumerate(["was unable to place a task.", last]):
        world.at(10 + index, partial(world.service["events"].insert, 0, event(index, 610 + index, text)))
    world.at(30, lambda: end(world, "ROLLBACK_SUCCESSFUL", ALARM))
    found = roll(world, task_definition="web:2")
    assert (found["verdict"], (found["cause"] or {}).get("reason")) == ("rolled_back", reason)


OLD = f"(task {task(1, 0)['taskArn'].rsplit('/', 1)[1]}) failed container health checks."


@pytest.mark.parametrize(("first", "reason"), [("was unable to place a task.",) * 2, ("has started 1 tasks.", OLD)])
def test_an_event_of_another_deployments_task_is_the_cause_only_where_no_other_tells(
    world: World, first: str, reason: str
) -> None:
    """ECS replaces sick tasks of the old revision during a rollout too, and says so in events of the same service."""
    for index, text in enumerate([first, OLD]):
        world.at(10 + index, partial(world.service["events"].insert, 0, event(index, 610 + index, text)))
    world.at(30, lambda: end(world, "ROLLBACK_SUCCESSFUL", BREAKER))
    found = roll(world, task_definition="web:2")
    assert (found["verdict"], found["cause"]["reason"]) == ("rolled_back", reason)


@pytest.mark.parametrize("code", [None, 127])
def test_a_command_that_a_reason_quotes_is_nowhere_shown(world: World, code: int | None) -> None:
    world.command = ["/srv/run", "--api-key=hunter2hunter2"]
    quoted = f'CannotStartContainerError: exec: "{" ".join(world.command)}": no such file'
    for index in range(3):
        ill = {"name": "app", "image": "example.com/app:2", "reason": quoted}
        ill |= {} if code is None else {"exitCode": code}
        stopped = crashed(2, index) | {"stopCode": "TaskFailedToStart", "stoppedReason": quoted, "containers": [ill]}
        world.at(10, partial(world.tasks.append, stopped))
    world.service["desiredCount"] = 12
    world.at(10, lambda: world.service["deployments"][0].update(failedTasks=3))
    found = roll(world, task_definition="web:2", fail_fast=True)
    assert found["verdict"] == "failed" and "3 of its tasks have failed alike" in found["msg"]
    assert "CannotStartContainerError" in found["cause"]["reason"]
    assert "hunter2" not in repr(found) + repr(world.lines)


def answered(code: str, status: int) -> Any:
    return lambda: ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Operation")


def test_a_service_deployment_that_cannot_be_read_in_passing_is_no_endpoint_without_them(world: World) -> None:
    failing = answered("InternalFailure", 500)
    goes_well(world)
    world.fail("describe_service_deployments", failing)
    assert roll(world, task_definition="web:2")["verdict"] == "succeeded"
    assert len([line for line in world.lines if "could not look" in line]) == 1
    world.fail("list_service_deployments", failing)
    found = roll(world, task_definition="web:3")
    assert (found["code"], len(world.writes())) == ("InternalFailure", 1), "what is not known is not gone past"


@pytest.mark.parametrize(
    ("code", "status"),
    [("InternalFailure", 501), ("UnknownOperationException", 400), ("InvalidAction", 400), ("501", 501)],
)
def test_an_endpoint_without_service_deployments_is_served(world: World, code: str, status: int) -> None:
    world.fail("list_service_deployments", *[answered(code, status)] * 99)
    goes_well(world)
    found = roll(world, task_definition="web:2")
    assert (found["verdict"], found["service_deployment_arn"]) == ("succeeded", None)
    assert not [line for line in world.lines if "could not look" in line]


def gone(world: World) -> None:
    world.service["status"] = "INACTIVE"


def draining(world: World) -> None:
    """DeleteService: the count is 0, and the tasks end."""
    world.complete()
    world.service.update(status="DRAINING", desiredCount=0)
    world.tasks.clear()


@pytest.mark.parametrize(
    ("happens", "words"),
    [(gone, "the service has been deleted. "), (draining, "the service is being deleted (it is DRAINING); ")],
)
def test_a_service_that_is_deleted_has_failed_at_the_second_answer(world: World, happens: Any, words: str) -> None:
    one_does_not_start(world)
    world.at(20, lambda: happens(world))
    found = roll(world, task_definition="web:2")
    assert (found["reason"], found["verdict"], found["cause"]) == ("failed", "failed", None)
    assert found["duration_seconds"] == 25
    assert words in found["msg"] and "create it again" in found["msg"]
    assert not [each for each in ("goes on", "Raise the count", "Cause:") if each in found["msg"]]


@pytest.mark.parametrize("operation", ["list_service_deployments", "list_tasks"])
def test_whatever_says_it_a_service_that_is_gone_is_gone(world: World, operation: str) -> None:
    missing = refused("ServiceNotFoundException")
    first = [None] if operation == "list_service_deployments" else []  # asked once before the update
    world.fail(operation, *first, *[missing] * 9)
    world.at(5, lambda: gone(world))
    found = roll(world, task_definition="web:2")
    assert (found["verdict"], "has been deleted" in found["msg"]) == ("failed", True)


def test_a_count_of_0_that_is_declared_is_not_met_by_a_service_that_is_deleted(world: World) -> None:
    world.at(5, lambda: draining(world))
    found = roll(world, task_definition="web:2", settings={"desiredCount": 0})
    assert (found.get("failed"), found["verdict"]) == (True, "failed")


def test_a_single_answer_of_a_service_that_is_being_deleted_is_not_believed(world: World) -> None:
    goes_well(world)
    world.at(5, lambda: world.service.update(status="DRAINING"))
    world.at(10, lambda: world.service.update(status="ACTIVE"))
    assert roll(world, task_definition="web:2")["verdict"] == "succeeded"


CHECK = {"healthCheck": {"command": ["CMD-SHELL", "true"]}}


@pytest.mark.parametrize(
    ("more", "own", "word"),
    [
        ({}, {}, "failed"),
        ({}, {**CHECK, "essential": False}, "failed"),
        ({}, CHECK, "unknown"),
        ({"serviceRegistries": [{"registryArn": "arn:x"}]}, {}, "unknown"),
    ],
    ids=["no check", "of a sidecar", "its own", "Cloud Map's"],
)
def test_a_worker_whose_tasks_exit_fails_with_the_cause_where_ecs_counts_none(
    world: World, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any], own: dict[str, Any], word: str
) -> None:
    """ECS's circuit breaker is on, and counts no task that ran and failed no health check."""
    described = {"containerDefinitions": [{"name": "app", "image": "example.com/app:2", **own}]}
    monkeypatch.setattr(world, "describe_task_definition", lambda **_arguments: {"taskDefinition": described})
    world.service.update(loadBalancers=[], **more)
    world.at(5, lambda: world.tasks.append(task(2, 0)))
    world.at(10, lambda: world.tasks.__setitem__(slice(3, None), [crashed(2, index) for index in range(3)]))
    found = roll(world, task_definition="web:2")
    assert (found["failed"], found["verdict"]) == (True, word)
    assert found["cause"]["exit_code"] == 3
    assert "exited with code 3" in found["msg"]
    if word == "failed":
        assert "its circuit breaker counts only those that do not start or fail a health check" in found["msg"]
        assert found["duration_seconds"] < 30
