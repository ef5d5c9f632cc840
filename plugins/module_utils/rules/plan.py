# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A whole declaration held against a whole live service: what plan, release and drift have in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import intent, service, states, target_group
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


@dataclass(frozen=True)
class Live:
    """What AWS answers of one service."""

    service: Answer
    definition: Answer
    groups: list[Answer] = field(default_factory=list)
    """Target groups that exist; one that the service names and that was deleted is missing."""
    attributes: dict[str, dict[str, str]] = field(default_factory=dict)
    """By the group's ARN."""


def meant_group(declared: Declared, live: Live) -> Answer | None:
    """The target group that the declared attributes belong to; None when none are declared.

    Raises DeclarationError.
    """
    if not declared.attributes:
        return None
    arn = group_arn(declared, live)
    return next(each for each in live.groups if each["TargetGroupArn"] == arn)


def group_arn(declared: Declared, live: Live) -> str:
    """The ARN of the declared target group, or of the service's only one. Raises DeclarationError."""
    return intent.group_of(declared.target_group, [each["TargetGroupArn"] for each in live.groups])


def attributes(declared: Declared, live: Live) -> dict[str, str]:
    """The declared attributes as AWS keeps them. Raises DeclarationError."""
    group = meant_group(declared, live)
    if group is None:
        return {}
    now = live.attributes[group["TargetGroupArn"]]
    return target_group.normalised(declared.attributes, group.get("Protocol", ""), group.get("TargetType", ""), now)


def differences(declared: Declared, live: Live, model: Model) -> list[Difference]:
    """Every declared property that is not live. Raises DeclarationError."""
    group = meant_group(declared, live)
    content = definitions.plan(
        live.definition, model, declared.changes or None, declared.definition or None, declared.images
    )
    found = list(content.differences)
    if group is not None:
        now = live.attributes[group["TargetGroupArn"]]
        found += target_group.compare(attributes(declared, live), now, group["TargetGroupName"])
    return found + service.planned(None, declared.settings, live.service)


def becoming(declared: Declared, live: Live, content: Answer) -> Live:
    """The service as the declaration would make it. Raises DeclarationError."""
    settings = service.request(service.compare(declared.settings, live.service), live.service)
    group = meant_group(declared, live)
    found = dict(live.attributes)
    if group is not None:
        arn = group["TargetGroupArn"]
        found[arn] = {**found[arn], **attributes(declared, live)}
    return Live({**live.service, **settings}, content or live.definition, live.groups, found)


def count(declared: Declared, live: Live) -> int:
    """How many properties are declared, that is, how many were compared."""
    found = names(declared, live)
    return sum(map(len, found["attributes"].values())) + len(found["settings"]) + len(found["task_definition"])


def names(declared: Declared, live: Live) -> Answer:
    """The names that are declared, in the form of :func:`states.declared`. Raises DeclarationError."""
    group = meant_group(declared, live)
    wanted = intent.intent(
        live.service["taskDefinition"],
        declared.changes,
        declared.definition,
        declared.images,
        declared.settings,
        {} if group is None else {group["TargetGroupArn"]: dict.fromkeys(declared.attributes, "")},
    )
    return states.declared({"intent": wanted})
