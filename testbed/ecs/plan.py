"""Which tasks a service starts and stops next: a pure decision from what is known about its tasks.

Source: "Deploy Amazon ECS services by replacing tasks",
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Seen:
    """A live task (wanted RUNNING), as the scheduler sees it now."""

    key: str
    primary: bool  # made by the PRIMARY deployment
    source: bool  # of the revision that ran before it, and is replaced
    healthy: bool
    sick: bool  # a target is unhealthy and the grace period is over
    running: bool
    proven: bool  # was healthy once
    created: float


@dataclass
class Plan:
    restore: int = 0  # of the source revision, in place of what it lost: first, and
    start: int = 0  # of the new one as many as there is room for then
    replace: list[str] = field(default_factory=list)  # sick ones to stop
    scale_in: list[str] = field(default_factory=list)  # old and surplus ones to stop
    kept: int = 0  # tasks that the source revision has or is still owed


def plan(
    tasks: Sequence[Seen], desired: int, lowest: int, highest: int, stalled: bool, kept: int = 0, holds: bool = False
) -> Plan:
    """`lowest` healthy tasks are kept, at most `highest` live ones exist; a stalled deployment starts none of its own.
    `kept`: tasks that the source revision had or was owed before; `holds`: what is left of it is not scaled in yet.

    What is unhealthy or ends is replaced "using the same service revision" it belongs to: "replacement in the source
    revision is independent from task failures in the target revision" (the page above). How many of the source ECS
    keeps up is not documented; "to maintain your service's minimumHealthyPercent" is its purpose, so no more than that.
    """
    mine, old = [t for t in tasks if t.primary], [t for t in tasks if not t.primary]
    source = [t for t in old if t.source]
    well = [t for t in mine if not t.sick]
    found, room = Plan(), max(0, highest - len(tasks))
    needed = max(0, lowest - sum(t.healthy for t in tasks if not t.source))
    lacking = min(kept, needed) - sum(not t.sick for t in source)
    found.restore = max(0, min(lacking, room))
    healthy = sum(t.healthy for t in source)
    found.replace += _sick(old, needed - healthy, kept - healthy, lacking > 0 and not room)
    if not stalled:
        lacking = desired - len(well)
        found.start = max(0, min(lacking, room))
        missing = desired - sum(t.healthy for t in mine)
        found.replace += _sick(mine, missing, missing, lacking > 0 and not room and not found.replace)
    if stalled:  # what it has started serves beside the old tasks, and in the place of none
        found.scale_in += _old(old, found.replace, desired, desired)
    elif not holds:
        found.scale_in += _old(tasks, found.replace, desired, lowest)
    scaled_in = sum(t.key in found.scale_in for t in source)
    found.kept = min(kept, max(len(source) - scaled_in, min(needed, kept - scaled_in)))
    surplus = len(well) - desired
    found.scale_in += [t.key for t in sorted(well, key=_least_missed)[: max(0, surplus)]]
    return found


def _sick(tasks: list[Seen], missing: int, short: int, full: bool) -> Iterator[str]:
    """Sick tasks of a revision that go, while it is `missing` healthy ones: once their replacements are healthy, or one
    by one where all is `full` and no replacement could start. ECS starts "a replacement for each unhealthy task" and
    waits "until the replacement becomes healthy, before terminating an old task" (aws.amazon.com/about-aws/whats-new,
    2023-10-23). Where a replacement is sick too, so that there are more than the revision is `short` of, one of both
    goes, "to get the total task count to equal desiredCount" ("Amazon ECS services", .../ecs_services.html)."""
    sick = [t for t in tasks if t.sick]
    surplus = len(sick) - max(0, missing, short)
    for task in sick:
        if missing <= 0 or full or surplus > 0:
            yield task.key
            full = False
            surplus -= 1


def _least_missed(task: Seen) -> tuple[bool, float]:
    return task.healthy, task.created


def _old(tasks: Sequence[Seen], gone: list[str], desired: int, lowest: int) -> list[str]:
    """Tasks of older deployments that may go: those that never were healthy and replace nothing, then while enough
    healthy ones stay."""
    spare = sum(t.healthy for t in tasks) - lowest
    stopped = []
    for task in sorted((t for t in tasks if not t.primary and t.key not in gone), key=_least_missed):
        lost = task.running and not (task.healthy or task.proven or task.source)
        if lost or spare >= task.healthy or not desired:
            stopped.append(task.key)
            spare -= task.healthy
    return stopped
