# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The calls of a rollout: one update, one look, one failed task's evidence. What they mean is decided elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, waits
from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import translated, writing
from ansible_collections.steady.ecs.plugins.module_utils.rules.looks import Look
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task

Answer = dict[str, Any]

THROTTLE_PATIENCE = 60
SECOND_LOOK = 2
"""Seconds between two reads before "it did not arrive" is believed (ECS's reads may lag behind its writes)."""


def update_service(task: Task, cluster: str, name: str, arguments: Answer, arrived: Callable[[Answer], bool]) -> Answer:
    """Change a service with one UpdateService, and answer the service after it.

    UpdateService takes no token, so a call whose answer is lost is never repeated blindly: the service is read, and
    ``arrived`` says whether it shows the change. Only when two reads, two seconds apart, do not, the call is made once
    more. A throttled call was certainly not carried out, and is repeated for a minute.
    """
    doing = f"Updating {name} in {cluster} (ecs:UpdateService)"

    def send() -> Answer:
        with translated(doing):
            ecs = writing(task, "ecs")
            return dict(ecs.update_service(cluster=cluster, service=name, **arguments)["service"])

    def send_unless_throttled(elapsed: float) -> Answer | None:
        try:
            return send()
        except Failure as failure:
            if waits.throttled(failure) and elapsed < THROTTLE_PATIENCE:
                return None
            raise

    def look(_elapsed: float) -> Answer | None:
        found = reads.service(task, cluster, name)
        return found if arrived(found) else None

    for _attempt in ("first", "second"):
        try:
            sent = waits.until(send_unless_throttled, THROTTLE_PATIENCE, SECOND_LOOK)
            if sent is not None:
                return sent
        except Failure as failure:
            if not waits.unanswered(failure):
                raise
            task.report(f"{name}: no answer to UpdateService; reading whether it arrived")
            seen = waits.until(look, SECOND_LOOK, SECOND_LOOK)
            if seen is not None:
                return seen
    raise Failure(
        f"{doing}: no answer came twice, and the service does not show the change. Run the same command again: it "
        "begins by reading what is live.",
        reason="no_answer",
    )


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
    groups = {each["targetGroupArn"] for each in service.get("loadBalancers", []) if each.get("targetGroupArn")}
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
