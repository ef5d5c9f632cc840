# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The reads of a rollout: one look, one failed task's evidence. What they mean is decided elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import reads
from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import translated
from ansible_collections.steady.ecs.plugins.module_utils.rules.looks import Look, groups_of
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task

Answer = dict[str, Any]


def look(
    task: Task,
    cluster: str,
    name: str,
    arn: str | None,
    wants_stopped: Callable[[Answer, Answer | None, list[Answer]], bool],
) -> Look:
    """Read the service, its deployment ``arn``, its tasks and their targets.

    Stopped tasks are read only when ``wants_stopped(service, service_deployment, running)`` says so: they are those of
    the last hour, and two more calls at each look.
    """
    service = reads.service(task, cluster, name)
    rollout = reads.service_deployment(task, arn) if arn else None
    tasks = reads.tasks(task, cluster, name)
    if wants_stopped(service, rollout, tasks):
        tasks = tasks + reads.tasks(task, cluster, name, "STOPPED")
    groups = {arn for each in service.get("loadBalancers", []) for arn in groups_of(each)}
    return Look(service, rollout, tasks, {each: reads.target_health(task, each) for each in sorted(groups)})


def definition_if_readable(task: Task, arn: str) -> Answer:
    """A revision, or an empty one when it cannot be read now: evidence is worth having, never worth failing for."""
    try:
        return reads.task_definition(task, arn)
    except Failure:
        return {}


def last_log_lines(task: Task, stream: tuple[str, str] | None, lines: int) -> list[str]:
    """The end of one log stream, oldest line first; empty when it cannot be had: a log never decides anything."""
    if stream is None:
        return []
    try:
        with translated("Reading a log stream (logs:GetLogEvents)"):
            return reads.log_tail(task, *stream, lines)
    except Failure:
        return []
