# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What preflight asks about the surroundings of a service: alarms, roles, subnets, listener rules, instances and so on.

Each is asked only where the declaration or the service has it, so that an ordinary release takes few calls.
"""

from __future__ import annotations

import functools
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import (
    alarms,
    change_sets,
    provenance,
    reads,
    registry,
    rotation,
)
from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import reading, region_of, translated
from ansible_collections.steady.ecs.plugins.module_utils.edges.registry import asked
from ansible_collections.steady.ecs.plugins.module_utils.rules import (
    checks,
    groups,
    images,
    ownership,
    plan,
    preflight_alarms,
    preflight_capacity,
    preflight_network,
    preflight_platform,
    preflight_shifting,
    readable,
    runnable,
    strategies,
    target_group,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.checks import Check
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.rules.looks import groups_of
from ansible_collections.steady.ecs.plugins.module_utils.rules.stack import Part
from ansible_collections.steady.ecs.plugins.module_utils.work import Task

Answer = dict[str, Any]
Found = tuple[list[Check], list[str]]
"""Checks, and findings in words."""

INSTANCES_A_CALL = 100
"""ECS API reference, DescribeContainerInstances."""

NEW_ROLE = 15
"""Seconds that a role which was made a moment ago may take to be seen (case C86)."""


def checks_of(
    task: Task, declared: plan.Declared, live: plan.Live, becoming: plan.Live
) -> tuple[list[Check], list[str], str]:
    """Checks, findings, and what no deployment alarm guards although it should, where that is accepted. ``becoming``:
    the service as the declaration would make it."""
    found, said = guards(task, declared, live, becoming)
    uncovered = preflight_alarms.cover(found) if task.params["without_alarm_cover"] else ""
    if uncovered:
        found, said = [each for each in found if each["ok"] is not False], [*said, uncovered]
    found += registry.checks_of(task, runnable.ground(becoming.definition), NEW_ROLE)
    said += rotation.before(task, live.definition)
    for more, findings in (
        subnets(task, declared, live),
        owners(task, declared, live),
        weighted_rules(task, declared, live),
        traffic(task, live, becoming),
        room(task, becoming),
        platforms(task, becoming.definition, live),
        shifting(task, declared, live, becoming),
        secrets(task, becoming.definition),
    ):
        found += more
        said += findings
    return found, said, uncovered


def guards(task: Task, declared: plan.Declared, live: plan.Live, becoming: plan.Live) -> Found:
    """Whether the alarms that guard the deployment can ring."""
    names = preflight_alarms.names(declared, live)
    if not names:
        return [], []
    answer = asked("deployment alarms", lambda: (alarms.named(task, names),))
    if not isinstance(answer, tuple):
        return [answer], []
    there, unfed, unasked = answer[0], set[str](), list[Check]()
    for name, metric in preflight_alarms.metrics(there).items():
        fed = asked(f"metric of the deployment alarm {name}", functools.partial(alarms.fed, task, metric))
        if isinstance(fed, dict):
            unasked.append(fed)
        elif not fed:
            unfed.add(name)
    found = list(preflight_alarms.checks(names, there, unfed))
    said = [*preflight_alarms.elsewhere(there, becoming), *preflight_alarms.one_sided(there, becoming)]
    return [*found, *unasked], said


def subnets(task: Task, declared: plan.Declared, live: plan.Live) -> Found:
    """Whether a load balancer reaches tasks in subnets that are declared anew."""
    wanted = preflight_network.new_subnets(declared, live)
    if not wanted:
        return [], []
    answer = asked("declared subnets", lambda: (_subnets(task, wanted),))
    if not isinstance(answer, tuple):
        return [answer], []
    balancers = sorted({arn for group in live.groups for arn in group.get("LoadBalancerArns", [])})
    zones = asked("zones of the load balancer", lambda: (_zones(task, balancers),)) if balancers else (set(),)
    unasked = [] if isinstance(zones, tuple) else [zones]
    known = zones[0] if isinstance(zones, tuple) else set()
    found = list(preflight_network.subnets(wanted, answer[0], live.groups, known))
    return [*found, *unasked], preflight_network.one_zone(answer[0])


def owners(task: Task, declared: plan.Declared, live: plan.Live) -> Found:
    """Whether the attributes that would change are ours to set. A plan is shown all the same, with a finding."""
    found: list[Check] = []
    if declared.owner == ownership.STACK:
        found = through_stacks(task, change_sets.parts(declared, live))
    elif declared.owner != ownership.STEADY:
        for part in plan.parts(declared, live):
            differences = part.differences(live.attributes[part.arn])
            found += _owner(task, declared.owner, part, differences) if differences else []
    if not task.check_mode:
        return found, []
    return [each for each in found if each["ok"] is not False], [checks.sentence(each) for each in checks.failed(found)]


def through_stacks(task: Task, wanted: list[Part]) -> list[Check]:
    """Whether the stacks of these groups can set what is wanted."""
    found = []
    for each in change_sets.planned(task, wanted):
        for part in each.parts:
            tags = {ownership.STACK_NAME: each.name, ownership.LOGICAL_ID: part.logical_id} if each.name else {}
            differences = target_group.compare(part.wanted, part.live, part.name)
            found.append(ownership.through_stack(part.name, differences, tags, each.words, each.problem))
    return found


def _owner(task: Task, owner: str | None, part: groups.Part, differences: list[Difference]) -> list[Check]:
    if owner is not None:
        return [ownership.elsewhere(owner, part.name, differences)]
    tags = asked(f"owner of {part.name}", lambda: (reads.target_group_tags(task, part.arn),))
    known = tags[0] if isinstance(tags, tuple) else {}
    unasked = [] if isinstance(tags, tuple) else [tags]
    others = asked(f"targets of {part.name}", lambda: (_in_group(task, part),))
    alone = ownership.shared(part.name, *others[0]) if isinstance(others, tuple) else others
    return [*(unasked or [ownership.of_a_stack(part.name, differences, known)]), alone]


def _in_group(task: Task, part: groups.Part) -> tuple[list[Answer], list[Answer]]:
    """The targets of a group, then the tasks of the service, those that have stopped too where they explain one."""
    cluster, name = task.params["cluster"], task.params["service"]
    targets = reads.target_health(task, part.arn) if part.group.get("TargetType") == "ip" else []
    if not targets:
        return [], []
    running = reads.tasks(task, cluster, name)
    if ownership.shared(part.name, targets, running)["ok"]:
        return targets, running
    return targets, running + reads.tasks(task, cluster, name, "STOPPED")


def weighted_rules(task: Task, declared: plan.Declared, live: plan.Live) -> Found:
    """Whether the listener rules let target groups become sticky."""
    found: list[Check] = []
    for each in preflight_network.become_sticky(declared, live):
        group, applications = each["group"], each["by_application"]
        arn, balancers = str(group["TargetGroupArn"]), group.get("LoadBalancerArns", [])
        answer = asked(f"rules of {group['TargetGroupName']}", functools.partial(_rules, task, balancers))
        checked = preflight_network.weighted(arn, applications, answer) if isinstance(answer, list) else answer
        found.append(checked)
    return found, []


def traffic(task: Task, live: plan.Live, becoming: plan.Live) -> Found:
    """Whether the target groups that a service gets exist, and are reached by anybody."""
    gained, new = preflight_network.gained(live, becoming), preflight_network.new_groups(live, becoming)
    # Of what is no ARN of a group Elastic Load Balancing would refuse the whole call.
    named = [each for each in sorted({*gained, *new}) if ":targetgroup/" in each]
    there = {str(each["TargetGroupArn"]): each for each in reads.target_groups(task, named)}
    found = [preflight_network.there(each, each in there) for each in gained]
    for group in [there[each] for each in new if each in there]:
        if group.get("Protocol") not in ("HTTP", "HTTPS"):
            continue  # listeners of other load balancers have no rules
        read = functools.partial(_rules, task, group.get("LoadBalancerArns", []))
        answer = asked(f"rules of {group['TargetGroupName']}", read)
        arn = str(group["TargetGroupArn"])
        found.append(preflight_network.served(arn, answer) if isinstance(answer, list) else answer)
    return found, []


def room(task: Task, becoming: plan.Live) -> Found:
    """Whether a new task finds room on the cluster's instances."""
    if not preflight_capacity.is_asked(becoming.service):
        return [], []
    answer = asked(preflight_capacity.NAME, lambda: (_instances(task),))
    if not isinstance(answer, tuple):
        return [answer], []
    need = preflight_capacity.needed(becoming.definition)
    return [preflight_capacity.room(need, answer[0], becoming.service)], []


def platforms(task: Task, content: Answer, live: plan.Live) -> Found:
    """Whether images that do not run yet have the architecture that the revision asks for."""
    asks, region = preflight_platform.wanted(content), region_of(task)
    found: list[Check] = []
    for name, containers in preflight_platform.to_ask(content, live.definition).items():
        reference = images.reference(name)
        if reference.ecr and reference.ecr[1] != region:
            continue  # of which the check of the image says so
        answer = asked(f"platform of image {name}", functools.partial(_architectures, task, reference))
        if isinstance(answer, dict):
            found.append(answer)
        elif answer:
            found.append(preflight_platform.platform(name, containers, asks, answer))
    return found, []


def shifting(task: Task, declared: plan.Declared, live: plan.Live, becoming: plan.Live) -> Found:
    """Whether the parts by which a strategy shifts traffic hang together."""
    if not preflight_shifting.is_asked(live, becoming):
        return [], []
    answer = asked("what traffic is shifted by", lambda: (_around(task, live, becoming),))
    if not isinstance(answer, tuple):
        return [answer], []
    wanted = plan.attributes(declared, live)
    found = list(preflight_shifting.checks(live, becoming, answer[0], wanted))
    for named in preflight_shifting.roles_of(becoming.service) if strategies.shifts(becoming.service) else []:
        role = asked(f"role {named}", functools.partial(_role, task, named))
        found.append(preflight_shifting.role(named, role[0]) if isinstance(role, tuple) else role)
    return found, preflight_shifting.findings(becoming, answer[0], task.params["wait_timeout"])


def _role(task: Task, named: str) -> tuple[Answer | None]:
    return (registry.role(task, named),)


def _around(task: Task, live: plan.Live, becoming: plan.Live) -> preflight_shifting.Around:
    rules = reads.listener_rules(task, preflight_shifting.rules_of(live.service, becoming.service))
    arns = sorted({arn for each in preflight_shifting.pairs(becoming.service) for arn in groups_of(each)})
    groups = {str(each["TargetGroupArn"]): each for each in reads.target_groups(task, arns)}
    return preflight_shifting.Around(
        rules={str(each["RuleArn"]): each for each in rules},
        groups=groups,
        attributes={arn: reads.target_group_attributes(task, arn) for arn in groups},
    )


def secrets(task: Task, content: Answer) -> Found:
    """Whether the execution role may read what the containers are given."""
    wanted = readable.wanted(content, task.params["account"], region_of(task))
    if not wanted:
        return [], []
    role = str(content["executionRoleArn"])
    answer = asked(readable.NAME, lambda: (_simulated(task, role, wanted),))
    if not isinstance(answer, tuple):
        return [answer], []
    said = readable.decisions(answer[0])
    return [readable.judged(arn, do, who, role, said.get((do, arn))) for arn, (do, who) in wanted.items()], []


def _simulated(task: Task, role: str, wanted: dict[str, tuple[str, list[str]]]) -> list[Answer]:
    with translated(f"Asking what {role} may read (iam:SimulatePrincipalPolicy)"):
        pages = reading(task, "iam").get_paginator("simulate_principal_policy")
        actions = sorted({action for action, _who in wanted.values()})
        found = pages.paginate(PolicySourceArn=role, ActionNames=actions, ResourceArns=sorted(wanted))
        return [each for page in found for each in page["EvaluationResults"]]


def _subnets(task: Task, ids: list[str]) -> dict[str, Answer]:
    # By a filter, for an id that does not exist would make EC2 refuse the whole call.
    with translated("Reading the declared subnets (ec2:DescribeSubnets)"):
        answer = reading(task, "ec2").describe_subnets(Filters=[{"Name": "subnet-id", "Values": ids}])
    return {each["SubnetId"]: each for each in answer["Subnets"]}


def _zones(task: Task, balancers: list[str]) -> set[str]:
    with translated("Reading the load balancer's zones (elasticloadbalancing:DescribeLoadBalancers)"):
        answer = reading(task, "elbv2").describe_load_balancers(LoadBalancerArns=balancers)
    return {zone["ZoneName"] for each in answer["LoadBalancers"] for zone in each.get("AvailabilityZones", [])}


def _rules(task: Task, balancers: list[str]) -> list[Answer]:
    doing = "Reading the listener rules (elasticloadbalancing:DescribeListeners, elasticloadbalancing:DescribeRules)"
    with translated(doing):
        elb, found = reading(task, "elbv2"), list[Answer]()
        for balancer in balancers:
            for page in elb.get_paginator("describe_listeners").paginate(LoadBalancerArn=balancer):
                for listener in page["Listeners"]:
                    for rules in elb.get_paginator("describe_rules").paginate(ListenerArn=listener["ListenerArn"]):
                        found += rules["Rules"]
    return found


def _instances(task: Task) -> list[Answer]:
    cluster = task.params["cluster"]
    doing = f"Reading the instances of {cluster} (ecs:ListContainerInstances, ecs:DescribeContainerInstances)"
    found: list[Answer] = []
    with translated(doing):
        ecs = reading(task, "ecs")
        pages = ecs.get_paginator("list_container_instances").paginate(cluster=cluster, status="ACTIVE")
        arns = [arn for page in pages for arn in page["containerInstanceArns"]]
        for start in range(0, len(arns), INSTANCES_A_CALL):
            some = arns[start : start + INSTANCES_A_CALL]
            found += ecs.describe_container_instances(cluster=cluster, containerInstances=some)["containerInstances"]
    return found


def _architectures(task: Task, image: images.Reference) -> list[str]:
    """Those that an image has; empty where it is not there, or its manifest does not tell."""
    wanted = {"imageDigest": image.digest} if image.digest else {"imageTag": image.tag or "latest"}
    try:
        manifest = provenance.manifest(task, image, wanted)
        listed = preflight_platform.offered(manifest)
        if listed is not None:
            return listed
        return [str(provenance.configuration(task, image, manifest)["architecture"])]
    except (ValueError, LookupError, TypeError, AttributeError):
        return []
