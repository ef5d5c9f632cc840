# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All that is wrong with a declaration, at once: its parts are tried one by one, for each rule stops at the first."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import (
    connect,
    endpoints,
    groups,
    plan,
    service,
    task_definition,
    task_definition_limits,
    values,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.rules.settings import REBALANCING, live_value
from ansible_collections.steady.ecs.plugins.module_utils.rules.task_definition_shape import (
    UPDATE,
    Model,
    missing,
    nearest,
    typed,
)

Answer = dict[str, Any]
Attempt = Callable[[], object]

BALANCERS = "loadBalancers"
SETTINGS = "rollout_settings"
TOGETHER = dict.fromkeys(("slow_start", "stickiness"), "load_balancing")
"""Families of attributes between which there are rules, so that they are tried together."""


@dataclass(frozen=True)
class Verification:
    """What the inventory says of the verification that follows the deployment."""

    url: str | None
    endpoints: list[Any]
    identity: Answer
    requests: int
    containers: list[str]


def problems(
    declared: plan.Declared, live: plan.Live, model: Model, verification: Verification | None = None
) -> dict[str, list[str]]:
    """By part of the declaration, what is wrong with it in words. Only parts that are declared, and could be read."""
    parts: dict[str, Iterator[Attempt]] = {}
    names_ports = connect.NAME in declared.settings or entries(declared.settings)
    of_definition = declared.changes or declared.definition or declared.images or names_ports
    if live.definition and of_definition:
        parts["task definition"] = _definition(declared, live, model)
    if declared.settings:
        parts["settings"] = _settings(declared.settings, live, model)
    if (declared.target_group or declared.attributes or declared.attributes_of) and (
        live.groups or not live.service.get("loadBalancers")
    ):
        parts["target group"] = _target_group(declared, live)
    if verification:
        parts["verification"] = _verification(verification, declared, live, model)
    return {name: _refused(attempts) for name, attempts in parts.items()}


def _refused(attempts: Iterator[Attempt]) -> list[str]:
    found: dict[str, None] = {}
    for attempt in attempts:
        try:
            attempt()
        except DeclarationError as wrong:
            found[wrong.msg] = None
    return list(found)


def _definition(declared: plan.Declared, live: plan.Live, model: Model) -> Iterator[Attempt]:
    changes, whole = declared.changes, declared.definition

    def tried(part: Answer, images: dict[str, str]) -> Attempt:
        return lambda: task_definition.plan(live.definition, model, part or None, None, images)

    containers = changes.get("containers")
    if isinstance(containers, dict):
        for name, change in containers.items():
            members = change if isinstance(change, dict) and change else {"": None}
            for member, value in members.items():
                yield tried({"containers": {name: {member: value} if member else change}}, {})
    for name, value in changes.items():
        if name != "containers" or not isinstance(containers, dict):
            yield tried({name: value}, {})
    if not whole:
        for name, image in declared.images.items():
            yield tried({}, {name: image})
    yield lambda: _refuse_ports(_content(declared, live, model), declared, live)
    yield lambda: _refuse_port_names(_content(declared, live, model), declared, live)
    yield lambda: _refuse_limits(_content(declared, live, model), live)


def _settings(settings: Answer, live: plan.Live, model: Model) -> Iterator[Attempt]:
    def tried(part: Answer) -> Attempt:
        return lambda: _refuse_unknown(service.request(service.compare(part, live.service), live.service), model)

    # A strategy that shifts traffic makes sense only with its target groups, a percentage with what it excludes.
    those = ("deploymentConfiguration", BALANCERS, REBALANCING)
    together: Answer = {name: settings[name] for name in those if name in settings}
    for name, value in settings.items():
        yield tried(together if name in together else {name: value})
    yield tried(settings)


def _refuse_unknown(arguments: Answer, model: Model) -> None:
    """What would be sent, held against AWS's model of UpdateService, which ECS itself reads only after the first
    writes."""
    found = typed(arguments, model.settings, (UPDATE,), SETTINGS, by_name=False)
    for name, value in arguments.items():
        lacks = missing(value, model.required, (UPDATE, name), f"{SETTINGS}.{name}")
        if lacks:
            raise DeclarationError(f"{', '.join(lacks)} must be given: AWS requires it.")
        if found[name] != value:
            raise DeclarationError(
                f"{SETTINGS}.{name}: a number, or true or false, in it is written as text. Take its quotes away."
            )


def _target_group(declared: plan.Declared, live: plan.Live) -> Iterator[Attempt]:
    named = [plan.Declared(attributes_of={name: given}) for name, given in declared.attributes_of.items()]
    if declared.target_group or declared.attributes:
        arns = [each["TargetGroupArn"] for each in live.groups]
        yield partial(groups.group_of, declared.target_group, arns)
        named.append(plan.Declared(attributes=declared.attributes, target_group=declared.target_group))
    for each in named:
        yield partial(plan.parts, each, live)
        with contextlib.suppress(DeclarationError):  # it is told already
            for part in plan.parts(each, live):
                yield from _attributes(part, live.attributes.get(part.arn, {}))
    yield partial(plan.parts, declared, live)


def _attributes(part: groups.Part, now: dict[str, str]) -> Iterator[Attempt]:
    def tried(some: Answer, beside: dict[str, str]) -> Attempt:
        return partial(replace(part, attributes=some).text, beside)

    families: dict[str, Answer] = {}
    for key, value in part.attributes.items():
        name = str(key).partition(".")[0]
        families.setdefault(TOGETHER.get(name, name), {})[key] = value
    for some in families.values():
        yield tried(some, now)
        # A family that is refused whole may hide that a second name in it is wrong as well.
        yield from (tried({key: value}, {}) for key, value in some.items() if key not in now)


def _verification(given: Verification, declared: plan.Declared, live: plan.Live, model: Model) -> Iterator[Attempt]:
    """What would be found wrong only after the deployment, and would then undo it."""
    yield from endpoints.attempts(given.url, given.endpoints, given.identity, given.requests)
    content = live.definition
    with contextlib.suppress(DeclarationError):  # it is a problem of its own part
        content = _content(declared, live, model)
    known = [str(each.get("name")) for each in content.get("containerDefinitions", [])]
    for name in given.containers if known else []:
        yield partial(_refuse_container, name, known)


def _refuse_container(name: str, known: list[str]) -> None:
    if name not in known:
        raise DeclarationError(
            f"health_containers: no task will have a container {name}. {nearest(name, known)}"
            f"Containers: {', '.join(known)}."
        )


def _content(declared: plan.Declared, live: plan.Live, model: Model) -> Answer:
    """The declared task definition. Raises DeclarationError."""
    changes, whole = declared.changes or None, declared.definition or None
    return task_definition.plan(live.definition, model, changes, whole, declared.images).declared


def ports(content: Answer) -> set[str]:
    """``container:port`` of each port mapping of a task definition."""
    return {
        f"{container.get('name')}:{mapping.get('containerPort', mapping.get('containerPortRange'))}"
        for container in content.get("containerDefinitions", [])
        for mapping in container.get("portMappings") or []
    }


def entry_port(entry: Answer) -> str:
    """``container:port`` that an entry of a service's ``loadBalancers`` registers."""
    return f"{entry.get('containerName')}:{entry.get('containerPort')}"


def entries(settings: Answer) -> list[Answer]:
    """The declared entries of ``loadBalancers`` that are mappings: what is none is a problem of the settings."""
    given = settings.get(BALANCERS)
    return [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []


def _refuse_limits(content: Answer, live: plan.Live) -> None:
    """What AWS has taken in the live revision it takes again."""
    taken = task_definition_limits.problems(live.definition)
    found = [each for each in task_definition_limits.problems(content) if each not in taken]
    if found:
        raise DeclarationError(" ".join(found))


def _refuse_ports(content: Answer, declared: plan.Declared, live: plan.Live) -> None:
    """The service registers a container and port, so the revision that will run must have it: of what is live only if
    the live one has it, for else something else is wrong (:func:`preflight.balancing`)."""
    there = ports(content)
    for wrong in sorted({entry_port(each) for each in entries(declared.settings)} - there):
        raise DeclarationError(
            f"{BALANCERS} names {wrong}, and no task will have such a container and port: ECS would refuse it. "
            f"{nearest(wrong, there)}Containers and ports: {', '.join(sorted(there)) or 'none'}."
        )
    if BALANCERS in declared.settings:
        return
    lost = sorted({entry_port(each) for each in live.service.get(BALANCERS, [])} & ports(live.definition) - there)
    if lost:
        raise DeclarationError(
            f"The declared task definition does not map {', '.join(lost)}, which the service registers in its target "
            "group: ECS would refuse it."
        )


def _refuse_port_names(content: Answer, declared: plan.Declared, live: plan.Live) -> None:
    """Service Connect offers ports by the names of their mappings, so the declared revision must have them."""
    given = declared.settings.get(connect.NAME, {})
    if not isinstance(given, dict):
        return  # switched off, or a problem of the settings
    found = {**(live_value(connect.NAME, live.service) or {}), **given}
    named = found.get("services") if values.flag(f"{connect.NAME}.enabled", found.get("enabled") or False) else None
    unknown = connect.unknown_ports(named, content) if isinstance(named, list) else []
    if unknown:
        raise DeclarationError(
            f"No port mapping of the declared task definition is named {', '.join(unknown)}, which Service Connect "
            f"offers: ECS would refuse it. Name the mapping so, or correct {connect.NAME}.services."
        )
