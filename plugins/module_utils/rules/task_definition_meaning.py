# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When two task definitions mean the same: what AWS fills in, what has no order, what a name identifies.

Source, where no other is named: RegisterTaskDefinition and its structures in the Amazon ECS API reference. A *place* is
the way to a member without names and indexes: ``("containerDefinitions", "environment")``.
"""

from __future__ import annotations

import json
import re
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference

RESOURCE = "task definition"
CONTAINERS = "containerDefinitions"

Place = tuple[str, ...]


class Named(dict[str, Any]):
    """What stands under names that people gave: items of a list by name, or a free map. Absent means empty."""


def _in_container(members: dict[str, Any]) -> dict[Place, Any]:
    return {(CONTAINERS, *name.split(".")): value for name, value in members.items()}


NAMED: dict[Place, tuple[str, str | None]] = {
    (CONTAINERS,): ("name", None),
    ("volumes",): ("name", None),
    ("tags",): ("key", "value"),
    ("inferenceAccelerators",): ("deviceName", None),
    ("proxyConfiguration", "properties"): ("name", "value"),
    **_in_container(
        {
            "environment": ("name", "value"),
            "secrets": ("name", "valueFrom"),
            "logConfiguration.secretOptions": ("name", "valueFrom"),
            "systemControls": ("namespace", "value"),
            "dependsOn": ("containerName", "condition"),
            "extraHosts": ("hostname", "ipAddress"),
            "ulimits": ("name", None),
            "mountPoints": ("containerPath", None),
            "volumesFrom": ("sourceContainer", None),
            "linuxParameters.devices": ("hostPath", None),
            "linuxParameters.tmpfs": ("containerPath", None),
        }
    ),
}
"""Lists whose items a member identifies, so that their order means nothing (case C03): that member, and the one that
holds the value where an item is a name and a value."""

PORTS: Place = (CONTAINERS, "portMappings")

MAPS: set[Place] = {
    ("volumes", "dockerVolumeConfiguration", "driverOpts"),
    ("volumes", "dockerVolumeConfiguration", "labels"),
    *_in_container(dict.fromkeys(("dockerLabels", "logConfiguration.options", "firelensConfiguration.options"))),
}
"""Free maps: every key and value counts as it is written, also an empty one (case C05)."""

UNORDERED: set[Place] = {
    ("requiresCompatibilities",),
    ("placementConstraints",),
    *_in_container(
        dict.fromkeys(
            (
                "restartPolicy.ignoredExitCodes",
                "resourceRequirements",
                "linuxParameters.capabilities.add",
                "linuxParameters.capabilities.drop",
                "linuxParameters.devices.permissions",
            )
        )
    ),
}

DEFAULTS: dict[Place, dict[str, Any]] = {
    (): {"networkMode": "bridge", "enableFaultInjection": False},
    ("volumes",): {"configuredAtLaunch": False},
    ("volumes", "dockerVolumeConfiguration"): {"autoprovision": False},
    ("volumes", "efsVolumeConfiguration"): {"rootDirectory": "/", "transitEncryption": "DISABLED"},
    ("volumes", "efsVolumeConfiguration", "authorizationConfig"): {"iam": "DISABLED"},
    ("volumes", "s3filesVolumeConfiguration"): {"rootDirectory": "/"},
    ("trustedExecutionConfiguration",): {"isolationMode": "SHARED"},
    (CONTAINERS,): {
        "cpu": 0,
        "essential": True,
        "versionConsistency": "enabled",
        "disableNetworking": False,
        "privileged": False,
        "readonlyRootFilesystem": False,
        "interactive": False,
        "pseudoTerminal": False,
    },
    **_in_container(
        {
            "portMappings": {"protocol": "tcp"},
            "mountPoints": {"readOnly": False},
            "volumesFrom": {"readOnly": False},
            "healthCheck": {"interval": 30, "timeout": 5, "retries": 3, "startPeriod": 0},
            "restartPolicy": {"restartAttemptPeriod": 300},
            "linuxParameters": {"initProcessEnabled": False},
            "linuxParameters.devices": {"permissions": ["mknod", "read", "write"]},
        }
    ),
}
"""What a member that is left out stands for, where the structure around it exists (cases C01 C02 C08). AWS writes some
of these into its answer and leaves others out, so both sides are filled in before they are compared."""

SAME_PORT = ("awsvpc", "host")
ROLES = ("taskRoleArn", "executionRoleArn")
UNITS = {"vcpu": 1024, "gb": 1024}
"""``1 vCPU``, ``1 GB`` and ``1GB`` are kept as ``1024`` (developer guide, "Task size"; RegisterTaskDefinition)."""


def meaning(content: dict[str, Any]) -> dict[str, Any]:
    """A task definition, in request form or as described, in the form in which equal means equal.

    Items of named lists stand under their names; empty lists and structures are gone; defaults are filled in.
    """
    found: dict[str, Any] = _structure(content, (), str(content.get("networkMode") or "bridge"))
    return found


def differences(expected: Any, actual: Any, path: str = "") -> list[Difference]:
    """What two meanings disagree about: one difference a property; one for a container or structure that one lacks."""
    if expected == actual:
        return []
    if isinstance(expected, Named) or isinstance(actual, Named):
        expected, actual, form = expected or {}, actual or {}, "{}[{}]"
    elif isinstance(expected, dict) and isinstance(actual, dict):
        form = "{}.{}" if path else "{}{}"
    else:
        same = path in ROLES and _is_same_role(expected, actual)
        return [] if same else [Difference(RESOURCE, path, expected, actual)]
    return [
        each
        for name in {**expected, **actual}
        for each in differences(expected.get(name), actual.get(name), form.format(path, name))
    ]


def _is_same_role(one: Any, other: Any) -> bool:
    """Whether one is an ARN and the other the name in it, with the path that the role has: ``team/worker``."""
    names = [value.partition(":role/")[2] for value in (one, other) if isinstance(value, str) and ":role/" in value]
    return one in names or other in names


def _normal(value: Any, place: Place, network: str) -> Any:
    """The meaning of one value; None where it means nothing."""
    if isinstance(value, dict):
        if place in MAPS:
            return Named({name: item for name, item in value.items() if item is not None}) or None
        return _structure(value, place, network) if value else None
    if isinstance(value, list):
        if place in NAMED or place == PORTS:
            return _by_name(value, place, network) or None
        items = [_normal(each, place, network) for each in value]
        return (sorted(items, key=_order) if place in UNORDERED else items) or None
    if place in (("cpu",), ("memory",)):
        return amount(value)
    return value


def _structure(value: dict[str, Any], place: Place, network: str) -> dict[str, Any]:
    given = {name: _normal(item, (*place, name), network) for name, item in value.items()}
    found = {**DEFAULTS.get(place, {}), **{name: item for name, item in given.items() if item is not None}}
    if place == PORTS and "containerPort" in found:
        # In bridge mode AWS chooses a port at random for 0, and shows 0 (case C01).
        found.setdefault("hostPort", found["containerPort"] if network in SAME_PORT else 0)
    return found


def _by_name(items: list[Any], place: Place, network: str) -> Named:
    """Items under their names. The same name twice, as two host ports of one container port, is told by a number."""
    found = Named()
    pairs = [(_name(each, place), _named_value(each, place, network)) for each in items]
    if len({name for name, _value in pairs}) < len(pairs):
        pairs.sort(key=_order)
    for name, value in pairs:
        key, number = name, 1
        while key in found:
            number += 1
            key = f"{name}#{number}"
        found[key] = value
    return found


def _order(value: Any) -> str:
    """An order of values that depends on nothing but the values, not on the order of members either."""
    return json.dumps(value, sort_keys=True, default=str)


def _name(item: Any, place: Place) -> str:
    if not isinstance(item, dict):
        return str(item)
    if place == PORTS:
        return f"{item.get('containerPort', item.get('containerPortRange'))}/{item.get('protocol') or 'tcp'}"
    return str(item.get(NAMED[place][0], ""))


def _named_value(item: Any, place: Place, network: str) -> Any:
    if not isinstance(item, dict):
        return item
    value = None if place == PORTS else NAMED[place][1]
    if value is None or set(item) - {NAMED[place][0], value}:
        return _structure(item, place, network)
    return item.get(value) if item.get(value) is not None else ""


def amount(value: Any) -> str:
    """Task CPU and memory as AWS keeps them; what is no amount, as it is written."""
    found = re.fullmatch(r"([0-9]*\.?[0-9]+)\s*([a-z]*)", str(value).strip().lower())
    number, unit = found.groups() if found else ("", "")
    try:
        return str(int(float(number) * UNITS[unit])) if unit else str(int(number))
    except (KeyError, ValueError):
        return str(value)
