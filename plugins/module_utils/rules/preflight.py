# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The checks before the first write: identity, how the parts hang together, and whether the declaration can be meant.

Everything that is wrong is found at once; only a wrong identity ends the questions, for what another account answers
about a service of the same name is of no use (case C94).
"""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import looks, plan
from ansible_collections.steady.ecs.plugins.module_utils.rules.checks import Check, check
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.rules.task_definition_shape import Model

Answer = dict[str, Any]


def identity(account: str, caller: Answer) -> Check:
    """Whether the credentials belong to the declared account (sts:GetCallerIdentity)."""
    return check(
        "account",
        account,
        caller["Account"],
        caller["Account"] == account,
        f"The credentials are those of {caller['Arn']}. Set service_profile or AWS_PROFILE to one of account "
        f"{account}, or correct service_account. Nothing else was asked.",
    )


def place(account: str, region: str, live: plan.Live) -> Check:
    """Whether every ARN lies in the declared account and Region."""
    arns = [live.service["serviceArn"], live.service["taskDefinition"], *_group_arns(live.service)]
    elsewhere = sorted({arn for arn in arns if arn.split(":")[3:5] != [region, account]})
    return check(
        "account and Region of all parts",
        f"{account}, {region}",
        elsewhere or f"{account}, {region}",
        not elsewhere,
        "Correct service_account and service_region, or give the service parts of its own account and Region.",
    )


def service(live: plan.Live) -> list[Check]:
    """Whether the service is one that a rolling release can be made of (cases C36, C40)."""
    answer = live.service
    controller = (answer.get("deploymentController") or {}).get("type", "ECS")
    strategy = (answer.get("deploymentConfiguration") or {}).get("strategy", "ROLLING")
    return [
        check("service is active", "ACTIVE", answer["status"], answer["status"] == "ACTIVE", "It is being deleted."),
        check(
            "deployment controller",
            "ECS",
            controller,
            controller == "ECS",
            "This service is deployed by another tool: use CodeDeploy's or the external controller's own commands.",
        ),
        check(
            "deployment strategy",
            "ROLLING",
            strategy,
            strategy == "ROLLING",
            "Only rolling deployments are served so far; this one's hooks and alternate target group need the AWS CLI.",
        ),
    ]


def balancing(live: plan.Live) -> list[Check]:
    """Whether container, port, target group and listener hang together (case C29)."""
    there = {each["TargetGroupArn"]: each for each in live.groups}
    ports = {
        (container["name"], mapping["containerPort"])
        for container in live.definition["containerDefinitions"]
        for mapping in container.get("portMappings", [])
    }
    found: list[Check] = []
    for entry in live.service.get("loadBalancers", []):
        arn, pair = entry.get("targetGroupArn", ""), (entry.get("containerName"), entry.get("containerPort"))
        name = f"target group {_name(arn)}"
        group = there.get(arn)
        found.append(
            check(
                name,
                "exists and is used by a listener",
                "deleted" if group is None else "used" if group.get("LoadBalancerArns") else "no listener uses it",
                bool(group and group.get("LoadBalancerArns")),
                "ECS cannot register tasks in it: restore the listener rule or the group, or give the service another.",
            )
        )
        found.append(
            check(
                f"{name}: container and port",
                f"{pair[0]}:{pair[1]}",
                sorted(f"{container}:{port}" for container, port in ports),
                pair in ports,
                "The live revision does not map that port: correct the service's load balancer entry.",
            )
        )
    return found


def declaration(declared: plan.Declared, live: plan.Live, model: Model) -> list[Check]:
    """Whether the declaration can be meant: names, types, ranges, containers that exist."""
    name, expected = "declaration", "names and values that AWS takes"
    try:
        if declared.target_group and not declared.attributes:
            plan.group_arn(declared, live)
        count = len(plan.differences(declared, live, model))
    except DeclarationError as wrong:
        return [check(name, expected, wrong.msg, False, "Correct it in the inventory.")]
    return [check(name, expected, f"{count} differences", True)]


def under_way(declared: plan.Declared, live: plan.Live, model: Model, going_back: bool) -> Check:
    """Whether somebody else's deployment is in progress. One of the declared content is ours to resume."""
    primary = looks.primary(live.service)
    busy = primary.get("rolloutState") == "IN_PROGRESS"
    try:
        ours = going_back or not plan.differences(declared, live, model)
    except DeclarationError:
        ours = False
    return check(
        "no other deployment under way",
        "none",
        f"{primary.get('id')} of {looks.name_of(primary.get('taskDefinition'))}, since {primary.get('createdAt')}"
        if busy
        else "none",
        not busy or ours,
        "Wait until it has ended, or go back with the rollback playbook, which stops it.",
    )


def cautions(live: plan.Live) -> list[str]:
    """What is no reason to refuse, and should be known."""
    found = []
    breaker = (live.service.get("deploymentConfiguration") or {}).get("deploymentCircuitBreaker") or {}
    if not (breaker.get("enable") and breaker.get("rollback")):
        found.append(
            "ECS's circuit breaker with rollback is off: a failing deployment is replaced over and over until the run "
            "gives up. Declare rollout_settings.deploymentConfiguration.deploymentCircuitBreaker."
        )
    if live.definition.get("status") != "ACTIVE":
        found.append(
            f"The live revision {looks.name_of(live.service['taskDefinition'])} is INACTIVE: UpdateService does not "
            "take it any more, so going back to it needs a new revision of the same content."
        )
    return found


def _group_arns(answer: Answer) -> list[str]:
    return [each["targetGroupArn"] for each in answer.get("loadBalancers", []) if each.get("targetGroupArn")]


def _name(arn: str) -> str:
    return arn.split("/")[1] if "/" in arn else arn or "(none)"
