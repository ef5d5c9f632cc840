"""The short form of the sweep of real plays: a sample of fixed plans, each of its own sort; ./steady sweep has all."""

from __future__ import annotations

import pytest

from tests.faults.plays.plans import Plan, Stage, outcomes

SAMPLE = [
    ("deploy", "RegisterTaskDefinition", "reset_after"),
    ("deploy", "UpdateService", "SIGKILL_after"),
    ("deploy", "ModifyTargetGroupAttributes", "server_error"),
    ("rollback", "UpdateService", "SIGTERM_after"),
    ("failing", "DescribeServiceDeployments", "expired"),
]


@pytest.mark.parametrize(("scenario", "operation", "what"), SAMPLE)
def test_a_disturbed_command_comes_to_the_undisturbed_end(
    stage: Stage, scenario: str, operation: str, what: str
) -> None:
    calls = stage.undisturbed(scenario, "files").calls
    number = next(n for n, call in enumerate(calls, 1) if call.endswith(f":{operation}"))
    result = stage.perform(Plan(scenario, f"call-{number}", what))
    assert result.reached, "the disturbance happened"
    assert result.problems == [], result.text()


def test_a_cut_between_two_tasks_is_gone_on_from(stage: Stage) -> None:
    borders = stage.undisturbed("deploy", "files").borders
    number = next(n for n, name in enumerate(borders, 1) if "Verify what runs of" in name)
    result = stage.perform(Plan("deploy", f"border-{number}", "SIGKILL"))
    assert result.problems == [], result.text()
    assert outcomes(result) == ["interrupted", "proven"]


def test_the_referee_sees_a_second_deployment(stage: Stage) -> None:
    """A command that is typed again although it has its end deploys again: a bad release, tried twice."""
    plan = Plan("failing", "call-1", "throttle")
    wanted = stage.undisturbed("failing", "files")
    stage._undisturbed["failing", "files"] = type(wanted)(**{**vars(wanted), "deployments": wanted.deployments + 1})
    try:
        problems = stage.perform(plan).problems
    finally:
        stage._undisturbed["failing", "files"] = wanted
    assert problems == [f"deployments: expected {wanted.deployments + 1}, found {wanted.deployments}"]
