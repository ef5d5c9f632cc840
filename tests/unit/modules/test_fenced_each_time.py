# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Somebody else deploys while a call of ours waits to be sent, or to be sent again: their deployment stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, waits, writes
from ansible_collections.steady.ecs.plugins.modules import (
    deployment,
    deployment_stop,
    release_task,
    service_restart,
    target_group_attributes,
)

from tests.unit.answers import GROUP, revision
from tests.unit.modules.one_off_world import Runner
from tests.unit.modules.test_in_release import KEY, Balanced, Release, goes_well
from tests.unit.modules.verb_world import VerbWorld
from tests.unit.modules.world import World, no_answer, refused

Answer = dict[str, Any]
THROTTLE = refused("ThrottlingException", "Rate exceeded")


class Tagged(Balanced):
    """Its tags can be set, which takes some seconds."""

    def tag_resource(self, **arguments: Any) -> Answer:
        self._called("tag_resource", arguments)
        self.service["tags"] = arguments["tags"]
        self.sleep(3)
        return {}


def at_work[W: World](found: W, monkeypatch: pytest.MonkeyPatch) -> W:
    """The world as the one that modules work in."""
    monkeypatch.setattr(waits, "clock", found)
    monkeypatch.setattr(reads, "_definitions", {})
    return found


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Tagged:
    return at_work(Tagged(), monkeypatch)


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    return at_work(Runner(tmp_path), monkeypatch)


def deploys(world: World) -> Callable[[], None]:
    """Somebody deploys web:9."""
    return lambda: world.begin_deployment(9)


def looks(world: World) -> int:
    return [operation for operation, _asked in world.calls].count("describe_services")


def test_undisturbed_the_first_look_is_the_only_one_before_the_update(world: Tagged, tmp_path: Path) -> None:
    of = Release(world, tmp_path)
    world.after_update = lambda: (before.append(looks(world)), world.begin_deployment())[0]
    before: list[int] = []
    goes_well(world)
    assert of.task(deployment, task_definition="web:2")["verdict"] == "succeeded"
    assert before == [1]


@pytest.mark.parametrize("round_", [THROTTLE, no_answer], ids=["throttled", "not carried out, not answered"])
def test_what_somebody_deploys_between_two_rounds_stays(
    world: Tagged, tmp_path: Path, round_: Callable[[], Exception]
) -> None:
    """Fails on a fence before the first sending alone."""
    of = Release(world, tmp_path)
    world.fail("update_service", round_, round_)
    world.at(3, deploys(world))
    found = of.task(deployment, task_definition="web:2")
    assert found["reason"] == "fenced" and "ecs-svc/9 of web:9" in found["msg"]
    assert world.service["taskDefinition"] == revision(9)


def test_what_somebody_deploys_over_ours_whose_answer_was_lost_stays(world: Tagged, tmp_path: Path) -> None:
    of = Release(world, tmp_path)

    def overtaken() -> Exception:
        lost = world.lose_the_answer()
        world.begin_deployment(9)
        return lost

    world.fail("update_service", overtaken)
    assert of.task(deployment, task_definition="web:2")["reason"] == "fenced"
    assert (len(world.writes()), world.service["taskDefinition"]) == (1, revision(9))


def test_what_somebody_deploys_while_a_call_beside_is_made_stays(world: Tagged, tmp_path: Path) -> None:
    """Fails on a fence that is asked with the look of the beginning."""
    of = Release(world, tmp_path)
    world.at(2, deploys(world))
    found = of.task(deployment, task_definition="web:2", settings={"tags": {"team": "a"}})
    assert (found["reason"], world.writes()) == ("fenced", [])
    assert world.service["taskDefinition"] == revision(9)


def test_of_the_calls_beside_none_is_made_on_an_old_look(world: Tagged, tmp_path: Path) -> None:
    of = Release(world, tmp_path)
    world.fail("tag_resource", THROTTLE)
    world.at(1, deploys(world))
    found = of.task(deployment, task_definition="web:2", settings={"tags": {"team": "a"}})
    assert (found["reason"], world.service.get("tags")) == ("fenced", None)


def test_the_second_update_is_fenced_each_time_too(world: Tagged, tmp_path: Path) -> None:
    of = Release(world, tmp_path)
    second = {"loadBalancers": world.service["loadBalancers"], "healthCheckGracePeriodSeconds": 30}
    world.service |= {"loadBalancers": [], "healthCheckGracePeriodSeconds": None}
    of.note(task_definition=revision(2))
    world.fail("update_service", None, THROTTLE, THROTTLE)
    world.at(1, deploys(world))
    found = of.task(deployment, task_definition="web:2", settings=second)
    assert found["reason"] == "fenced" and "Deployment ecs-svc/2 had begun by then" in found["msg"]
    assert world.service["healthCheckGracePeriodSeconds"] is None


def test_attributes_are_not_set_under_somebody_elses_deployment(world: Tagged, tmp_path: Path) -> None:
    of = Release(world, tmp_path, attributes={GROUP: {KEY: "false"}})
    world.fail("modify_target_group_attributes", refused("Throttling", "Rate exceeded"))
    world.at(1, deploys(world))
    assert of.task(target_group_attributes, attributes={KEY: False})["reason"] == "fenced"
    assert world.attributes == {KEY: "true"}


@pytest.mark.parametrize("failing", [THROTTLE, no_answer])
def test_without_a_look_nothing_is_sent_again(world: Tagged, tmp_path: Path, failing: Callable[[], Exception]) -> None:
    of = Release(world, tmp_path)
    world.fail("update_service", THROTTLE)
    world.at(1, lambda: world.fail("describe_services", failing, failing))
    world.after_update = lambda: (before.append(looks(world)), world.begin_deployment())[0]
    before: list[int] = []
    goes_well(world)
    assert of.task(deployment, task_definition="web:2")["verdict"] == "succeeded"
    assert (len(world.writes()), before) == (2, [4]), "turned away, and sent when the third look after it was answered"


def test_a_look_that_is_never_answered_leaves_the_release_to_the_next_run(world: Tagged, tmp_path: Path) -> None:
    of = Release(world, tmp_path)
    world.fail("update_service", THROTTLE)
    world.at(1, lambda: world.fail("describe_services", *[no_answer] * 100))
    found = of.task(deployment, task_definition="web:2")
    assert (found["reason"], len(world.writes())) == ("too_late", 1)
    assert "Without that look nothing is sent. Run the same command again" in found["msg"]


# -- one-off tasks


def test_no_gate_is_run_under_somebody_elses_deployment(runner: Runner, tmp_path: Path) -> None:
    of = Release(runner, tmp_path)
    runner.begin_deployment(9)
    found = of.task(release_task, task_definition=revision(2))
    assert found["reason"] == "fenced" and "ecs-svc/9 of web:9" in found["msg"]
    assert runner.jobs == []


@pytest.mark.parametrize("round_", [THROTTLE, no_answer], ids=["throttled", "not answered"])
def test_no_gate_is_asked_for_again_under_somebody_elses_deployment(
    runner: Runner, tmp_path: Path, round_: Callable[[], Exception]
) -> None:
    of = Release(runner, tmp_path)
    runner.fail("run_task", round_)
    runner.at(1, deploys(runner))
    found = of.task(release_task, task_definition=revision(2))
    assert (found["reason"], runner.jobs) == ("fenced", [])
    assert bool(found.get("not_known")) == (round_ is no_answer)


def test_undisturbed_a_gate_asks_for_the_service_once(runner: Runner, tmp_path: Path) -> None:
    of = Release(runner, tmp_path)
    assert of.task(release_task, task_definition=revision(2))["verdict"] == "succeeded"
    assert looks(runner) == 1


# -- an operator's verbs


def test_a_restart_starts_nothing_anew_that_somebody_deploys_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = at_work(VerbWorld(tmp_path), monkeypatch)
    world.fail("update_service", THROTTLE)
    world.at(1, deploys(world))
    found = world.verb(service_restart)
    assert (found["outcome"], found["reason"], len(world.writes())) == ("superseded", "fenced", 1)
    assert world.service["deployments"][0]["id"] == "ecs-svc/9"


def test_going_back_by_a_new_deployment_does_not_replace_somebody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = at_work(VerbWorld(tmp_path), monkeypatch)
    world.begin_deployment()
    unoffered = refused("UnknownOperationException")
    monkeypatch.setattr(world, "list_service_deployments", lambda **_asked: (_ for _ in ()).throw(unoffered()))
    world.fail("update_service", THROTTLE)
    world.at(1, deploys(world))
    found = world.verb(deployment_stop)
    assert (found["outcome"], found["reason"], len(world.writes())) == ("superseded", "fenced", 1)
    assert world.service["taskDefinition"] == revision(9)


# -- the time of one step


def test_a_deployment_that_is_not_begun_within_five_minutes_is_left_to_the_next_run(
    world: Tagged, tmp_path: Path
) -> None:
    """Three rounds, each of two minutes at most for a role and then a lost answer, would be longer."""
    of, began = Release(world, tmp_path), world.now()
    unusable = refused("InvalidParameterException", "Unable to assume role and validate the listeners.")
    world.fail("update_service", *([*[unusable] * 50, no_answer] * 3))
    found = of.task(deployment, task_definition="web:2")
    assert (found["reason"], found["cut_off"]) == ("out_of_time", True)
    assert writes.LONGEST <= world.now() - began <= writes.LONGEST + 2 * writes.PAUSE
    assert "UpdateService of web was tried for 300 s" in found["msg"]
    assert "2 times without an answer" in found["msg"] and "for a role that ECS cannot use yet" in found["msg"]
    assert "Run the same command again" in found["msg"]
    world.faults.clear()
    goes_well(world)
    assert of.task(deployment, resumed=True, task_definition="web:2")["verdict"] == "succeeded"
