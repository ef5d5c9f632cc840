# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a service that is not whole is only growing: autoscaling has asked for more tasks while it was looked at
(case C35), which says nothing against the release that runs."""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import looks
from ansible_collections.steady.ecs.plugins.module_utils.rules.checks import Check, failed
from ansible_collections.steady.ecs.plugins.module_utils.rules.health import COUNT, TARGETS, running_tasks

Answer = dict[str, Any]

BEFORE_RUNNING = ("PROVISIONING", "PENDING", "ACTIVATING")
"""The states that a task goes through until it runs (developer guide, "Amazon ECS task lifecycle")."""
GROWING = (COUNT, TARGETS)
"""How the names of the checks begin that fail while tasks are added."""


def starting(look: looks.Look, found: list[Check], declared: int | None) -> int:
    """How many tasks are still starting, where nothing else is wrong: every other task that the service wants is there
    and well, and no check fails but those of the count and of the targets. 0 where anything more is wrong.

    ``declared``: the count that must be wanted, as :func:`health.count` takes it."""
    desired = look.service["desiredCount"]
    if declared not in (None, desired) or any(not each["name"].startswith(GROWING) for each in failed(found)):
        return 0
    ill = [each for each in running_tasks(look) if looks.unhealthy(each, look)]
    if any(not _registers(each, look) for each in ill):
        return 0
    well = len(running_tasks(look)) - len(ill)
    begun = [each for each in look.tasks if each.get("lastStatus") in BEFORE_RUNNING]
    still = len(ill) + len(begun)
    return still if well and well + still == desired else 0


def told(number: int) -> str:
    """What follows from it."""
    tasks = f"{number} task{' is' if number == 1 else 's are'}"
    return (
        f"Nothing else is wrong: {tasks} still starting, none of this deployment has ended, and those that run are "
        "well. So nothing is rolled back. Run the same command again: it goes on from here. Raise health_wait_timeout "
        "(for verify: verify_wait_timeout) where new tasks need longer."
    )


def _registers(task: Answer, look: looks.Look) -> bool:
    """Whether a running task is only waiting for the first health checks of its targets ("Target health status",
    Application Load Balancers user guide: initial)."""
    states = [
        each["state"]
        for balancer in look.service.get("loadBalancers", [])
        for each in looks.registered_in(task, balancer, look)[1]
    ]
    return task.get("healthStatus") != "UNHEALTHY" and bool(states) and set(states) <= {"initial", "healthy"}
