# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The production deployment as it is declared, as it is live, and as it is on record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.steady.ecs.plugins.modules import release

from testbed.production import task_definition as production
from tests.unit.modules.releases import DURATION, GROUP, REGION
from tests.unit.modules.system import System
from tests.unit.task_definitions import PRODUCTION_CHANGES, URL

DECLARED: dict[str, Any] = {
    "changes": PRODUCTION_CHANGES,
    "attributes": {"stickiness.enabled": True, DURATION: 86400},
    "settings": {"healthCheckGracePeriodSeconds": 120},
}


def settled(system: System) -> System:
    """The system as the production deployment leaves it."""
    content = production()
    content["containerDefinitions"][0]["environment"] = []
    for each in content["containerDefinitions"][1:]:
        each["environment"] = [
            {**item, "value": URL} if item["name"] == "CORAL_SSE_URL" else item for item in each["environment"]
        ]
    system.service["taskDefinition"] = system.register(75, content)
    system.attributes[GROUP][DURATION] = "86400"
    return system


def released(system: System, store: Path, **declared: Any) -> None:
    """A release of this declaration, as the live system now has it, on record."""
    named = {"store": str(store), "region": REGION}
    opened = system.run(release, state="opened", differences=[{}], **named, **declared)
    done = {"task_definition": system.service["taskDefinition"], "deployment": "ecs-svc/1"}
    system.run(release, state="applied", release=opened["release"], steps=done, **named)
    closed = system.run(release, state="closed", release=opened["release"], outcome="proven", **named)
    assert not closed.get("failed"), closed
