# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module task_definition, judged by what it sends."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, waits
from ansible_collections.steady.ecs.plugins.module_utils.edges.held import NOTHING_OPENED
from ansible_collections.steady.ecs.plugins.modules import task_definition as module
from botocore.exceptions import ConnectionClosedError

from testbed.production import task_definition as production
from tests.unit.modules.ecs_api import ACCOUNT, EcsApi, refusal
from tests.unit.task_definitions import PRODUCTION_CHANGES, RICH, URL, app

REGISTER = "RegisterTaskDefinition"
SECRET = "canary-7f3a"


class Clock:
    """Time passes only while somebody sleeps."""

    seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    monkeypatch.setattr(reads, "_definitions", {})
    made = Clock()
    monkeypatch.setattr(waits, "clock", made)
    yield made


@pytest.fixture
def api() -> EcsApi:
    return EcsApi(copy.deepcopy(RICH))


def lost() -> Any:
    raise ConnectionClosedError(endpoint_url="https://ecs.us-east-1.amazonaws.com")


def test_the_production_change_registers_once_and_then_never_again() -> None:
    api = EcsApi({**production(), "family": "web"})
    first = api.run(module, changes=PRODUCTION_CHANGES, safe_environment=["CORAL_SESSIONS", "CORAL_SSE_URL"])
    assert (first["changed"], first["registered"], first["reused"]) == (True, True, False)
    assert first["task_definition_arn"] == f"{ACCOUNT}task-definition/web:75"
    assert first["base_arn"] == f"{ACCOUNT}task-definition/web:74"
    assert (first["family"], first["revision"]) == ("web", 75)
    assert len(first["differences"]) == len(first["diff"]["before"]) == 9
    (sent,) = api.sent(REGISTER)
    environments = {each["name"]: each.get("environment", []) for each in sent["containerDefinitions"]}
    assert environments["coral"] == []
    assert {"name": "CORAL_SSE_URL", "value": URL} in environments["agent-8"]

    not_rolled_yet = api.run(module, changes=PRODUCTION_CHANGES)
    assert (not_rolled_yet["changed"], not_rolled_yet["registered"], not_rolled_yet["reused"]) == (False, False, True)
    assert not_rolled_yet["task_definition_arn"] == first["task_definition_arn"]
    api.live = 75
    rolled = api.run(module, changes=PRODUCTION_CHANGES)
    assert (rolled["changed"], rolled["reused"], rolled["differences"]) == (False, True, [])
    assert rolled["diff"] == {"before": {}, "after": {}}
    assert len(api.sent(REGISTER)) == 1
    assert api.warnings == []


def test_check_mode_writes_nothing_and_the_real_run_does_what_it_said(api: EcsApi) -> None:
    changes = app(image="example.com/app:2")
    planned = api.run(module, check_mode=True, changes=changes)
    assert api.sent(REGISTER) == []
    assert planned["task_definition_arn"] == f"{ACCOUNT}task-definition/web:(next)"
    assert (planned["changed"], planned["registered"], planned["reused"]) == (True, False, False)
    assert planned["revision"] is None
    done = api.run(module, changes=changes)
    assert done["differences"] == planned["differences"]
    assert set(done) == set(planned)
    assert len(api.sent(REGISTER)) == 1


def test_c11_the_request_is_the_base_key_by_key(api: EcsApi) -> None:
    api.run(module, images={"app": "example.com/app:2"})
    (sent,) = api.sent(REGISTER)
    expected = copy.deepcopy(api.revisions[74])
    for name in ("taskDefinitionArn", "revision", "status", "registeredAt", "registeredBy"):
        del expected[name]
    for name in ("compatibilities", "requiresAttributes"):
        del expected[name]
    expected["containerDefinitions"][0]["image"] = "example.com/app:2"
    assert sent == {**expected, "tags": RICH["tags"]}


def test_c11_a_field_that_the_sdk_drops_is_not_lost_in_silence(api: EcsApi) -> None:
    api.revisions[74]["containerDefinitions"][1]["newField"] = {"x": 1}
    failed = api.run(module, images={"app": "example.com/app:2"})
    assert failed["reason"] == "sdk_too_old"
    assert "containerDefinitions.newField" in failed["msg"]
    assert "Upgrade boto3" in failed["msg"]
    assert api.sent(REGISTER) == []
    assert not api.run(module)["changed"]
    whole = {**RICH, "memory": "4096"}
    assert api.run(module, definition=whole)["registered"]


def test_a_failed_release_leaves_a_revision_that_the_next_one_takes(api: EcsApi) -> None:
    for number, image in ((75, "example.com/app:2"), (76, "example.com/app:3"), (77, "example.com/app:2")):
        request = copy.deepcopy(RICH)
        request["containerDefinitions"][0]["image"] = image
        api.register(request, number)
    api.revisions[77]["status"] = "INACTIVE"
    found = api.run(module, images={"app": "example.com/app:2"})
    assert (found["revision"], found["reused"]) == (75, True)
    assert [each["path"] for each in found["differences"]] == ["containerDefinitions[app].image"]
    assert api.sent(REGISTER) == []


def test_an_equal_revision_below_the_live_one_is_not_gone_back_to(api: EcsApi) -> None:
    request = copy.deepcopy(RICH)
    request["containerDefinitions"][0]["image"] = "example.com/app:2"
    api.register(request, 73)
    assert api.run(module, images={"app": "example.com/app:2"})["revision"] == 75


@pytest.mark.parametrize("release", [{}, NOTHING_OPENED])
@pytest.mark.parametrize("check_mode", [True, False])
def test_a_live_revision_that_is_inactive_serves_on(api: EcsApi, check_mode: bool, release: dict[str, Any]) -> None:
    """Somebody deregistered it: no plan names that, so no run may start new tasks because of it."""
    api.revisions[74]["status"] = "INACTIVE"
    found = api.run(module, check_mode=check_mode, changes=app(essential=True), release=release)
    assert (found["changed"], found["registered"], found["differences"]) == (False, False, [])
    assert found["task_definition_arn"] == f"{ACCOUNT}task-definition/web:74"
    assert api.sent(REGISTER) == []


def test_what_differs_from_a_live_revision_that_is_inactive_is_what_the_plan_names(api: EcsApi) -> None:
    api.revisions[74]["status"] = "INACTIVE"
    changes = app(image="example.com/app:2")
    planned = api.run(module, check_mode=True, changes=changes)
    done = api.run(module, changes=changes)
    assert (done["registered"], done["revision"]) == (True, 75)
    assert [each["path"] for each in done["differences"]] == ["containerDefinitions[app].image"]
    assert (planned["changed"], planned["differences"]) == (True, done["differences"])


def test_c10_what_only_answers_have_is_ignored_with_one_note(api: EcsApi) -> None:
    pasted = {**RICH, "revision": 74, "status": "ACTIVE", "registeredBy": "x"}
    assert not api.run(module, definition=pasted)["changed"]
    assert api.warnings == [
        "Ignored in rollout_task_definition, for only AWS's answers have it: registeredBy, revision, status."
    ]


def test_a_declaration_that_cannot_be_meant_makes_no_call_that_writes(api: EcsApi) -> None:
    failed = api.run(module, changes={"containers": {"ap": {}}})
    assert failed["failed"]
    assert failed["reason"] == "declaration"
    assert failed["msg"].startswith("rollout_changes.containers.ap: ")
    assert api.sent(REGISTER) == []


def test_an_unknown_service_is_answered_with_those_that_exist(api: EcsApi) -> None:
    failed = api.run(module, service="wep")
    assert failed["reason"] == "service_not_found"
    assert "web" in failed["msg"]


# -- secrets


def test_c91_no_value_reaches_an_output(api: EcsApi) -> None:
    changes = app(environment={"A": SECRET, "NEW": f"{SECRET}-2"}, command=["run", SECRET])
    done = api.run(module, changes=changes)
    assert SECRET in json.dumps(api.sent(REGISTER))
    assert SECRET not in json.dumps([done, api.lines, api.warnings])
    hidden = {each["path"]: each["expected"] for each in done["differences"]}
    assert hidden["containerDefinitions[app].environment[A]"].startswith("hidden:")


def test_a_refusal_of_aws_that_quotes_a_value_is_shown_without_it(api: EcsApi) -> None:
    api.fail(REGISTER, refusal("ClientException", f"Invalid value '{SECRET}' in \x1b[31mcontainer"))
    failed = api.run(module, changes=app(environment={"A": SECRET}))
    assert "Invalid value 'hidden' in container" in failed["msg"]
    assert failed["code"] == "ClientException"


def test_an_error_of_the_sdk_quotes_no_value(api: EcsApi) -> None:
    definition = {**RICH, "containerDefinitions": [{"name": "app", "image": "x", "links": "x"}]}
    failed = api.run(module, definition=definition)
    assert failed["msg"] == "rollout_task_definition.containerDefinitions[app].links must be a list."


def test_safe_variables_are_shown(api: EcsApi) -> None:
    done = api.run(module, check_mode=True, changes=app(environment={"A": "visible"}), safe_environment=["A"])
    assert done["diff"]["after"] == {"containerDefinitions[app].environment[A]": "visible"}


# -- faults


@pytest.mark.parametrize(
    "fault",
    [
        refusal("ClientException", "Too many concurrent attempts to create a new revision of the specified family."),
        refusal("ThrottlingException", "Rate exceeded"),
    ],
)
def test_a_throttled_register_is_repeated(api: EcsApi, fault: Any, clock: Clock) -> None:
    api.fail(REGISTER, fault, fault)
    assert api.run(module, images={"app": "example.com/app:2"})["revision"] == 75
    assert len(api.sent(REGISTER)) == 3
    assert 0 < clock.seconds < 60


def test_a_register_that_stays_throttled_ends_with_its_cause(api: EcsApi, clock: Clock) -> None:
    api.fail(REGISTER, *[refusal("ThrottlingException", "Rate exceeded")] * 100)
    failed = api.run(module, images={"app": "example.com/app:2"})
    assert "ThrottlingException" in failed["msg"]
    assert 55 <= clock.seconds <= 65


def test_a_lost_answer_does_not_make_a_second_revision(api: EcsApi) -> None:
    api.lose_answers = 1
    done = api.run(module, images={"app": "example.com/app:2"})
    assert (done["revision"], done["registered"]) == (75, True)
    assert len(api.sent(REGISTER)) == 1
    assert max(api.revisions) == 75


@pytest.mark.parametrize("fault", [lost, lambda: (500, {"__type": "ServerException", "message": "x"})])
def test_a_register_that_never_arrived_is_sent_again(api: EcsApi, fault: Any) -> None:
    api.fail(REGISTER, fault)
    assert api.run(module, images={"app": "example.com/app:2"})["revision"] == 75
    assert len(api.sent(REGISTER)) == 2


def test_three_lost_calls_end_in_words(api: EcsApi) -> None:
    api.fail(REGISTER, lost, lost, lost)
    failed = api.run(module, images={"app": "example.com/app:2"})
    assert failed["reason"] == "no_answer"
    assert "Run the same command again" in failed["msg"]
    assert max(api.revisions) == 74


def test_an_answer_that_differs_from_what_was_declared_is_told(api: EcsApi, monkeypatch: pytest.MonkeyPatch) -> None:
    register = api.register

    def altered(request: dict[str, Any], number: int) -> int:
        register(request, number)
        api.revisions[number]["containerDefinitions"][0]["stopTimeout"] = 30
        return number

    monkeypatch.setattr(api, "register", altered)
    assert api.run(module, images={"app": "example.com/app:2"})["registered"]
    (warning,) = api.warnings
    assert "AWS keeps containerDefinitions[app].stopTimeout of web:75 otherwise than declared" in warning
