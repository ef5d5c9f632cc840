# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All that is wrong with a declaration, at once: its parts are tried one by one, for each rule stops at the first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import plan, service, target_group, task_definition
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.rules.task_definition_shape import Model

Answer = dict[str, Any]
Attempt = Callable[[], object]

TOGETHER = {"slow_start": "load_balancing"}
"""Families of attributes between which there are rules, so that they are tried together."""


def problems(declared: plan.Declared, live: plan.Live, model: Model) -> dict[str, list[str]]:
    """By part of the declaration, what is wrong with it in words. Only parts that are declared, and could be read."""
    parts: dict[str, Iterator[Attempt]] = {}
    if live.definition and (declared.changes or declared.definition or declared.images):
        parts["task definition"] = _definition(declared, live, model)
    if declared.settings:
        parts["settings"] = _settings(declared.settings, live)
    if (declared.target_group or declared.attributes) and (live.groups or not live.service.get("loadBalancers")):
        parts["target group"] = _target_group(declared, live)
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
    yield lambda: task_definition.plan(live.definition, model, changes or None, whole or None, declared.images)


def _settings(settings: Answer, live: plan.Live) -> Iterator[Attempt]:
    def tried(part: Answer) -> Attempt:
        return lambda: service.compare(part, live.service)

    for name, value in settings.items():
        yield tried({name: value})
    yield tried(settings)


def _target_group(declared: plan.Declared, live: plan.Live) -> Iterator[Attempt]:
    yield lambda: plan.group_arn(declared, live)
    try:
        group = plan.meant_group(declared, live)
    except DeclarationError:
        return
    if group is None:
        return
    now = live.attributes.get(group["TargetGroupArn"], {})

    def tried(part: Answer) -> Attempt:
        return lambda: target_group.normalised(part, group.get("Protocol", ""), group.get("TargetType", ""), now)

    families: dict[str, Answer] = {}
    for key, value in declared.attributes.items():
        name = str(key).partition(".")[0]
        families.setdefault(TOGETHER.get(name, name), {})[key] = value
    for part in families.values():
        yield tried(part)
        # A family that is refused whole may hide that a second name in it is wrong as well.
        for key, value in part.items():
            if key not in live.attributes.get(group["TargetGroupArn"], {}):
                yield tried({key: value})
