# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which counts are refused because Application Auto Scaling would move them again."""

from __future__ import annotations

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import scaling

from tests.unit.answers import deployment, service

ALL = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")


@pytest.mark.parametrize(
    ("suspended", "count", "refused"),
    [((), 3, False), ((), 0, True), (ALL[:2], 0, True), (ALL, 0, False), (ALL, 9, False), (ALL, -1, True)],
)
def test_a_count_outside_a_range_that_nothing_enforces_is_taken(
    suspended: tuple[str, ...], count: int, refused: bool
) -> None:
    target = {"MinCapacity": 2, "MaxCapacity": 6, "SuspendedState": dict.fromkeys(suspended, True)}
    assert bool(scaling.refusal(service(deployment(1)), target, count, told=True)) is refused
