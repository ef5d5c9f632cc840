"""When a rollback that is live stands, when it is brought back once more, and what a release that failed has left."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure

from tests.unit.modules.releases import DURATION, FAMILY, World, assert_stands
from tests.unit.modules.test_release import DECLARED, PLAN, act, deploy, on_file, world

__all__ = ["act", "world"]

DELAY = "deregistration_delay.timeout_seconds"
IMAGE = "640080112933.dkr.ecr.us-east-1.amazonaws.com/coral:1.2"
OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def second(act: Any, world: World, **more: Any) -> int:
    """A proven release of 76 over the first."""
    opened = act("opened", changes={"cpu": "512"}, attributes={DURATION: 7200}, differences=PLAN, **more)
    act("applied", steps={"task_definition": f"{FAMILY}:76", "registered": True, "deployment": "ecs-svc/76"})
    world.revision, world.attributes[DURATION] = 76, "7200"
    act("closed", outcome="proven", verdict="succeeded")
    return int(opened["release"]["seq"])


def back(act: Any, world: World, revision: int = 75, images: dict[str, str] | None = None, **named: Any) -> int:
    """A proven rollback to the first."""
    seq: int = act("opened", kind="rollback", **named)["release"]["seq"]
    world.revision, world.attributes[DURATION] = revision, "86400"
    act("applied", steps={"attributes": "done", "task_definition": f"{FAMILY}:{revision}", "deployment": "ecs-svc/r"})
    act("closed", outcome="proven", verdict="succeeded", images=images or {})
    return seq


def goes_to(act: Any, **named: Any) -> tuple[str, int]:
    """Whether a rollback opens, and which release it is about."""
    found = act("opened", kind="rollback", check_mode=True, **named)
    return ("restores" if found["release"] else "stands", found["target"]["seq"])


# -- by which names it stands ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("why", ["somebody has changed another attribute", "terraform has it", "registered anew"])
def test_named_by_its_revision_and_typed_again_it_stands(act: Any, world: World, why: str) -> None:
    """Its record has that revision too, and need not be alike: it is the release that it restores all the same."""
    named: dict[str, Any] = {"restores": "pardon-simulator:75"}
    deploy(act, world)
    if why == "somebody has changed another attribute":
        world.attributes[DELAY] = "60"
    if why == "terraform has it":
        named["owner"] = "terraform"
    second(act, world)
    done = back(act, world, 79 if why == "registered anew" else 75, **named)
    if why == "terraform has it":
        world.attributes[DURATION] = "7200"
    assert_stands(act("opened", kind="rollback", **named), done)


def test_a_rollback_to_a_rollback_stands_by_the_name_of_each(act: Any, world: World) -> None:
    deploy(act, world)
    second(act, world)
    first = back(act, world)
    second(act, world)
    last = back(act, world, restores=str(first))
    for named in (None, "2", str(first), str(last), "pardon-simulator:75"):
        assert_stands(act("opened", kind="rollback", restores=named), last)


A, B, C = ({"audit": {"inventory_commit": letter * 40}} for letter in "abc")


def test_a_commit_never_names_a_rollback(act: Any, world: World) -> None:
    """The inventory of a rollback is that of what it leaves."""
    act("opened", **DECLARED, **A)
    act("applied", steps={"attributes": "done", "task_definition": f"{FAMILY}:75", "registered": True})
    world.deployed()
    act("closed", outcome="proven", verdict="succeeded")
    second(act, world, **B)
    done = back(act, world, **B)
    assert goes_to(act, restores="bbbbbbb") == ("restores", 3)
    assert goes_to(act, restores="aaaaaaa") == ("stands", done)
    act("opened", changes={"cpu": "1024"}, differences=PLAN, **C)
    act("applied", steps={"task_definition": f"{FAMILY}:77", "registered": True, "deployment": "ecs-svc/77"})
    world.revision = 77
    act("closed", outcome="proven", verdict="succeeded")
    assert goes_to(act, restores="bbbbbbb") == ("restores", 3)


# -- what is brought back once more ------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [None, "2", "4", "pardon-simulator:75"])
def test_tasks_that_run_another_image_are_replaced(
    act: Any, world: World, monkeypatch: pytest.MonkeyPatch, named: str | None
) -> None:
    """The tag has been moved, and a deployment was forced by hand (case C68)."""
    deploy(act, world)
    second(act, world)
    done = back(act, world, images={"coral": f"{IMAGE}@{OLD}"})
    running = {"lastStatus": "RUNNING", "desiredStatus": "RUNNING", "taskArn": "task/1"}
    container = {"name": "coral", "lastStatus": "RUNNING", "image": IMAGE, "imageDigest": OLD}
    monkeypatch.setattr(reads, "tasks", lambda *_names: [{**running, "containers": [container]}])
    assert_stands(act("opened", kind="rollback", restores=named), done)
    container["imageDigest"] = NEW
    found = act("opened", kind="rollback", restores=named)
    assert (found["release"]["restores"], found["target"]["force"]) == (done, True)
    assert found["target"]["images"] == {"coral": f"{IMAGE}@{OLD}"}


@pytest.mark.parametrize("named", [None, "2", "4"])
def test_a_deployment_that_has_failed_is_made_again(
    act: Any, world: World, monkeypatch: pytest.MonkeyPatch, named: str | None
) -> None:
    """Somebody has forced one of the same revision: the state is right, and its tasks are not."""
    deploy(act, world)
    second(act, world)
    done = back(act, world)
    world.settings["deployments"] = [{"id": "ecs-svc/9", "status": "PRIMARY", "rolloutState": "FAILED"}]
    found = act("opened", kind="rollback", restores=named)
    assert (found["release"]["restores"], found["target"]["force"]) == (done, True)


@pytest.mark.parametrize("named", [None, "2", "4"])
def test_a_count_that_was_restored_and_is_another_by_now_is_restored_again(
    act: Any, world: World, named: str | None
) -> None:
    world.settings["desiredCount"] = 3
    act("opened", **DECLARED, settings={"desiredCount": 3})
    act("applied", steps={"attributes": "done", "task_definition": f"{FAMILY}:75", "registered": True})
    world.deployed()
    act("closed", outcome="proven", verdict="succeeded")
    second(act, world, settings={"desiredCount": 10})
    world.settings["desiredCount"] = 10
    done = back(act, world)
    world.settings["desiredCount"] = 3
    assert goes_to(act, restores=named) == ("stands", done)
    world.settings["desiredCount"] = 1
    found = act("opened", kind="rollback", restores=named)
    assert found["release"] is not None and found["target"]["settings"] == {"desiredCount": 3}
    why = f"release {done}, a rollback to release 2, is live, but its desired count is 1 instead of 3"
    assert world.lines[world.lines.index(why) + 1].startswith(f"restores release {done} (rollback)")


# -- releases that failed over it --------------------------------------------------------------------------------------


def test_who_waited_for_a_release_that_was_undone_has_what_it_wanted(
    act: Any, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rollback that was live before that release is live again."""
    deploy(act, world)
    second(act, world)
    done = back(act, world)
    world.release(tmp_path, "opened", changes={"cpu": "1024"}, differences=PLAN)
    first, sleep, before = world.opened, world.sleep, sorted(on_file(tmp_path))

    def it_is_undone(seconds: float) -> None:
        monkeypatch.setattr(world, "sleep", sleep)
        sleep(seconds)
        world.release(tmp_path, "rolling_back", release=first)
        world.release(tmp_path, "closed", release=first, outcome="failed_rolled_back")

    monkeypatch.setattr(world, "sleep", it_is_undone)
    assert_stands(act("opened", kind="rollback"), done)
    assert sorted(on_file(tmp_path)) == before


def test_who_names_its_release_goes_there_from_wherever_another_rollback_has_gone(
    act: Any, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(act, world)
    second(act, world)
    act("opened", kind="rollback", restores="1")
    first, sleep = world.opened, world.sleep

    def it_ends(seconds: float) -> None:
        monkeypatch.setattr(world, "sleep", sleep)
        sleep(seconds)
        world.revision, world.attributes[DURATION] = 74, "3600"
        world.release(tmp_path, "closed", release=first, outcome="proven")

    monkeypatch.setattr(world, "sleep", it_ends)
    found = act("opened", kind="rollback", restores="2")
    assert found["release"]["restores"] == 2


@dataclass(frozen=True)
class Set:
    """One thing that a release sets: its declaration, the live service with it, and what restores it."""

    declared: dict[str, Any]
    settings: dict[str, Any] = field(default_factory=dict)
    revision: int | None = None
    duration: str | None = None
    restored: dict[str, Any] = field(default_factory=dict)


TAG = [{"key": "team", "value": "new"}]
GRACE = "healthCheckGracePeriodSeconds"
SETS = {
    "count": Set({"settings": {"desiredCount": 10}}, {"desiredCount": 10}, restored={"desiredCount": 3}),
    "tag": Set({"settings": {"tags": {"team": "new"}}}, {"tags": TAG}, restored={"tags": {"team": None}}),
    "setting": Set({"settings": {GRACE: 99}}, {GRACE: 99}, restored={GRACE: 60}),
    "attribute": Set({"attributes": {DURATION: 60}}, duration="60"),
    "revision": Set({"changes": {"cpu": "1024"}}, revision=80),
}


@pytest.mark.parametrize("over", ["rollback", "deploy"])
@pytest.mark.parametrize("end", ["failed", "abandoned"])
@pytest.mark.parametrize("what", SETS.values(), ids=SETS)
def test_what_a_failed_release_has_left_is_undone_and_no_more(
    act: Any, world: World, tmp_path: Path, what: Set, end: str, over: str
) -> None:
    """Whatever it was that it set: it went one release too far where that is part of no state, as count and tags."""
    world.settings["desiredCount"] = 3
    deploy(act, world)
    base = second(act, world)
    if over == "rollback":
        base = back(act, world)
    was = world.revision
    failed = act("opened", differences=PLAN, **what.declared)["release"]["seq"]
    world.settings.update(what.settings)
    world.revision, world.attributes[DURATION] = what.revision or was, what.duration or world.attributes[DURATION]
    revision = {"task_definition": f"{FAMILY}:{what.revision}", "registered": True} if what.revision else {}
    act("applied", steps={"deployment": "ecs-svc/x", **revision})
    if end == "failed":
        act("closed", outcome="failed", verdict="failed")
    else:
        _given_up(tmp_path, failed)
    found = act("opened", kind="rollback")
    assert found["release"]["restores"] == base
    assert (found["target"]["settings"], found["target"]["not_restorable"]) == (what.restored, [])
    assert found["target"]["task_definition"] == f"{FAMILY}:{was}"


def _given_up(store: Path, seq: int) -> None:
    """As by a run of another intent that has not come to a release of its own."""
    record = next(store.rglob(f"releases/{seq:08d}.json"))
    content = json.loads(record.read_text())
    record.write_text(json.dumps({**content, "state": "abandoned", "n": content["n"] + 1}))
    head = next(store.rglob("head.json"))
    content = json.loads(head.read_text())
    head.write_text(json.dumps({**content, "open": None, "lease": None}))


def test_over_a_release_that_was_given_up_before_it_changed_anything_it_stands(
    act: Any, world: World, tmp_path: Path
) -> None:
    """Nothing is known against what is live."""
    deploy(act, world)
    second(act, world)
    done = back(act, world)
    _given_up(tmp_path, act("opened", changes={"cpu": "1024"}, differences=PLAN)["release"]["seq"])
    assert_stands(act("opened", kind="rollback"), done)


def test_over_a_release_whose_way_back_was_judged_ill_it_goes_further_back(act: Any, world: World) -> None:
    """What is live has failed by itself: that is no rollback typed again, whoever typed one days ago."""
    deploy(act, world)
    second(act, world)
    base = back(act, world)
    act("opened", changes={"cpu": "1024"}, differences=PLAN)
    act("applied", steps={"task_definition": f"{FAMILY}:80", "registered": True, "deployment": "ecs-svc/80"})
    act("rolling_back")
    act("applied", steps={"task_definition": f"{FAMILY}:75"})
    act("closed", outcome="failed", verdict="failed")
    assert goes_to(act) == ("restores", 1)
    assert goes_to(act, restores=str(base)) == ("restores", base)


def test_a_record_that_was_deleted_is_named(act: Any, world: World, tmp_path: Path) -> None:
    """By a lifecycle rule of the bucket, say: a service that rests for long needs a record that is as old."""
    deploy(act, world)
    second(act, world)
    next(tmp_path.rglob("releases/00000003.json")).unlink()
    with pytest.raises(Failure, match=r"releases/00000003\.json is not there.*lifecycle rule"):
        act("opened", kind="rollback")
    with pytest.raises(Failure, match=r"releases/00000003\.json is not there.*lifecycle rule"):
        act("opened", **DECLARED)
