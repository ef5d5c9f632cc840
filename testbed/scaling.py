"""Application Auto Scaling: the targets of services, as they are registered. Nothing here scales by itself.

Source: https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html
"""

import uuid
from typing import Any

from .ecs import Ecs
from .strict import reads
from .wire import AwsError, Params, now

DIMENSION = "ecs:service:DesiredCount"
AT_WORK: Params = dict.fromkeys(
    ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"), False
)


def invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


class Scaling:
    """The API of one region. Callers hold the bed's lock."""

    def __init__(self, ecs: Ecs) -> None:
        self.ecs = ecs
        self.targets: dict[str, Params] = {}  # by resource id

    @reads("ServiceNamespace", "ResourceId", "ScalableDimension", "MinCapacity", "MaxCapacity", "SuspendedState")
    def register_scalable_target(self, p: Params) -> Params:
        """What is not said stays, and the count is put into the range: "it changes the resource's current capacity to
        a value that is inside of this range"."""
        if (p["ServiceNamespace"], p["ScalableDimension"]) != ("ecs", DIMENSION):
            raise AwsError("InvalidAction", f"The test bed does not implement targets other than {DIMENSION}")
        name = p["ResourceId"]
        service = self._service(name)
        old = self.targets.get(name, {})
        target: Params = {**old, **{key: p[key] for key in ("MinCapacity", "MaxCapacity") if key in p}}
        if "MinCapacity" not in target or "MaxCapacity" not in target:
            raise invalid("Both MinCapacity and MaxCapacity must be specified for a new scalable target")
        if not 0 <= target["MinCapacity"] <= target["MaxCapacity"]:
            raise invalid("Maximum capacity cannot be less than minimum capacity")
        before: Params = old.get("SuspendedState", AT_WORK)
        target["SuspendedState"] = {**before, **p.get("SuspendedState", {})}
        self.targets[name] = {**self._made(name, p), **target}
        count = max(target["MinCapacity"], min(target["MaxCapacity"], service.desired))
        if count != service.desired:
            service.scale(count)
            self.ecs.wake()
        return {"ScalableTargetARN": self.targets[name]["ScalableTargetARN"]}

    @reads("ServiceNamespace", "ResourceIds", "ScalableDimension")
    def describe_scalable_targets(self, p: Params) -> Params:
        wanted = p.get("ResourceIds") or list(self.targets)
        ours = p["ServiceNamespace"] == "ecs" and p.get("ScalableDimension", DIMENSION) == DIMENSION
        return {"ScalableTargets": [self.targets[name] for name in wanted if ours and name in self.targets]}

    def _service(self, name: str) -> Any:
        kind, _, place = name.partition("/")
        cluster, _, service = place.partition("/")
        found = self.ecs.services.get(f"{self.ecs.prefix}service/{cluster}/{service}")
        if kind != "service" or found is None or found.status != "ACTIVE":
            raise invalid(f"ECS service doesn't exist: {name}")
        return found

    def _made(self, name: str, p: Params) -> Params:
        if name in self.targets:
            return self.targets[name]
        account, service_role = self.ecs.account, "AWSServiceRoleForApplicationAutoScaling_ECSService"
        place = f"arn:aws:application-autoscaling:{self.ecs.region}:{account}"
        return {
            **{key: p[key] for key in ("ServiceNamespace", "ResourceId", "ScalableDimension")},
            "ScalableTargetARN": f"{place}:scalable-target/{uuid.uuid4().hex}",
            "RoleARN": f"arn:aws:iam::{account}:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/"
            + service_role,
            "CreationTime": now(),
        }
