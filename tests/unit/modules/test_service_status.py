# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module service_status: what runs, who is at work, whether it is what was proven; and nothing is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import following, held, reads, waits
from ansible_collections.steady.ecs.plugins.module_utils.rules import status as rule
from ansible_collections.steady.ecs.plugins.modules import service_scale
from ansible_collections.steady.ecs.plugins.modules import service_status as module

from tests.unit.answers import revision, service
from tests.unit.modules.test_release_history import show
from tests.unit.modules.verb_world import VerbWorld
from tests.unit.modules.world import refused

READING = ("describe_", "list_", "get_")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VerbWorld:
    found = VerbWorld(tmp_path)
    monkeypatch.setattr(waits, "clock", found)
    monkeypatch.setattr(reads, "_definitions", {})
    return found


def status(world: VerbWorld, **params: Any) -> dict[str, Any]:
    found = world.verb(module, **params)
    assert all(name.startswith(READING) for name, _arguments in world.calls)
    return found


def test_what_runs_is_what_was_proven(world: VerbWorld) -> None:
    seq = world.kept.released(2)
    world.begin_deployment()
    world.start_tasks()
    world.complete()
    found = status(world)
    one = found["services"][0]
    assert (one["task_definition"], one["running_count"], one["desired_count"]) == (revision(2), 3, 3)
    assert (one["deployment"], one["open"], one["lease"], one["problems"]) == (None, None, None, [])
    assert (one["last_proven"]["seq"], one["live_is_proven"]) == (seq, True)
    assert world.lines[-1].startswith(
        "outcome: unchanged: web runs web:2, 3/3 running; it is release 2, the last proven"
    )
    assert not found["changed"]


def test_a_hand_edit_is_told_from_what_was_proven(world: VerbWorld) -> None:
    world.kept.released(2)
    one = status(world)["services"][0]
    assert one["live_is_proven"] is False
    assert [(each["path"], each["expected"], each["actual"]) for each in one["differences"]] == [
        ("taskDefinition", revision(2), revision(1))
    ]
    assert "it is not release 2, the last proven one: taskDefinition of service differ" in "\n".join(world.lines)


def test_a_deployment_under_way_is_shown_with_its_stage_and_verdict_so_far(world: VerbWorld) -> None:
    world.begin_deployment()
    arn = next(iter(world.rollouts))
    world.rollouts[arn]["lifecycleStage"] = "SCALE_UP"
    one = status(world)["services"][0]
    rolling = one["deployment"]
    assert (rolling["id"], rolling["service_deployment_arn"], rolling["stage"]) == ("ecs-svc/2", arn, "SCALE_UP")
    assert (rolling["state"], rolling["verdict"]) == ("IN_PROGRESS", "unknown")
    assert "deployment ecs-svc/2 of web:2: IN_PROGRESS, stage SCALE_UP; verdict so far: unknown" in "\n".join(
        world.lines
    )


def test_whoever_is_at_work_and_the_open_release_are_named(world: VerbWorld) -> None:
    seq = world.kept.opened(changes={"cpu": "2"})
    world.kept.leased()
    one = status(world)["services"][0]
    assert one["lease"]["who"].endswith("user/ben")
    assert (one["lease"]["host"], one["lease"]["why"]) == ("runner-9", "a hotfix")
    assert (one["open"]["seq"], one["open"]["state"]) == (seq, "applying")
    assert one["open"]["who"].endswith("user/ada")


@pytest.mark.parametrize(
    ("kind", "state", "words"),
    [
        ("deploy", "applying", "the same command resumes it, rollback.yml undoes it"),
        ("deploy", "rolling_back", "the same command or rollback.yml goes on undoing it"),
        ("rollback", "applying", "rollback.yml goes on with it"),
    ],
)
def test_what_the_next_run_does_with_an_open_release_is_said(
    world: VerbWorld, kind: str, state: str, words: str
) -> None:
    found = {"kind": kind, "state": state, "seq": 2, "started": "2025-11-27T10:00:00Z", "who": "ada"}
    one = {**status(world)["services"][0], "open": found, "lease": None}
    (line,) = [each for each in rule.lines(one) if "release 2" in each]
    assert line.endswith(words)


def killed(world: VerbWorld, outright: bool) -> None:
    """A scale ends while it waits: outright with its lease, by a signal without it."""
    with pytest.raises(KeyboardInterrupt), pytest.MonkeyPatch.context() as patch:
        patch.setattr(held, "_closed", lambda *_asked: None)
        patch.setattr(following, "follow", interrupt)
        if outright:
            patch.setattr(held.Held, "release", lambda _held: None)
        world.verb(service_scale, count=5)
    world.calls.clear()
    world.lines.clear()


def interrupt(*_asked: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("outright", "run"),
    [
        (True, "its run is at work, or has died and the same command"),
        (False, "its run was interrupted: the same command"),
    ],
)
def test_a_verb_without_an_end_is_named_with_who_since_when_and_what_next(
    world: VerbWorld, outright: bool, run: str
) -> None:
    killed(world, outright)
    one = status(world)["services"][0]
    begun = one["operation"]
    assert (begun["kind"], begun["seq"], begun["at_work"], one["open"]) == ("scale", 1, outright, None)
    assert bool(one["lease"]) is outright
    (line,) = [each for each in world.lines[0].splitlines() if "no end" in each]
    assert line.startswith(f"scale 1, begun {begun['started']} by {begun['who']}, has no end on record: {run} goes on")
    _found, lines = show(world.folder)
    assert "no end" in lines[0] and "open" not in lines[0] and "the same command goes on with it" in lines[0]
    _found, lines = show(world.folder, release=1)
    assert any("no end" in each and "`status` shows who is" in each for each in lines)
    world.at(5, lambda: world.run_tasks(5))
    world.service["desiredCount"] = 3
    assert world.verb(service_scale, count=5)["outcome"] == "proven"
    world.calls.clear()
    assert status(world)["services"][0]["operation"] is None


def test_json_is_one_document_and_so_is_the_file(world: VerbWorld, tmp_path: Path) -> None:
    world.kept.released(2)
    place = tmp_path / "out/status.json"
    found = status(world, format="json", file=str(place), host="web-host")
    shown = json.loads(next(line for line in world.lines if line.startswith("[")))
    assert [each["service"] for each in shown] == [each["service"] for each in found["services"]] == ["web"]
    assert shown[0]["last_proven"]["seq"] == found["services"][0]["last_proven"]["seq"] == 2
    written = json.loads(place.read_text())["hosts"]["web-host"]
    assert (written["services"], written["outcome"]) == (shown, "unchanged")


def test_what_may_not_be_read_is_a_problem_and_the_rest_is_said(world: VerbWorld, tmp_path: Path) -> None:
    """A target group that is gone says nothing of who is at work, and what was proven."""
    world.kept.released(2)
    seq = world.kept.opened(changes={"cpu": "2"})
    world.kept.leased()
    world.fail(
        "describe_target_group_attributes", refused("TargetGroupNotFound", "One or more target groups not found")
    )
    one = status(world)["services"][0]
    assert one["running_count"] == 3
    assert (one["lease"]["host"], one["open"]["seq"], one["last_proven"]["seq"]) == ("runner-9", seq, 2)
    assert (one["live_is_proven"], one["store_read"], len(one["problems"])) == (None, True, 1)
    assert "whether it is release 2, the last proven one, is not known" in world.lines[-1]


def damaged(world: VerbWorld, name: str) -> None:
    """A document of a later version."""
    path = world.kept.store.folder / name
    path.write_text(path.read_text(encoding="utf-8").replace('"schema": 1', '"schema": 2'), encoding="utf-8")


@pytest.mark.parametrize(
    ("unreadable", "lease", "opened"),
    [
        ("releases/00000002.json", "runner-9", 3),
        ("releases/00000003.json", "runner-9", None),
        ("head.json", None, None),
    ],
)
def test_of_records_that_cannot_be_trusted_the_others_say_who_is_at_work(
    world: VerbWorld, unreadable: str, lease: str | None, opened: int | None
) -> None:
    world.kept.released(2)
    world.kept.opened(changes={"cpu": "2"})
    world.kept.leased()
    damaged(world, unreadable)
    one = status(world)["services"][0]
    assert (one["lease"] and one["lease"]["host"], one["open"] and one["open"]["seq"]) == (lease, opened)
    assert (one["last_proven"], one["live_is_proven"], one["store_read"]) == (None, None, False)
    assert f"{unreadable} is not used" in one["problems"][0]
    assert "no release is proven" not in world.lines[-1] and "could not be read" in world.lines[-1]
    assert ("who is at work" in world.lines[-1]) == (lease is None)


@pytest.mark.parametrize(("highest", "is_proven"), [(10, True), (3, False)])
def test_the_range_of_autoscaling_is_one_of_what_was_proven(world: VerbWorld, highest: int, is_proven: bool) -> None:
    world.kept.live["settings"] = {"scalableTarget": {"minCapacity": 1, "maxCapacity": 4}}
    world.kept.released(1, settings={"scalableTarget": {"minCapacity": 2, "maxCapacity": 10}})
    world.scalable = {"MinCapacity": 2, "MaxCapacity": highest, "SuspendedState": {}}
    assert status(world)["services"][0]["live_is_proven"] is is_proven


def test_nobody_is_asked_who_scales_a_service_of_which_no_release_declares_it(world: VerbWorld) -> None:
    world.kept.released(1)
    assert status(world)["services"][0]["live_is_proven"]
    assert not world.called("describe_scalable_targets")


def test_a_service_that_does_not_exist_ends_it(world: VerbWorld, tmp_path: Path) -> None:
    found = status(world, service="nope", result_file=str(tmp_path / "result.json"))
    assert found["failed"]
    assert found["reason"] == "service_not_found"
    assert json.loads((tmp_path / "result.json").read_text())["hosts"]["nope"]["outcome"] == "error"


@pytest.mark.parametrize("count", [1, 11, 25, 100])
def test_c85_eleven_services_are_read_ten_a_call_and_one_that_is_missing_is_said(world: VerbWorld, count: int) -> None:
    def strict(**arguments: Any) -> dict[str, Any]:
        """As AWS: at most ten services a call; the last one does not exist."""
        world.calls.append(("describe_services", arguments))
        assert len(arguments["services"]) <= 10
        names = [each for each in arguments["services"] if each != f"s{count}"]
        return {"services": [service(serviceName=each, taskDefinition=revision(1)) for each in names], "failures": []}

    world.describe_services = strict  # type: ignore[method-assign]
    names = [f"s{number}" for number in range(count + 1)]
    found = status(world, service="s0", services=names)
    assert [each["service"] for each in found["services"]] == names
    assert [each["service"] for each in found["services"] if each["problems"]] == [names[-1]]
    assert len(world.called("describe_services")) == -(-len(names) // 10)
