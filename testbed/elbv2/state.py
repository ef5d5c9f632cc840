"""The state that the parts of the load balancing API share, and what finds things in it."""

import secrets
from collections.abc import Iterable
from typing import Any, Protocol

from ..wire import AwsError, Params, page
from .model import Address, Balancer, Json, Listener, Rule, TargetGroup, divides, forwards_to


class Addresses(Protocol):
    """Who gives loopback addresses to load balancers."""

    def load_balancer(self) -> str: ...

    def give_back(self, address: str) -> None: ...


def refused(what: str) -> AwsError:
    """AWS would carry this out, the bed does not: said by name, so that nothing is softer here than on AWS."""
    return AwsError("InvalidAction", f"The test bed does not serve {what}")


def within(name: str, value: int | None, low: int, high: int) -> None:
    """Raise AWS's ValidationError unless `value` is absent or between `low` and `high`."""
    if value is not None and not low <= value <= high:
        limit = f"less than or equal to {high}" if value > high else f"greater than or equal to {low}"
        text = f"Value '{value}' at '{name[0].lower()}{name[1:]}' failed to satisfy constraint: "
        text += f"Member must have value {limit}"
        raise AwsError("ValidationError", f"1 validation error detected: {text}")


def at_most(name: str, items: list[Any], limit: int) -> None:
    if len(items) > limit:
        text = f"Value at '{name[0].lower()}{name[1:]}' failed to satisfy constraint: "
        text += f"Member must have length less than or equal to {limit}"
        raise AwsError("ValidationError", f"1 validation error detected: {text}")


def tags_of(items: Iterable[Json]) -> dict[str, str]:
    """Tags as a dict. Raises DuplicateTagKeys and TooManyTags (50 a resource, user guide, "Tag restrictions")."""
    found: dict[str, str] = {}
    for item in items:
        key, value = item["Key"], item.get("Value", "")
        if key in found:
            raise AwsError("DuplicateTagKeys", f"Tag key '{key}' was specified more than once")
        if key.lower().startswith("aws:") or not 1 <= len(key) <= 128 or len(value) > 256:
            raise AwsError("ValidationError", f"Tag '{key}' is not valid")
        found[key] = value
    if len(found) > 50:
        raise AwsError("TooManyTags", "The maximum number of tags per resource is 50")
    return found


class State:
    """One region's load balancing. `revision` counts changes: the plane follows it without taking the lock."""

    def __init__(self, region: str, account: str, addresses: Addresses, scale: float) -> None:
        self.region, self.account, self.addresses, self.scale = region, account, addresses, scale
        self.balancers: dict[str, Balancer] = {}
        self.groups: dict[str, TargetGroup] = {}
        self.hosts: dict[Address, Address] = {}  # an instance and a host port: where the container behind it listens
        self.listeners: dict[str, Listener] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.revision = 0

    def new_arn(self, kind: str, name: str) -> str:
        return f"arn:aws:elasticloadbalancing:{self.region}:{self.account}:{kind}/{name}/{secrets.token_hex(8)}"

    def changed(self) -> None:
        self.revision += 1

    def group(self, arn: str) -> TargetGroup:
        if arn not in self.groups:
            raise AwsError("TargetGroupNotFound", "One or more target groups not found")
        return self.groups[arn]

    def listener(self, arn: str) -> Listener:
        if arn not in self.listeners:
            raise AwsError("ListenerNotFound", "One or more listeners not found")
        return self.listeners[arn]

    def balancer(self, arn: str) -> Balancer:
        if arn not in self.balancers:
            raise AwsError("LoadBalancerNotFound", f"Load balancer '{arn}' not found")
        return self.balancers[arn]

    def rule(self, arn: str) -> tuple[Listener, Rule]:
        for listener in self.listeners.values():
            for rule in listener.rules:
                if rule.arn == arn:
                    return listener, rule
        raise AwsError("RuleNotFound", "One or more rules not found")

    def balancers_of(self, group_arn: str) -> list[str]:
        """ARNs of the load balancers that route to a target group; a group in use has exactly one."""
        return sorted(
            {
                listener.balancer
                for listener in self.listeners.values()
                if any(arn == group_arn for rule in listener.rules for arn, _ in forwards_to(rule.actions))
            }
        )

    def check_stickiness(self, actions: list[Json]) -> None:
        """Case C24: "If you have a forward action with multiple target groups and one or more has sticky sessions
        enabled, you must enable target group stickiness" (user guide, "Edit target group attributes"; the words are
        those of argoproj/argo-rollouts#1577)."""
        if any(self.groups[arn].attributes["stickiness.enabled"] == "true" for arn in divides(actions)):
            text = "You must enable group stickiness on a rule if you enabled target stickiness on one of its target "
            raise AwsError("InvalidLoadBalancerAction", f"{text}groups")

    def page(self, items: list[Any], params: Params) -> tuple[list[Any], str | None]:
        """One page of a Describe answer (PageSize 1 to 400) and its NextMarker."""
        within("PageSize", params.get("PageSize"), 1, 400)
        return page(items, params, 400, "PageSize", "Marker")
