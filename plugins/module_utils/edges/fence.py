# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at the service once more, immediately before a release changes it."""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import live, reads, waits
from ansible_collections.steady.ecs.plugins.module_utils.edges.held import Held
from ansible_collections.steady.ecs.plugins.module_utils.rules import fence
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task

SECOND_LOOK = 2
"""Seconds between two looks before another's deployment is believed: ECS's reads may lag behind its writes."""


def passed(task: Task, hold: Held | None, service: dict[str, Any] | None = None) -> None:
    """Raise Failure ``fenced`` when somebody else has changed the service since the release was opened.

    ``service``: as the caller has just read it, the first look; without it that is read too. Outside a release nothing
    is known to compare with.
    """
    if hold is None or hold.seq is None:
        return
    record, looked = hold.store.record(hold.seq), [service] if service else []
    problems: list[str] = []

    def look(_elapsed: float) -> bool | None:
        now = looked.pop() if looked else reads.service(task, task.params["cluster"], task.params["service"])
        problem = fence.problem(record, now)
        problems.extend([problem] if problem else [])
        return True if problem is None else None

    if waits.until(look, SECOND_LOOK, SECOND_LOOK) is None and not _put_back_by_ecs(task, record):
        raise refusal(task.params["service"], record, problems[-1])


def _put_back_by_ecs(task: Task, record: dict[str, Any]) -> bool:
    """Whether nobody has begun a deployment since the release was opened: then ECS itself has gone back to an earlier
    one, from what a dead run had left in progress."""
    newest = live.newest_service_deployment(task)
    return newest is not None and newest == record["before"].get("service_deployment")


def refusal(service: str, record: dict[str, Any], problem: str) -> Failure:
    """The Failure ``fenced``."""
    return Failure(
        f"Somebody else has changed {service} since release {record['seq']} was opened: {problem}. Nothing more was "
        "changed. Find out who, then run the same command again.",
        reason="fenced",
    )
