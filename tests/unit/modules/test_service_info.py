# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a service is and runs."""

from __future__ import annotations

from ansible_collections.steady.ecs.plugins.modules import service_info as module

from tests.unit.answers import GROUP, revision
from tests.unit.modules.world import World


def test_a_service_with_all_that_hangs_on_it() -> None:
    world = World()
    world.service["tags"] = [{"key": "team", "value": "pardon"}]
    found = world.run(module.run, {"cluster": "c1", "services": ["web", "web", "none"]})
    assert not found["changed"]
    (service,) = found["services"]
    assert (service["name"], service["cluster"], service["status"]) == ("web", "c1", "ACTIVE")
    assert (service["desired_count"], service["running_count"]) == (3, 3)
    assert service["task_definition"] == revision(1)
    assert service["tags"] == {"team": "pardon"}
    assert service["deployments"][0]["rollout_state"] == "COMPLETED"
    (group,) = service["target_groups"]
    assert (group["name"], group["arn"]) == ("tg-web", GROUP)
    assert group["attributes"] == {"stickiness.enabled": "true"}
    assert [each["state"] for each in group["targets"]] == ["healthy"] * 3
    assert [each["address"] for each in service["tasks"]] == ["10.0.1.0", "10.0.1.1", "10.0.1.2"]
    assert service["tasks"][0]["containers"][0]["image"] == "example.com/app:2"
    assert world.writes() == []


def test_an_unknown_name_is_left_out() -> None:
    assert World().run(module.run, {"cluster": "c1", "services": ["none"]})["services"] == []


def test_a_group_that_two_entries_share_is_read_once() -> None:
    world = World()
    world.service["loadBalancers"] *= 2
    found = world.run(module.run, {"cluster": "c1", "services": ["web"]})
    assert len(found["services"][0]["target_groups"]) == 1


def test_a_service_without_load_balancer_has_no_groups() -> None:
    world = World()
    world.service["loadBalancers"] = []
    found = world.run(module.run, {"cluster": "c1", "services": ["web"]})
    assert found["services"][0]["target_groups"] == []
    assert not [operation for operation, _arguments in world.calls if "target" in operation]
