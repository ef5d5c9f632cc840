# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether new tasks will be reached: subnets that are declared anew, and listener rules that forward to several groups.

What is live has proven itself, and neither a subnet with tasks in it nor a group with a rule goes away by itself. So
these are asked only about what the declaration changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import plan, strategies, target_group
from ansible_collections.steady.ecs.plugins.module_utils.rules.checks import Check, check
from ansible_collections.steady.ecs.plugins.module_utils.rules.looks import group_name, groups_of, name_of

Answer = dict[str, Any]

BY_APPLICATION = (
    "Application-based stickiness does not work with weighted target groups, so users would change tasks. Declare "
    f"{target_group.TYPE} lb_cookie."
)


def new_subnets(declared: plan.Declared, live: plan.Live) -> list[str]:
    """The declared subnets, when they are others than the live ones."""
    wanted, now = _subnets(declared.settings), _subnets(live.service)
    return wanted if set(wanted) - set(now) else []


def subnets(wanted: list[str], found: dict[str, Answer], groups: list[Answer], zones: set[str]) -> Iterator[Check]:
    """Whether a load balancer reaches tasks there. ``found``: by id, what EC2 answers; ``zones``: those of the load
    balancer, empty where they are not known.

    A target in a zone that its load balancer does not have gets no requests ("Target health reason codes",
    Target.NotInUse, Elastic Load Balancing user guide).
    """
    gone = [each for each in wanted if each not in found]
    yield check(
        "declared subnets", "there", f"{', '.join(gone)}: no such subnet" if gone else "there", not gone,
        "Correct rollout_settings.networkConfiguration.",
    )  # fmt: skip
    expected = sorted({str(each["VpcId"]) for each in groups if each.get("VpcId")})
    vpcs = sorted({str(each["VpcId"]) for each in found.values()})
    if expected and found:
        yield check(
            "VPC of the declared subnets", expected, vpcs, set(vpcs) <= set(expected),
            "The target group takes targets of its own VPC alone: declare subnets there.",
        )  # fmt: skip
    deaf = [f"{name} is in {each['AvailabilityZone']}" for name, each in found.items() if zones]
    deaf = [said for said in deaf if said.rpartition(" ")[2] not in zones]
    if zones:
        yield check(
            "zones of the declared subnets", f"among the load balancer's: {', '.join(sorted(zones))}",
            deaf or "as expected", not deaf,
            "Tasks there would never become healthy. Enable the zone (`aws elbv2 set-subnets`), or "
            "declare other subnets.",
        )  # fmt: skip


def one_zone(found: dict[str, Answer]) -> list[str]:
    """Whether all declared subnets would fail together."""
    zones = {str(each["AvailabilityZone"]) for each in found.values()}
    if len(zones) != 1:
        return []
    return [f"All declared subnets are in {zones.pop()}: when that zone fails, no task is left. Declare two zones."]


def become_sticky(declared: plan.Declared, live: plan.Live) -> list[Answer]:
    """The target groups whose stickiness the declaration switches on, or makes another. Raises DeclarationError.

    Each is ``{"group": as AWS describes it, "by_application": bool}``.
    """
    found, attributes = [], plan.attributes(declared, live)
    for group in live.groups:
        now = live.attributes[group["TargetGroupArn"]]
        wanted = {**now, **attributes.get(group["TargetGroupArn"], {})}
        stays = all(now.get(key) == wanted.get(key) for key in (target_group.STICKY, target_group.TYPE))
        if wanted.get(target_group.STICKY) == "true" and not stays:
            found.append({"group": group, "by_application": by_application(wanted)})
    return found


def by_application(attributes: dict[str, str]) -> bool:
    """Whether a cookie of the application's begins the stickiness of a group."""
    return attributes.get(target_group.STICKY) == "true" and attributes.get(target_group.TYPE) == "app_cookie"


def weighted(group: str, applications: bool, rules: Iterable[Answer]) -> Check:
    """Whether a group may become sticky: behind a rule that forwards to several, the rule has to be first (case C24),
    and where the cookie is the application's (``applications``: stickiness.type app_cookie) there may be none.

    Elastic Load Balancing refuses the first otherwise, and "application-based stickiness does not work with weighted
    target groups" ("Sticky sessions for your Application Load Balancer").
    """
    split = [(name_of(rule.get("RuleArn")), _split(group, rule, applications)) for rule in rules]
    wrong = [f"rule {name}: {', '.join(names)}" for name, names in split if names]
    remedy = (
        "AWS would refuse it in the middle of the release. Enable the rule's TargetGroupStickinessConfig first "
        "(`aws elbv2 modify-rule`), or leave stickiness off."
    )
    return check(
        f"stickiness of {group_name(group)}",
        "no rule that forwards to several groups" + ("" if applications else " without stickiness of its own"),
        wrong or "as expected",
        not wrong,
        BY_APPLICATION if applications else remedy,
    )


def new_groups(live: plan.Live, becoming: plan.Live) -> list[str]:
    """ARNs of the groups that a service which shifts no traffic gets in the place of others. Of one that shifted it
    until now :mod:`preflight_shifting` says which group serves."""
    if strategies.shifts(becoming.service) or strategies.production_rules(live.service):
        return []
    had, gets = (
        [str(each["targetGroupArn"]) for each in one.service.get("loadBalancers") or [] if each.get("targetGroupArn")]
        for one in (live, becoming)
    )
    return [] if set(had) <= set(gets) else [each for each in gets if each not in had]


def gained(live: plan.Live, becoming: plan.Live) -> list[str]:
    """ARNs of the groups that the service does not have yet; of a pair between which traffic is to be shifted
    :mod:`preflight_shifting` judges the second."""
    had = {arn for entry in live.service.get("loadBalancers") or [] for arn in groups_of(entry)}
    wanted = [groups_of(entry) for entry in becoming.service.get("loadBalancers") or []]
    shown = 1 if strategies.shifts(becoming.service) else 2
    return sorted({arn for pair in wanted for arn in pair[:shown]} - had)


def there(group: str, is_there: bool) -> Check:
    """Whether a group that the service gets exists."""
    return check(
        f"target group {group_name(group)}",
        "exists",
        "as expected" if is_there else f"no target group has the ARN {group}",
        is_there,
        "ECS would refuse it: correct rollout_settings.loadBalancers, or make the group first.",
    )


def served(group: str, rules: Iterable[Answer]) -> Check:
    """Whether anybody reaches a group that a service gets: a pair that it had once leaves one group without traffic,
    and ECS takes either (case C60)."""
    weights = [strategies.weights(rule)[group] for rule in rules if group in strategies.weights(rule)]
    found = f"weight {max(weights)}" if weights else "no rule forwards to it"
    return check(
        f"requests for {group_name(group)}",
        "a listener rule that forwards to it",
        found,
        any(weights),
        "Tasks in it would get no requests, and those of the group before would end. Declare the group that serves, or "
        "give this one its weight first (`aws elbv2 modify-rule`).",
    )


def _split(group: str, rule: Answer, applications: bool) -> list[str]:
    """Names of the groups among which a rule divides requests, this one among them, so that a user is not kept to one
    target."""
    for action in rule.get("Actions", []):
        forward = action.get("ForwardConfig") or {}
        arns = [str(each["TargetGroupArn"]) for each in forward.get("TargetGroups", [])]
        keeps = (forward.get("TargetGroupStickinessConfig") or {}).get("Enabled") and not applications
        if len(arns) > 1 and group in arns and not keeps:
            return [group_name(each) for each in arns]
    return []


def _subnets(settings: Answer) -> list[str]:
    network = settings.get("networkConfiguration")
    inner = network.get("awsvpcConfiguration") if isinstance(network, dict) else None
    listed = inner.get("subnets") if isinstance(inner, dict) else None
    return [str(each) for each in listed] if isinstance(listed, list) else []
