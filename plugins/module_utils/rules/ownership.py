# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who owns a target group's attributes, and what its owner has to write where they are not as declared (case C63).

What Steady sets and a stack's template says otherwise is undone by the next update of the stack; so is what two
services declare of one group, by each other. So a group has one owner: nobody else writes, everybody verifies.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import looks
from ansible_collections.steady.ecs.plugins.module_utils.rules.checks import Check, check
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference

Answer = dict[str, Any]
Tree = dict[str, Any]

OWNER = "target_group_owner"
"""Where people declare it."""
STEADY, STACK, TERRAFORM, OTHER = "steady", "stack", "terraform", "other"
OPTION = {"type": "str", "choices": [STEADY, STACK, TERRAFORM, OTHER]}
ELSEWHERE = {TERRAFORM: "Terraform", OTHER: "another tool"}
"""Owners beside us, in words: their attributes are verified, and never written. Those of a stack are set by a change
set of the stack (:mod:`stack`)."""

STACK_NAME, LOGICAL_ID = "aws:cloudformation:stack-name", "aws:cloudformation:logical-id"
"""CloudFormation puts these tags on what it makes, and nobody else can (CloudFormation user guide, "Resource tag")."""

_HEALTH = "target_group_health"
_COUNT, _PERCENTAGE = "minimum_healthy_targets.count", "minimum_healthy_targets.percentage"
_ARGUMENTS = {
    "deregistration_delay.timeout_seconds": "deregistration_delay",
    "deregistration_delay.connection_termination.enabled": "connection_termination",
    "slow_start.duration_seconds": "slow_start",
    "stickiness.enabled": "stickiness.enabled",
    "stickiness.type": "stickiness.type",
    "stickiness.lb_cookie.duration_seconds": "stickiness.cookie_duration",
    "stickiness.app_cookie.duration_seconds": "stickiness.cookie_duration",
    "stickiness.app_cookie.cookie_name": "stickiness.cookie_name",
    "load_balancing.algorithm.type": "load_balancing_algorithm_type",
    "load_balancing.algorithm.anomaly_mitigation": "load_balancing_anomaly_mitigation",
    "load_balancing.cross_zone.enabled": "load_balancing_cross_zone_enabled",
    "lambda.multi_value_headers.enabled": "lambda_multi_value_headers_enabled",
    "proxy_protocol_v2.enabled": "proxy_protocol_v2",
    "preserve_client_ip.enabled": "preserve_client_ip",
    "target_failover.on_deregistration": "target_failover.on_deregistration",
    "target_failover.on_unhealthy": "target_failover.on_unhealthy",
    "target_health_state.unhealthy.connection_termination.enabled": (
        "target_health_state.enable_unhealthy_connection_termination"
    ),
    "target_health_state.unhealthy.draining_interval_seconds": "target_health_state.unhealthy_draining_interval",
    **{
        f"{_HEALTH}.{block}.{key}": f"{_HEALTH}.{block}.{key.replace('.', '_')}"
        for block in ("dns_failover", "unhealthy_state_routing")
        for key in (_COUNT, _PERCENTAGE)
    },
}
"""By attribute, the argument of Terraform's resource aws_lb_target_group; a dot leads into a block."""


def to_write(owner: str, differences: Iterable[Difference]) -> list[str]:
    """The lines that settle these differences of one group, in its owner's own words."""
    wanted = {each.path: str(each.expected) for each in differences}
    if owner == STACK:
        entries = [f'  - {{Key: {key}, Value: "{value}"}}' for key, value in wanted.items()]
        return ["TargetGroupAttributes:", *entries] if entries else []
    if owner == OTHER:
        return [f"{key} = {value}" for key, value in wanted.items()]
    known: Tree = {}
    rest = []
    for key, value in wanted.items():
        place, *steps = known, *_ARGUMENTS.get(key, "").split(".")
        for name in steps[:-1]:
            place = place.setdefault(name, {})
        if key not in _ARGUMENTS:
            rest.append(f"# {key} = {value}: no argument of it is known here")
        elif place.setdefault(steps[-1], value) != value:
            rest.append(f"# {key} = {value}: the same argument, for the other stickiness.type")
    return [*_blocks(known, ""), *rest]


def told(owner: str | None, differences: list[Difference]) -> list[str]:
    """The same for the differences of several groups, each under its name."""
    found: list[str] = []
    for resource in dict.fromkeys(each.resource for each in differences):
        lines = to_write(owner or OTHER, [each for each in differences if each.resource == resource])
        found += [f"to be written for {resource}, which {ELSEWHERE[owner or OTHER]} owns:", *lines]
    return found


def not_restored(attributes: dict[str, dict[str, str]], live: dict[str, dict[str, str]]) -> dict[str, Difference]:
    """What a rollback leaves to an owner beside us of the attributes that it would put back, by ``ARN attribute``.

    ``attributes`` and ``live`` by the ARN of their group.
    """
    return {
        f"{arn} {key}": Difference(f"target group {looks.group_name(arn)}", key, value, live[arn].get(key))
        for arn, values in attributes.items()
        for key, value in values.items()
        if live[arn].get(key) != value
    }


def elsewhere(owner: str, name: str, differences: list[Difference]) -> Check:
    """Attributes of the group ``name`` that are not as declared, and that ``owner`` has to write."""
    return _open(
        f"attributes of {name}, of {ELSEWHERE[owner]}",
        differences,
        f"They are never set from here. Write {_on_one_line(owner, differences)}, apply it, then run the same command "
        "again.",
    )


def through_stack(name: str, differences: list[Difference], tags: dict[str, str], said: str, problem: str) -> Check:
    """Attributes of the group ``name`` that its stack is to set: what of it changes, or why that cannot be done."""
    stack = f"stack {tags[STACK_NAME]}" if tags.get(STACK_NAME) else "a stack"
    return check(
        f"attributes of {name}, of {stack}",
        "can be set by a change set",
        problem or said,
        not problem,
        f"Write {_where(tags)}{_on_one_line(STACK, differences)}, update the stack, then run the same command again. "
        f"In an emergency -e {OWNER}={STEADY} sets it here all the same, until the stack's next update.",
    )


def of_a_stack(name: str, differences: list[Difference], tags: dict[str, str]) -> Check:
    """Whether a group whose owner is not declared belongs to a stack, which would undo what is set here."""
    stack = tags.get(STACK_NAME)
    if not stack:
        return check(f"owner of {name}", "no stack", "no stack", True)
    return _open(
        f"attributes of {name}, of stack {stack}",
        differences,
        f"The stack's next update may undo what is set here. Declare {OWNER}: {STACK}, to have it set by a change set "
        f"of the stack; or write {_where(tags)}{_on_one_line(STACK, differences)}; or declare {OWNER}: {STEADY}, to "
        "set it here all the same.",
    )


def shared(name: str, targets: list[Answer], tasks: list[Answer]) -> Check:
    """Whether another service has its tasks in the group too, so that each would undo what the other declares.

    ``targets``: as reads.target_health gives them; ``tasks``: all of the service, those that have stopped too, for
    their targets go a moment later.
    """
    ours = {looks.comparable(address) for task in tasks for address in looks.addresses_of(task)}
    healthy = {str(each["address"]) for each in targets if each["state"] == "healthy"}
    strangers = sorted(each for each in healthy if looks.comparable(each) not in ours)
    return check(
        f"targets of {name}",
        "tasks of this service alone",
        f"others too: {', '.join(strangers)}" if strangers else "tasks of this service alone",
        not strangers,
        f"Another service uses this group, and its declaration and this one would undo each other. Declare {OWNER}: "
        f"{STEADY} for the one service that is to set the attributes, and {OWNER}: {OTHER} for each other.",
    )


def _open(name: str, differences: list[Difference], remedy: str) -> Check:
    expected, found = ({each.path: value(each) for each in differences} for value in (_expected, _actual))
    return check(name, expected, found, False, remedy)


def _expected(each: Difference) -> Any:
    return each.expected


def _actual(each: Difference) -> Any:
    return each.actual


def _where(tags: dict[str, str]) -> str:
    """Where in a stack, as far as its tags tell it."""
    if not tags.get(STACK_NAME):
        return ""
    return f"in the template of stack {tags[STACK_NAME]}, resource {tags.get(LOGICAL_ID, 'of the group')}, "


def _on_one_line(owner: str, differences: list[Difference]) -> str:
    lines = to_write(owner, differences)
    return (", " if owner == OTHER else " ").join(each.strip() for each in lines)


def _blocks(tree: Tree, indent: str) -> list[str]:
    found = []
    for name, value in tree.items():
        if isinstance(value, dict):
            found += [f"{indent}{name} {{", *_blocks(value, f"{indent}  "), f"{indent}}}"]
        else:
            bare = value.isdigit() or value in ("true", "false")
            found.append(f"{indent}{name} = {value if bare else json.dumps(value)}")
    return found
