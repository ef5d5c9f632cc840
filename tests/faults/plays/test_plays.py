"""The short form of the sweep of real plays: a sample of fixed plans, each of its own sort; ./steady sweep has all."""

from __future__ import annotations

import pytest

from tests.faults.plays.place import Place
from tests.faults.plays.plans import Plan, Stage, outcomes

SAMPLE = [
    ("deploy", "RegisterTaskDefinition", "reset_after"),
    ("deploy", "UpdateService", "SIGKILL_after"),
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
    """Somebody's own deployment of the same revision: the state is right, and one deployment is too many."""

    class Meddling(Place):
        def rest(self) -> None:
            super().rest()
            if self.records():
                self.ecs.update_service(cluster=self.cluster, service=self.name, forceNewDeployment=True)
                super().rest()

    stage.undisturbed("deploy", "files")
    stage.place = lambda store, **more: Meddling(stage.bed, stage.folder)  # type: ignore[method-assign]
    try:
        problems = stage.perform(Plan("deploy", "call-1", "throttle")).problems
    finally:
        del stage.place
    assert problems == ["deployments: expected 1, found 2"]
