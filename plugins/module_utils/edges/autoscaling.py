# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who else moves the count of a service: Application Auto Scaling. It is asked only where it is declared."""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import writes
from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import reading, translated, writing
from ansible_collections.steady.ecs.plugins.module_utils.rules import scaling
from ansible_collections.steady.ecs.plugins.module_utils.rules.settings import SCALING
from ansible_collections.steady.ecs.plugins.module_utils.work import Task

Answer = dict[str, Any]
DIMENSION = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}


def scalable_target(task: Task, cluster: str, service: str) -> Answer | None:
    """The scalable target that owns the desired count, with MinCapacity and MaxCapacity; None when nothing does.

    Raises Failure when that cannot be read: whoever writes the count must know.
    """
    with translated(f"Reading who scales {service} (application-autoscaling:DescribeScalableTargets)"):
        found = reading(task, "application-autoscaling").describe_scalable_targets(
            ResourceIds=[f"service/{cluster}/{service}"], **DIMENSION
        )["ScalableTargets"]
    return dict(found[0]) if found else None


def beside(task: Task, service: Answer) -> Answer:
    """A service as ECS answers it, with its scalable target laid beside it in the spelling of ECS's settings."""
    found = scalable_target(task, task.params["cluster"], service["serviceName"])
    return {**service, SCALING: scaling.spelled(found)}


def change(task: Task, cluster: str, service: str, arguments: Answer) -> None:
    """Change the scalable target of a service, by a call that does the same when it is sent twice."""
    state = arguments.get("SuspendedState")
    if state is not None:
        live = (scalable_target(task, cluster, service) or {}).get("SuspendedState") or {}
        arguments = {**arguments, "SuspendedState": {**live, **state}}

    def send() -> bool:
        with translated(f"Changing who scales {service} (application-autoscaling:RegisterScalableTarget)"):
            writing(task, "application-autoscaling").register_scalable_target(
                ResourceId=f"service/{cluster}/{service}", **DIMENSION, **arguments
            )
        return True

    def arrived() -> bool | None:
        found = scalable_target(task, cluster, service) or {}
        return True if all(found.get(name) == value for name, value in arguments.items()) else None

    writes.once(task, f"RegisterScalableTarget of {service}", send, arrived)
