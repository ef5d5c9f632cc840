# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who owns a target group's attributes, and the lines that its owner has to write."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import ownership, target_group
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference

DURATION, DELAY = "stickiness.lb_cookie.duration_seconds", "deregistration_delay.timeout_seconds"
HEALTH = "target_group_health"


def attributes(wanted: dict[str, str]) -> list[Difference]:
    return [Difference("target group tg-web", key, value, "old") for key, value in wanted.items()]


MANY = attributes(
    {
        DELAY: "30",
        "stickiness.enabled": "true",
        DURATION: "86400",
        "load_balancing.algorithm.type": "least_outstanding_requests",
        f"{HEALTH}.dns_failover.minimum_healthy_targets.count": "off",
        f"{HEALTH}.dns_failover.minimum_healthy_targets.percentage": "50",
    }
)


def test_terraform_gets_arguments_and_blocks_of_its_resource() -> None:
    assert ownership.to_write("terraform", MANY) == [
        "deregistration_delay = 30",
        "stickiness {",
        "  enabled = true",
        "  cookie_duration = 86400",
        "}",
        'load_balancing_algorithm_type = "least_outstanding_requests"',
        "target_group_health {",
        "  dns_failover {",
        '    minimum_healthy_targets_count = "off"',
        "    minimum_healthy_targets_percentage = 50",
        "  }",
        "}",
    ]


def test_what_terraform_may_have_no_argument_for_is_a_comment() -> None:
    found = ownership.to_write("terraform", attributes({"new.key": "x", DELAY: "1"}))
    assert found == ["deregistration_delay = 1", "# new.key = x: no argument of it is known here"]


def test_of_two_attributes_with_one_argument_none_is_lost() -> None:
    app = "stickiness.app_cookie.duration_seconds"
    assert ownership.to_write("terraform", attributes({DURATION: "60", app: "30"})) == [
        "stickiness {",
        "  cookie_duration = 60",
        "}",
        f"# {app} = 30: the same argument, for the other stickiness.type",
    ]
    assert ownership.to_write("terraform", attributes({DURATION: "60", app: "60"}))[1:] == [
        "  cookie_duration = 60",
        "}",
    ]


def test_every_argument_is_of_an_attribute_that_exists() -> None:
    known = set().union(*(normal(kind) for kind in ("HTTP", "TCP", "GENEVE", "")))
    assert set(ownership._ARGUMENTS) <= known


def normal(kind: str) -> set[str]:
    """The attributes that groups of one kind take, as the refusal of a name that none has lists them."""
    with pytest.raises(DeclarationError) as refused:
        target_group.normalised({"no.such": 1}, kind, "ip" if kind else "lambda")
    return set(refused.value.msg.rpartition(": ")[2].rstrip(".").split(", "))


def test_a_stack_gets_entries_of_its_property_and_another_tool_the_attributes() -> None:
    two = attributes({DELAY: "30", "stickiness.enabled": "true"})
    assert ownership.to_write("stack", two) == [
        "TargetGroupAttributes:",
        f'  - {{Key: {DELAY}, Value: "30"}}',
        '  - {Key: stickiness.enabled, Value: "true"}',
    ]
    assert ownership.to_write("other", two) == [f"{DELAY} = 30", "stickiness.enabled = true"]


@pytest.mark.parametrize("owner", ["stack", "terraform", "other"])
def test_nothing_open_is_nothing_to_write(owner: str) -> None:
    assert ownership.to_write(owner, []) == ownership.told(owner, []) == []


def test_several_groups_are_told_apart() -> None:
    found = ownership.told("other", [*attributes({DELAY: "1"}), Difference("target group tg-b", DELAY, "2", "3")])
    assert found == [
        "to be written for target group tg-web, which another tool owns:",
        f"{DELAY} = 1",
        "to be written for target group tg-b, which another tool owns:",
        f"{DELAY} = 2",
    ]


def test_what_another_owner_has_to_write_is_refused_with_the_lines() -> None:
    found = ownership.elsewhere("terraform", "tg-web", attributes({DURATION: "86400"}))
    assert (found["ok"], found["expected"], found["found"]) == (False, {DURATION: "86400"}, {DURATION: "old"})
    assert "Terraform" in found["name"]
    assert "stickiness { cookie_duration = 86400 }, apply it" in found["remedy"]


TAGS = {"aws:cloudformation:stack-name": "edge", "aws:cloudformation:logical-id": "WebGroup", "team": "web"}


def test_the_tags_of_a_stack_say_where_it_is_to_be_written() -> None:
    for found in (
        ownership.through_stack("tg-web", attributes({DELAY: "30"}), TAGS, "", "it is nested"),
        ownership.of_a_stack("tg-web", attributes({DELAY: "30"}), TAGS),
    ):
        assert found["ok"] is False
        assert "stack edge, resource WebGroup" in found["remedy"]
        assert f'{{Key: {DELAY}, Value: "30"}}' in found["remedy"]
    assert "target_group_owner: steady" in found["remedy"]


def test_what_a_stack_can_set_is_no_refusal() -> None:
    found = ownership.through_stack("tg-web", attributes({DELAY: "30"}), TAGS, "by change set of stack edge", "")
    assert (found["ok"], found["found"]) == (True, "by change set of stack edge")


def test_other_tags_are_no_stack() -> None:
    assert ownership.of_a_stack("tg-web", attributes({DELAY: "30"}), {"Name": "aws:cloudformation"})["ok"]


def task(address: str) -> dict[str, Any]:
    return {
        "attachments": [
            {"details": [{"name": "subnetId", "value": "s"}, {"name": "privateIPv4Address", "value": address}]}
        ]
    }


def task_ipv6(address: str) -> dict[str, Any]:
    """In an IPv6-only subnet."""
    return {"attachments": [], "containers": [{"networkInterfaces": [{"attachmentId": "a", "ipv6Address": address}]}]}


def target(address: str, state: str = "healthy") -> dict[str, Any]:
    return {"address": address, "port": 80, "state": state, "reason": "", "description": ""}


@pytest.mark.parametrize(
    ("targets", "alone"),
    [
        ([target("10.0.0.1"), target("10.0.0.2")], True),
        ([], True),
        ([target("2001:db8::5"), target("2001:DB8:0::5")], True),
        ([target("10.0.9.9"), target("2001:db8::5")], False),
        ([target("10.0.0.1"), target("10.0.9.9")], False),
        ([target("10.0.0.1"), target("10.0.9.9", "draining"), target("10.0.9.8", "unhealthy")], True),
    ],
)
def test_healthy_targets_that_are_no_task_of_the_service_are_anothers(targets: list[Any], alone: bool) -> None:
    tasks = [task("10.0.0.1"), task("10.0.0.2"), task_ipv6("2001:db8::5"), {"attachments": []}]
    found = ownership.shared("tg-web", targets, tasks)
    assert found["ok"] is alone
    assert ("10.0.9.9" in str(found["found"])) is not alone
