"""Which target group and which target answer a request: weights, health, stickiness, algorithms."""

import random
from collections.abc import Mapping

from . import stickiness
from .elbv2.model import Json, Rule, Target, TargetGroup

LIMIT = "target_group_health.unhealthy_state_routing.minimum_healthy_targets"


def pick_group(
    groups: Mapping[str, TargetGroup], rule: Rule, config: Json, cookies: Mapping[str, str], now: float
) -> TargetGroup | None:
    """The client's own group while the rule names it, else one by weight; None if every weight is 0.

    "If a request [...] contains the cookie, the request is routed to the target group specified in the cookie" (user
    guide, "Sticky sessions"), and no page excepts a weight of 0. A group without healthy targets keeps its share, one
    without any target its clients (argoproj/argo-rollouts#2726): the load balancer does not fail over between groups.
    """
    weights = {g["TargetGroupArn"]: g["Weight"] for g in config["TargetGroups"]}
    arn = stickiness.group_of(rule, config, cookies, now)
    if arn not in weights:
        if not any(weights.values()):
            return None
        (arn,) = random.choices(list(weights), list(weights.values()))
    return groups.get(arn or "")


def eligible(group: TargetGroup) -> list[Target]:
    """Healthy targets; every registered one when fewer are healthy than the group's minimum (1 unless changed).

    User guide, "Target group health": "send traffic to all targets, including unhealthy targets", fail open.
    """
    registered = list(group.targets.values())
    healthy = [target for target in registered if target.state == "healthy"]
    percentage = group.attributes[f"{LIMIT}.percentage"]
    enough = len(healthy) >= int(group.attributes[f"{LIMIT}.count"])
    if percentage != "off":
        enough = enough and len(healthy) * 100 >= int(percentage) * len(registered)
    return healthy if enough else registered


def pick_target(group: TargetGroup, config: Json, cookies: Mapping[str, str], now: float) -> Target | None:
    """The target that answers; None if none is registered.

    A client whose target is unhealthy, draining or gone is given another one.
    """
    candidates = eligible(group)
    address = stickiness.address_of(group, config, cookies, now)
    own = group.targets.get(address) if address else None
    return own if own in candidates else _choose(group, candidates, now)


def _choose(group: TargetGroup, candidates: list[Target], now: float) -> Target | None:
    if not candidates:
        return None
    algorithm = group.attributes["load_balancing.algorithm.type"]
    if algorithm == "weighted_random":  # "evenly across healthy targets in the target group, in a random order"
        return random.choice(candidates)
    if algorithm == "least_outstanding_requests":
        fewest = min(len(target.flights) for target in candidates)
        candidates = [target for target in candidates if len(target.flights) == fewest]
    for _ in candidates:
        target = candidates[next(group.turn) % len(candidates)]
        left = target.slow_until - now
        # Slow start: "the load balancer linearly increases the number of requests" (user guide, "Slow start mode").
        if left <= 0 or random.random() >= left / target.slow_seconds:
            return target
    return next((target for target in candidates if target.slow_until <= now), candidates[0])
