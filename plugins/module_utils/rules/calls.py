# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What settling a plan would do, for whoever reads it before: the calls, and what starts new tasks."""

from __future__ import annotations

import math
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import service
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.rules.outcome import duration_text
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import Document, proven
from ansible_collections.steady.ecs.plugins.module_utils.rules.task_definition_meaning import RESOURCE

Answer = dict[str, Any]

SERVICE = "service"


def lines(differences: list[Difference], live: Answer, gates: int, last: Document | None) -> list[str]:
    """The calls in their order, one line each; none for an empty plan. ``live``: the service. ``gates``: one-off tasks
    that come first. ``last``: the record of the current release."""
    content = [each for each in differences if each.resource == RESOURCE]
    settings = [each for each in differences if each.resource == SERVICE]
    groups = sorted({each.resource for each in differences} - {RESOURCE, SERVICE})
    found = []
    for group in groups:
        count = sum(each.resource == group for each in differences)
        attributes = f"{count} attribute{'' if count == 1 else 's'}"
        found.append(f"elasticloadbalancing:ModifyTargetGroupAttributes ({group}: {attributes})")
    if content:
        found.append("ecs:RegisterTaskDefinition, unless an equal revision exists")
        found += ["ecs:RunTask, and the rollout only when it ends with 0"] * gates
    if content or settings:
        names = ["taskDefinition"] * bool(content) + [each.path for each in settings]
        starts = bool(content) or service.deploys(settings, live)
        found.append(f"ecs:UpdateService ({', '.join(names)}), {_deployment(settings, live, last, starts)}")
    return [f"call {number}: {text}" for number, text in enumerate(found, 1)]


def _deployment(settings: list[Difference], live: Answer, last: Document | None, starts: bool) -> str:
    """What the update means for the tasks."""
    if not starts:
        return "which starts no deployment"
    desired = int(_declared(settings, "desiredCount", live.get("desiredCount", 0)))
    if desired == 0:
        return "which starts a deployment of no task"
    configuration = live.get("deploymentConfiguration") or {}
    most, least = (
        int(_declared(settings, f"deploymentConfiguration.{name}", configuration.get(name, default)))
        for name, default in (("maximumPercent", 200), ("minimumHealthyPercent", 100))
    )
    # Rounded as ECS does: maximumPercent down, minimumHealthyPercent up (API reference, DeploymentConfiguration).
    at_once = desired * most // 100 - desired + desired - math.ceil(desired * least / 100)
    tasks = f"{desired} task{'' if desired == 1 else 's'}"
    if at_once < 1:
        return (
            f"which starts a deployment of {tasks} that cannot begin: maximumPercent {most} and minimumHealthyPercent "
            f"{least} leave no room for a new one"
        )
    rounds = f", {at_once} at a time" if at_once < desired else ""
    return f"which starts a deployment of {tasks}{rounds}{_duration(last)}"


def _declared(settings: list[Difference], path: str, live: Any) -> Any:
    found = next((each.expected for each in settings if each.path == path), None)
    return live if found is None else found


def _duration(last: Document | None) -> str:
    """How long the last one took: the start of an application is in no answer of AWS's."""
    if last is None or not proven(last) or not last["verdict"]["duration_seconds"]:
        return ""
    return f" (release {last['seq']} took {duration_text(last['verdict']['duration_seconds'])})"
