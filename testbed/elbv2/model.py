"""What the load balancing API stores: load balancers, target groups, targets, listeners and their rules.

An API call changes these under the bed's lock. The plane reads them without it, so a target's health, a group's
settings and attributes and a listener's rules are replaced whole, never changed in place. A group's targets are changed
in place: whoever walks them without the lock takes a list of them first.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from . import attributes

Json = dict[str, Any]
Address = tuple[str, int]


@dataclass(frozen=True)
class Health:
    """State, reason and description as DescribeTargetHealth gives them (API reference, TargetHealth)."""

    state: str
    reason: str | None = None
    description: str | None = None


REGISTERING = Health("initial", "Elb.RegistrationInProgress", "Target registration is in progress")
CHECKING = Health("initial", "Elb.InitialHealthChecking", "Initial health checks in progress")
HEALTHY = Health("healthy")
DRAINING = Health("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
NOT_REGISTERED = Health("unused", "Target.NotRegistered", "Target is not registered to the target group")
NOT_IN_USE = Health(
    "unused",
    "Target.NotInUse",
    "Target group is not configured to receive traffic from the load balancer",
)


class Target:
    """One address and port in a target group. The plane's health checks set `checked`."""

    def __init__(self, address: str, port: int, at: Address | None = None) -> None:
        self.address, self.port = address, port
        self.at = at or (address, port)  # where it listens: of a task on an instance that is an address of its own
        self.checked = REGISTERING  # what the health checks found
        self.drain_until: float | None = None  # time.time() at which the deregistration delay ends
        self.let_go = False  # deregistration is complete; the state stays "draining" until drain_until
        self.slow_until, self.slow_seconds = 0.0, 0.0  # time.time() at which slow start ends, and how long it takes
        # Only the plane's thread touches these two: the requests being answered, and the end of the last of them.
        self.flights: set[asyncio.Timeout] = set()
        self.idle = asyncio.Event()

    @property
    def health(self) -> Health:
        return self.checked if self.drain_until is None else DRAINING

    @asynccontextmanager
    async def flight(self) -> AsyncIterator[asyncio.Timeout]:
        """Around one request: whoever reschedules the timeout given here cuts the request off (TimeoutError)."""
        async with asyncio.timeout(None) as flight:
            self.flights.add(flight)
            try:
                yield flight
            finally:
                self.flights.discard(flight)
                if not self.flights:
                    self.idle.set()

    @property
    def state(self) -> str:
        return self.health.state

    @property
    def reason(self) -> str | None:
        return self.health.reason

    @property
    def description(self) -> str | None:
        return self.health.description


@dataclass
class TargetGroup:
    arn: str
    settings: Json
    attributes: dict[str, str] = field(default_factory=lambda: dict(attributes.TARGET_GROUP.defaults))
    targets: dict[Address, Target] = field(default_factory=dict)  # in the order of registration
    deregistered: dict[Address, Target] = field(default_factory=dict)  # shown as draining
    turn: "itertools.count[int]" = field(default_factory=itertools.count)

    def seconds(self, key: str) -> float:
        return float(self.attributes[key])

    def target(self, address: str, port: int) -> Target | None:
        """The target while the load balancer holds it: registered, or draining with requests that it may finish."""
        held = self.targets.get((address, port)) or self.deregistered.get((address, port))
        return held if held and not held.let_go else None

    def shown(self) -> dict[Address, Target]:
        """Every target that DescribeTargetHealth lists: also those let go whose deregistration delay still runs."""
        now = time.time()
        self.deregistered = {
            key: target
            for key, target in self.deregistered.items()
            if not target.let_go or (target.drain_until or now) > now
        }
        return {**self.deregistered, **self.targets}


@dataclass(frozen=True)
class Rule:
    """A listener's rule; `priority` is None for the default one, which comes last."""

    arn: str
    priority: int | None
    conditions: list[Json]
    actions: list[Json]

    def view(self) -> Json:
        return {
            "RuleArn": self.arn,
            "Priority": "default" if self.priority is None else str(self.priority),
            "Conditions": self.conditions,
            "Actions": self.actions,
            "IsDefault": self.priority is None,
            "Transforms": [],
        }


@dataclass
class Listener:
    arn: str
    balancer: str  # the load balancer's ARN
    port: int
    rules: tuple[Rule, ...]  # in the order of evaluation

    def put(self, *rules: Rule) -> None:
        """Add rules, or replace those of the same ARN."""
        kept = {rule.arn: rule for rule in (*self.rules, *rules)}
        self.rules = tuple(sorted(kept.values(), key=lambda rule: rule.priority or 1 << 30))

    def remove(self, arn: str) -> None:
        self.rules = tuple(rule for rule in self.rules if rule.arn != arn)

    def view(self) -> Json:
        return {
            "ListenerArn": self.arn,
            "LoadBalancerArn": self.balancer,
            "Port": self.port,
            "Protocol": "HTTP",
            "DefaultActions": self.rules[-1].actions,
        }


@dataclass
class Balancer:
    arn: str
    name: str
    address: str  # the loopback address on which it listens: its DNSName
    settings: Json
    attributes: dict[str, str] = field(default_factory=lambda: dict(attributes.LOAD_BALANCER.defaults))

    def view(self) -> Json:
        return {
            "LoadBalancerArn": self.arn,
            "LoadBalancerName": self.name,
            "DNSName": self.address,
            "State": {"Code": "active"},
            **self.settings,
        }


def divides(actions: list[Json]) -> list[str]:
    """ARNs of the several target groups that the actions, in the form stored, divide requests among without group
    stickiness: no client is kept in one of them."""
    config = actions[-1].get("ForwardConfig", {})
    if config and config["TargetGroupStickinessConfig"]["Enabled"]:
        return []
    arns = [arn for arn, _ in forwards_to(actions)]
    return arns if len(arns) > 1 else []


def forwards_to(actions: list[Json]) -> list[tuple[str, int]]:
    """(target group ARN, weight) of every group that the actions, in the form stored, forward to."""
    return [
        (group["TargetGroupArn"], group["Weight"])
        for action in actions
        if action["Type"] == "forward"
        for group in action["ForwardConfig"]["TargetGroups"]
    ]
