# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one look tells: from which deployment under way ECS itself would go back to what is wanted, and which targets
are a task's."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import looks

from tests.unit.answers import GROUP, PORT, deployment, revision, service, target, task

BEFORE = (1, "ACTIVE", "COMPLETED")


def under_way(*others: tuple[int, str, str], state: str = "IN_PROGRESS", strategy: str = "ROLLING") -> dict[str, Any]:
    """A service whose deployment of web:2 is on its way; the others as (revision, status, rolloutState)."""
    rest = [deployment(number, status, rollout) for number, status, rollout in others]
    return service(deployment(2, state=state), *rest, deploymentConfiguration={"strategy": strategy})


@pytest.mark.parametrize("strategy", ["ROLLING", "BLUE_GREEN"])
def test_what_is_replaced_is_left_to_ecs_whatever_the_strategy(strategy: str) -> None:
    found = under_way(BEFORE, strategy=strategy)
    assert looks.returned_to(found, revision(1), None) == found["deployments"][1]


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (under_way(BEFORE), revision(3)),  # another one needs a deployment of its own
        (under_way(BEFORE), None),
        (under_way(BEFORE, state="COMPLETED"), revision(1)),
        (under_way(), revision(1)),
        (under_way((1, "ACTIVE", "FAILED")), revision(1)),  # ECS goes back to one that was complete
        (under_way(BEFORE, (5, "ACTIVE", "COMPLETED")), revision(1)),  # which of them, nobody knows
        (under_way((2, "ACTIVE", "COMPLETED")), revision(2)),  # what is wanted is started anew
    ],
)
def test_nothing_else_is_left_to_ecs(found: dict[str, Any], wanted: str | None) -> None:
    assert looks.returned_to(found, wanted, None) is None


def test_what_a_release_has_started_anew_is_left_to_ecs_where_that_release_is_undone() -> None:
    found = under_way((2, "ACTIVE", "COMPLETED"))
    assert looks.returned_to(found, revision(2), found["deployments"][0]["id"]) == found["deployments"][1]


def with_interfaces(*interfaces: dict[str, str], attached: bool = False) -> dict[str, Any]:
    """A task whose containers have these interfaces."""
    found = task(1, 1)
    containers = [{**found["containers"][0], "networkInterfaces": list(interfaces)}]
    return {**found, "containers": containers, "attachments": found["attachments"] if attached else []}


def seen(one: dict[str, Any], *addresses: str) -> str:
    """What keeps the task out of service, where these addresses are healthy targets."""
    live = service(deployment(1))
    targets = [{**target(1, 1), "address": each} for each in addresses]
    return looks.unhealthy(one, looks.Look(live, tasks=[one], targets={GROUP: targets}))


IPV6_ONLY = with_interfaces({"attachmentId": "a", "ipv6Address": "2001:db8::5"})
DUAL_STACK = with_interfaces({"privateIpv4Address": "10.0.1.1", "ipv6Address": "2001:db8::5"}, attached=True)


@pytest.mark.parametrize(
    ("one", "address"),
    [
        (IPV6_ONLY, "2001:db8::5"),
        (IPV6_ONLY, "2001:DB8:0:0::0005"),
        (DUAL_STACK, "10.0.1.1"),
        (DUAL_STACK, "2001:db8::5"),
        (with_interfaces({"privateIpv4Address": "10.0.1.1"}), "10.0.1.1"),
        (with_interfaces({"ipv6Address": "no-address"}), "no-address"),
    ],
)
def test_a_task_is_known_by_each_of_its_addresses(one: dict[str, Any], address: str) -> None:
    assert seen(one, address, "10.0.9.9") == ""


def test_the_words_name_one_address() -> None:
    assert seen(IPV6_ONLY, "2001:db8::6") == f"2001:db8::5:{PORT} in tg-web is not registered"
    assert seen(DUAL_STACK, "2001:db8::6") == f"10.0.1.1:{PORT} in tg-web is not registered"
