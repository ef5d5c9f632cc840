"""The scalable targets of services as Application Auto Scaling publishes them: API_RegisterScalableTarget and
API_DescribeScalableTargets of https://docs.aws.amazon.com/autoscaling/application/APIReference/.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.place import DIMENSION, Place, error_of, until

SUSPENDED = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")


class Target:
    """A service, and its scalable target when one is registered."""

    def __init__(self, place: Place) -> None:
        self.place = place
        group = place.group()
        place.listener(place.balancer(), {"Type": "forward", "TargetGroupArn": group})
        self.name = place.service(group, 0)

    def register(self, **words: Any) -> None:
        name = words.pop("ResourceId", f"service/{self.name}/{self.name}")
        self.place.scaling.register_scalable_target(ResourceId=name, **DIMENSION, **words)

    def described(self) -> list[dict[str, Any]]:
        names = [f"service/{self.name}/{self.name}"]
        found = self.place.scaling.describe_scalable_targets(ResourceIds=names, **DIMENSION)["ScalableTargets"]
        return [dict(each) for each in found]

    def desired(self) -> int:
        found = self.place.ecs.describe_services(cluster=self.name, services=[self.name])["services"]
        return int(found[0]["desiredCount"])


@pytest.fixture(scope="module")
def target(place: Place) -> Target:
    return Target(place)


REFUSED: list[Callable[[], dict[str, Any]]] = [
    lambda: {"MinCapacity": 1},
    lambda: {"MinCapacity": 3, "MaxCapacity": 2},
    lambda: {"MinCapacity": -1, "MaxCapacity": 2},
    lambda: {"MinCapacity": 1, "MaxCapacity": 2, "ResourceId": "service/nowhere/nothing"},
]


@pytest.mark.api
@pytest.mark.parametrize("words", REFUSED)
def test_targets_that_are_refused(target: Target, words: Callable[[], dict[str, Any]]) -> None:
    """API_RegisterScalableTarget, Errors."""
    assert error_of(lambda: target.register(**words())) == "ValidationException"


@pytest.mark.api
def test_a_target_is_made_and_changed_by_the_same_call(target: Target) -> None:
    """API_RegisterScalableTarget: "Any parameters that you don't specify are not changed by this update request." """
    target.register(MinCapacity=1, MaxCapacity=4)
    (made,) = target.described()
    assert (made["MinCapacity"], made["MaxCapacity"]) == (1, 4)
    assert made["SuspendedState"] == dict.fromkeys(SUSPENDED, False)
    target.register(MaxCapacity=5, SuspendedState=dict.fromkeys(SUSPENDED, True))
    (changed,) = target.described()
    assert (changed["MinCapacity"], changed["MaxCapacity"]) == (1, 5)
    assert changed["SuspendedState"] == dict.fromkeys(SUSPENDED, True)
    assert changed["ScalableTargetARN"] == made["ScalableTargetARN"]


@pytest.mark.api
def test_the_count_is_put_into_the_range(target: Target) -> None:
    """API_RegisterScalableTarget: "If it's below the minimum capacity or above the maximum capacity, Application Auto
    Scaling adjusts the capacity of the scalable target to place it within these bounds." """
    target.register(MinCapacity=3, MaxCapacity=4)
    until(lambda: target.desired() == 3, target.place.patience)
    target.register(MinCapacity=1, MaxCapacity=2)
    until(lambda: target.desired() == 2, target.place.patience)
