# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What drift asks of the last release: its record, the way back from it, and whether its images still run."""

from __future__ import annotations

from typing import Any, NamedTuple

from ansible_collections.steady.ecs.plugins.module_utils.edges import live, reads
from ansible_collections.steady.ecs.plugins.module_utils.rules import plan, release, restore, states, undeclared
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task

Answer = dict[str, Any]


class Last(NamedTuple):
    """What the store says of the last release."""

    record: Answer | None = None
    """Of the current one."""
    base: Answer | None = None
    """Of the one to go back to from it."""
    unread: str = ""
    """Why the store could not be looked at."""
    may_be: bool = False
    """Whether a store is declared that was not read: a release may be in it. Drift works without a store."""


def of(task: Task) -> Last:
    """The last release of the service, where the store can be read."""
    try:
        store = live.store(task)
        records = store.records()
        current = release.settled(store.head(), records)["current"]  # a run may have died before it wrote the head
        record = None if current is None else records[current]
        return Last(record, record and restore.way_back(record, records))
    except Failure as failure:
        may_be = failure.fields.get("reason") != "store_not_named"
        return Last(unread=f"the last release: {failure.msg}", may_be=may_be)


def other_images(
    task: Task, declared: plan.Declared, now: plan.Live, record: Answer | None
) -> tuple[list[Difference], list[str]]:
    """Images of the last release that are not live, and what could not be looked at."""
    containers = undeclared.released_images(declared, now, record)
    released = states.state_of(record)["task_definition"] if record else None
    if not containers or released in (None, now.service["taskDefinition"]):
        return [], []
    try:
        content = reads.task_definition(task, str(released))
    except Failure as failure:
        return [], [f"the images of the last release: {failure.msg}"]
    return undeclared.image_differences(containers, content, now.definition), []
