# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Service Connect: the form in which its services are equal, and what cannot be meant.

Source: Amazon ECS API reference, ServiceConnectConfiguration, ServiceConnectService, ServiceConnectClientAlias.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import values
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError

Answer = dict[str, Any]

NAME = "serviceConnectConfiguration"
_SECONDS = ("idleTimeoutSeconds", "perRequestTimeoutSeconds")


def services(path: str, value: Any) -> list[Answer]:
    """The ports of a service that others find by a name: one a port name. Their order means nothing, and what is not
    said of a discovery name is the port's (API reference, ServiceConnectService)."""
    found = []
    for each in values.items({}, {"ingressPortOverride"})(path, value):
        if not isinstance(each.get("portName"), str):
            raise DeclarationError(
                f"{path}: one of them names no portName. Give the name of a port mapping of the task definition."
            )
        known = {"discoveryName": each["portName"], **each}
        if "clientAliases" in known:
            known["clientAliases"] = values.items({}, {"port"})(f"{path}.clientAliases", known["clientAliases"])
        if isinstance(known.get("timeout"), dict):
            given = {name: item for name, item in known["timeout"].items() if item is not None}
            known["timeout"] = {
                name: values.whole(f"{path}.timeout.{name}", item) if name in _SECONDS else item
                for name, item in sorted(given.items())
            }
        found.append(known)
    return sorted(found, key=lambda each: str(each["portName"]))


def refuse_contradictions(declared: Answer, live: Answer) -> None:
    """Raise DeclarationError for what AWS would not take, or would take for something else.

    ``live``: what the service has; empty where it has none. A namespace is answered as a name or as an ARN, and which
    of them are one is known to Cloud Map alone.
    """
    wanted = declared.get(NAME)
    if not isinstance(wanted, dict):
        return
    more = sorted(name for name, value in wanted.items() if name != "enabled" and value)
    on = values.flag(f"{NAME}.enabled", wanted.get("enabled") or False) if "enabled" in wanted else None
    if on is False and more:
        raise DeclarationError(
            f"{NAME}.enabled is false, and {', '.join(more)} would have no meaning then. Leave them out, or declare "
            "enabled: true."
        )
    if on is None and more and not live.get("enabled"):
        raise DeclarationError(
            f"{NAME} is not enabled, and {', '.join(more)} would have no meaning. Declare {NAME}.enabled: true."
        )
    name, there = wanted.get("namespace"), live.get("namespace")
    if name and there and _is_arn(name) != _is_arn(there):
        raise DeclarationError(
            f"{NAME}.namespace {name} cannot be compared with {there}, which AWS answers: one is a name, the other an "
            "ARN. Declare the namespace in the form of the other."
        )


def is_off(enabled: Any) -> bool:
    """Whether a declared ``enabled`` switches it off. What is neither yes nor no is refused elsewhere."""
    return str(enabled).strip().lower() in ("none", "false", "no", "off", "0")


def unknown_ports(offered: list[Any], definition: Answer) -> list[str]:
    """Port names that no port mapping of a task definition has: AWS refuses a service that asks for them."""
    named = {
        mapping.get("name")
        for container in definition.get("containerDefinitions") or []
        for mapping in container.get("portMappings") or []
    }
    wanted = {str(each["portName"]) for each in offered if isinstance(each, dict) and each.get("portName")}
    return sorted(wanted - {str(each) for each in named})


def _is_arn(name: Any) -> bool:
    return str(name).startswith("arn:")
