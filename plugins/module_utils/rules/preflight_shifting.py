# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether traffic can be shifted: the two target groups, the listener rules and the role of a load-balancer entry hang
together, and going back to ROLLING ends in the group that serves (case C60).

Source: "Application Load Balancer resources for blue/green, linear, and canary deployments" and "Amazon ECS
infrastructure IAM role for load balancers", Amazon ECS developer guide.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import (
    plan,
    preflight_network,
    runnable,
    strategies,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.checks import Check, check
from ansible_collections.steady.ecs.plugins.module_utils.rules.looks import group_name, groups_of, name_of

Answer = dict[str, Any]

ECS = "ecs.amazonaws.com"
TRUST = f"there, and {ECS} may assume it"
ALIKE = ("TargetType", "Protocol", "VpcId")
WHERE = "rollout_settings.loadBalancers"


@dataclass(frozen=True)
class Around:
    """What AWS answers of the parts, by ARN; what does not exist is missing."""

    rules: dict[str, Answer] = field(default_factory=dict)
    groups: dict[str, Answer] = field(default_factory=dict)
    attributes: dict[str, dict[str, str]] = field(default_factory=dict)


def is_asked(live: plan.Live, becoming: plan.Live) -> bool:
    """Whether the service shifts traffic, did so before, or is to."""
    return strategies.shifts(becoming.service) or bool(strategies.production_rules(live.service))


def rules_of(*services: Answer) -> list[str]:
    """ARNs of all listener rules that services name."""
    advanced = [each.get("advancedConfiguration") or {} for one in services for each in one.get("loadBalancers") or []]
    named = [each.get(name) for each in advanced for name in ("productionListenerRule", "testListenerRule")]
    return sorted({str(each) for each in named if each})


def pairs(service: Answer) -> list[Answer]:
    """The load-balancer entries of a service that have a second target group."""
    return [each for each in service.get("loadBalancers") or [] if len(groups_of(each)) > 1]


def roles_of(service: Answer) -> list[str]:
    """The roles by which ECS shifts traffic."""
    found = {str((each.get("advancedConfiguration") or {}).get("roleArn") or "") for each in pairs(service)}
    return sorted(found - {""})


def checks(
    live: plan.Live, becoming: plan.Live, around: Around, declared: dict[str, dict[str, str]]
) -> Iterator[Check]:
    """Of each entry its groups and rules; ``declared``: attributes that a group must have, by its ARN."""
    if not strategies.shifts(becoming.service):
        yield from _rolling(live, becoming, around)
        return
    for entry in pairs(becoming.service):
        yield _groups(entry, around)
        wanted = next((declared[arn] for arn in groups_of(entry) if arn in declared), None)
        if wanted:
            yield _attributes(entry, around, wanted)
        yield _production(entry, around)
        if entry["advancedConfiguration"].get("testListenerRule"):
            yield _test(entry, around)


def role(named: str, found: Answer | None) -> Check:
    """Whether ECS may assume the role. ``found``: what IAM answers of it; None: there is none of that name."""
    there = "it does not exist"
    if found is not None:
        lets_in = sorted(runnable.trusted(found.get("AssumeRolePolicyDocument") or {}))
        there = TRUST if ECS in lets_in else f"its trust policy lets in {', '.join(lets_in) or 'no service'}"
    return check(
        f"role {name_of(named)}", TRUST, there, there == TRUST,
        "Without it ECS cannot shift traffic. Create it with the policy "
        "AmazonECSInfrastructureRolePolicyForLoadBalancers, name another, or mend its trust policy.",
    )  # fmt: skip


def findings(becoming: plan.Live, around: Around, wait: int) -> list[str]:
    """What is no reason to refuse. ``wait``: seconds for which the rollout may be watched."""
    if not strategies.shifts(becoming.service):
        return []
    found = []
    minutes = strategies.minutes(becoming.service.get(strategies.CONFIGURATION) or {})
    if minutes * 60 >= wait:
        found.append(
            f"The strategy alone waits for {minutes:g} min, and the rollout is watched for {wait / 60:.0f} min: the "
            "run will end as interrupted, and the same command goes on. Raise rollout_wait_timeout to see the end."
        )
    for entry in pairs(becoming.service):
        found += _keeps_users(entry, around, becoming.service.get(strategies.CONFIGURATION) or {})
        first, second = (around.attributes.get(each) for each in groups_of(entry))
        differ = sorted(key for key in first or {} if second and second.get(key) != (first or {})[key])
        if differ:
            names = " and ".join(group_name(each) for each in groups_of(entry))
            found.append(
                f"{names} differ in {', '.join(differ)}, and production alternates between them: users would meet the "
                "one at one release and the other at the next. Give both the same (`aws elbv2 "
                "modify-target-group-attributes`)."
            )
        known = {**around.attributes, **becoming.attributes}
        sticky = [each for each in groups_of(entry) if preflight_network.by_application(known.get(each, {}))]
        if sticky:
            found.append(f"{' and '.join(map(group_name, sticky))}: {preflight_network.BY_APPLICATION}")
    return found


def _keeps_users(entry: Answer, around: Around, configuration: Answer) -> list[str]:
    """Whether the production rule keeps users to a group for longer than its tasks run on.

    "If a request [...] contains the cookie, the request is routed to the target group specified in the cookie" ("Sticky
    sessions for your Application Load Balancer"): no page excepts a weight of 0 or a group without targets, and
    argoproj/argo-rollouts#2726 has users who got 503.
    """
    rule = around.rules.get(str(entry["advancedConfiguration"].get("productionListenerRule"))) or {}
    forward = [each.get("ForwardConfig") or {} for each in rule.get("Actions") or []]
    kept = [each.get("TargetGroupStickinessConfig") or {} for each in forward]
    seconds = max((int(each.get("DurationSeconds") or 0) for each in kept if each.get("Enabled")), default=0)
    bakes = float(configuration.get("bakeTimeInMinutes") or 0) * 60
    if not seconds or seconds < bakes:
        return []
    return [
        f"The production listener rule keeps users to their group for {seconds} s after each request, and the old "
        f"tasks end {bakes:g} s after the shift: AWS may send such users to the old group even at weight 0, where "
        "they get 503 once it is empty. Set DurationSeconds of the rule's TargetGroupStickinessConfig below "
        "bakeTimeInMinutes and below the pause between two requests of a user (`aws elbv2 modify-rule`)."
    ]


def _groups(entry: Answer, around: Around) -> Check:
    first, second = (around.groups.get(each) for each in groups_of(entry))
    name = group_name(groups_of(entry)[1])
    wrong = ["it does not exist"] if second is None else []
    if first is not None and second is not None:
        wrong = [
            f"{key} is {second.get(key)}, not {first.get(key)}" for key in ALIKE if first.get(key) != second.get(key)
        ]
    return check(
        f"alternate target group {name}",
        f"there, and like {group_name(groups_of(entry)[0])}",
        wrong or "as expected",
        not wrong,
        f"The new version would be registered there. Correct {WHERE}, or make a group like the first.",
    )


def _attributes(entry: Answer, around: Around, declared: dict[str, str]) -> Check:
    arn = groups_of(entry)[1]
    now = around.attributes.get(arn, {})
    wrong = {key: now.get(key) for key, value in declared.items() if now.get(key) != value}
    pairs_of = " ".join(f"Key={key},Value={declared[key]}" for key in wrong)
    return check(
        f"attributes of {group_name(arn)}",
        {key: declared[key] for key in wrong} or "as declared",
        wrong or "as declared",
        not wrong,
        "Production alternates between the groups, so both need them: `aws elbv2 modify-target-group-attributes "
        f"--target-group-arn {arn} --attributes {pairs_of}`.",
    )


def _production(entry: Answer, around: Around) -> Check:
    arn = str(entry["advancedConfiguration"].get("productionListenerRule"))
    wrong = _wrong(arn, entry, around) or _splits_the_sticky(arn, entry, around)
    return check(
        "production listener rule",
        f"there, and forwards to {' or '.join(group_name(each) for each in groups_of(entry))} alone",
        wrong or "as expected",
        not wrong,
        f"ECS would shift no traffic. Correct productionListenerRule in {WHERE}, or the actions of the rule.",
    )


def _splits_the_sticky(arn: str, entry: Answer, around: Around) -> str:
    """A rule may forward to several groups of which one is sticky only if it keeps each user to one of them itself
    (case C24; "Sticky sessions for your Application Load Balancer", weighted target groups)."""
    sticky = [each for each in groups_of(entry) if around.attributes.get(each, {}).get("stickiness.enabled") == "true"]
    forward = [each.get("ForwardConfig") or {} for each in around.rules[arn].get("Actions") or []]
    if not sticky or any((each.get("TargetGroupStickinessConfig") or {}).get("Enabled") for each in forward):
        return ""
    names = ", ".join(group_name(each) for each in sticky)
    return f"{names} is sticky and the rule is not: enable its TargetGroupStickinessConfig (`aws elbv2 modify-rule`)"


def _test(entry: Answer, around: Around) -> Check:
    advanced = entry["advancedConfiguration"]
    arn = str(advanced["testListenerRule"])
    wrong = _wrong(arn, entry, around) or _splits_the_sticky(arn, entry, around)
    if arn == advanced.get("productionListenerRule"):
        wrong = "it is the production listener rule"
    return check(
        "test listener rule", "there, another one, and forwards to the pair alone", wrong or "as expected", not wrong,
        f"Correct testListenerRule in {WHERE}, or leave it out.",
    )  # fmt: skip


def _wrong(arn: str, entry: Answer, around: Around) -> str:
    if ":listener/" in arn:
        return f"{name_of(arn)} is a listener: those of Network Load Balancers are not served here"
    rule = around.rules.get(arn)
    if rule is None:
        return f"no rule {name_of(arn)}"
    others = [str(each.get("Type")) for each in rule.get("Actions") or [] if each.get("Type") != "forward"]
    if others:
        return f"it has actions that do not forward: {', '.join(others)}"
    targets = strategies.weights(rule)
    elsewhere = [group_name(each) for each in targets if each not in groups_of(entry)]
    if elsewhere or not targets:
        return f"it forwards to {', '.join(elsewhere) or 'no group'}"
    return ""


def _rolling(live: plan.Live, becoming: plan.Live, around: Around) -> Iterator[Check]:
    """A rolling service has one group, which must be the one that has the production traffic by now."""
    serving = strategies.serving(live.service, list(around.rules.values()))
    now = {strategies.port(each): str(each.get("targetGroupArn")) for each in serving.get("loadBalancers") or []}
    for entry in becoming.service.get("loadBalancers") or []:
        group, serves = str(entry.get("targetGroupArn")), now.get(strategies.port(entry))
        if serves is None:
            continue
        yield check(
            f"target group of {entry.get('containerName')} from now on",
            f"{group_name(serves)}, which has the production traffic",
            group_name(group),
            group == serves,
            f"Tasks in another group would get no requests. Declare {WHERE} with targetGroupArn {serves} and without "
            "advancedConfiguration.",
        )
