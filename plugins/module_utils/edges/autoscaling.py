# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who else moves the count of a service: Application Auto Scaling."""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import reading, translated
from ansible_collections.steady.ecs.plugins.module_utils.work import Task

Answer = dict[str, Any]


def scalable_target(task: Task, cluster: str, service: str) -> Answer | None:
    """The scalable target that owns the desired count, with MinCapacity and MaxCapacity; None when nothing does.

    Raises Failure when that cannot be read: whoever writes the count must know.
    """
    with translated(f"Reading who scales {service} (application-autoscaling:DescribeScalableTargets)"):
        found = reading(task, "application-autoscaling").describe_scalable_targets(
            ServiceNamespace="ecs",
            ResourceIds=[f"service/{cluster}/{service}"],
            ScalableDimension="ecs:service:DesiredCount",
        )["ScalableTargets"]
    return dict(found[0]) if found else None
