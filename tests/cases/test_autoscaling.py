# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The range of Application Auto Scaling as a setting of a service, on the bed: planned, set, recorded, given back."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import autoscaling
from ansible_collections.steady.ecs.plugins.module_utils.rules import restore
from ansible_collections.steady.ecs.plugins.modules import deployment, service_drift, service_preflight

from tests.cases.conftest import Answer, Place, gone_back, released

RANGE = {"scalableTarget": {"minCapacity": 4, "maxCapacity": 8}}
OUT = {"scalableTarget": {"suspendedState": {"dynamicScalingInSuspended": True, "scheduledScalingSuspended": "yes"}}}
DIMENSION = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}
WRITE = "RegisterScalableTarget"


def scaled(place: Place) -> None:
    """A service at rest, which is scaled from 2 to 6, and whose scheduled actions are suspended."""
    place.at_rest()
    state = {"DynamicScalingInSuspended": False, "DynamicScalingOutSuspended": False, "ScheduledScalingSuspended": True}
    client(place).register_scalable_target(
        ResourceId=f"service/{place.name}/web", MinCapacity=2, MaxCapacity=6, SuspendedState=state, **DIMENSION
    )
    place.forget()


def client(place: Place) -> Any:
    return place.bed.client("application-autoscaling")


def live(place: Place) -> tuple[int, int, list[str]]:
    """The range, and what is suspended."""
    (found,) = client(place).describe_scalable_targets(ResourceIds=[f"service/{place.name}/web"], **DIMENSION)[
        "ScalableTargets"
    ]
    return (
        found["MinCapacity"],
        found["MaxCapacity"],
        sorted(name for name, value in found["SuspendedState"].items() if value),
    )


def test_a_range_is_planned_set_recorded_and_given_back(place: Place) -> None:
    scaled(place)
    planned = place.run(service_drift, settings=RANGE, digest=True)
    assert [each["path"] for each in planned["differences"]] == [
        "scalableTarget.minCapacity",
        "scalableTarget.maxCapacity",
    ]
    assert planned["calls"] == [f"call 1: application-autoscaling:{WRITE} (minCapacity, maxCapacity)"]
    assert place.writes() == []
    released(place, RANGE)
    assert place.asked(WRITE, "UpdateService") == [WRITE]
    assert live(place) == (4, 8, ["ScheduledScalingSuspended"])
    assert place.service()["desiredCount"] == 4, "AWS puts the count into the range"
    assert place.run(service_drift, settings=RANGE)["status"] == "IN_SYNC"
    went = gone_back(place)
    assert {each["path"] for each in went["differences"]} >= {
        "scalableTarget.minCapacity",
        "scalableTarget.maxCapacity",
    }
    assert live(place) == (2, 6, ["ScheduledScalingSuspended"])
    assert place.service()["desiredCount"] == 4, "the count is autoscaling's"


@pytest.mark.parametrize("earlier", [[], [{"healthCheckGracePeriodSeconds": 7}]])
def test_a_range_that_a_failed_release_has_left_is_given_back(place: Place, earlier: list[Answer]) -> None:
    """It was the first one to declare any, and stayed to be looked at (rollback_on_failure: false)."""
    scaled(place)
    for settings in earlier:
        released(place, settings)
    released(place, RANGE, ends="failed")
    assert live(place)[:2] == (4, 8)
    gone_back(place)
    assert live(place)[:2] == (2, 6)


def test_a_suspension_is_set_and_given_back(place: Place) -> None:
    scaled(place)
    released(place, RANGE)
    released(place, OUT)
    assert live(place) == (4, 8, ["DynamicScalingInSuspended", "ScheduledScalingSuspended"])
    removed = place.run(deployment, True, settings={"scalableTarget": {"suspendedState": None}})
    assert len(removed["differences"]) == 2
    gone_back(place)
    assert live(place) == (4, 8, ["ScheduledScalingSuspended"])
    gone_back(place, "1")
    assert live(place) == (2, 6, ["ScheduledScalingSuspended"])


def test_a_revision_and_a_range_are_changed_and_given_back_together(place: Place) -> None:
    scaled(place)
    first, second = place.service()["taskDefinition"], place.register("v2")
    found = released(place, RANGE, task_definition=second)
    assert (found["verdict"], found["running_count"]) == ("succeeded", 4)
    assert place.asked(WRITE, "UpdateService") == [WRITE, "UpdateService"], "the count is known before tasks start"
    gone_back(place)
    assert live(place)[:2] == (2, 6)
    assert place.service()["taskDefinition"] == first


def test_a_range_that_is_live_is_not_sent_again(place: Place) -> None:
    scaled(place)
    for _run in range(2):
        found = place.run(deployment, settings=RANGE, wait_delay=1)
    assert not found["changed"]
    assert place.asked(WRITE) == [WRITE]
    assert place.run(deployment, True, settings=RANGE)["diff"] == {"before": {}, "after": {}}


def test_a_lost_answer_is_looked_up(place: Place) -> None:
    scaled(place)
    rule = {"service": "application-autoscaling", "operation": WRITE, "kind": "reset_after", "times": 1}
    place.bed.admin("PUT", "/_bed/faults", [rule])
    assert place.run(deployment, settings=RANGE, wait_delay=1)["changed"]
    assert place.asked(WRITE) == [WRITE]
    assert live(place)[:2] == (4, 8)


def test_nobody_is_asked_who_declares_none(place: Place) -> None:
    scaled(place)
    released(place, {"healthCheckGracePeriodSeconds": 7})
    gone_back(place)
    assert place.asked("DescribeScalableTargets", WRITE) == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"scalableTarget": {"minCapacity": 9}}, "minCapacity 9 is above its maxCapacity 6"),
        ({**RANGE, "desiredCount": 3}, "desiredCount 3 is outside of scalableTarget 4 to 8"),
        ({"scalableTarget": {"minimum": 1}}, "Settings in scalableTarget: maxCapacity, minCapacity, suspendedState"),
        ({"scalableTarget": {"minCapacity": None}}, "has no default to go back to"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_a_write(place: Place, settings: Answer, said: str) -> None:
    scaled(place)
    for module in (deployment, service_preflight):
        assert said in place.run(module, settings=settings)["msg"]
    assert place.writes() == []


def test_a_service_that_nothing_scales_gets_no_target(place: Place) -> None:
    place.at_rest()
    assert "nothing scales web" in place.run(service_preflight, settings=RANGE)["msg"]
    assert place.writes() == []


def test_it_fails_on_a_tool_that_forgets_who_scales(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autoscaling, "change", lambda *_asked: None)
    with pytest.raises(AssertionError):
        test_a_range_is_planned_set_recorded_and_given_back(place)


def test_it_fails_on_a_tool_that_does_not_record_what_was_before(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore, "_found_later", lambda *_asked: {})
    ours = restore.flat_settings
    monkeypatch.setattr(
        restore,
        "flat_settings",
        lambda settings: {path: value for path, value in ours(settings).items() if not path.startswith("scalable")},
    )
    with pytest.raises(AssertionError):
        test_a_range_is_planned_set_recorded_and_given_back(place)
