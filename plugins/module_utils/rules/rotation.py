# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secrets and parameters that were changed after the tasks that run had read them (case C17).

ECS gives a container its secrets when it starts and not again when they change: a new task has to be started (Amazon
ECS developer guide, pass sensitive data to a container). Only when something was changed is asked, never what it says.
"""

from __future__ import annotations

import datetime
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import looks, runnable

Answer = dict[str, Any]
VERSION = 9
"""Where in the ARN of a secret its version id stands; what is named with one does not change."""


def needs(content: Answer) -> runnable.Needs:
    """The secrets and parameters of a revision whose value may change behind its name."""
    containers = [
        {
            "name": each.get("name"),
            "secrets": [{"valueFrom": named} for named in runnable.sources(each) if _moves(named)],
        }
        for each in content.get("containerDefinitions", [])
    ]
    return runnable.needs({"containerDefinitions": containers})


def findings(content: Answer, tasks: list[Answer], changed: dict[str, datetime.datetime]) -> list[str]:
    """What was changed since a task of this revision was started, in words. ``changed``: when each was, by its name."""
    running = [each for each in tasks if looks.is_running(each) and each.get("startedAt")]
    ours = [each["startedAt"] for each in running if each.get("taskDefinitionArn") == content.get("taskDefinitionArn")]
    if not ours:
        return []
    return [
        f"{runnable.short(name)} was changed {when:%Y-%m-%d %H:%M:%S %Z}, and {_count(ours, when)} before: a container "
        "gets a value when it starts and not again. To start new ones, which get what is there now: "
        "`ansible-playbook restart.yml`, or deploy with -e rollout_force=true."
        for name, when in sorted(changed.items())
        if any(started < when for started in ours)
    ]


def _count(started: list[datetime.datetime], when: datetime.datetime) -> str:
    before = sum(each < when for each in started)
    return f"{before} of {len(started)} running tasks {'was' if before == 1 else 'were'} started"


def _moves(named: str) -> bool:
    parts = named.split(":")
    return not (named.startswith("arn:") and parts[2] == "secretsmanager" and len(parts) > VERSION and parts[VERSION])
