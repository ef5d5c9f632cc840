"""AWS's token buckets: burst and refill a second, per account and Region; off until they are switched on.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html and
https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-throttling.html. Refill comes in
whole seconds, at the bed's time scale: a burst is a number of calls and has no time in it. The page has no bucket for
StopServiceDeployment and ContinueServiceDeployment; what Fargate adds for RunTask is not here.
"""

import fnmatch
import math
import threading
import time
from dataclasses import dataclass
from fractions import Fraction

from .calls import Call


@dataclass(frozen=True)
class Limit:
    """A throttle class: its operations share one bucket."""

    operations: tuple[str, ...]
    burst: int
    refill: int | Fraction  # calls a second


LIMITS = {
    "ecs": (
        Limit(("CreateCluster", "DeleteCluster"), 20, 1),
        Limit(("DescribeClusters", "ListClusters"), 50, 20),
        Limit(("RegisterTaskDefinition", "DeregisterTaskDefinition"), 20, 1),
        Limit(("DescribeTaskDefinition", "ListTaskDefinition*"), 50, 20),
        Limit(("DeleteTaskDefinitions",), 5, 1),
        Limit(("TagResource", "UntagResource"), 20, 10),
        Limit(("ListTagsForResource",), 50, 20),
        Limit(("RunTask", "StopTask", "DeregisterContainerInstance"), 100, 40),
        Limit(("DescribeTasks", "ListTasks", "DescribeContainerInstances", "ListContainerInstances"), 100, 20),
        Limit(("RegisterContainerInstance",), 200, 120),
        Limit(("CreateService", "UpdateService", "DeleteService"), 50, 5),
        Limit(("DescribeServices", "ListServices"), 100, 20),
        Limit(("DescribeServiceDeployments", "ListServiceDeployments"), 50, 20),
        Limit(("DescribeServiceRevisions",), 50, 20),
    ),
    "elasticloadbalancing": (
        Limit(("Describe*",), 40, 10),
        Limit(("RegisterTargets", "DeregisterTargets"), 20, 4),
        Limit(("CreateLoadBalancer",), 10, Fraction(1, 5)),  # "resource-intensive"
        Limit(("CreateListener", "CreateRule", "CreateTargetGroup", "Delete*", "Modify*", "Add*", "Remove*"), 20, 3),
        Limit(("*",), 40, 10),  # the account's, over all of them
    ),
}


class Buckets:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.switch(None)

    def switch(self, scale: float | None) -> None:
        """Fill every bucket; from now on a second of refill takes `scale` seconds. None: off."""
        with self._lock:
            self.scale = scale
            self._start = time.monotonic()
            self._left: dict[
                tuple[str, Limit], tuple[int, int | Fraction]
            ] = {}  # second of the last refill, calls left

    def take(self, call: Call) -> bool:
        """Take from each bucket of the call; False: one is empty, and nothing was taken."""
        with self._lock:
            if self.scale is None:
                return True
            second = math.floor((time.monotonic() - self._start) / self.scale)
            left = {}
            for limit in LIMITS.get(call.service, ()):
                if any(fnmatch.fnmatchcase(call.operation, each) for each in limit.operations):
                    key = call.region, limit
                    before, calls = self._left.get(key, (second, limit.burst))
                    left[key] = second, min(limit.burst, calls + (second - before) * limit.refill)
            if any(calls < 1 for _, calls in left.values()):
                self._left.update(left)
                return False
            self._left.update({key: (second, calls - 1) for key, (_, calls) in left.items()})
            return True
