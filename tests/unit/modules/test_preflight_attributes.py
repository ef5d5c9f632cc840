# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What preflight says of declared attributes between which AWS has rules."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads
from ansible_collections.steady.ecs.plugins.modules import service_preflight as module

from tests.unit.modules.releases import GROUP
from tests.unit.modules.system import System

Answer = dict[str, Any]
STICKY, ALGORITHM, CROSS_ZONE = (
    "stickiness.enabled",
    "load_balancing.algorithm.type",
    "load_balancing.cross_zone.enabled",
)


@pytest.mark.parametrize(
    ("there", "declared"),
    [
        (
            {"slow_start.duration_seconds": "30"},
            {
                "stickiness.type": "app_cookie",
                "stickiness.app_cookie.cookie_name": "PARDON",
                ALGORITHM: "least_outstanding_requests",
                "slow_start.duration_seconds": 0,
            },
        ),
        ({STICKY: "true"}, {STICKY: False, ALGORITHM: "weighted_random"}),
        ({STICKY: "true"}, {STICKY: False, CROSS_ZONE: False}),
        ({STICKY: "false", ALGORITHM: "weighted_random"}, {STICKY: True, ALGORITHM: "round_robin"}),
        ({STICKY: "false", CROSS_ZONE: "false"}, {STICKY: True, CROSS_ZONE: True}),
    ],
)
def test_attributes_that_belong_together_are_not_refused_one_by_one(
    there: Answer, declared: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "_definitions", {})
    system = System()
    system.attributes[GROUP].update(there)
    found = system.run(module, attributes=declared)
    assert found["ok"], found.get("msg")
