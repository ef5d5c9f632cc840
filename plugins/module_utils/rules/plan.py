# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A whole declaration held against a whole live service: what plan, release and drift have in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import groups, intent, ownership, service, states
from ansible_collections.steady.ecs.plugins.module_utils.rules import task_definition as definitions
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.rules.task_definition_shape import Model

Answer = dict[str, Any]


@dataclass(frozen=True)
class Declared:
    """What the inventory says of one service, as the modules' options take it."""

    changes: Answer = field(default_factory=dict)
    definition: Answer = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    settings: Answer = field(default_factory=dict)
    attributes: Answer = field(default_factory=dict)
    target_group: str | None = None
    """The group of ``attributes``, by name or ARN; None stands for the only one."""
    attributes_of: Answer = field(default_factory=dict)
    """By name or ARN of the group, where there are several."""
    owner: str | None = None
    """Who owns the attributes; None stands for us, unless AWS's answers say otherwise."""


@dataclass(frozen=True)
class Live:
    """What AWS answers of one service."""

    service: Answer
    definition: Answer
    groups: list[Answer] = field(default_factory=list)
    """Target groups that exist; one that the service names and that was deleted is missing."""
    attributes: dict[str, dict[str, str]] = field(default_factory=dict)
    """By the group's ARN."""


def parts(declared: Declared, live: Live) -> list[groups.Part]:
    """The declared attributes of each target group. Raises DeclarationError."""
    return groups.parts(declared.target_group, declared.attributes, declared.attributes_of, live.groups)


def attributes(declared: Declared, live: Live) -> dict[str, dict[str, str]]:
    """By the group's ARN, the declared attributes as AWS keeps them, which a release sets. Raises DeclarationError."""
    if declared.owner in ownership.ELSEWHERE:
        return {}
    return {each.arn: each.text(live.attributes[each.arn]) for each in parts(declared, live)}


def elsewhere(declared: Declared, live: Live) -> list[Difference]:
    """Declared attributes that are not live, and that another owner has to write. Raises DeclarationError."""
    if declared.owner not in ownership.ELSEWHERE:
        return []
    return [found for each in parts(declared, live) for found in each.differences(live.attributes[each.arn])]


def differences(declared: Declared, live: Live, model: Model) -> list[Difference]:
    """Every declared property that is not live, and that a release settles. Raises DeclarationError."""
    meant = parts(declared, live) if declared.owner not in ownership.ELSEWHERE else []
    content = definitions.plan(
        live.definition, model, declared.changes or None, declared.definition or None, declared.images
    )
    found = list(content.differences)
    for each in meant:
        found += each.differences(live.attributes[each.arn])
    return found + service.planned(None, declared.settings, live.service)


def becoming(declared: Declared, live: Live, content: Answer) -> Live:
    """The service as the declaration would make it. Raises DeclarationError."""
    settings = service.request(service.compare(declared.settings, live.service), live.service)
    found = states.added_attributes(live.attributes, attributes(declared, live))
    return Live({**live.service, **settings}, content or live.definition, live.groups, found)


def count(declared: Declared, live: Live) -> int:
    """How many properties are declared, that is, how many were compared."""
    found = names(declared, live)
    return sum(map(len, found["attributes"].values())) + len(found["settings"]) + len(found["task_definition"])


def names(declared: Declared, live: Live) -> Answer:
    """The names that are declared, in the form of :func:`states.declared`. Raises DeclarationError."""
    wanted = intent.intent(
        live.service["taskDefinition"],
        declared.changes,
        declared.definition,
        declared.images,
        declared.settings,
        {each.arn: dict.fromkeys(each.attributes, "") for each in parts(declared, live)},
    )
    return states.declared({"intent": wanted})
