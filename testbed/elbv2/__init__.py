"""Elastic Load Balancing v2: the API. What it stores is served to clients by ../plane.py."""

from .balancers import Balancers
from .groups import Groups
from .listeners import Listeners
from .model import Balancer, Listener, Rule, Target, TargetGroup
from .tags import Tags
from .targets import Targets

__all__ = ["Balancer", "Elbv2", "Listener", "Rule", "Target", "TargetGroup"]


class Elbv2(Balancers, Groups, Targets, Listeners, Tags):
    """One region's API: a method an operation, its parameters and its answer as botocore's model names them.

    Callers hold the bed's lock. Errors are AwsError with AWS's codes.
    """
