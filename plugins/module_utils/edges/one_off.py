# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find a one-off task, wait for its end, read the end of its log."""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, usage, waits, watch
from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import reading, translated
from ansible_collections.steady.ecs.plugins.module_utils.rules import causes
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task

Answer = dict[str, Any]

LOG_DELAY = 5
"""Seconds that the last lines of a log may need to arrive after the task has stopped."""


def started_by(task: Task, cluster: str, mark: str, revision: str) -> list[Answer]:
    """The tasks, running or stopped within the last hour, that were started with this mark from this revision.

    ``startedBy`` "must be the only filter that you use" (API reference, ListTasks), and finds none that is to stop.
    """
    stopped = {"family": usage.family_of(revision), "desiredStatus": "STOPPED"}
    doing = f"Looking for the tasks of {mark} (ecs:ListTasks, ecs:DescribeTasks)"
    found = reads.filtered_tasks(task, doing, cluster, {"startedBy": mark}, stopped)
    return [each for each in found if each.get("startedBy") == mark]


def until_stopped(task: Task, cluster: str, arn: str, seconds: float, delay: float) -> Answer | None:
    """The task once it has STOPPED; None when the time is over first.

    A look that fails for a reason that may pass is made again; so is one that does not know the task yet. Raises
    Failure ``task_lost`` when ECS goes on not to know it, and whatever else keeps us from looking.
    """
    name, said, absent = arn.rsplit("/", 1)[-1], list[str](), list[Failure]()

    def look(elapsed: float) -> Answer | None:
        if task.lease is not None:
            task.lease.renew_if_due()
        try:
            found = _described(task, cluster, arn)
        except Failure as failure:
            if not waits.passing(failure):
                raise
            return None
        if found is None:
            absent.append(_lost(name))
            if len(absent) > 2:
                raise absent[-1]
            return None
        absent.clear()
        state = str(found.get("lastStatus"))
        if state not in said:
            said.append(state)
            task.report(f"{name[:8]} is {state.lower()} after {elapsed:.0f} s")
        return found if state == "STOPPED" else None

    try:
        last = waits.until(look, seconds, delay)
    except Failure as failure:
        if absent:  # whether it goes on is what nobody knows
            raise
        raise Failure(f"{failure.msg} Task {name} goes on; the same command looks again.", **failure.fields) from None
    if absent:
        raise absent[-1]
    return last


def _lost(name: str) -> Failure:
    return Failure(
        f"ECS does not know task {name} (any more), so its end is not known. See in its log whether it has done its "
        "work, then run the same command again.",
        reason="task_lost",
    )


def log_tail(task: Task, definition: Answer, container: str, arn: str, secrets: set[str]) -> list[str]:
    """The last lines of the container's log, without ``secrets``."""
    stream = causes.log_stream(definition, container, arn)
    if stream is None:
        return []
    lines = waits.until(lambda _elapsed: watch.last_log_lines(task, stream, causes.LOG_LINES) or None, LOG_DELAY, 1)
    return [causes.readable(line) for line in causes.masked(lines or [], secrets)]


def _described(task: Task, cluster: str, arn: str) -> Answer | None:
    with translated(f"Looking at task {arn.rsplit('/', 1)[-1]} (ecs:DescribeTasks)"):
        found = reading(task, "ecs").describe_tasks(cluster=cluster, tasks=[arn])["tasks"]
    return dict(found[0]) if found else None
