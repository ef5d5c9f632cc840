"""The module ``release``, through the production story and its accidents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import waits
from ansible_collections.steady.ecs.plugins.module_utils.edges.held import NOTHING_OPENED
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure
from ansible_collections.steady.ecs.plugins.modules import release_info

from tests.unit.modules.releases import ACCOUNT, CHANGES, DURATION, FAMILY, GROUP, SECRET, World, assert_stands

PLAN = [{"resource": "task definition", "path": "containerDefinitions[coral].environment[CORAL_SESSIONS]"}]
DECLARED: dict[str, Any] = {"changes": CHANGES, "attributes": {DURATION: 86400}, "differences": PLAN}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    monkeypatch.setattr(waits, "clock", world)
    return world


@pytest.fixture
def act(world: World, tmp_path: Path) -> Any:
    def call(state: str, check_mode: bool = False, **params: Any) -> dict[str, Any]:
        return world.release(params.pop("store", tmp_path), state, check_mode, **params)

    return call


@pytest.fixture
def info(world: World, tmp_path: Path) -> Any:
    def call(**params: Any) -> dict[str, Any]:
        return release_info.run(world.task(release_info.SPEC.options, store=str(tmp_path), **params))

    return call


def on_file(path: Path) -> dict[int, dict[str, Any]]:
    return {int(each.stem): json.loads(each.read_text()) for each in path.rglob("releases/*.json")}


def deploy(act: Any, world: World, outcome: str = "proven") -> int:
    seq: int = act("opened", **DECLARED)["release"]["seq"]
    act("applied", steps={"attributes": "done", "task_definition": f"{FAMILY}:75", "registered": True})
    world.deployed()
    act("applied", steps={"deployment": "ecs-svc/75"})
    act("closed", outcome=outcome, verdict="succeeded")
    return seq


@pytest.mark.parametrize("fixed", [False, True])
def test_a_count_that_autoscaling_has_moved_is_no_change_by_hand(
    act: Any, world: World, tmp_path: Path, fixed: bool
) -> None:
    """A baseline would say so, and be what the next rollback restores."""
    more = {"settings": {"desiredCount": 3}} if fixed else {}
    act("opened", **DECLARED, **more)
    act("applied", steps={"attributes": "done", "task_definition": f"{FAMILY}:75", "registered": True})
    world.deployed()
    act("closed", outcome="proven", verdict="succeeded")
    world.settings["desiredCount"] = 5
    found = act("opened", changes={"cpu": "512"}, differences=PLAN)
    assert (found["release"]["base"], found["release"]["baseline"]) == (2, None)
    assert sorted(on_file(tmp_path)) == [1, 2, 3]


def test_the_first_deploy_writes_a_baseline_and_its_record(act: Any, info: Any, world: World, tmp_path: Path) -> None:
    assert deploy(act, world) == 2
    records = on_file(tmp_path)
    assert [records[1]["kind"], records[1]["state"], records[1]["verdict"]["result"]] == [
        "baseline",
        "succeeded",
        "unknown",
    ]
    assert records[1]["before"]["attributes"][GROUP][DURATION] == "3600"
    assert [records[2]["base"], records[2]["state"], records[2]["steps"]["task_definition"]] == [
        1,
        "succeeded",
        f"{FAMILY}:75",
    ]
    assert records[2]["intent"]["attributes"] == {GROUP: {DURATION: "86400"}}
    assert [each["state"] for each in records[2]["log"]] == [
        "prepared",
        "applying",
        "applying",
        "verifying",
        "succeeded",
    ]
    assert records[2]["audit"]["who"] == f"arn:aws:iam::{ACCOUNT}:user/ada"
    found = info()
    assert (found["current"]["seq"], found["open"], found["live_is_current"]) == (2, None, True)


def test_rollback_restores_the_baseline_and_then_stays_there(act: Any, info: Any, world: World) -> None:
    deploy(act, world)
    target = info()["target"]
    assert target == {
        "seq": 1,
        "kind": "baseline",
        "proven": False,
        "task_definition": f"{FAMILY}:74",
        "attributes": {GROUP: {DURATION: "3600"}},
        "settings": {},
        "images": {},
        "endpoints": {},
        "force": False,
        "not_restorable": [],
    }
    opened = act("opened", kind="rollback")
    assert (opened["release"]["seq"], opened["release"]["restores"], opened["target"]) == (3, 1, target)
    assert opened["release"]["baseline"] is None
    world.revision, world.attributes[DURATION] = 74, "3600"
    act("applied", steps={"attributes": "done", "task_definition": f"{FAMILY}:74", "deployment": "ecs-svc/3"})
    act("closed", outcome="proven")
    found = info()
    assert found["current"]["seq"] == 3
    assert (found["target"]["seq"], found["differences"], found["remedy"]) == (3, [], "Nothing is older.")
    assert_stands(act("opened", kind="rollback"), 3)
    assert info(rollback_to=2)["target"]["task_definition"] == f"{FAMILY}:75"


def test_a_failed_deploy_is_undone_to_where_it_started(act: Any, info: Any, world: World) -> None:
    act("opened", **DECLARED)
    world.deployed()
    act("rolling_back")
    target = info()["target"]
    assert (target["seq"], target["task_definition"]) == (1, f"{FAMILY}:74")
    assert target["attributes"] == {GROUP: {DURATION: "3600"}}
    world.revision, world.attributes[DURATION] = 74, "3600"
    act("closed", outcome="failed_rolled_back", verdict="failed", rolled_back_by="us")
    found = info()
    assert (found["current"]["seq"], found["open"], found["live_is_current"]) == (1, None, True)
    assert found["history"][0]["state"] == "rolled_back"


def goes_back_as_78(act: Any, world: World) -> None:
    """A release of another intent fails as 76, and the way back registers what ran before it anew (case C68)."""
    act("opened", changes={"cpu": "512"}, differences=PLAN)
    act("applied", steps={"task_definition": f"{FAMILY}:76", "registered": True, "deployment": "ecs-svc/76"})
    world.revision = 76
    act("rolling_back")
    act("applied", steps={"task_definition": f"{FAMILY}:78", "registered": True})
    world.revision = 78


def test_a_way_back_that_registered_its_content_anew_leaves_the_release_that_it_restored(
    act: Any, info: Any, world: World, tmp_path: Path
) -> None:
    deploy(act, world)
    goes_back_as_78(act, world)
    act("applied", steps={"deployment": "ecs-svc/78"})
    act("closed", outcome="failed_rolled_back", verdict="failed", rolled_back_by="us")
    written = on_file(tmp_path)
    assert written[3]["steps"]["task_definition"] == f"{FAMILY}:76", "what failed stays known"
    assert written[2]["steps"]["task_definition"] == f"{FAMILY}:75", "a final record never changes"
    found = info()
    assert (found["current"]["seq"], found["live_is_current"]) == (2, True)
    assert (found["target"]["seq"], found["target"]["task_definition"]) == (1, f"{FAMILY}:74"), "not to where it is"
    for named in ("pardon-simulator:75", "pardon-simulator:78"):
        assert info(rollback_to=named)["target"]["task_definition"] == f"{FAMILY}:78"
    assert act("opened", **{**DECLARED, "differences": []})["release"] is None, "proven work is not verified again"
    opened = act("opened", kind="rollback", check_mode=True)
    assert opened["target"]["seq"] == 1
    opened = act("opened", changes={"cpu": "1024"}, differences=PLAN)["release"]
    assert (opened["seq"], opened["base"], opened["baseline"]) == (4, 2, None)


@pytest.mark.parametrize("ends", ["closed", "dies"])
def test_a_way_back_that_did_not_come_to_its_end_is_no_change_by_hand(
    act: Any, info: Any, world: World, ends: str
) -> None:
    deploy(act, world)
    goes_back_as_78(act, world)
    if ends == "closed":
        act("closed", outcome="failed", verdict="failed")
    else:
        act("interrupted")
    assert not info()["live_is_current"]
    opened = act("opened", changes={"cpu": "1024"}, differences=PLAN)["release"]
    assert (opened["seq"], opened["base"], opened["baseline"]) == (4, 2, None)


@pytest.mark.parametrize(("owner", "words"), [("terraform", "Terraform"), ("other", "another tool")])
def test_a_rollback_restores_no_attribute_that_another_owner_sets(
    act: Any, info: Any, world: World, tmp_path: Path, owner: str, words: str
) -> None:
    deploy(act, world)
    for check_mode in (True, False):
        opened = act("opened", check_mode, kind="rollback", owner=owner)
        assert opened["target"]["attributes"] == {}
        assert opened["target"]["not_restorable"] == [f"{GROUP} {DURATION}"]
        assert [each["path"] for each in opened["differences"]] == ["taskDefinition"]
        said = "\n".join(world.lines)
        assert f"pardon-production-coral-tg, which {words} owns" in said and "3600" in said
        assert "is not on record" not in said
        world.lines.clear()
    assert on_file(tmp_path)[3]["intent"]["attributes"] == {}
    world.revision = 74
    act("closed", outcome="proven")
    assert info()["live_is_current"], "what is on record is what is live"


def test_a_rollback_says_why_a_count_stays(act: Any, world: World) -> None:
    act("opened", **{**DECLARED, "settings": {"desiredCount": 5}})
    world.settings["desiredCount"] = 8
    act("opened", kind="rollback")
    assert "desiredCount stays: somebody has moved it since" in "\n".join(world.lines)


@pytest.mark.parametrize("owner", ["steady", "stack", None])
def test_a_rollback_restores_the_attributes_that_it_may_set(act: Any, world: World, owner: str | None) -> None:
    deploy(act, world)
    target = act("opened", kind="rollback", owner=owner)["target"]
    assert (target["attributes"], target["not_restorable"]) == ({GROUP: {DURATION: "3600"}}, [])


def test_an_empty_plan_opens_nothing(act: Any, tmp_path: Path) -> None:
    answer = act("opened", changes=CHANGES, differences=[])
    assert answer == {"changed": False, "release": None, "permit": NOTHING_OPENED, "target": None, "differences": []}
    assert on_file(tmp_path) == {}
    assert act("applied")["changed"] is False
    assert act("closed", outcome="unchanged")["changed"] is False


def test_check_mode_writes_nothing(act: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    answer = act("opened", check_mode=True, **DECLARED, store=None)
    assert answer["changed"] and answer["release"]["seq"] is None and answer["release"]["kind"] == "deploy"
    assert list(tmp_path.iterdir()) == []


def test_the_same_deploy_resumes_an_interrupted_one(act: Any, info: Any, world: World, tmp_path: Path) -> None:
    act("opened", **DECLARED)
    act("applied", steps={"task_definition": f"{FAMILY}:75"})
    world.deployed()
    act("interrupted")
    assert info()["open"]["interrupted"]
    again = act("opened", **{**DECLARED, "differences": []})
    assert (again["changed"], again["release"]["seq"], again["release"]["resumed"]) == (True, 2, True)
    act("applied", steps={"deployment": "ecs-svc/75"})
    act("closed", outcome="proven")
    assert sorted(on_file(tmp_path)) == [1, 2]
    assert info()["current"]["seq"] == 2


def test_another_intent_abandons_it_without_a_baseline_of_its_half_done_state(
    act: Any, world: World, tmp_path: Path
) -> None:
    act("opened", **DECLARED)
    act("applied", steps={"task_definition": f"{FAMILY}:75"})
    world.deployed()
    opened = act("opened", attributes={DURATION: 7200}, differences=[{"resource": "target group"}])["release"]
    assert (opened["seq"], opened["base"], opened["baseline"]) == (3, 1, None)
    assert on_file(tmp_path)[2]["state"] == "abandoned"


def test_a_change_by_hand_gets_a_baseline_but_a_rollback_prefers_what_is_proven(
    act: Any, info: Any, world: World
) -> None:
    deploy(act, world)
    world.attributes["deregistration_delay.timeout_seconds"] = "300"
    opened = act("opened", attributes={DURATION: 7200}, differences=[{"resource": "target group"}])["release"]
    assert (opened["seq"], opened["baseline"], opened["base"]) == (4, 3, 3)
    assert info()["target"]["seq"] == 3, "an open release is undone exactly"
    act("applied", steps={"attributes": "done", "deployment": "ecs-svc/75"})
    world.attributes[DURATION] = "7200"
    act("closed", outcome="proven")
    assert info()["target"]["seq"] == 2, "what nobody verified is no way back where something proven exists"


def test_no_environment_value_reaches_a_record(act: Any, world: World, tmp_path: Path) -> None:
    deploy(act, world)
    checks = [{"name": "environment TOKEN", "ok": True, "found": SECRET, "expected": SECRET}]
    act("opened", **{**DECLARED, "definition": {"containerDefinitions": []}})
    cause = {"container": "coral", "exit_code": 1, "log_lines": ["token hidden is refused"]}  # as deployment answers
    act("closed", outcome="failed", checks=checks, cause=cause)
    text = "".join(path.read_text() for path in tmp_path.rglob("*.json"))
    assert "environment[TOKEN]" in text and "token hidden is refused" in text
    assert SECRET not in text


def test_a_foreign_account_is_refused(act: Any, world: World, tmp_path: Path) -> None:
    world.account = "111111111111"
    with pytest.raises(Failure, match="111111111111"):
        act("opened", **DECLARED)
    assert on_file(tmp_path) == {}


def test_a_closed_release_cannot_be_closed_again(act: Any, world: World) -> None:
    deploy(act, world)
    with pytest.raises(Failure, match="does not have the lease"):
        act("closed", outcome="failed")


def test_attributes_are_recorded_as_aws_keeps_them(act: Any, tmp_path: Path) -> None:
    declared = {"stickiness.enabled": False, "deregistration_delay.timeout_seconds": None}
    act("opened", attributes=declared, differences=[{"resource": "target group"}])
    assert on_file(tmp_path)[2]["intent"]["attributes"] == {
        GROUP: {"stickiness.enabled": "false", "deregistration_delay.timeout_seconds": "300"}
    }


def test_attributes_of_a_named_group_are_recorded_too(act: Any, tmp_path: Path) -> None:
    declared = {"pardon-production-coral-tg": {"stickiness.enabled": False}}
    act("opened", attributes_of=declared, differences=[{"resource": "target group"}])
    assert on_file(tmp_path)[2]["intent"]["attributes"] == {GROUP: {"stickiness.enabled": "false"}}


def test_attributes_of_another_owner_are_not_what_a_release_sets(act: Any, tmp_path: Path) -> None:
    act("opened", attributes={DURATION: 86400}, owner="terraform", differences=[{"resource": "service"}])
    record = on_file(tmp_path)[2]
    assert (record["intent"]["attributes"], record["before"]["attributes"][GROUP][DURATION]) == ({}, "3600")


@pytest.mark.parametrize(
    "wrong",
    [
        {"attributes": {"stickyness.enabled": 1}},
        {"target_group": "other"},
        {"attributes": {}, "attributes_of": {"other": {"stickiness.enabled": True}}},
    ],
)
def test_a_declaration_that_cannot_be_meant_opens_nothing(act: Any, tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(Failure, match="stickiness.enabled|pardon-production-coral-tg"):
        act("opened", **{**DECLARED, **wrong})
    assert on_file(tmp_path) == {}


def test_a_run_that_died_on_its_way_back_is_gone_on_with(act: Any, world: World, tmp_path: Path) -> None:
    act("opened", **DECLARED)
    act("applied", steps={"task_definition": f"{FAMILY}:75"})
    world.deployed()
    act("rolling_back", verdict="failed", reason="exit code 3.", cause={"container": "coral"})
    act("interrupted")
    for _time in ("first", "second"):
        with pytest.raises(Failure) as found:
            act("opened", **{**DECLARED, "differences": []})
        assert (found.value.fields["reason"], found.value.fields["release"]["seq"]) == ("rolling_back", 2)
        assert "interrupted: exit code 3. Its way back is gone on" in found.value.msg, "the reason, once"
        world.opened = found.value.fields["release"]
        act("rolling_back", reason=found.value.msg)
        act("interrupted")
    with pytest.raises(Failure):
        act("opened", **{**DECLARED, "differences": []})
    world.opened = {
        **world.opened,
        "nonce": json.loads(next(tmp_path.rglob("head.json")).read_text())["lease"]["nonce"],
    }
    act("closed", outcome="failed_rolled_back", rolled_back_by="us")
    record = on_file(tmp_path)[2]
    assert (record["state"], record["verdict"]["cause"]["container"]) == ("rolled_back", "coral")


def test_another_intent_does_not_go_on_going_back(act: Any, world: World, tmp_path: Path) -> None:
    act("opened", **DECLARED)
    act("applied", steps={"task_definition": f"{FAMILY}:75"})
    world.deployed()
    act("rolling_back", reason="exit code 3.")
    act("interrupted")
    other = act("opened", attributes={DURATION: 7200}, differences=[{"resource": "target group"}])["release"]
    assert (other["seq"], other["resumed"], on_file(tmp_path)[2]["state"]) == (3, False, "abandoned")


def test_who_waited_for_a_run_of_the_same_intent_has_nothing_left_to_do(
    act: Any, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    act("opened", **DECLARED)
    first, sleep = world.opened, world.sleep

    def the_first_ends(seconds: float) -> None:
        monkeypatch.setattr(world, "sleep", sleep)
        sleep(seconds)
        world.deployed()
        for state, params in (
            ("applied", {"steps": {"task_definition": f"{FAMILY}:75"}}),
            ("closed", {"outcome": "proven"}),
        ):
            world.release(tmp_path, state, release=first, **params)

    monkeypatch.setattr(world, "sleep", the_first_ends)
    answer = act("opened", **DECLARED)
    assert (answer["changed"], answer["release"]) == (False, None)
    assert any("is held by" in line and "waiting" in line for line in world.lines)
    head = json.loads(next(tmp_path.rglob("head.json")).read_text())
    assert (head["lease"], head["open"], head["current"], sorted(on_file(tmp_path))) == (None, None, 2, [1, 2])


def test_a_run_that_cannot_be_opened_gives_the_lease_back(act: Any, world: World, tmp_path: Path) -> None:
    deploy(act, world)
    world.attributes[DURATION] = "7200"
    with pytest.raises(Failure):
        act("opened", kind="rollback", restores="99")
    assert json.loads(next(tmp_path.rglob("head.json")).read_text())["lease"] is None
