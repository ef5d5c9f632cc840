# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A deployment that ECS calls successful with old tasks still there, or before all of the new ones run, on the bed."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import health, looks, verdict
from ansible_collections.steady.ecs.plugins.modules import deployment, service_health

from tests.cases.conftest import SOON, Answer, Place, until
from tests.testbed.test_early_success import early
from tests.testbed.test_instances import create, definition

Patch = pytest.MonkeyPatch


def slow_to_go(real: Place) -> tuple[str, str]:
    """A service whose tasks take two minutes to end, which its deployments do not wait for; its revision and the
    next."""
    slow = real.register("v1", env={"IGNORE_SIGTERM": "1"}, stopTimeout=120)
    real.at_rest(slow, deploymentConfiguration=early("DEFERRED"), healthCheckGracePeriodSeconds=600)
    return slow, real.register("v2")


def left(real: Place, revision: str) -> list[Answer]:
    """The tasks of a revision that are still there."""
    tasks = [*real.tasks(), *real.tasks("STOPPED")]
    return [each for each in tasks if each["taskDefinitionArn"] == revision and each["lastStatus"] != "STOPPED"]


def deployed_early(real: Place) -> None:
    first, second = slow_to_go(real)
    seen: list[tuple[str, int]] = []

    def look() -> None:
        seen.append((real.rollouts()[0]["status"], len(real.service()["deployments"])))
        real.clock.at(1, look)

    real.clock.at(0, look)
    found = real.run(deployment, task_definition=second, wait_timeout=3000, **SOON)
    assert found["verdict"] == "succeeded", found.get("msg")
    assert ("SUCCESSFUL", 2) in seen, "it has looked finished to ECS before"
    assert len(real.service()["deployments"]) == 1
    assert not left(real, first)


def test_it_has_succeeded_when_the_old_tasks_are_gone(real: Place) -> None:
    deployed_early(real)


def ours_is_all_that_is_listed(patch: Patch) -> None:
    rule = verdict._by_tasks

    def wrong(mine: Answer, look: looks.Look) -> verdict.Verdict:
        only = [each for each in look.service["deployments"] if each["id"] == mine["id"]]
        return rule(
            mine, looks.Look({**look.service, "deployments": only}, look.service_deployment, look.tasks, look.targets)
        )

    patch.setattr(verdict, "_by_tasks", wrong)


def test_it_fails_on_a_tool_that_takes_ecs_at_its_word(real: Place, monkeypatch: Patch) -> None:
    ours_is_all_that_is_listed(monkeypatch)
    with pytest.raises(AssertionError):
        deployed_early(real)


def verified_early(real: Place) -> None:
    """Somebody else has deployed, and ECS calls it successful."""
    first, second = slow_to_go(real)
    real.update(taskDefinition=second)
    until(lambda: real.rollouts()[0]["status"] == "SUCCESSFUL")
    assert len(real.service()["deployments"]) == 2
    assert left(real, first)
    found = real.run(service_health, task_definition=second, wait_timeout=600, wait_delay=1)
    assert found["ok"], found.get("msg")
    assert len(real.service()["deployments"]) == 1
    assert not left(real, first)


def test_the_verification_waits_for_the_one_deployment_that_is_left(real: Place) -> None:
    verified_early(real)


def test_it_fails_on_a_verification_of_the_new_deployment_alone(real: Place, monkeypatch: Patch) -> None:
    rule: Any = health.deployment
    monkeypatch.setattr(
        health, "deployment", lambda service: rule({**service, "deployments": service["deployments"][:1]})
    )
    with pytest.raises(AssertionError):
        verified_early(real)


def crowded(place: Place) -> None:
    """One of three is enough for ECS, and two have room until another instance joins."""
    place.instance()
    first, second = (definition(place, memory) for memory in (400, 900))
    create(place, first, 3, deploymentConfiguration=early("BLOCKING", 33))
    place.completed(first)
    joined: list[str] = []

    def look() -> None:
        if place.rollouts()[0]["status"] == "SUCCESSFUL" and place.service()["taskDefinition"] == second:
            place.clock.at(30, lambda: joined.append(place.instance()))  # longer than all is to stay well
        else:
            place.clock.at(1, look)

    place.clock.at(0, look)
    found = place.run(deployment, task_definition=second, wait_timeout=3000, **SOON)
    assert (found["verdict"], found["running_count"]) == ("succeeded", 3), found.get("msg")
    assert joined, "not before there was room"


def test_it_has_succeeded_when_all_tasks_run(place: Place) -> None:
    crowded(place)


def test_it_fails_on_a_tool_for_which_a_successful_deployment_is_enough(place: Place, monkeypatch: Patch) -> None:
    rule = verdict._by_tasks

    def wrong(mine: Answer, look: looks.Look) -> verdict.Verdict:
        successful = (look.service_deployment or {}).get("status") == "SUCCESSFUL"
        return verdict.Verdict(verdict.SUCCEEDED, "ECS says so") if successful else rule(mine, look)

    monkeypatch.setattr(verdict, "_by_tasks", wrong)
    with pytest.raises(AssertionError):
        crowded(place)
