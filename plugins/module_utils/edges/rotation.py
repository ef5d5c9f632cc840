# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When the secrets and parameters of a service were changed (case C17). No value is read."""

from __future__ import annotations

import functools
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, registry
from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import region_of
from ansible_collections.steady.ecs.plugins.module_utils.rules import checks, looks, refusals, rotation, runnable
from ansible_collections.steady.ecs.plugins.module_utils.work import Task

Answer = dict[str, Any]


def findings(task: Task, content: Answer, tasks: list[Answer]) -> tuple[list[str], list[checks.Check]]:
    """What was changed since the tasks that run had read it, in words; and the checks that could not be made."""
    needed = rotation.needs(content)
    if not needed.any():
        return [], []
    region, account = region_of(task), str(content["taskDefinitionArn"]).split(":")[4]
    changed: dict[str, Any] = {}
    unasked: list[checks.Check] = []

    def here(named: dict[str, list[str]]) -> list[str]:
        return [each for each in named if not runnable.elsewhere(each, account, region)]

    def noted(answer: Any) -> None:
        changed.update(answer[0]) if isinstance(answer, tuple) else unasked.append(answer)

    for arn in here(needed.secrets):
        noted(registry.asked(f"secret {arn}", functools.partial(_secret, task, arn)))
    if parameters := here(needed.parameters):
        noted(registry.asked("parameters", lambda: _parameters(task, parameters)))
    return rotation.findings(content, tasks, changed), unasked


def tell_changed(task: Task, seen: looks.Look | None) -> None:
    """Say it to whoever looks at what runs. A release says it before its first write (edges/surroundings.py)."""
    if seen is None or task.params["release"]:
        return
    arn = seen.service["taskDefinition"]
    answer = registry.asked("age of the secrets", lambda: (reads.task_definition(task, arn),))
    said, unasked = findings(task, answer[0], seen.tasks) if isinstance(answer, tuple) else ([], [answer])
    for line in [*said, *checks.unanswered(refusals.naming(each, "verify") for each in unasked)]:
        task.warn(line)


def before(task: Task, content: Answer) -> list[str]:
    """The same for the live revision, before a release: what could not be asked is a check of its own there."""
    if not rotation.needs(content).any():
        return []  # and the tasks are not read
    return findings(task, content, reads.tasks(task, task.params["cluster"], task.params["service"]))[0]


def _secret(task: Task, arn: str) -> tuple[Answer]:
    answer = registry.secret(task, arn) or {}
    return ({arn: answer["LastChangedDate"]} if "LastChangedDate" in answer else {},)


def _parameters(task: Task, named: list[str]) -> tuple[Answer]:
    possible = {name: each for each in named for name in runnable.parameter_names(each)}
    there = registry.existing_parameters(task, sorted(possible))
    return ({possible[name]: each["LastModifiedDate"] for name, each in there.items() if "LastModifiedDate" in each},)
