# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module task_definition_prune: nothing goes that anything names, and nothing before a proven release."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, waits
from ansible_collections.steady.ecs.plugins.module_utils.rules import release
from ansible_collections.steady.ecs.plugins.module_utils.work import Task, perform
from ansible_collections.steady.ecs.plugins.modules import task_definition_prune as module

from tests.unit.answers import ACCOUNT, revision, task
from tests.unit.modules.records_of import NOW, Kept
from tests.unit.modules.verb_world import VerbWorld
from tests.unit.modules.world import no_answer, refused

Answer = dict[str, Any]
ECS_RULE = {"Id": "1", "Arn": f"{ACCOUNT}cluster/c1"}


class Account(VerbWorld):
    """Two clusters and all that can name a revision of the family ``web``, whose 1 to 12 are ACTIVE."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.active = [revision(number) for number in range(1, 13)]
        self.elsewhere: dict[str, Answer] = {}
        """Services of the cluster ``c2``."""
        self.one_off: list[Answer] = []
        """Tasks of the family in the cluster ``c2``."""
        self.rules: list[Answer] = []
        self.schedules: list[Answer] = []
        self.sides: dict[str, str] = {}
        self.warnings: list[str] = []

    def run(self, run: Callable[[Task], Answer], params: Answer, check_mode: bool = False) -> Answer:
        asked = Task(params, self, check_mode=check_mode, report=self.lines.append, warn=self.warnings.append)
        return perform(asked, run)

    def get_paginator(self, operation: str) -> Any:
        return _Pages(self, operation)

    def pages(self, operation: str, asked: Answer) -> Iterator[Answer]:
        self._called(operation, asked)
        if operation == "list_task_definitions":
            other = [f"{ACCOUNT}task-definition/web-other:1"]
            yield {"taskDefinitionArns": [*self.active[:5], *other]}
            yield {"taskDefinitionArns": self.active[5:]}
        elif operation == "list_clusters":
            yield {"clusterArns": [f"{ACCOUNT}cluster/c1", f"{ACCOUNT}cluster/c2"]}
        elif operation == "list_services":
            names = ["web"] if asked["cluster"] == "c1" else list(self.elsewhere)
            yield {"serviceArns": [f"{ACCOUNT}service/{asked['cluster']}/{name}" for name in names]}
        elif operation == "list_tasks":
            tasks = self.tasks if asked["cluster"] == "c1" else self.one_off
            wanted = [each for each in tasks if each["desiredStatus"] == asked["desiredStatus"]]
            yield {"taskArns": [each["taskArn"] for each in wanted]}

    def describe_services(self, **asked: Any) -> Answer:
        if asked["cluster"] == "c1":
            return super().describe_services(**asked)
        return {"services": [self.elsewhere[name] for name in asked["services"]], "failures": []}

    def describe_tasks(self, **asked: Any) -> Answer:
        return {"tasks": [each for each in [*self.tasks, *self.one_off] if each["taskArn"] in asked["tasks"]]}

    def describe_task_definition(self, **asked: Any) -> Answer:
        status = "ACTIVE" if asked["taskDefinition"] in self.active else "INACTIVE"
        return {"taskDefinition": {"taskDefinitionArn": asked["taskDefinition"], "status": status}}

    def describe_service_revisions(self, **asked: Any) -> Answer:
        return {"serviceRevisions": [{"taskDefinition": self.sides[arn]} for arn in asked["serviceRevisionArns"]]}

    def deregister_task_definition(self, **asked: Any) -> Answer:
        self._called("deregister_task_definition", asked)
        return self.deregistered(asked)

    def deregistered(self, asked: Answer) -> Answer:
        if asked["taskDefinition"] not in self.active:
            raise refused("ClientException", "The specified task definition is inactive.")()
        self.active.remove(asked["taskDefinition"])
        return {}

    def lose_the_deregistration(self) -> Exception:
        self.deregistered(self.calls[-1][1])
        return no_answer()

    def list_event_buses(self, **_asked: Any) -> Answer:
        self._called("list_event_buses", {})
        return {"EventBuses": [{"Name": "default"}]}

    def list_rules(self, **_asked: Any) -> Answer:
        return {"Rules": [{"Name": "nightly"}] if self.rules else []}

    def list_targets_by_rule(self, **asked: Any) -> Answer:
        first, rest = self.rules[:1], self.rules[1:]
        return {"Targets": rest} if asked.get("NextToken") else {"Targets": first, "NextToken": "more"}

    def list_schedules(self, **_asked: Any) -> Answer:
        self._called("list_schedules", {})
        return {"Schedules": [{"Name": each["Name"], "GroupName": "default"} for each in self.schedules]}

    def get_schedule(self, **asked: Any) -> Answer:
        self._called("get_schedule", asked)
        return next(each for each in self.schedules if each["Name"] == asked["Name"])

    def gone(self) -> list[int]:
        """Numbers of the revisions that were deregistered."""
        return [int(each["taskDefinition"].rsplit(":", 1)[1]) for each in self.called("deregister_task_definition")]


class _Pages:
    def __init__(self, account: Account, operation: str) -> None:
        self.account, self.operation = account, operation

    def paginate(self, **asked: Any) -> Iterator[Answer]:
        return self.account.pages(self.operation, asked)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    """Releases of 2 to 10, one revision each; 10 runs, 11 and 12 were registered since."""
    found = Account(tmp_path)
    monkeypatch.setattr(waits, "clock", found)
    monkeypatch.setattr(reads, "_definitions", {})
    for number in range(2, 11):
        found.kept.released(number)
    serves(found, 10)
    return found


def serves(world: Account, number: int) -> None:
    """The service and its tasks are on this revision."""
    world.service["taskDefinition"] = revision(number)
    world.service["deployments"][0]["taskDefinition"] = revision(number)
    world.tasks = [task(number, index) for index in range(3)]


def test_the_last_proven_releases_stay_with_what_they_started_from(world: Account) -> None:
    found = world.verb(module, keep=3, why="tidy up")
    assert world.gone() == [1, 2, 3, 4, 5, 6], "10, 9, 8 are kept, and 7, from which 8 started"
    assert found["removed"] == [f"web:{number}" for number in range(1, 7)]
    assert found["kept"]["web:11"] == ["newer than every proven release"]
    assert (found["outcome"], found["changed"]) == ("proven", True)
    record = world.newest()
    assert (record["kind"], record["state"]) == ("prune", "succeeded")
    assert record["operation"]["result"]["removed"] == found["removed"]
    again = world.verb(module, keep=3)
    assert (again["outcome"], again["changed"], again["removed"]) == ("unchanged", False, [])


def test_c64_what_serves_is_never_deregistered_though_the_record_names_another(world: Account) -> None:
    """The deployment of :10 was stopped, and :3 serves."""
    serves(world, 3)
    world.verb(module, keep=1)
    assert 3 not in world.gone()
    assert revision(3) in world.active


@pytest.mark.parametrize(
    "name",
    [
        "service",
        "deployment",
        "task set",
        "task",
        "stopping task",
        "rule",
        "schedule",
        "schedule of a bare family",
        "schedule of a universal target",
        "alarm watch",
    ],
)
def test_c64_whatever_names_a_revision_keeps_it(world: Account, name: str) -> None:
    wanted = 12 if name == "schedule of a bare family" else 2
    named_by(world, name)
    found = world.verb(module, keep=1)
    assert wanted not in world.gone(), found["kept"]
    assert 1 in world.gone(), "what nothing names goes"
    reasons = "; ".join(found["kept"][f"web:{wanted}"])
    assert {"alarm watch": "service deployment"}.get(name, name.split()[0].replace("stopping", "task")) in reasons or (
        name in ("deployment", "task set") and "service shop" in reasons
    )


@pytest.mark.parametrize("given", ["{", "[]", "null", '"web:2"'])
def test_a_schedule_that_cannot_be_understood_keeps_everything(world: Account, given: str) -> None:
    universal = {"Arn": "arn:aws:scheduler:::aws-sdk:ecs:runTask", "Input": given}
    world.schedules = [{"Name": "broken", "Target": universal}]
    found = world.verb(module, keep=1)
    assert found["failed"] and "schedule broken" in found["msg"] and "prune_skip_schedules=true" in found["msg"]
    assert world.gone() == []
    world.schedules = [{"Name": "other", "Target": {**universal, "Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"}}]
    assert world.verb(module, keep=1, check_mode=True)["removed"], "what is no call of ECS names no revision"
    world.schedules = [{"Name": "broken", "Target": universal}]
    assert world.verb(module, keep=1, skip_schedules=True)["outcome"] == "proven"


def named_by(world: Account, name: str) -> None:
    """Something somewhere in the account names revision 2."""
    shop = {"serviceName": "shop", "status": "ACTIVE", "taskDefinition": f"{ACCOUNT}task-definition/shop:1"}
    target = {"EcsParameters": {"TaskDefinitionArn": revision(2)}}
    if name == "service":
        world.elsewhere["shop"] = {**shop, "taskDefinition": revision(2)}
    elif name == "deployment":
        world.elsewhere["shop"] = {**shop, "deployments": [{"taskDefinition": revision(2)}]}
    elif name == "task set":
        world.elsewhere["shop"] = {**shop, "taskDefinition": None, "taskSets": [{"taskDefinition": revision(2)}]}
    elif name == "task":
        world.one_off = [task(2, 1)]
    elif name == "stopping task":
        world.one_off = [task(2, 1, desiredStatus="STOPPED", lastStatus="DEACTIVATING")]
    elif name == "rule":
        world.rules = [{**ECS_RULE}, {**ECS_RULE, **target}]
    elif name == "schedule":
        world.schedules = [{"Name": "nightly", "Target": target}]
    elif name == "schedule of a universal target":
        given = json.dumps({"Cluster": "c", "TaskDefinition": "web:2"})
        universal = {"Arn": "arn:aws:scheduler:::aws-sdk:ecs:runTask", "Input": given}
        world.schedules = [{"Name": "nightly", "Target": universal}]
    elif name == "schedule of a bare family":
        bare = {"EcsParameters": {"TaskDefinitionArn": f"{ACCOUNT}task-definition/web"}}
        world.schedules = [{"Name": "nightly", "Target": bare}]
    else:
        world.service["deployments"][0]["rolloutState"] = "IN_PROGRESS"
        rollout = {
            "serviceDeploymentArn": "arn:sd",
            "status": "IN_PROGRESS",
            "sourceServiceRevisions": [{"arn": "arn:sr"}],
        }
        world.rollouts, world.sides = {"arn:sd": rollout}, {"arn:sr": revision(2)}


def elsewhere(number: int, family: str = "web", state: str = "COMPLETED") -> Answer:
    """A service ``shop`` that runs a revision."""
    named = revision(number).replace("/web:", f"/{family}:")
    deployment = {"taskDefinition": named, "rolloutState": state}
    return {"serviceName": "shop", "status": "ACTIVE", "taskDefinition": named, "deployments": [deployment]}


def test_c65_the_way_back_of_another_service_of_the_family_stays(world: Account, tmp_path: Path) -> None:
    """Staging and production in two clusters of an account; what of the other one is nowhere but on record."""
    shop = Kept(tmp_path, "c2", "shop")
    for number in (2, 3, 4, 5):
        shop.released(number)
    world.elsewhere["shop"] = elsewhere(5)
    found = world.verb(module, keep=2)
    assert world.gone() == [1, 2, 6, 7], "5 and 4 of shop are kept, and 3, from which 4 started"
    assert found["kept"]["web:3"] == ["release 4 of service shop of cluster c2"]


@pytest.mark.parametrize("noted", [True, False], ids=["its revision is on record", "its run has not noted it yet"])
def test_c65_what_an_open_release_of_another_service_may_need_stays(
    world: Account, tmp_path: Path, noted: bool
) -> None:
    shop = Kept(tmp_path, "c2", "shop")
    shop.released(3)
    record = shop.store.record(shop.opened(changes={"cpu": "4"}))
    if noted:
        record = release.step(record, {"task_definition": revision(4), "registered": True}, NOW)
        shop.store.apply([release.Write(release.REPLACE, record)])
    world.elsewhere["shop"] = elsewhere(3)
    found = world.verb(module, keep=2)
    assert world.gone() == [2], "1 is what shop started from"
    assert "service shop of cluster c2 has release 3 open" in "; ".join(found["kept"]["web:4"])


def test_c64_what_a_service_goes_back_to_stays_though_it_is_of_another_family_by_now(world: Account) -> None:
    """While alarms are watched after a deployment, ECS would go back by itself."""
    world.elsewhere["shop"] = elsewhere(1, "shop", "IN_PROGRESS")
    sides = {"sourceServiceRevisions": [{"arn": "arn:sr"}]}
    world.rollouts = {"arn:sd": {"serviceDeploymentArn": "arn:sd", "status": "IN_PROGRESS", **sides}}
    world.sides = {"arn:sr": revision(2)}
    world.verb(module, keep=1)
    assert 2 not in world.gone() and 1 in world.gone()


def test_what_another_service_needs_and_cannot_be_read_keeps_everything(world: Account, tmp_path: Path) -> None:
    Kept(tmp_path, "c2", "shop").released(3)
    next(tmp_path.rglob("shop/releases/*.json")).write_text("{}", encoding="utf-8")
    world.elsewhere["shop"] = elsewhere(3)
    assert "is not used" in world.verb(module, keep=2)["msg"]
    assert world.gone() == []


def test_of_thousands_that_go_the_record_keeps_the_first_and_the_last(world: Account) -> None:
    """The first clean-up of a family is what it is for; its closing write is not refused for its length."""
    world.active = [revision(number) for number in range(1, 8001)]
    world.kept.released(8000)
    serves(world, 8000)
    found = world.verb(module, keep=1)
    assert (found["outcome"], len(found["removed"])) == ("proven", 7998)
    kept = world.newest()["operation"]["result"]["removed"]
    assert (world.newest()["state"], kept[0], kept[100], kept[-1]) == (
        "succeeded", "web:1", "and 7798 more", "web:7999",
    )  # fmt: skip


def test_c65_nothing_is_deregistered_before_a_release_is_proven(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = Account(tmp_path)
    monkeypatch.setattr(waits, "clock", world)
    monkeypatch.setattr(reads, "_definitions", {})
    serves(world, 12)
    refusal = world.verb(module)
    assert (refusal["failed"], refusal["outcome"]) == (True, "error")
    assert "No release is proven yet" in refusal["msg"]
    world.kept.released(11, "failed")
    assert "No release is proven yet" in world.verb(module)["msg"]
    assert world.gone() == []


def test_c65_a_release_that_is_open_keeps_its_way_back(world: Account) -> None:
    seq = world.kept.opened(changes={"cpu": "11"})
    found = world.verb(module, keep=1)
    assert f"Release {seq} is open" in found["msg"]
    assert world.gone() == []


def test_c65_a_failed_release_is_no_way_back_and_takes_none_away(world: Account) -> None:
    world.kept.released(11, "failed")
    world.verb(module, keep=1)
    assert not {9, 10, 11, 12} & set(world.gone()), "10 is proven, 9 is what it started from, 11 and 12 are newer"


@pytest.mark.parametrize("operation", ["list_event_buses", "list_schedules"])
def test_schedules_that_may_not_be_read_may_name_anything(world: Account, operation: str) -> None:
    world.fail(operation, refused("AccessDeniedException", "not authorized"))
    found = world.verb(module, keep=1)
    assert found["failed"]
    assert "prune_skip_schedules=true" in found["msg"]
    assert world.gone() == []
    world.fail(operation, *[refused("AccessDeniedException", "not authorized")] * 2)
    assert world.verb(module, keep=1, skip_schedules=True)["outcome"] == "proven"


@pytest.mark.parametrize("unread", ["list_event_buses", "list_schedules", "get_schedule", "broken"])
def test_what_can_be_read_keeps_its_revision_though_another_is_skipped(world: Account, unread: str) -> None:
    """Whoever skips what may not be read does not mean the rule beside it, which was read."""
    named_by(world, "rule")
    target = {"EcsParameters": {"TaskDefinitionArn": revision(3)}}
    broken = {"Arn": "arn:aws:scheduler:::aws-sdk:ecs:runTask", "Input": "{"}
    foreign = {"Name": "foreign", "Target": broken if unread == "broken" else {}}
    world.schedules = [foreign, {"Name": "hourly", "Target": target}]
    first_alone = [None] if unread == "get_schedule" else []
    world.fail(unread, *[refused("AccessDeniedException", f"not authorized: {unread}"), *first_alone] * 2)
    found = world.verb(module, keep=1, skip_schedules=True)
    kept = {2: unread != "list_event_buses", 3: unread != "list_schedules"}
    assert {number: number not in world.gone() for number in kept} == kept, found["kept"]
    assert 1 in world.gone()
    assert len(world.warnings) == 2, "one for the plan, and one under the lease"
    assert ("foreign" if unread == "broken" else unread) in world.warnings[0]
    assert "Nothing was" not in world.warnings[0]


def test_check_mode_lists_and_changes_nothing(world: Account) -> None:
    planned = world.verb(module, check_mode=True, keep=3)
    assert (planned["changed"], planned["outcome"]) == (True, "unchanged")
    assert planned["removed"] == [f"web:{number}" for number in range(1, 7)]
    assert "keeps web:10: service web of cluster c1" in "\n".join(world.lines)
    assert "deregisters web:1" in "\n".join(world.lines)
    assert world.gone() == []
    assert set(planned) == set(world.verb(module, keep=3))


def test_a_lost_answer_is_looked_up(world: Account) -> None:
    world.fail("deregister_task_definition", world.lose_the_deregistration)
    assert world.verb(module, keep=3)["outcome"] == "proven"
    assert world.gone() == [1, 2, 3, 4, 5, 6]


def test_what_was_done_before_a_failure_is_on_record(world: Account) -> None:
    world.fail("deregister_task_definition", None, refused("AccessDeniedException", "not authorized"))
    found = world.verb(module, keep=3)
    assert (found["failed"], found["outcome"]) == (True, "failed")
    assert world.newest()["operation"]["result"]["removed"] == ["web:1"]
    assert world.newest()["state"] == "failed"


def test_the_way_back_from_a_rollback_stays(world: Account) -> None:
    """Release 5 is restored: what goes back from there is what it started from."""
    world.kept.live = {**world.kept.live, "task_definition": revision(10)}
    world.kept.released(5, kind="rollback", restores=5, changes={})
    serves(world, 5)
    world.verb(module, keep=1)
    assert not {4, 5, 10} & set(world.gone())
    assert {1, 2, 3, 6, 7, 8, 9} == set(world.gone())


def test_at_least_one_release_stays(world: Account) -> None:
    assert "prune_keep is 0" in world.verb(module, keep=0)["msg"]
