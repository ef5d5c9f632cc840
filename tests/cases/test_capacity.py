# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cases of capacity and placement in the small world, which has capacity providers too; test_room.py is on the bed."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import waits
from ansible_collections.steady.ecs.plugins.module_utils.rules import progress, service, verdict
from ansible_collections.steady.ecs.plugins.modules import deployment

from tests.cases.conftest import Answer
from tests.unit.answers import event
from tests.unit.modules.world import World, refused

Patch = pytest.MonkeyPatch
NO_ROOM = "was unable to place a task because no container instance met all of its requirements."


def roll(world: World, check_mode: bool = False, **changes: Any) -> Answer:
    options = {name: option.get("default") for name, option in deployment.SPEC.options.items()}
    return world.run(deployment.run, {**options, "cluster": "c1", "service": "web", **changes}, check_mode)


def a_warning_is_the_end(patch: Patch) -> None:
    """Whoever reads "unable to place" in an event calls the deployment failed."""
    ours = progress.verdict

    def wrong(mine: Answer, look: Any) -> verdict.Verdict:
        if any("unable to place" in each["message"] for each in look.service["events"]):
            return verdict.Verdict(verdict.FAILED, "unable to place a task")
        return ours(mine, look)

    patch.setattr(progress, "verdict", wrong)


def goes_well(world: World, seconds: float) -> None:
    world.at(seconds, world.start_tasks)
    world.at(seconds + 10, world.complete)


def test_c49_placed_at_the_third_try_is_a_success_with_a_warning(world: World) -> None:
    for number, seconds in enumerate((30, 60)):
        world.at(
            seconds, lambda number=number: world.service["events"].insert(0, event(number, world.seconds, NO_ROOM))
        )
    goes_well(world, 200)
    found = roll(world, task_definition="web:2")
    assert (found["verdict"], found.get("failed")) == ("succeeded", None)
    assert len([each for each in found["timeline"] if "unable to place" in each["text"]]) == 2


def test_c49_fails_on_a_tool_that_ends_at_the_warning(world: World, monkeypatch: Patch) -> None:
    a_warning_is_the_end(monkeypatch)
    with pytest.raises(AssertionError):
        test_c49_placed_at_the_third_try_is_a_success_with_a_warning(world)


def test_c50_an_old_warning_is_not_taken_for_a_new_one(world: World) -> None:
    world.service["events"] = [event(1, -86400, NO_ROOM)]
    goes_well(world, 10)
    found = roll(world, task_definition="web:2")
    assert (found["verdict"], found["events"]) == ("succeeded", [])
    assert not any("unable to place" in line for line in world.lines)


def test_c50_fails_on_a_tool_that_reads_all_events(world: World, monkeypatch: Patch) -> None:
    a_warning_is_the_end(monkeypatch)
    with pytest.raises(AssertionError):
        test_c50_an_old_warning_is_not_taken_for_a_new_one(world)


class Strict(World):
    """Takes a strategy in the place of a launch type only with force, as the API reference of UpdateService says."""

    def update_service(self, **arguments: Any) -> Answer:
        if "capacityProviderStrategy" in arguments and not arguments.get("forceNewDeployment"):
            self._called("update_service", arguments)
            raise refused("InvalidParameterException", "requires force new deployment")()
        return super().update_service(**arguments)


SPOT = {"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]}


def spot(patch: Patch) -> None:
    world = Strict()
    patch.setattr(waits, "clock", world)
    plan = roll(world, check_mode=True, settings=SPOT)
    assert plan["diff"]["after"].get("forceNewDeployment") is True
    goes_well(world, 10)
    found = roll(world, settings=SPOT)
    assert found["verdict"] == "succeeded"
    (call,) = world.writes()
    assert call["forceNewDeployment"] is True
    assert "launchType" not in call


def test_c51_a_capacity_provider_is_changed_with_force_in_one_call(monkeypatch: Patch) -> None:
    spot(monkeypatch)


def test_c51_fails_on_a_tool_that_does_not_force(monkeypatch: Patch) -> None:
    ours = service.request
    monkeypatch.setattr(
        service,
        "request",
        lambda *asked: {name: value for name, value in ours(*asked).items() if name != "forceNewDeployment"},
    )
    with pytest.raises(AssertionError):
        spot(monkeypatch)
