"""The modules that write, as tasks of a release: lease, fence, notes, and what a run that goes on does not do twice."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, waits, writes
from ansible_collections.steady.ecs.plugins.module_utils.edges.store_files import FileStore
from ansible_collections.steady.ecs.plugins.module_utils.rules import intent, lease, records, release
from ansible_collections.steady.ecs.plugins.modules import (
    deployment,
    service_health,
    target_group_attributes,
    task_definition,
)

from tests.unit.answers import GROUP, event, moment, revision
from tests.unit.answers import deployment as deployed
from tests.unit.modules.ecs_api import EcsApi
from tests.unit.modules.world import World, refused
from tests.unit.task_definitions import RICH

ACCOUNT = "111122223333"
IDENTITY = records.Identity(ACCOUNT, "us-east-1", "c1", "web")
NOW, KEY = "2026-11-27T10:00:00Z", "stickiness.enabled"
Answer = dict[str, Any]


class Balanced(World):
    """The world, whose target group has an attribute that can be set."""

    def __init__(self) -> None:
        super().__init__()
        self.attributes = {KEY: "true"}

    def describe_target_group_attributes(self, **arguments: Any) -> Answer:
        self._called("describe_target_group_attributes", arguments)
        return {"Attributes": [{"Key": key, "Value": value} for key, value in self.attributes.items()]}

    def modify_target_group_attributes(self, **arguments: Any) -> Answer:
        self._called("modify_target_group_attributes", arguments)
        self.attributes.update({each["Key"]: each["Value"] for each in arguments["Attributes"]})
        return {"Attributes": [{"Key": key, "Value": value} for key, value in self.attributes.items()]}

    def modified(self) -> list[Answer]:
        return [asked for operation, asked in self.calls if operation == "modify_target_group_attributes"]


class Release:
    """A release of the world's service, opened as the module does it, and the tasks of its run."""

    def __init__(self, world: World, folder: Path, groups: tuple[str, ...] = (GROUP,), **declared: Any) -> None:
        self.world, self.folder, self.store = world, folder, FileStore(folder, IDENTITY)
        wanted = {"changes": {"cpu": "1"}, "definition": {}, "images": {}, "settings": {}, "attributes": {}, **declared}
        before = {
            "task_definition": revision(1),
            "deployment": "ecs-svc/1",
            "settings": {},
            "running": 3,
            "desired": 3,
            "attributes": {arn: {KEY: "true"} for arn in groups},
        }
        request = release.Request(IDENTITY, "deploy", intent.intent(revision(1), **wanted), {"who": "ada"}, "run")
        head = lease.taken(self.store.head(), "run", 90, {"who": "ada", "host": "h", "why": ""}, NOW)
        opening = release.opening(head, {}, request, before, NOW)
        self.store.apply(opening.writes)
        self.given = {"seq": opening.record["seq"], "nonce": "run", "account": ACCOUNT, "lease_seconds": 90}

    def task(self, module: Any, resumed: bool = False, **params: Any) -> Answer:
        options = {name: option.get("default") for name, option in module.SPEC.options.items()}
        given = {**self.given, "store": str(self.folder), "resumed": resumed}
        place = {"cluster": "c1", "service": "web", "region": "us-east-1"}
        return self.world.run(module.run, {**options, **place, "release": given, **params})

    def record(self) -> Answer:
        return self.store.record(self.given["seq"])

    def note(self, **steps: Any) -> None:
        self.store.head()
        self.store.apply([release.Write(release.REPLACE, release.step(self.record(), steps, NOW))])

    def taken_by_another(self) -> None:
        head = lease.taken(self.store.head(), "other", 90, {"who": "bob", "host": "h", "why": "hotfix"}, NOW)
        self.store.apply([release.Write(release.HEAD, head)])


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Balanced:
    found = Balanced()
    monkeypatch.setattr(waits, "clock", found)
    monkeypatch.setattr(reads, "_definitions", {})
    return found


def goes_well(world: World) -> None:
    world.at(10, world.start_tasks)
    world.at(20, world.complete)


def test_a_deployment_is_noted_before_it_is_watched(world: Balanced, tmp_path: Path) -> None:
    of = Release(world, tmp_path)
    of.note(task_definition=revision(2))
    noted: list[Any] = []
    world.at(5, lambda: noted.append(of.record()["steps"]["deployment"]))
    goes_well(world)
    assert of.task(deployment, task_definition="web:2")["verdict"] == "succeeded"
    assert noted == ["ecs-svc/2"]
    assert of.record()["state"] == "verifying"


def test_c30_one_release_makes_one_deployment(world: Balanced, tmp_path: Path) -> None:
    of = Release(world, tmp_path, attributes={GROUP: {KEY: "false"}})
    assert of.task(target_group_attributes, attributes={KEY: False})["changed"]
    of.note(task_definition=revision(2))
    goes_well(world)
    found = of.task(deployment, task_definition="web:2", settings={"healthCheckGracePeriodSeconds": 60})
    assert (len(world.writes()), len(world.modified()), found["deployment_id"]) == (1, 1, "ecs-svc/2")


@pytest.mark.parametrize("module", [deployment, target_group_attributes, service_health])
def test_a_task_whose_lease_is_lost_touches_nothing(world: Balanced, tmp_path: Path, module: Any) -> None:
    of = Release(world, tmp_path)
    of.taken_by_another()
    params = {"attributes": {KEY: False}} if module is target_group_attributes else {"task_definition": revision(2)}
    found = of.task(module, **params)
    assert (found["failed"], found["reason"], found["holder"]["who"]) == (True, "lease_lost", "bob")
    assert world.calls == []


def test_what_another_run_has_made_of_it_since_is_not_ill(world: Balanced, tmp_path: Path) -> None:
    """It has taken over since the task began, and before a renewal was due."""
    of = Release(world, tmp_path)
    found = of.task(service_health, task_definition=revision(2), wait_timeout=20)
    assert found["reason"] == "unhealthy", "while it is ours"
    world.at(1, of.taken_by_another)
    found = of.task(service_health, task_definition=revision(2), wait_timeout=20)
    assert (found["reason"], found["holder"]["who"]) == ("lease_lost", "bob")


def test_the_lease_is_renewed_in_a_long_wait(world: Balanced, tmp_path: Path) -> None:
    of, keys = Release(world, tmp_path), set[str]()
    for seconds in range(0, 600, 30):
        world.at(seconds, lambda: keys.add(of.store.head()["lease"]["key"]))
    world.at(500, world.start_tasks)
    world.at(600, world.complete)
    assert of.task(deployment, task_definition="web:2")["verdict"] == "succeeded"
    assert len(keys) >= 10


def test_a_deployment_that_loses_its_lease_in_the_wait_is_left_alone(world: Balanced, tmp_path: Path) -> None:
    of = Release(world, tmp_path)
    world.at(60, of.taken_by_another)
    found = of.task(deployment, task_definition="web:2")
    assert (found["reason"], found["deployment_id"]) == ("lease_lost", "ecs-svc/2")
    assert "goes on" in found["msg"]
    assert len(world.writes()) == 1


def test_somebody_elses_change_is_not_written_over(world: Balanced, tmp_path: Path) -> None:
    of = Release(world, tmp_path)
    world.begin_deployment(9)
    began = world.now()
    found = of.task(deployment, task_definition="web:2")
    assert found["reason"] == "fenced" and "ecs-svc/9 of web:9" in found["msg"]
    assert world.now() - began >= 2, "one look may be a stale one"
    assert world.writes() == []


def test_the_fence_stands_before_the_attributes_too(world: Balanced, tmp_path: Path) -> None:
    of = Release(world, tmp_path, attributes={GROUP: {KEY: "false"}})
    world.begin_deployment(9)
    assert of.task(target_group_attributes, attributes={KEY: False})["reason"] == "fenced"
    assert world.modified() == []


def test_a_fenced_release_puts_back_what_is_still_its_own(world: Balanced, tmp_path: Path) -> None:
    of = Release(world, tmp_path, attributes={GROUP: {KEY: "false"}})
    of.task(target_group_attributes, attributes={KEY: False})
    world.begin_deployment(9)
    found = of.task(target_group_attributes, put_back=True)
    assert (found["changed"], world.attributes) == (True, {KEY: "true"})
    assert of.task(target_group_attributes, put_back=True)["changed"] is False


def test_a_group_that_the_service_has_left_is_not_put_back(world: Balanced, tmp_path: Path) -> None:
    of = Release(world, tmp_path, attributes={GROUP: {KEY: "false"}, f"{GROUP}-left": {KEY: "false"}})
    of.task(target_group_attributes, attributes={KEY: False})
    found = of.task(target_group_attributes, put_back=True)
    assert [each["arn"] for each in found["target_groups"]] == [GROUP]
    assert world.attributes == {KEY: "true"}


def test_a_lost_answer_is_our_own_deployment_although_its_id_is_new(world: Balanced, tmp_path: Path) -> None:
    of = Release(world, tmp_path)
    of.note(task_definition=revision(2))
    world.fail("update_service", world.lose_the_answer)
    goes_well(world)
    found = of.task(deployment, task_definition="web:2")
    assert (found["verdict"], found["deployment_id"], len(world.writes())) == ("succeeded", "ecs-svc/2", 1)
    assert of.record()["steps"]["deployment"] == "ecs-svc/2"


def test_after_a_death_between_two_calls_the_revision_before_is_named(world: Balanced, tmp_path: Path) -> None:
    of = Release(world, tmp_path)
    second = {"loadBalancers": world.service["loadBalancers"], "healthCheckGracePeriodSeconds": 30}
    world.service |= {"loadBalancers": [], "healthCheckGracePeriodSeconds": None}
    of.note(task_definition=revision(2))
    world.fail("update_service", None, refused("AccessDeniedException"))
    first = of.task(deployment, task_definition="web:2", settings=second)
    assert first["failed"] and "Deployment ecs-svc/2 had begun by then" in first["msg"]
    goes_well(world)
    again = of.task(deployment, resumed=True, task_definition="web:2", settings=second)
    assert [set(each) - {"cluster", "service"} for each in world.writes()] == [
        {"taskDefinition", "loadBalancers"},
        {"healthCheckGracePeriodSeconds"},
        {"healthCheckGracePeriodSeconds"},
    ]
    assert (again["verdict"], again["previous_task_definition_arn"]) == ("succeeded", revision(1))


def test_a_forced_deployment_whose_run_died_is_not_forced_again(world: Balanced, tmp_path: Path) -> None:
    of = Release(world, tmp_path, changes={})
    world.begin_deployment(2)
    world.service["taskDefinition"] = world.service["deployments"][0]["taskDefinition"] = revision(1)
    world.start_tasks()
    world.complete()
    world.service["taskDefinition"] = world.service["deployments"][0]["taskDefinition"] = revision(1)
    found = of.task(deployment, resumed=True, force=True, wait=False)
    assert (found["changed"], world.writes()) == (False, [])
    assert of.task(deployment, force=True, wait=False)["changed"] is False


def test_a_forced_deployment_is_begun_by_a_release_that_goes_on_when_two_looks_show_none(
    world: Balanced, tmp_path: Path
) -> None:
    of, began = Release(world, tmp_path, changes={}), world.now()
    goes_well(world)
    assert of.task(deployment, resumed=True, force=True, wait=False)["changed"] is True
    assert (len(world.writes()), world.now() - began) == (1, 2)


def test_a_stale_look_does_not_repeat_the_update_of_a_run_that_died(world: Balanced, tmp_path: Path) -> None:
    of = Release(world, tmp_path)
    of.note(task_definition=revision(2))
    # ECS shows the update only a second after the new run's first look.
    world.at(1, lambda: (world.begin_deployment(2), world.start_tasks(), world.complete()))
    found = of.task(deployment, resumed=True, task_definition="web:2")
    assert (found["verdict"], found["deployment_id"], world.writes()) == ("succeeded", "ecs-svc/2", [])


def test_a_release_that_ecs_went_back_from_while_nobody_watched_is_not_rolled_out_again(
    world: Balanced, tmp_path: Path
) -> None:
    of = Release(world, tmp_path)
    of.note(task_definition=revision(2))
    of.note(deployment="ecs-svc/2")
    world.begin_deployment(2)
    world.roll_back()
    found = of.task(deployment, resumed=True, task_definition="web:2")
    assert (found["failed"], found["verdict"], found["deployment_id"]) == (True, "rolled_back", "ecs-svc/2")
    assert world.writes() == []


@pytest.mark.parametrize("listed", [False, True])
def test_of_what_ecs_went_back_from_only_the_events_of_its_own_time_are_told(
    world: Balanced, tmp_path: Path, listed: bool
) -> None:
    of = Release(world, tmp_path)
    of.note(task_definition=revision(2))
    of.note(deployment="ecs-svc/2")
    began = world.now()
    world.begin_deployment(2)
    failed = {**world.service["deployments"][0], "status": "ACTIVE", "rolloutState": "FAILED"}
    world.roll_back()
    for each in world.rollouts.values():
        each["finishedAt"] = moment(began + 60)
    world.service["deployments"] += [failed] if listed else []
    texts = {
        -90: "was unable to place a task, before.",
        30: "was unable to place a task.",
        90: "(task x) is unhealthy.",
    }
    world.service["events"] = [event(at, began + at, text) for at, text in sorted(texts.items(), reverse=True)]
    found = of.task(deployment, resumed=True, task_definition="web:2")
    assert (found["verdict"], found["deployment_id"]) == ("rolled_back", "ecs-svc/2")
    assert [each["text"] for each in found["events"]] == [texts[30]]
    assert found["cause"]["reason"] == texts[30]


def test_a_release_that_a_person_went_back_from_is_left_to_them(world: Balanced, tmp_path: Path) -> None:
    of = Release(world, tmp_path)
    of.note(task_definition=revision(2))
    of.note(deployment="ecs-svc/2")
    world.begin_deployment(2)
    world.complete(2)
    world.begin_deployment(3)
    world.service["deployments"] = [{**deployed(3), "taskDefinition": revision(1)}]
    world.service["taskDefinition"] = revision(1)
    found = of.task(deployment, resumed=True, task_definition="web:2")
    assert (found["reason"], world.writes()) == ("fenced", [])
    assert "it was not ECS that went back" in found["msg"]


def test_a_deployment_that_goes_on_is_noted_although_nothing_differs(world: Balanced, tmp_path: Path) -> None:
    of = Release(world, tmp_path)
    of.note(task_definition=revision(2))
    world.begin_deployment(2)
    goes_well(world)
    found = of.task(deployment, resumed=True, task_definition="web:2")
    assert (found["verdict"], of.record()["steps"]["deployment"]) == ("succeeded", "ecs-svc/2")


def test_a_revision_of_the_interrupted_run_is_found_at_a_second_look_and_not_registered_again(
    world: Balanced, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api, of = EcsApi(copy.deepcopy(RICH)), Release(world, tmp_path)
    there = api.register({**copy.deepcopy(RICH), "cpu": "2048"}, 75)
    of.world = api  # type: ignore[assignment]
    listed, looks = reads.newer_revisions, list[int]()

    def stale_at_first(*asked: Any) -> list[str]:
        looks.append(1)
        return [] if len(looks) == 1 else listed(*asked)

    monkeypatch.setattr(reads, "newer_revisions", stale_at_first)

    def wanted(resumed: bool) -> Answer:
        options = {name: option.get("default") for name, option in task_definition.SPEC.options.items()}
        given = {**of.given, "store": str(tmp_path), "resumed": resumed}
        changes = {"changes": {"cpu": "2048"}, "region": "us-east-1"}
        return api.run(task_definition, **{**options, "cluster": "c1", "service": "web", **changes, "release": given})

    found = wanted(resumed=True)
    assert (found["revision"], found["registered"], len(looks)) == (there, False, 2)
    noted = of.record()["steps"]["task_definition"]
    assert noted and noted.endswith(":75")
    looks.clear()
    monkeypatch.setattr(reads, "newer_revisions", lambda *_asked: [])
    assert wanted(resumed=True)["revision"] == there, "the one that the record names needs no list"


def test_c30_fails_on_a_tool_that_updates_twice(
    world: Balanced, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = writes.update_service

    def one_call_a_change(*asked: Any) -> Answer:
        *others, arguments, arrived = asked
        answers = [once(*others, {name: value}, arrived) for name, value in arguments.items()]
        world.begin_deployment(3)
        return answers[0]

    monkeypatch.setattr(writes, "update_service", one_call_a_change)
    with pytest.raises(AssertionError):
        test_c30_one_release_makes_one_deployment(world, tmp_path)
