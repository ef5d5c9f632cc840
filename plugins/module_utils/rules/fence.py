# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a release may still write: is the service as the release found it, or as the release made it?

UpdateService has no condition and no token, so somebody who works past the lease (a console, another tool) is found
out by looking: the content first, for after a lost answer the unknown deployment is our own, and only then the id.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import looks
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.rules.outcome import one_line
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import ROLLING_BACK, Document
from ansible_collections.steady.ecs.plugins.module_utils.rules.states import (
    differences,
    group_name,
    live_settings,
)

Answer = dict[str, Any]


def problem(record: Document, service: Answer) -> str | None:
    """Whose deployment stands in the way, in words; None when the release may write.

    ``service`` as DescribeServices answers it. A look that shows an older deployment of the release is only a stale
    one; the caller looks twice before it believes the answer.
    """
    primary = looks.primary(service)
    steps = record["steps"]
    ours = {record["before"]["deployment"], steps["deployment"], steps["rollback_deployment"]}
    if primary.get("id") in ours or _has_our_content(record, service):
        return None
    name = looks.name_of(str(primary.get("taskDefinition") or "no task definition"))
    began = primary.get("createdAt")
    return one_line(
        f"deployment {primary.get('id')} of {name}, begun {began or 'at an unknown time'}, is neither what was live "
        f"before release {record['seq']} nor its own"
    )


def _has_our_content(record: Document, service: Answer) -> bool:
    """Whether the service runs what the release wants, or, on the way back, what was before: ECS's own circuit breaker
    goes back with a deployment of its own, and what it put back needs no defence."""
    intent, before = record["intent"]["task_definition"], record["before"]
    if record["state"] == ROLLING_BACK:
        wanted, settings = before["task_definition"], {}
    else:
        if intent["changes"] and not (record["steps"]["task_definition"] or intent["revision"]):
            return False  # its content is not known yet
        wanted = record["steps"]["task_definition"] or intent["revision"] or before["task_definition"]
        settings = record["intent"]["settings"]
    live = {"task_definition": service.get("taskDefinition"), "settings": live_settings(service), "attributes": {}}
    return not differences({"task_definition": wanted, "settings": settings, "attributes": {}}, live)


def to_put_back(record: Document, arn: str, now: dict[str, str]) -> dict[str, str]:
    """Attributes of one target group that still hold what a fenced release gave them, with their values from before.

    ``now``: all attributes as they are live. What somebody else has set since stays.
    """
    before, ours = record["before"]["attributes"].get(arn, {}), record["intent"]["attributes"].get(arn, {})
    return {
        key: before[key] for key, value in ours.items() if now.get(key) == value and before.get(key, value) != value
    }


def attribute_differences(wanted: dict[str, str], now: dict[str, str], arn: str) -> list[Difference]:
    """What putting them back changes, for people."""
    resource = f"target group {group_name(arn)}"
    return [Difference(resource, key, value, now[key]) for key, value in wanted.items()]
