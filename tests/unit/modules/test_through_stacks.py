# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Attributes that a CloudFormation stack owns (case C63): target_group_attributes has the stack set them, and nothing
else."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import change_sets, waits
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task, perform
from ansible_collections.steady.ecs.plugins.modules import target_group_attributes as module

from tests.unit.modules.stack_world import KEYS, Stacks, resource, template
from tests.unit.modules.test_target_group_attributes import Balancing, arn_of

Answer = dict[str, Any]
DURATION, DELAY = KEYS["Duration"], KEYS["Delay"]
WEB, ADMIN = arn_of("tg-web"), arn_of("tg-admin")
BY_PARAMETER = template(Duration={"Ref": "Seconds"}, Delay="300")
MADE = ["create_change_set", "execute_change_set"]


class Owned(Balancing):
    """Service ``web``, whose target groups a stack has made."""

    def __init__(self) -> None:
        super().__init__("tg-web", "tg-admin")
        self.groups = [WEB]
        self.owner = "stack"
        self.stacks = Stacks(self.attributes)
        self.lines: list[str] = []

    def client(self, service: str, _attempts: int) -> Any:
        return self.stacks if service == "cloudformation" else self

    def describe_tags(self, ResourceArns: list[str]) -> Answer:
        tags = [{"Key": key, "Value": value} for key, value in self.stacks.tags.get(ResourceArns[0], {}).items()]
        return {"TagDescriptions": [{"ResourceArn": ResourceArns[0], "Tags": tags}]}

    def declare(self, body: Any = BY_PARAMETER, groups: Answer | None = None, **more: Any) -> None:
        self.stacks.declare("edge", body, groups or {"CoralGroup": WEB}, {"Seconds": "3600"}, **more)

    def settle(self, attributes: Answer, check_mode: bool = False, **more: Any) -> Answer:
        params = {"cluster": "c1", "service": "web", "target_group": None, "attributes": attributes, **more}
        params = {"attributes_of": {}, "owner": "stack", "put_back": False, **params}
        task = Task(params, self, check_mode, report=self.lines.append, warn=self.warnings.append)
        return perform(task, module.run)


@pytest.fixture
def owned(monkeypatch: pytest.MonkeyPatch) -> Iterator[Owned]:
    made = Owned()
    monkeypatch.setattr(waits, "clock", made)
    yield made


def test_c63_a_parameter_of_the_stack_is_changed_and_the_others_stay(owned: Owned) -> None:
    body = copy.deepcopy(BY_PARAMETER)
    body["Parameters"]["Zone"] = {"Type": "String", "Default": "b"}
    body["Resources"]["Topic"] = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Ref": "Zone"}}}
    owned.stacks.declare("edge", body, {"CoralGroup": WEB}, {"Seconds": "3600", "Zone": "a"})
    planned = owned.settle({DURATION: 86400}, check_mode=True)
    assert owned.stacks.wrote() == []
    said = "attributes of tg-web, by change set of stack edge: parameter Seconds from 3600 to 86400"
    assert (planned["by_stack"], planned["diff"]["after"]["change sets"]) == ([said], said)
    done = owned.settle({DURATION: 86400})
    assert done == planned
    assert (owned.stacks.wrote(), owned.modified()) == (MADE, [])
    assert owned.attributes[WEB][DURATION] == done["attributes"][DURATION] == "86400"
    assert owned.stacks.api.stacks["edge"].parameters == {"Seconds": "86400", "Zone": "a"}
    again = owned.settle({DURATION: 86400})
    assert (again["changed"], again["by_stack"], owned.stacks.wrote()) == (False, [], MADE)


def test_c63_what_is_no_parameter_is_changed_in_the_template(owned: Owned) -> None:
    owned.declare()
    done = owned.settle({DURATION: 60, DELAY: 5, "stickiness.enabled": False})
    assert "parameter Seconds from 3600 to 60" in done["by_stack"][0]
    assert f"{DELAY} of CoralGroup from 300 to 5" in done["by_stack"][0]
    assert "stickiness.enabled of CoralGroup from nothing to false" in done["by_stack"][0]
    assert (owned.stacks.wrote(), owned.modified()) == (MADE, [])
    now = owned.attributes[WEB]
    assert (now[DURATION], now[DELAY], now["stickiness.enabled"]) == ("60", "5", "false")


def test_c63_all_groups_of_a_stack_are_one_change_set(owned: Owned) -> None:
    owned.groups = [WEB, ADMIN]
    body = {**BY_PARAMETER, "Resources": {**BY_PARAMETER["Resources"], "Admin": resource(Delay=30)}}
    owned.declare(body, {"CoralGroup": WEB, "Admin": ADMIN})
    done = owned.settle({}, attributes_of={"tg-web": {DURATION: 60}, "tg-admin": {DELAY: 5}})
    assert len(done["by_stack"]) == 1 and "attributes of tg-admin, tg-web" in done["by_stack"][0]
    assert owned.stacks.wrote() == MADE
    assert (owned.attributes[WEB][DURATION], owned.attributes[ADMIN][DELAY]) == ("60", "5")


@pytest.mark.parametrize(("owner", "looks"), [("stack", 2), ("steady", 1)])
def test_of_several_groups_each_is_changed_only_while_nobody_else_has_changed_the_service(
    owned: Owned, monkeypatch: pytest.MonkeyPatch, owner: str, looks: int
) -> None:
    owned.groups = [WEB, ADMIN]
    owned.declare()
    owned.stacks.declare("admin", template(Delay={"Ref": "Seconds"}), {"CoralGroup": ADMIN}, {"Seconds": "300"})
    passed: list[Task] = []

    def until_somebody_does(task: Task, *_more: Any) -> None:
        if len(passed) == looks:
            raise Failure("Somebody else has changed web.", reason="fenced")
        passed.append(task)

    monkeypatch.setattr(module.fence, "passed", until_somebody_does)
    done = owned.settle({}, owner=owner, attributes_of={"tg-web": {DURATION: 60}, "tg-admin": {DELAY: 5}})
    assert done["reason"] == "fenced"
    changed = {(WEB, owned.attributes[WEB][DURATION]), (ADMIN, owned.attributes[ADMIN][DELAY])}
    assert len(changed & {(WEB, "60"), (ADMIN, "5")}) == 1, "the first alone"


def with_port(body: Answer) -> Answer:
    """The group's port is the parameter too: another value makes another group."""
    found = copy.deepcopy(body)
    found["Resources"]["CoralGroup"]["Properties"]["Port"] = {"Ref": "Seconds"}
    return found


def with_topic(body: Answer) -> Answer:
    """So is the name of something else."""
    found = copy.deepcopy(body)
    found["Resources"]["Topic"] = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Ref": "Seconds"}}}
    return found


@pytest.mark.parametrize(("spoilt", "words"), [(with_port, "replacement True"), (with_topic, "Topic (AWS::SNS::Topic")])
def test_c63_a_change_set_that_would_change_anything_else_is_deleted(owned: Owned, spoilt: Any, words: str) -> None:
    owned.declare(spoilt(BY_PARAMETER))
    failed = owned.settle({DURATION: 86400})
    assert (failed["failed"], failed["reason"]) == (True, "stack")
    assert words in failed["msg"] and f'{{Key: {DURATION}, Value: "86400"}}' in failed["msg"]
    assert owned.stacks.wrote() == ["create_change_set", "delete_change_set"]
    assert owned.attributes[WEB][DURATION] == "3600"
    assert owned.stacks.api.stacks["edge"].change_sets == {}


def two_stacks(owned: Owned, second: Answer = BY_PARAMETER) -> Answer:
    """The groups, each of a stack of its own; what to declare of them. ``second``: the template asked last."""
    owned.groups = [WEB, ADMIN]
    owned.declare(second)
    owned.stacks.declare("admin", template(Delay={"Ref": "Seconds"}), {"CoralGroup": ADMIN}, {"Seconds": "300"})
    return {"tg-web": {DURATION: 60}, "tg-admin": {DELAY: 5}}


def left(owned: Owned) -> list[str]:
    """The change sets that somebody might still execute."""
    stacks = owned.stacks.api.stacks.values()
    return [each.execution for stack in stacks for each in stack.change_sets.values() if each.execution == "AVAILABLE"]


@pytest.mark.parametrize("fenced_at", [None, 2, 3])
def test_c63_a_run_that_fails_leaves_no_change_set_to_be_executed(
    owned: Owned, monkeypatch: pytest.MonkeyPatch, fenced_at: int | None
) -> None:
    """The second stack refuses; somebody else changes the service before the first is executed, or the second."""
    wanted = two_stacks(owned, BY_PARAMETER if fenced_at else with_topic(BY_PARAMETER))
    looks: list[Task] = []

    def passed(task: Task, *_more: Any) -> None:
        looks.append(task)
        if len(looks) == fenced_at:
            raise Failure("Somebody else has changed web.", reason="fenced")

    monkeypatch.setattr(module.fence, "passed", passed)
    failed = owned.settle({}, attributes_of=wanted)
    assert failed["reason"] == ("fenced" if fenced_at else "stack")
    executed = 1 if fenced_at == 3 else 0
    assert (left(owned), owned.stacks.wrote().count("execute_change_set")) == ([], executed)
    assert owned.stacks.wrote().count("delete_change_set") == 2 - executed


def test_c63_what_keeps_a_change_set_from_being_deleted_hides_no_cause(
    owned: Owned, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = two_stacks(owned)
    owned.stacks.refused["delete_change_set"] = "ValidationError"
    monkeypatch.setattr(change_sets, "_execute", fences)
    assert owned.settle({}, attributes_of=wanted)["reason"] == "fenced"
    assert "is not executed, and it could not be deleted" in owned.lines[-1]


def test_a_run_that_is_cut_off_leaves_its_change_sets_to_the_next(
    owned: Owned, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = two_stacks(owned)
    monkeypatch.setattr(change_sets, "_followed", dies)
    assert owned.settle({}, attributes_of=wanted)["cut_off"]
    assert left(owned) == ["AVAILABLE"]


def fences(*_asked: Any) -> str:
    raise Failure("Somebody else has changed web.", reason="fenced")


def test_c63_fails_on_a_tool_that_does_not_look_what_a_change_set_would_do(
    owned: Owned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_sets.rules, "beyond", lambda *_asked: [])
    with pytest.raises(AssertionError):
        test_c63_a_change_set_that_would_change_anything_else_is_deleted(owned, with_port, "replacement True")


def test_c63_a_stack_that_goes_back_is_named_with_its_cause(owned: Owned) -> None:
    owned.declare(fails="Rate exceeded (Service: ElasticLoadBalancingV2)")
    failed = owned.settle({DURATION: 86400})
    assert failed["reason"] == "stack_went_back"
    assert "CoralGroup: Resource handler returned message: Rate exceeded" in failed["msg"]
    assert "UPDATE_ROLLBACK_COMPLETE, and its attributes are those of before" in failed["msg"]
    assert owned.attributes[WEB][DURATION] == "3600"
    owned.stacks.api.stacks["edge"].fails = ""
    assert owned.settle({DURATION: 86400})["attributes"][DURATION] == "86400", "the same command goes through later"


def test_c63_of_a_stack_that_could_not_go_back_nobody_says_that_it_has(
    owned: Owned, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned.declare(fails="Rate exceeded")
    becomes = owned.stacks.api._becomes
    monkeypatch.setattr(
        owned.stacks.api,
        "_becomes",
        lambda stack, status, why: becomes(stack, status.replace("ROLLBACK_COMPLETE", "ROLLBACK_FAILED"), why),
    )
    failed = owned.settle({DURATION: 86400})
    assert failed["reason"] == "stack_went_back"
    assert "it is UPDATE_ROLLBACK_FAILED, and its attributes may be either" in failed["msg"]
    assert "aws cloudformation continue-update-rollback --stack-name edge" in failed["msg"]
    assert "those of before" not in failed["msg"]


def test_c63_without_the_right_to_delete_or_to_read_events_the_reason_is_told_all_the_same(owned: Owned) -> None:
    owned.declare(with_topic(BY_PARAMETER))
    owned.stacks.refused = {"delete_change_set": "AccessDenied", "describe_stack_events": "AccessDenied"}
    failed = owned.settle({DURATION: 86400})
    assert "Topic (AWS::SNS::Topic" in failed["msg"] and "cloudformation:DeleteChangeSet" in failed["msg"]
    owned.declare(fails="Rate exceeded")
    failed = owned.settle({DURATION: 86400})
    assert failed["reason"] == "stack_went_back"
    assert "UPDATE_ROLLBACK_COMPLETE" in failed["msg"] and "cloudformation:DescribeStackEvents" in failed["msg"]


def test_c63_what_somebody_has_changed_by_hand_is_set_as_the_stack_has_it(owned: Owned) -> None:
    owned.declare()
    owned.attributes[WEB][DURATION] = "7"
    assert owned.settle({DURATION: 3600})["attributes"][DURATION] == "3600"
    assert (owned.stacks.wrote(), len(owned.modified())) == ([], 1)


def test_c63_nothing_that_nobody_declares_is_set_by_the_update(owned: Owned) -> None:
    owned.declare()
    owned.attributes[WEB][DELAY] = "7"
    failed = owned.settle({DURATION: 86400})
    assert failed["reason"] == "stack"
    assert f"would also set {DELAY} of tg-web from 7 to 300" in failed["msg"]
    assert (owned.stacks.wrote(), owned.attributes[WEB][DELAY]) == ([], "7")
    assert owned.settle({DURATION: 86400, DELAY: 300})["by_stack"]


@pytest.mark.parametrize("more", [{"status": "UPDATE_ROLLBACK_FAILED"}, {"status": "ROLLBACK_COMPLETE"}])
def test_c63_a_stack_that_takes_no_update_is_left_alone(owned: Owned, more: Answer) -> None:
    owned.declare(**more)
    failed = owned.settle({DURATION: 86400})
    assert (failed["reason"], owned.stacks.wrote(), owned.modified()) == ("stack", [], [])
    assert owned.settle({DURATION: 86400}, check_mode=True)["by_stack"] == []
    assert more["status"] in owned.warnings[-1]


# -- what a dead run leaves, and lost answers


def test_a_change_set_that_a_dead_run_made_is_executed(owned: Owned, monkeypatch: pytest.MonkeyPatch) -> None:
    owned.declare()
    owned.stacks.refused["execute_change_set"] = "AccessDenied"
    assert "cloudformation:ExecuteChangeSet" in owned.settle({DURATION: 86400})["msg"]
    owned.stacks.refused.clear()
    owned.stacks.calls.clear()
    assert owned.settle({DURATION: 86400})["attributes"][DURATION] == "86400"
    assert owned.stacks.wrote() == ["execute_change_set"]


def test_a_change_set_that_is_being_executed_is_watched(owned: Owned, monkeypatch: pytest.MonkeyPatch) -> None:
    owned.declare()
    owned.stacks.api.scale = 0.01
    monkeypatch.setattr(change_sets, "_followed", dies)
    assert owned.settle({DURATION: 86400})["cut_off"]
    monkeypatch.undo()
    monkeypatch.setattr(waits, "clock", Real())
    assert owned.stacks.api.stacks["edge"].status == "UPDATE_IN_PROGRESS"
    owned.stacks.calls.clear()
    assert owned.settle({DURATION: 86400})["attributes"][DURATION] == "86400"
    assert (owned.stacks.wrote(), owned.modified()) == ([], [])


@pytest.mark.parametrize("fails", ["", "Rate exceeded"])
def test_a_stack_that_still_cleans_up_is_not_at_rest(owned: Owned, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    """Nor is one that goes back: what is said of it is what it has come to (user guide, "Stack status codes")."""
    owned.declare(fails=fails)
    owned.stacks.api.scale = 0.01
    monkeypatch.setattr(waits, "clock", Real())
    answer = owned.settle({DURATION: 86400})
    ended = "UPDATE_ROLLBACK_COMPLETE" if fails else "UPDATE_COMPLETE"
    assert owned.stacks.api.stacks["edge"].status == ended
    assert not fails or f"it is {ended}, and its attributes are those of before" in answer["msg"]


def dies(*_asked: Any) -> str:
    raise Failure("Nobody answers any more.", cut_off=True)


class Real(waits.SystemClock):
    """The machine's clock, in haste."""

    def sleep(self, seconds: float) -> None:
        super().sleep(min(seconds, 0.01))


def test_a_stack_that_is_asked_about_too_often_is_no_reason_to_go_back(owned: Owned) -> None:
    owned.declare()
    owned.stacks.refused["describe_stacks"] = "Throttling"
    assert owned.settle({DURATION: 86400})["code"] == "Throttling"


@pytest.mark.parametrize("operation", MADE)
def test_a_lost_answer_makes_no_second_change_set(owned: Owned, operation: str) -> None:
    owned.declare()
    owned.stacks.lost = [operation]
    assert owned.settle({DURATION: 86400})["attributes"][DURATION] == "86400"
    assert owned.stacks.wrote() == MADE


def test_an_answer_from_before_the_update_is_not_its_end(owned: Owned) -> None:
    owned.declare()
    owned.stacks.stale = 2
    assert owned.settle({DURATION: 86400})["attributes"][DURATION] == "86400"
    assert owned.seconds > change_sets.LOOK_EVERY


def test_a_change_set_that_another_update_has_made_worthless_is_not_used(owned: Owned) -> None:
    owned.declare()
    owned.stacks.refused["execute_change_set"] = "AccessDenied"
    owned.settle({DURATION: 86400})
    owned.stacks.refused.clear()
    (left,) = owned.stacks.api.stacks["edge"].change_sets.values()
    left.execution = "OBSOLETE"
    assert owned.settle({DURATION: 86400})["attributes"][DURATION] == "86400"
    assert owned.stacks.wrote() == ["create_change_set", "execute_change_set", *MADE]


def test_a_stack_that_does_not_come_to_rest_is_gone_on_with(owned: Owned) -> None:
    owned.declare()
    owned.stacks.api.scale = 1000.0
    failed = owned.settle({DURATION: 86400})
    assert (failed["reason"], failed["cut_off"]) == ("stack_unfinished", True)
    assert owned.seconds >= change_sets.LONGEST
