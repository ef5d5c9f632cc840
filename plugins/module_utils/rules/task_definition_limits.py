# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What RegisterTaskDefinition refuses of a task definition whose names and types are right.

Source: Amazon ECS API reference, ContainerDefinition and HealthCheck.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules.task_definition_meaning import CONTAINERS, amount

Content = dict[str, Any]

SHORTEST_STOP, LONGEST_STOP = 2, 120
NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")


def problems(content: Content) -> list[str]:
    """In words, each with what to do."""
    containers = content.get(CONTAINERS) or []
    is_fargate = "FARGATE" in (content.get("requiresCompatibilities") or [])
    found = [problem for each in containers for problem in _of_a_container(each, is_fargate)]
    memory = [each.get("memoryReservation") or each.get("memory") or 0 for each in containers]
    found += _too_much("MiB of memory", memory, content.get("memory"))
    return found + _too_much(
        "CPU units", [each.get("cpu") or 0 for each in containers if is_fargate], content.get("cpu")
    )


def _of_a_container(container: Content, is_fargate: bool) -> Iterator[str]:
    name, seconds = container.get("name"), container.get("stopTimeout")
    if not NAME.fullmatch(str(name)):
        yield f"A container cannot be named {name!r}: use up to 255 letters, digits, hyphens and underscores."
    if is_fargate and isinstance(seconds, int) and not SHORTEST_STOP <= seconds <= LONGEST_STOP:
        yield f"The stopTimeout of {name} is {seconds}; on AWS Fargate it is {SHORTEST_STOP} to {LONGEST_STOP} seconds."
    command = (container.get("healthCheck") or {}).get("command")
    if command is not None and (command[:1] not in (["CMD"], ["CMD-SHELL"]) or not command[1:]):
        yield f"The health check of {name} has to be CMD or CMD-SHELL and what it runs, each an item of the list."


def _too_much(unit: str, reserved: list[Any], of_the_task: Any) -> list[str]:
    most = amount(of_the_task or "")
    if not most.isdecimal() or sum(int(each) for each in reserved) <= int(most):
        return []
    total = sum(int(each) for each in reserved)
    return [f"The containers reserve {total} {unit}, and the task has {most}. Give the task more, or a container less."]
