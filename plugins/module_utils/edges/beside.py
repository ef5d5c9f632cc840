# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The settings of a service that UpdateService does not take: which calls settle what differs of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import autoscaling
from ansible_collections.steady.ecs.plugins.module_utils.edges import tags as edge
from ansible_collections.steady.ecs.plugins.module_utils.rules import scaling, tags
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.work import Task


def calls(task: Task, service: dict[str, Any], differences: list[Difference]) -> list[Callable[[], None]]:
    """The calls in their order, not made yet; none where nothing of theirs differs."""
    name, found = service["serviceName"], list[Callable[[], None]]()
    if range_ := scaling.request(differences):
        found.append(partial(autoscaling.change, task, task.params["cluster"], name, range_))
    added, removed = tags.request(differences)
    if added:
        found.append(partial(edge.add, task, service, added))
    if removed:
        found.append(partial(edge.remove, task, service, removed))
    return found
