# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which target group of the service declared attributes belong to: the only one, a named one, or one of several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import target_group
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.rules.looks import group_name

Answer = dict[str, Any]

ATTRIBUTES_OF = "target_group_attributes_of"
"""Where people write the attributes of a service with several groups."""


@dataclass(frozen=True)
class Part:
    """The attributes that are declared for one target group."""

    group: Answer
    """As DescribeTargetGroups answers it."""
    attributes: Answer
    """As they are declared."""
    where: str
    """Where they are declared, for whoever has to correct them."""

    @property
    def arn(self) -> str:
        """Of the target group."""
        return str(self.group["TargetGroupArn"])

    @property
    def name(self) -> str:
        """Of the target group."""
        return str(self.group["TargetGroupName"])

    def text(self, live: dict[str, str]) -> dict[str, str]:
        """The attributes as AWS keeps them. Raises DeclarationError."""
        protocol, kind = self.group.get("Protocol", ""), self.group.get("TargetType", "instance")
        return target_group.normalised(self.attributes, protocol, kind, live, self.where)

    def differences(self, live: dict[str, str]) -> list[Difference]:
        """What is not live of them. Raises DeclarationError."""
        return target_group.compare(self.text(live), live, self.name)


def parts(wanted: str | None, attributes: Answer, attributes_of: Answer, groups: list[Answer]) -> list[Part]:
    """What is declared for each target group, in the order of ``groups`` (those of the service, as DescribeTargetGroups
    answers them). ``attributes`` belong to the group ``wanted``, or to the only one.

    Raises DeclarationError for a group that the service does not have, or that is declared twice.
    """
    arns = [str(each["TargetGroupArn"]) for each in groups]
    found: dict[str, Part] = {}

    def add(name: str | None, given: Any, where: str) -> None:
        arn = group_of(name, arns)
        if arn in found:
            raise DeclarationError(
                f"The attributes of {group_name(arn)} are declared twice, by {found[arn].where} and by {where}: "
                "declare them in one place."
            )
        if not isinstance(given, Mapping):
            raise DeclarationError(f"{where} must be a mapping of attributes to values; it is {given!r}.")
        found[arn] = Part(groups[arns.index(arn)], dict(given), where)

    if attributes:
        add(wanted, attributes, target_group.ATTRIBUTES)
    for name, given in attributes_of.items():
        add(str(name), given, f"{ATTRIBUTES_OF}.{name}")
    return [found[arn] for arn in arns if arn in found]


def group_of(wanted: str | None, arns: list[str]) -> str:
    """The ARN of the target group that declared attributes belong to: the named one, or the service's only one.

    Raises DeclarationError that names the service's target groups.
    """
    found = [arn for arn in arns if wanted in (None, arn, group_name(arn))]
    if len(found) != 1:
        names = ", ".join(group_name(arn) for arn in arns) or "none"
        several = f" Set target_group_name to one of them, or declare each under {ATTRIBUTES_OF}." if arns else ""
        raise DeclarationError(
            f"Attributes are declared for {wanted or 'the only target group'} of the service, which has: {names}."
            f"{several}"
        )
    return found[0]


def declaring(name: str, attributes: str, groups: list[Answer]) -> str:
    """How to declare attributes of the group ``name``, for a service with these groups."""
    if len(groups) == 1:
        return f"{target_group.ATTRIBUTES}: {attributes}"
    return f"{ATTRIBUTES_OF}: {{{name}: {attributes}}}"
