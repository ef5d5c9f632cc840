"""Ten of the rules, and what they say of time, on a bed whose seconds are AWS's: no scale hides a mistake there.

On AWS itself every test runs so; there this file repeats some of them.
"""

import os
import time
from collections.abc import Iterator

import pytest

from tests.conformance.place import PORT, Place, until
from tests.conformance.test_ecs import (  # noqa: F401  # found here by pytest, with this file's place
    test_a_deployment_is_stopped,
    test_a_rolling_update,
    test_a_stopped_task_is_replaced,
    test_an_image_that_is_missing,
    test_crashing_tasks_are_rolled_back,
    test_the_desired_count_is_no_deployment,
)
from tests.conformance.test_traffic import (  # noqa: F401
    served,
    test_a_client_moves_off_a_target_that_is_stopped,
    test_a_client_with_its_cookie_stays_and_others_are_spread,
)
from tests.testbed.beds import running

pytestmark = [pytest.mark.long, pytest.mark.rollout]


@pytest.fixture(scope="module")
def place(endpoint: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A bed of its own at scale 1 in the place of the quick one; any other target as it is."""
    if os.environ.get("CONFORMANCE_ENDPOINT"):
        found = Place(endpoint)
        yield found
        found.clean()
        return
    with running(tmp_path_factory.mktemp("real"), "--scale", "1") as bed:
        found = Place(bed.endpoint)
        found.patience = 300
        yield found


def test_an_unhealthy_target_takes_its_intervals(place: Place) -> None:
    """User guide, target-group-health-checks: UnhealthyThresholdCount checks in a row, an interval between two."""
    checked = {"HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2, "UnhealthyThresholdCount": 3}
    group, strict = place.group(), place.group(Matcher={"HttpCode": "201"}, **checked)
    balancer = place.balancer()
    place.listener(balancer, {"Type": "forward", "TargetGroupArn": group})
    place.listener(balancer, {"Type": "forward", "TargetGroupArn": strict}, PORT + 1)
    place.service(group, 1)
    (address,) = place.states(group)
    began = time.monotonic()
    place.elb.register_targets(TargetGroupArn=strict, Targets=[{"Id": address}])
    until(lambda: place.states(strict) == {address: "unhealthy"}, place.patience)
    assert 10 <= time.monotonic() - began <= 5 * 3 + 5


def test_a_deregistered_target_is_draining_for_its_delay(place: Place) -> None:
    """API_TargetHealth, Target.DeregistrationInProgress; deregistration_delay.timeout_seconds."""
    group = place.group()
    place.modify(group, deregistration_delay__timeout_seconds="7")
    place.listener(place.balancer(), {"Type": "forward", "TargetGroupArn": group})
    place.service(group, 1)
    (address,) = place.states(group)
    began = time.monotonic()
    place.elb.deregister_targets(TargetGroupArn=group, Targets=[{"Id": address}])
    assert place.states(group) == {address: "draining"}
    until(lambda: address not in place.states(group), place.patience)
    assert 6.5 <= time.monotonic() - began <= 12
