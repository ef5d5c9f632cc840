# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether there is room for one task more on the cluster's own instances (launch type EC2).

Fargate has no such question that is worth its calls: its quota counts the vCPUs of all services of the account, and ECS
tries again when others have ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import service, task_definition_meaning
from ansible_collections.steady.ecs.plugins.module_utils.rules.checks import Check, check

Answer = dict[str, Any]

NAME = "room for a new task"
TCP, UDP = "PORTS", "PORTS_UDP"


@dataclass(frozen=True)
class Room:
    """What a task takes of an instance: CPU units, MiB, host ports."""

    cpu: int
    memory: int
    ports: frozenset[tuple[str, str]]


def is_asked(becoming: Answer) -> bool:
    """Whether new tasks must find room on instances that nobody adds to while a deployment goes on. With a strategy of
    capacity providers somebody may, and a service that declares one still has its launch type (API reference,
    UpdateService, capacityProviderStrategy)."""
    of_instances = becoming.get("launchType") == "EC2" and not becoming.get("capacityProviderStrategy")
    return of_instances and becoming.get("schedulingStrategy", "REPLICA") == "REPLICA"


def needed(content: Answer) -> Room:
    """What one task takes: the task's own size, else the sum of its containers'. Their soft limit is what placement
    counts ("Amazon ECS task definition parameters", memoryReservation)."""
    containers = content.get("containerDefinitions", [])
    cpu = _number(content.get("cpu")) or sum(int(each.get("cpu") or 0) for each in containers)
    soft = sum(int(each.get("memoryReservation") or each.get("memory") or 0) for each in containers)
    ports = {
        (UDP if mapping.get("protocol") == "udp" else TCP, str(mapping["hostPort"]))
        for each in fixing(content)
        for mapping in each["portMappings"]
        if mapping.get("hostPort")
    }
    return Room(cpu, _number(content.get("memory")) or soft, frozenset(ports))


def _number(size: Any) -> int:
    """The task's own size in CPU units or MiB, which may be written with its unit; 0 where it has none."""
    found = task_definition_meaning.amount(size)
    return int(found) if found.isdecimal() else 0


def fixing(content: Answer) -> list[Answer]:
    """The containers that take the same port of whichever instance they are on. In awsvpc mode none does: there each
    task has an address, and all ports, of its own."""
    shared = content.get("networkMode") != "awsvpc"
    there = content.get("containerDefinitions", []) if shared else []
    return [each for each in there if any(mapping.get("hostPort") for mapping in each.get("portMappings") or [])]


def is_known(checks: Iterable[Check]) -> bool:
    """Whether somebody has looked at the instances, among the checks that were made."""
    return any(each["name"] == NAME and each["ok"] is not None for each in checks)


def room(need: Room, instances: Iterable[Answer], becoming: Answer) -> Check:
    """Whether a new task fits on one instance beside the old ones; where some of these may be stopped first, whether it
    would fit if nothing else were there (case C47)."""
    beside = service.room(becoming)[1] <= 0
    obstacles = [_obstacle(need, each, beside) for each in instances if each.get("status") == "ACTIVE"]
    fits = "" in obstacles
    found = "as expected" if fits else sorted(set(obstacles)) or "no container instance is registered"
    if not beside:
        return check(
            NAME,
            "an instance that could hold it",
            found,
            fits,
            "ECS would stop old tasks and could place no new one in their place. Let the task ask for less, or add a "
            "larger instance.",
        )
    return check(
        NAME,
        "an instance with room for it, or an old task that may be stopped first",
        found,
        fits,
        "ECS could place no new task, and the deployment would wait for ever. It needs a free instance, or "
        "rollout_settings.deploymentConfiguration.minimumHealthyPercent below 100, so that an old task makes room.",
    )


def _obstacle(need: Room, instance: Answer, beside: bool) -> str:
    """What an instance lacks for one more task, be it ``beside`` those that it has; empty when nothing."""
    which, has = ("remainingResources", "free") if beside else ("registeredResources", "there")
    left = {each["name"]: each for each in instance.get(which, [])}
    taken = {(kind, port) for kind in (TCP, UDP) for port in left.get(kind, {}).get("stringSetValue") or []}
    name = str(instance.get("ec2InstanceId") or instance.get("containerInstanceArn", "").rpartition("/")[2])
    if not instance.get("agentConnected", True):
        return f"{name}: its agent is not connected"
    if not left:
        return ""  # it does not say
    if busy := sorted(port for kind, port in need.ports if (kind, port) in taken):
        return f"{name}: host port {', '.join(busy)} is {'taken' if beside else 'reserved'}"
    for kind, amount, unit in (("CPU", need.cpu, "CPU units"), ("MEMORY", need.memory, "MiB")):
        free = int(left.get(kind, {}).get("integerValue") or 0)
        if free < amount:
            return f"{name}: {free} of {amount} {unit} are {has}"
    return ""
