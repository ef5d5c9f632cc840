# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One look at a service during a rollout: what was read together, and what belongs to which deployment in it."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass, field
from typing import Any

Answer = dict[str, Any]

SAME_START = datetime.timedelta(seconds=60)
"""How far apart ECS may date a deployment and the service deployment that carries it out."""


@dataclass(frozen=True)
class Look:
    """What AWS answered at one moment of the wait."""

    service: Answer
    service_deployment: Answer | None = None
    """None where the endpoint does not offer them, or while ours is not listed yet."""
    tasks: list[Answer] = field(default_factory=list)
    """Tasks of the service that are to run, and those that were stopped if they were read."""
    targets: dict[str, list[Answer]] = field(default_factory=dict)
    """Targets by the ARN of their group, as reads.target_health gives them."""


def controller(service: Answer) -> str:
    """Who deploys a service: ``ECS``, ``CODE_DEPLOY`` or ``EXTERNAL``; the others keep no deployments of ECS's own
    (case C36)."""
    return str((service.get("deploymentController") or {}).get("type", "ECS"))


def deployed_otherwise(found: str) -> str:
    """What to use for a service of this controller ("Migrate CodeDeploy blue/green deployments to Amazon ECS blue/green
    deployments", developer guide; API reference, CreateTaskSet)."""
    if found == "CODE_DEPLOY":
        return (
            "Deploy it with AWS CodeDeploy (`aws deploy create-deployment`), or move it to the controller ECS, with a "
            "strategy of ECS's own: `aws ecs update-service --deployment-controller type=ECS`."
        )
    return (
        "Deploy it with the tool that makes its task sets (`aws ecs create-task-set`), or make the service anew with "
        "the controller ECS."
    )


def primary(service: Answer) -> Answer:
    """The PRIMARY deployment of a service; an empty one where the controller keeps no deployments (case C36)."""
    return next((each for each in service.get("deployments", []) if each.get("status") == "PRIMARY"), {})


def listed_as(ours: Answer, service: Answer) -> Answer | None:
    """Our deployment as the service lists it now; None when it does not (yet, or no longer)."""
    return next((each for each in service.get("deployments", []) if each.get("id") == ours["id"]), None)


def newer(lead: Answer, ours: Answer) -> bool:
    """Whether a deployment began after ours, by AWS's clock; an older one seen after ours is a stale read."""
    if not lead or lead.get("id") == ours["id"]:
        return False
    return bool(lead.get("createdAt") and ours.get("createdAt") and lead["createdAt"] > ours["createdAt"])


def previous_revision(live: Answer, resumes: bool) -> str:
    """The revision before: the live one, or, when a rollout is resumed, that of the deployment which it replaces: of
    several the one that was completed, for the others were replaced, or failed, on their own way."""
    earlier = [each for each in live["deployments"] if each.get("status") != "PRIMARY"] if resumes else []
    complete = [each for each in earlier if each.get("rolloutState") == "COMPLETED"]
    return str(next(iter(complete or earlier), live)["taskDefinition"])


def name_of(arn: Any) -> str:
    """The last part of an ARN: ``web:75``, a task's id, a target group's name and id."""
    return str(arn or "").rsplit("/", 1)[-1]


def moment(found: Any, otherwise: str) -> str:
    """A time of AWS's for people; ``otherwise`` where it gives none."""
    return f"{found:%Y-%m-%d %H:%M:%S %Z}".strip() if isinstance(found, datetime.datetime) else otherwise


def group_name(arn: str) -> str:
    """The name in a target group's ARN."""
    parts = arn.split("/")
    return parts[1] if len(parts) > 2 else arn


def newest_service_deployment(listed: list[Answer]) -> Answer | None:
    """The one that began last; None when none is listed."""
    return max(listed, key=lambda each: each["createdAt"], default=None)


def own_service_deployment(ours: Answer, listed: list[Answer], known: set[str]) -> str | None:
    """ARN of the service deployment that carries out ``ours``, or None while it is not listed.

    DescribeServices names no service deployment, so it is the one that began with ours; ``known`` are those that were
    listed before our call, which cannot be it.
    """
    began = ours.get("createdAt")
    if began is None:
        return None
    apart = {
        each["serviceDeploymentArn"]: abs(each["createdAt"] - began)
        for each in listed
        if each["serviceDeploymentArn"] not in known and each.get("createdAt")
    }
    nearest = min(apart, key=lambda arn: apart[arn], default=None)
    return nearest if nearest is not None and apart[nearest] <= SAME_START else None


def carried_out(rollout: Answer, service: Answer) -> Answer:
    """The listed deployment that a service deployment carries out, the inverse of :func:`own_service_deployment`; where
    none is (any more), all that is known of it."""
    began, arn = rollout["createdAt"], rollout["serviceDeploymentArn"]
    dated = [each for each in service.get("deployments", []) if own_service_deployment(each, [rollout], set())]
    unlisted = {"id": f"(service deployment {name_of(arn)})", "taskDefinition": ""}
    return min(dated, key=lambda each: abs(each["createdAt"] - began), default=unlisted)


def own_tasks(ours: Answer, tasks: list[Answer]) -> list[Answer]:
    """The tasks that ``ours`` started: ECS writes the deployment's id into ``startedBy``."""
    return [each for each in tasks if each.get("startedBy") == ours["id"]]


def is_running(task: Answer) -> bool:
    """Whether a task runs and is meant to go on running."""
    return task.get("lastStatus") == "RUNNING" and task.get("desiredStatus") == "RUNNING"


def addresses_of(task: Answer) -> list[str]:
    """The addresses of a task's network interface, as AWS writes them; none in bridge and host mode.

    In IPv6-only subnets there is none but ``ipv6Address`` ("Using a VPC in IPv6-only mode", developer guide; API
    reference, NetworkInterface), and it is what an IPv6 target group knows the task by.
    """
    details = [each for attachment in task.get("attachments", []) for each in attachment.get("details", [])]
    found = [each.get("value") for each in details if each.get("name") == "privateIPv4Address"]
    interfaces = [each for container in task.get("containers", []) for each in container.get("networkInterfaces") or []]
    found += [each.get(name) for name in ("privateIpv4Address", "ipv6Address") for each in interfaces]
    return list(dict.fromkeys(str(each) for each in found if each))


def address_of(task: Answer) -> str:
    """The address that a task is called by; empty in bridge and host mode."""
    return next(iter(addresses_of(task)), "")


def comparable(address: Any) -> Any:
    """An address in the form in which equal means equal, for IPv6 has several (RFC 5952); what is none, as it is."""
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        return address


def serving_container(service: Answer) -> str:
    """The container that the first load balancer asks; empty without one."""
    balancers = service.get("loadBalancers") or [{}]
    return str(balancers[0].get("containerName", ""))


def groups_of(balancer: Answer) -> list[str]:
    """The target groups that a task of this load-balancer entry may be registered in: one, or one of the pair between
    which ECS shifts traffic (AdvancedConfiguration, ECS API reference)."""
    pair = balancer.get("advancedConfiguration")
    other = pair.get("alternateTargetGroupArn") if isinstance(pair, dict) else None  # declared, it may be anything
    return [str(each) for each in (balancer.get("targetGroupArn"), other) if each]


def serving_group(wanted: str | None, service: Answer) -> str | None:
    """The group that is meant by a name or ARN: of a pair, the one that serves, whichever of both is named.

    ``service`` names the serving one first (strategies.serving).
    """
    for balancer in service.get("loadBalancers", []):
        if wanted in [name for arn in groups_of(balancer) for name in (arn, group_name(arn))]:
            return str(balancer["targetGroupArn"])
    return wanted


def registered_in(task: Answer, balancer: Answer, look: Look) -> tuple[str, list[Answer]]:
    """The group of this entry that has targets of a task, and these targets; the first group where none has."""
    groups = groups_of(balancer)
    found = {each: targets_of(task, balancer, look.targets.get(each, [])) for each in groups}
    group = next((each for each in groups if found[each]), groups[0] if groups else "")
    return group, found.get(group, [])


def targets_of(task: Answer, balancer: Answer, targets: list[Answer]) -> list[Answer]:
    """The targets of one task in the group of one load-balancer entry, by address and port.

    Without a network interface of its own the task is known by its host port: the instance's id is not in the answer.
    """
    own = {comparable(each) for each in addresses_of(task)}
    if own:
        port = balancer.get("containerPort")
        return [each for each in targets if each["port"] == port and comparable(each["address"]) in own]
    ports = {
        binding.get("hostPort")
        for container in task.get("containers", [])
        if container.get("name") == balancer.get("containerName")
        for binding in container.get("networkBindings", [])
        if binding.get("containerPort") == balancer.get("containerPort")
    }
    return [each for each in targets if each["port"] in ports and each["state"] != "draining"]


def unhealthy(task: Answer, look: Look) -> str:
    """Why a running task is not in service yet, in words; empty when it is, in every group (case C55)."""
    if task.get("healthStatus") == "UNHEALTHY":
        return f"{name_of(task['taskArn'])[:8]}: its container health check fails"
    for balancer in look.service.get("loadBalancers", []):
        group, found = registered_in(task, balancer, look)
        if not group:
            continue
        who = (
            f"{address_of(task) or name_of(task['taskArn'])[:8]}:{balancer.get('containerPort')} in {group_name(group)}"
        )
        if not found:
            return f"{who} is not registered"
        for each in found:
            if each["state"] != "healthy":
                why = ": ".join(text for text in (each["reason"], each["description"]) if text)
                return f"{who} is {each['state']}" + (f" ({why})" if why else "")
    return ""


def has_health_checks(service: Answer, definition: Answer) -> bool:
    """Whether ECS checks the health of a service's tasks: by load balancers, service registries or essential
    containers' own checks (developer guide, deployment circuit breaker). Of a revision that cannot be read it is
    assumed."""
    essential = [each for each in definition.get("containerDefinitions", []) if each.get("essential", True)]
    own = any(each.get("healthCheck") for each in essential)
    return bool(not definition or own or service.get("loadBalancers") or service.get("serviceRegistries"))


def is_in_service(task: Answer, look: Look) -> bool:
    """Whether a running task has passed its health checks: the load balancers', its containers', or both."""
    passed = bool(look.service.get("loadBalancers")) or task.get("healthStatus") == "HEALTHY"
    return passed and is_running(task) and not unhealthy(task, look)


def returned_to(live: Answer, wanted: str | None, undone: str | None) -> Answer | None:
    """The deployment that ECS goes back to from the one under way, where that is what is ``wanted``: it is of "the last
    deployment that completed successfully" (API reference, DeploymentCircuitBreaker).

    One that rolls out what is wanted itself, anew or with other settings, is no reason to go back, unless it is the one
    to be ``undone``.
    """
    now = primary(live)
    complete = [
        each
        for each in live["deployments"]
        if each.get("status") != "PRIMARY" and each.get("rolloutState") == "COMPLETED"
    ]
    under_way = now.get("rolloutState") == "IN_PROGRESS"
    another = now["id"] == undone or name_of(now["taskDefinition"]) != name_of(wanted)
    known = {name_of(each["taskDefinition"]) for each in complete} == {name_of(wanted)}
    return complete[0] if under_way and another and known else None
