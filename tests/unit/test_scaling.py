# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The range of Application Auto Scaling among the settings of a service: what is sent, and what is left alone."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import calls, scaling, service, states
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError

TARGET = {"MinCapacity": 2, "MaxCapacity": 6, "SuspendedState": {"DynamicScalingInSuspended": True}}


def live(target: dict[str, Any] | None = TARGET) -> dict[str, Any]:
    return {"serviceName": "web", "desiredCount": 3, "scalableTarget": scaling.spelled(target)}


def compare(**target: Any) -> list[Any]:
    return service.compare({"scalableTarget": target}, live())


def test_a_target_is_written_as_ecs_writes_its_settings() -> None:
    assert scaling.spelled(TARGET) == {
        "minCapacity": 2,
        "maxCapacity": 6,
        "suspendedState": {"dynamicScalingInSuspended": True},
    }
    assert scaling.spelled(None) == {}


def test_only_what_differs_is_sent_and_none_of_it_to_ecs() -> None:
    found = compare(minCapacity="4", maxCapacity=6, suspendedState={"scheduledScalingSuspended": True})
    assert scaling.request(found) == {"MinCapacity": 4, "SuspendedState": {"ScheduledScalingSuspended": True}}
    assert service.request(found, live()) == {}
    assert not service.deploys(found, live())
    assert calls.lines(found, live(), 0, None) == [
        "call 1: application-autoscaling:RegisterScalableTarget (minCapacity, suspendedState.scheduledScalingSuspended)"
    ]


def test_null_takes_a_suspension_back() -> None:
    assert scaling.request(compare(suspendedState=None)) == {"SuspendedState": {"DynamicScalingInSuspended": False}}


def test_what_was_not_read_is_no_part_of_a_state() -> None:
    for unread in ({"serviceName": "web"}, live(None)):
        assert "scalableTarget" not in states.live_settings(unread)
    assert states.live_settings(live())["scalableTarget"] == {
        "minCapacity": 2,
        "maxCapacity": 6,
        "suspendedState": {
            "dynamicScalingInSuspended": True,
            "dynamicScalingOutSuspended": False,
            "scheduledScalingSuspended": False,
        },
    }


@pytest.mark.parametrize("declared", [{"minCapacity": 7}, {"maxCapacity": 1}, {"minCapacity": 5, "maxCapacity": 4}])
def test_a_range_that_is_none_is_refused(declared: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError, match="is above its maxCapacity"):
        compare(**declared)


def test_a_service_that_nothing_scales_is_not_registered() -> None:
    with pytest.raises(DeclarationError, match="nothing scales web"):
        service.compare({"scalableTarget": {"minCapacity": 1}}, live(None))
