"""The calls that a plan comes to, and what they mean for the tasks."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import calls
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.rules.task_definition_meaning import RESOURCE
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.answers import deployment, service

CONTENT = Difference(RESOURCE, "containerDefinitions[app].image", "app:2", "app:1")
STICKY = Difference("target group web", "stickiness.enabled", "true", "false")
GRACE = Difference("service", "healthCheckGracePeriodSeconds", 90, 60)
COUNT = Difference("service", "desiredCount", 5, 3)


def live(desired: int = 3, most: int = 200, least: int = 100) -> dict[str, Any]:
    configuration = {"maximumPercent": most, "minimumHealthyPercent": least}
    return service(deployment(1), desiredCount=desired, deploymentConfiguration=configuration)


def lines(wanted: list[Difference], before: dict[str, Any], gates: int, last: Any) -> list[str]:
    """Of a service that these differences are settled of."""
    settled = {each.path: each.expected for each in wanted if each.resource == "service"}
    return calls.lines(wanted, {**before, **settled}, gates, last)


def test_a_release_is_three_calls_in_their_order() -> None:
    found = lines([CONTENT, GRACE, STICKY], live(), 0, None)
    assert [each.split(":")[0] for each in found] == ["call 1", "call 2", "call 3"]
    assert "ModifyTargetGroupAttributes (target group web: 1 attribute)" in found[0]
    assert "RegisterTaskDefinition" in found[1]
    assert (
        "UpdateService (taskDefinition, healthCheckGracePeriodSeconds), which starts a deployment of 3 tasks"
        in found[2]
    )


def test_what_a_stack_sets_is_said_in_the_place_of_our_own_call() -> None:
    said = ["cloudformation:ExecuteChangeSet (attributes of web, by change set of stack edge: parameter S from 1 to 2)"]
    found = calls.lines([STICKY, GRACE], live(), 0, None, said)
    assert found[0] == f"call 1: {said[0]}"
    assert not any("Modify" in each for each in found)


def test_new_tasks_by_force_are_a_call_though_nothing_differs() -> None:
    (found,) = calls.lines([], live(), 1, None, force=True)
    assert "UpdateService (forceNewDeployment), which starts a deployment of 3 tasks" in found
    assert calls.lines([], live(), 1, None) == []


def test_gates_come_between_the_revision_and_the_service() -> None:
    found = lines([CONTENT], live(), 2, None)
    assert ["RunTask" in each for each in found] == [False, True, True, False]
    assert not any("RunTask" in each for each in lines([GRACE], live(), 2, None))


@pytest.mark.parametrize(
    ("differences", "words"),
    [
        ([GRACE], "which starts no deployment"),
        ([COUNT], "which starts no deployment"),
        ([CONTENT, COUNT], "of 5 tasks"),
        ([Difference("service", "capacityProviderStrategy", [], None)], "which starts a deployment"),
    ],
)
def test_what_starts_new_tasks_is_said(differences: list[Difference], words: str) -> None:
    assert words in lines(differences, live(), 0, None)[-1]


@pytest.mark.parametrize(
    ("desired", "most", "least", "words"),
    [
        (4, 150, 100, "4 tasks, 2 at a time"),
        (4, 100, 50, "4 tasks, 2 at a time"),
        (3, 110, 95, "cannot begin: maximumPercent 110 and minimumHealthyPercent 95"),
        (1, 200, 100, "of 1 task"),
        (0, 200, 100, "of no task"),
    ],
)
def test_how_many_at_a_time_is_said(desired: int, most: int, least: int, words: str) -> None:
    assert words in lines([CONTENT], live(desired, most, least), 0, None)[-1]


def test_how_long_it_took_the_last_time_is_said_of_a_proven_release() -> None:
    record = {"seq": 41, "kind": "deploy", "state": "succeeded", "verdict": {"duration_seconds": 372.0}}
    proof = {**record["verdict"], "word": "succeeded", "outcome": "proven", "checks": []}  # type: ignore[dict-item]
    said = lines([CONTENT], live(), 0, {**record, "verdict": proof})[-1]
    assert said.endswith("(release 41 took 6 min 12 s)")
    assert "took" not in lines([CONTENT], live(), 0, {**record, "state": "failed", "verdict": proof})[-1]


@given(
    st.lists(st.sampled_from([CONTENT, STICKY, GRACE, COUNT]), unique=True), st.integers(0, 50), st.integers(100, 300)
)
def test_every_difference_has_a_call_and_nothing_else_has(wanted: list[Difference], desired: int, most: int) -> None:
    found = lines(wanted, live(desired, most, 50), 0, None)
    assert bool(found) == bool(wanted)
    assert any("Modify" in each for each in found) == (STICKY in wanted)
    assert any("Register" in each for each in found) == (CONTENT in wanted)
    assert any("UpdateService" in each for each in found) == bool({CONTENT, GRACE, COUNT} & set(wanted))


def test_a_deployment_that_shifts_traffic_is_told_as_one() -> None:
    before = live()
    before["deploymentConfiguration"] |= {"strategy": "CANARY", "bakeTimeInMinutes": 5}
    said = lines([CONTENT], before, 0, None)[-1]
    assert "3 tasks beside the old ones and shifts the traffic to them (CANARY, waiting 15 min on purpose)" in said
