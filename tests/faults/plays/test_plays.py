"""The short form of the sweep of real plays: a sample of fixed plans, each of its own sort; ./steady sweep has all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest

from tests.faults.plays.place import Place
from tests.faults.plays.plans import Plan, Stage, outcomes
from tests.faults.plays.scenarios import SCENARIOS

SAMPLE = [
    ("files", "deploy", "RegisterTaskDefinition", "reset_after"),
    ("files", "deploy", "UpdateService", "SIGKILL_after"),
    ("s3", "rollback", "PutObject", "reset_after"),
    pytest.param("files", "rollback", "UpdateService", "SIGTERM_after", marks=pytest.mark.walk),
    pytest.param("files", "failing", "DescribeServiceDeployments", "expired", marks=pytest.mark.walk),
    pytest.param("s3", "failing", "PutObject", "SIGKILL_after", marks=pytest.mark.walk),
]


@pytest.mark.parametrize(("store", "scenario", "operation", "what"), SAMPLE)
def test_a_disturbed_command_comes_to_the_undisturbed_end(
    stage: Stage, store: str, scenario: str, operation: str, what: str
) -> None:
    calls = stage.undisturbed(scenario, store).calls
    number = next(n for n, call in enumerate(calls, 1) if call.endswith(f":{operation}"))
    result = stage.perform(Plan(scenario, f"call-{number}", what, store))
    assert result.reached, "the disturbance happened"
    assert result.problems == [], result.text()


def test_a_cut_between_two_tasks_is_gone_on_from(stage: Stage) -> None:
    borders = stage.undisturbed("deploy", "files").borders
    number = next(n for n, name in enumerate(borders, 1) if "Verify what runs of" in name)
    result = stage.perform(Plan("deploy", f"border-{number}", "SIGKILL"))
    assert result.problems == [], result.text()
    assert outcomes(result) == ["interrupted", "proven"]


@pytest.mark.walk
@pytest.mark.parametrize("what", ["SIGKILL_after", "reset_after"])
def test_our_own_way_back_is_gone_on_with(stage: Stage, what: str) -> None:
    """ECS was content with the release, so nobody but us takes it back: disturbed when the service is told so."""
    calls = stage.undisturbed("unproven", "files").calls
    number = max(n for n, call in enumerate(calls, 1) if call.endswith(":UpdateService"))
    result = stage.perform(Plan("unproven", f"call-{number}", what))
    assert result.reached, "the disturbance happened"
    assert result.problems == [], result.text()


@pytest.mark.walk
@pytest.mark.parametrize("store", ["files", "s3"])
def test_a_copied_release_is_taken_back_as_one_that_a_play_made(stage: Stage, store: str) -> None:
    """Rollbacks begin from a copy: it must lead to the same calls and the same end as the play's own release."""
    own, rollback = stage.undisturbed("rollback", store), SCENARIOS["rollback"]
    place = stage.place(store)
    stage.begin(rollback, store, place)
    stage.bed.admin("DELETE", "/_bed/calls")
    done = stage.player.run(*rollback.arguments(place))
    place.rest()
    assert done.outcome == "proven", done.text
    assert without_looks(f"{call['service']}:{call['operation']}" for call in stage.calls()) == without_looks(own.calls)
    assert place.state() == own.state
    assert [(each["kind"], each["state"]) for each in place.records()] == [
        ("baseline", "succeeded"), ("deploy", "succeeded"), ("rollback", "succeeded"),
    ]  # fmt: skip
    place.remove()


def without_looks(calls: Iterable[str]) -> Counter[str]:
    """How often each operation was called, but for those that a run repeats until ECS is done, and as it happens."""
    looks = ("ecs:Describe", "ecs:List", "elbv2:Describe", "logs:")
    return Counter(call for call in calls if not call.startswith(looks))


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
