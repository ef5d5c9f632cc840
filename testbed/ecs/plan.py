"""Which tasks a service starts and stops next: a pure decision from what is known about its tasks.

Source: "Amazon ECS service deployment parameters" and "How Amazon ECS replaces unhealthy tasks",
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html
"""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Seen:
    """A live task (wanted RUNNING), as the scheduler sees it now."""

    key: str
    primary: bool  # made by the PRIMARY deployment
    healthy: bool
    sick: bool  # a target is unhealthy and the grace period is over
    running: bool
    proven: bool  # was healthy once
    created: float


@dataclass
class Plan:
    start: int = 0
    replace: list[str] = field(default_factory=list)  # sick ones to stop
    scale_in: list[str] = field(default_factory=list)  # old and surplus ones to stop


def plan(tasks: Sequence[Seen], desired: int, lowest: int, highest: int, stalled: bool) -> Plan:
    """`lowest` healthy tasks are kept, at most `highest` live ones exist; a stalled deployment only scales in.

    Sick tasks go once their replacements are healthy, or one by one when there is no room for one: ECS starts "a
    replacement for each unhealthy task" and waits "until the replacement becomes healthy, before terminating an old
    task" (aws.amazon.com/about-aws/whats-new, 2023-10-23). Where a replacement is sick too, one of both goes, "to get
    the total task count to equal desiredCount" ("Amazon ECS services", .../ecs_services.html).
    """
    found = Plan()
    mine = [t for t in tasks if t.primary]
    well = [t for t in mine if not t.sick]
    if not stalled:
        room = highest - len(tasks)
        found.start = max(0, min(desired - len(well), room))
        missing = max(0, desired - sum(t.healthy for t in mine))
        surplus = sum(t.sick for t in mine) - missing
        for task in (t for t in tasks if t.sick):
            if not missing or room <= 0 or (task.primary and surplus > 0):
                found.replace.append(task.key)
                room += 1
                surplus -= task.primary
        found.scale_in += _old(tasks, found.replace, desired, lowest)
    surplus = len(well) - desired
    found.scale_in += [t.key for t in sorted(well, key=_least_missed)[: max(0, surplus)]]
    return found


def _least_missed(task: Seen) -> tuple[bool, float]:
    return task.healthy, task.created


def _old(tasks: Sequence[Seen], gone: list[str], desired: int, lowest: int) -> list[str]:
    """Tasks of older deployments that may go: those that never were healthy, then while enough healthy ones stay."""
    spare = sum(t.healthy for t in tasks) - lowest
    stopped = []
    for task in sorted((t for t in tasks if not t.primary and t.key not in gone), key=_least_missed):
        lost = task.running and not task.healthy and not task.proven
        if lost or spare >= task.healthy or not desired:
            stopped.append(task.key)
            spare -= task.healthy
    return stopped
