"""Going back from a deployment under way: ECS is asked where it replaces what is wanted, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, waits
from ansible_collections.steady.ecs.plugins.module_utils.rules import release
from ansible_collections.steady.ecs.plugins.modules import deployment, target_group_attributes

from tests.unit.answers import GROUP, revision
from tests.unit.answers import deployment as deployed
from tests.unit.modules.test_in_release import KEY, NOW, Balanced, Release, goes_well
from tests.unit.modules.world import refused

Answer = dict[str, Any]


class Stoppable(Balanced):
    """ECS is back on web:1 twenty seconds after it was asked."""

    def stop_service_deployment(self, **arguments: Any) -> Answer:
        self._called("stop_service_deployment", arguments)
        self.rollouts[arguments["serviceDeploymentArn"]].update(status="ROLLBACK_REQUESTED")
        self.at(20, self.roll_back)
        return arguments

    def stops(self) -> int:
        return sum(operation == "stop_service_deployment" for operation, _asked in self.calls)

    def anew(self) -> None:
        """Somebody has begun to start the tasks of web:1 anew."""
        self.begin_deployment(2)
        self.service["taskDefinition"] = self.service["deployments"][0]["taskDefinition"] = revision(1)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Stoppable:
    found = Stoppable()
    monkeypatch.setattr(waits, "clock", found)
    monkeypatch.setattr(reads, "_definitions", {})
    return found


def rolling_back(of: Release) -> None:
    of.store.head()
    of.store.apply([release.Write(release.REPLACE, release.rolling_back(of.record(), NOW))])


def undoing(world: Stoppable, folder: Path, **declared: Any) -> Release:
    """A release whose deployment of web:2 is under way, and which is to be undone."""
    of = Release(world, folder, **declared)
    of.note(task_definition=revision(2))
    of.note(deployment="ecs-svc/2")
    world.begin_deployment(2)
    rolling_back(of)
    return of


def test_ecs_goes_back_onto_the_tasks_that_still_run(world: Stoppable, tmp_path: Path) -> None:
    of = undoing(world, tmp_path)
    found = of.task(deployment, task_definition="web:1")
    assert (found["verdict"], found["changed"], found["deployment_id"]) == ("succeeded", True, "ecs-svc/1")
    assert (world.stops(), world.writes()) == (1, [])


@pytest.mark.parametrize(
    "code", ["ConflictException", "UnsupportedFeatureException", "ClientException", "AccessDenied"]
)
def test_where_ecs_will_not_a_deployment_is_the_way_back(world: Stoppable, tmp_path: Path, code: str) -> None:
    of = undoing(world, tmp_path)
    world.fail("stop_service_deployment", refused(code, "not so"))
    of.task(deployment, task_definition="web:1", wait=False)
    assert [each["taskDefinition"] for each in world.writes()] == [revision(1)]


def test_a_throttled_stop_is_no_reason_to_start_tasks_anew(world: Stoppable, tmp_path: Path) -> None:
    of = undoing(world, tmp_path)
    world.fail("stop_service_deployment", *[refused("ThrottlingException", "Rate exceeded")] * 50)
    found = of.task(deployment, task_definition="web:1")
    assert (found["code"], world.writes()) == ("ThrottlingException", [])


@pytest.mark.parametrize("force", [False, True])
def test_tasks_that_are_started_anew_are_watched_and_not_taken_back(
    world: Stoppable, tmp_path: Path, force: bool
) -> None:
    world.anew()
    of = Release(world, tmp_path, changes={})
    goes_well(world)
    found = of.task(deployment, task_definition="web:1", force=force)
    assert (world.stops(), found["deployment_id"]) == (0, "ecs-svc/2")


def test_a_setting_that_is_declared_meanwhile_takes_nothing_back(world: Stoppable, tmp_path: Path) -> None:
    world.anew()
    goes_well(world)
    of = Release(world, tmp_path, changes={})
    of.task(deployment, task_definition="web:1", settings={"healthCheckGracePeriodSeconds": 60})
    assert (world.stops(), len(world.writes())) == (0, 1)


def test_tasks_that_the_release_itself_starts_anew_are_taken_back_with_it(world: Stoppable, tmp_path: Path) -> None:
    of = Release(world, tmp_path, changes={})
    world.anew()
    of.note(deployment="ecs-svc/2")
    rolling_back(of)
    found = of.task(deployment, task_definition="web:1")
    assert (world.stops(), found["verdict"], found["deployment_id"]) == (1, "succeeded", "ecs-svc/1")


def test_what_ecs_returned_to_is_nobody_elses_although_the_release_found_another(
    world: Stoppable, tmp_path: Path
) -> None:
    """An earlier release that is gone had left web:2 under way, and web:1 still ran."""
    of = Release(world, tmp_path, attributes={GROUP: {KEY: "false"}})
    record = of.record()
    record["before"].update(task_definition=revision(2), deployment="ecs-svc/2")
    of.store.head()
    of.store.apply([release.Write(release.REPLACE, record)])
    of.note(task_definition=revision(3))
    of.note(deployment="ecs-svc/3")
    world.begin_deployment(2)
    world.begin_deployment(3)
    assert of.task(target_group_attributes, attributes={KEY: False})["changed"]
    rolling_back(of)
    found = of.task(deployment, task_definition="web:1", settings={"healthCheckGracePeriodSeconds": 60})
    assert (found["verdict"], world.stops()) == ("succeeded", 1), found.get("msg")
    assert world.service["healthCheckGracePeriodSeconds"] == 60
    assert of.task(target_group_attributes, attributes={KEY: True})["changed"]


def test_somebody_who_deploys_while_ecs_goes_back_is_left_alone(world: Stoppable, tmp_path: Path) -> None:
    of = undoing(world, tmp_path)
    world.at(10, lambda: world.begin_deployment(9))
    world.at(11, lambda: world.plan.clear())
    found = of.task(deployment, task_definition="web:1", settings={"healthCheckGracePeriodSeconds": 60})
    assert (found["reason"], world.writes()) == ("fenced", [])


def test_what_cannot_be_looked_at_while_ecs_goes_back_is_gone_on_with(world: Stoppable, tmp_path: Path) -> None:
    of = undoing(world, tmp_path)
    world.at(5, lambda: world.fail("describe_services", *[refused("AccessDeniedException", "not you")] * 9))
    found = of.task(deployment, task_definition="web:1")
    assert (found["verdict"], found["deployment_id"]) == ("unknown", "ecs-svc/2")
    assert "ECS goes on going back" in found["msg"]


def test_before_anything_is_known_to_have_been_complete_there_is_nothing_to_ask_for(
    world: Stoppable, tmp_path: Path
) -> None:
    world.service["deployments"] = [deployed(1, state="IN_PROGRESS")]
    goes_well(world)
    Release(world, tmp_path, changes={}).task(deployment, task_definition="web:2")
    assert world.stops() == 0
