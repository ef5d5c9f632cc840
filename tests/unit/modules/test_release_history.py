# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module release_history: what is on record, without asking AWS anything."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, waits
from ansible_collections.steady.ecs.plugins.module_utils.edges.store_files import FileStore
from ansible_collections.steady.ecs.plugins.module_utils.rules import history, operation, states
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task, perform
from ansible_collections.steady.ecs.plugins.modules import release_history as module
from ansible_collections.steady.ecs.plugins.modules import service_scale

from tests.unit.modules.records_of import ACCOUNT, CAUSE, REGION, Kept
from tests.unit.modules.verb_world import VerbWorld
from tests.unit.test_release import Service


class Nobody:
    """Whoever asks AWS fails."""

    def client(self, service: str, _attempts: int) -> Any:
        raise AssertionError(f"{service} was asked")


def show(folder: Path, **params: Any) -> tuple[dict[str, Any], list[str]]:
    lines: list[str] = []
    options = {name: option.get("default") for name, option in module.SPEC.options.items()}
    named = {"account": ACCOUNT, "region": REGION, "cluster": "c1", "service": "web", "store": str(folder)}
    task = Task(params={**options, **named, **params}, connection=Nobody(), report=lines.append)
    return perform(task, module.run), "\n".join(lines).splitlines()


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    found = Kept(tmp_path)
    found.released(2)
    found.released(3, "failed_rolled_back", CAUSE)
    return found


def test_each_release_is_one_line_with_who_when_why_what_and_cause(kept: Kept, tmp_path: Path) -> None:
    found, lines = show(tmp_path)
    assert [each["seq"] for each in found["releases"]] == [3, 2, 1], "newest first for a script"
    assert [line.split()[0] for line in lines[:-1]] == ["1", "2", "3"], "newest last, where people look"
    second, third = lines[1], lines[2]
    for part in ("deploy", "proven", "2025-11-27T10:00:00Z", "2 min 10 s", "user/ada", "web:1 -> web:2", "cpu"):
        assert part in second
    for part in ("commit 5d290edaaaaa", "inventory 91ab3c0", "approved by grace", "why: longer sessions"):
        assert part in second
    assert "rolled_back" in third
    assert "container app (example.com/app:2) exited with code 3" in third.replace("Container", "container")
    assert found["line"].startswith("outcome: unchanged: 3 records are kept; release 2 is current")
    assert lines[-1] == found["line"]
    assert not found["changed"]


def test_c45_too_late_to_ask_aws_the_cause_is_on_record(kept: Kept, tmp_path: Path) -> None:
    """AWS forgets a stopped task within the hour: here it cannot even be asked."""
    found, lines = show(tmp_path, release=3)
    assert found["releases"][0]["cause"] == CAUSE
    text = "\n".join(lines)
    for part in ("exited with code 3", "the application reported an error", "cannot open the database", "starting"):
        assert part in text
    assert "approved by" in text
    assert "does not check it" in text


SICK = "1 check failed: endpoint https://web/health: expected 200, found 502"


@pytest.mark.parametrize(
    ("outcome", "reason", "said"),
    [
        ("failed_rolled_back", SICK, f"reason: {SICK}"),
        ("superseded", "ecs-svc/9 has taken over", "reason: ecs-svc/9 has taken over"),
        ("failed", "gone\n::error::x", "reason: gone"),
        ("failed", "x" * 5000, "reason: " + "x" * 990),
        ("proven", "web runs web:2", ""),
    ],
)
def test_what_ended_a_release_of_which_no_task_failed_is_in_its_line(
    tmp_path: Path, outcome: str, reason: str, said: str
) -> None:
    Kept(tmp_path).released(2, outcome, reason=reason)
    lines = show(tmp_path)[1]
    assert said in lines[1] and ("reason: " in lines[1]) == bool(said)
    assert len(lines) == 3 and len(lines[1]) < 1500


@pytest.mark.parametrize(
    ("result", "in_line", "whole"),
    [
        ({"cause": CAUSE, "task": "1dc5"}, "cause: Container app (example.com/app:2) exited with code 3", True),
        ({"cause": {"reason": "no room"}, "verdict": "failed"}, "ECS says: no room", False),
        ({"verdict": "failed", "cause": None}, "reason: exit code 3", False),
        (None, "reason: exit code 3", False),
    ],
)
def test_what_ended_an_operation_is_told_as_of_a_release(
    tmp_path: Path, result: dict[str, Any] | None, in_line: str, whole: bool
) -> None:
    kept = Kept(tmp_path)
    number = kept.operated("run_task", result, "exit code 3")
    (found,), lines = show(tmp_path)[0]["releases"], show(tmp_path)[1]
    assert found["cause"] == operation.recorded(result or {}).get("cause")
    assert "run_task  failed" in lines[0] and in_line in lines[0]
    text = "\n".join(show(tmp_path, release=number)[1])
    assert not any(sign in text for sign in ("{'", "['", "None")), "no Python for people"
    assert "command             a, b" in text and ("log                 cannot open the database" in text) == whole


def test_an_operation_that_succeeded_has_no_cause(tmp_path: Path) -> None:
    Kept(tmp_path).operated("prune", {"removed": ["web:1", "web:2"], "kept": []}, None)
    assert not any(words in show(tmp_path)[1][0] for words in ("cause:", "reason:"))
    assert "  removed             web:1, web:2" in show(tmp_path, release=1)[1]


def spoiled(folder: Path, number: int) -> str:
    """A record of another version; its path."""
    (path,) = folder.rglob(f"releases/{number:08d}.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 2}))
    return str(path)


def test_a_record_that_cannot_be_trusted_is_named_and_the_others_are_shown(kept: Kept, tmp_path: Path) -> None:
    path = spoiled(tmp_path, 2)
    said = f"{path} is not used: its schema is 2, and this version reads schema 1 only."
    found, lines = show(tmp_path)
    assert [line.split()[0] for line in lines[:-1]] == ["1", "2", "3"]
    assert lines[1].startswith(f"   2  {said}") and "rolled_back" in lines[2]
    assert found["detail"].endswith("; cannot be read: 2")
    assert len({frozenset(each) for each in found["releases"]}) == 1
    newest, broken, _first = found["releases"]
    assert newest["problem"] is None
    assert broken["seq"] == 2 and broken["problem"].startswith(said) and broken["kind"] is None
    as_json = show(tmp_path, format="json", file=str(tmp_path / "out/history.json"))[1]
    assert json.loads(as_json[0]) == found["releases"]
    assert show(tmp_path, limit=1)[0]["detail"].endswith("release 2 is current"), "it is not among those shown"
    alone = show(tmp_path, release=2)[0]
    assert alone["failed"] and alone["reason"] == "untrusted_document"


def test_a_record_that_is_open_and_cannot_be_trusted_hides_no_other(kept: Kept, tmp_path: Path) -> None:
    spoiled(tmp_path, kept.opened(changes={"cpu": "9"}))
    found, lines = show(tmp_path)
    assert len(lines) == 5 and "release 4 is open; cannot be read: 4" in found["detail"]


def test_a_store_that_does_not_answer_is_not_shown_in_parts(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_store: FileStore, _seq: int) -> Any:
        raise Failure("Permission denied", reason="store_unreadable")

    monkeypatch.setattr(FileStore, "record", refused)
    assert show(tmp_path)[0]["reason"] == "store_unreadable"


def test_nobody_has_approved_or_committed_what_was_found(kept: Kept, tmp_path: Path) -> None:
    """Nor where an older version has written so."""
    (path,) = tmp_path.rglob("releases/00000001.json")
    (after,) = tmp_path.rglob("releases/00000002.json")
    for audit in (None, json.loads(after.read_text())["audit"]):
        record = json.loads(path.read_text())
        path.write_text(json.dumps({**record, "audit": audit or record["audit"]}))
        found, lines = show(tmp_path)
        assert lines[0].split()[1] == "baseline" and "user/ada" in lines[0]
        assert not any(words in lines[0] for words in ("approved by", "commit", "inventory"))
        assert (found["releases"][-1]["commit"], found["releases"][-1]["host"]) == (None, "runner-7")
        assert "approved by" not in "\n".join(show(tmp_path, release=1)[1])


def test_every_entry_has_every_key(kept: Kept, tmp_path: Path) -> None:
    found, _ = show(tmp_path)
    assert len({frozenset(each) for each in found["releases"]}) == 1


def test_json_is_one_document(kept: Kept, tmp_path: Path) -> None:
    found, lines = show(tmp_path, format="json", file=str(tmp_path / "out/history.json"), host="web-host")
    assert json.loads(lines[0]) == found["releases"]
    written = json.loads((tmp_path / "out/history.json").read_text())
    assert written["hosts"]["web-host"]["releases"] == found["releases"]


def test_a_release_that_does_not_exist_is_named(kept: Kept, tmp_path: Path) -> None:
    found, _ = show(tmp_path, release=99, result_file=str(tmp_path / "result.json"))
    assert found["failed"]
    assert "99" in found["msg"]
    assert json.loads((tmp_path / "result.json").read_text())["outcome"] == "error"


def test_an_open_release_is_said_to_be_open(kept: Kept, tmp_path: Path) -> None:
    kept.opened(changes={"cpu": "9"})
    found, lines = show(tmp_path, limit=1)
    assert len(found["releases"]) == 1
    assert "open (applying)" in lines[0]
    assert "release 4 is open" in found["detail"]


def test_a_release_whose_run_died_before_it_wrote_the_head_is_not_open(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    head = kept.store.head()
    seq = kept.released(2)
    (path,) = tmp_path.rglob("head.json")
    left = {**json.loads(path.read_text()), "current": head["current"], "open": seq}
    path.write_text(json.dumps(left))
    found, _lines = show(tmp_path)
    assert f"release {seq} is current" in found["detail"] and "is open" not in found["detail"]


def test_foreign_text_cannot_forge_a_line(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.released(2, "failed", {**CAUSE, "reason": "gone\n::set-output name=x::y\x1b[2J"})
    _, lines = show(tmp_path)
    assert len(lines) == 3
    assert not any(line.startswith("::") or "\x1b" in line for line in lines)


def test_nothing_on_record_is_said(tmp_path: Path) -> None:
    found, lines = show(tmp_path)
    assert (found["releases"], found["detail"]) == ([], "no release is on record")
    assert lines == [found["line"]]


GROUP = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/web/6cd8923ffc120347"


def test_what_is_declared_and_was_so_before_did_not_change(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    numbers = {"maximumPercent": 150, "minimumHealthyPercent": 100}
    service = {"desiredCount": 3, "deploymentConfiguration": numbers, "healthCheckGracePeriodSeconds": 30}
    live = states.live_settings({**service, "tags": [{"key": "team", "value": "shop"}]})
    kept.live |= {"running": 2, "settings": live, "attributes": {GROUP: {"stickiness.enabled": "true"}}}
    same: dict[str, Any] = {
        "settings": {
            "desiredCount": 3,
            "deploymentConfiguration": {"maximumPercent": "150", "minimumHealthyPercent": None},
            "platformVersion": None,
            "tags": {"team": "shop", "stage": None},
        },
        "attributes": {GROUP: {"stickiness.enabled": "true"}},
        "changes": {"containers": {"app": {"environment": {"MODE": "calm"}}}},
    }
    kept.released(1, **same)
    (found,) = show(tmp_path, limit=1)[0]["releases"]
    assert found["changed"] == [], "the revision is the one before, so its content is too"
    other = {"desiredCount": 4, "deploymentConfiguration": {"maximumPercent": None}, "tags": {"team": None}}
    kept.released(2, **{**same, "settings": {**same["settings"], **other}})
    (found,), lines = show(tmp_path, limit=1)[0]["releases"], show(tmp_path, limit=1)[1]
    assert found["changed"] == [
        "revision: web:1 -> web:2",
        "desiredCount: 3 -> 4",
        "deploymentConfiguration.maximumPercent: 150 -> default",
        "tags[team]: shop -> default",
        "declared: app environment MODE",
    ]
    assert "desiredCount: 3 -> 4" in lines[0] and "2 more" in lines[0], "what changed comes first"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VerbWorld:
    found = VerbWorld(tmp_path)
    monkeypatch.setattr(waits, "clock", found)
    monkeypatch.setattr(reads, "_definitions", {})
    return found


def killed(_number: int, _frame: Any) -> None:
    raise KeyboardInterrupt


def of_operation(folder: Path) -> tuple[dict[str, Any], str]:
    (found,), lines = show(folder, limit=1)[0]["releases"], show(folder, limit=1)[1]
    whole = show(folder, release=found["seq"])[1]
    assert whole[0] == f"release {found['seq']}: scale, {lines[0].split()[2]}"
    return found, lines[0]


def test_an_operation_that_a_signal_ended_is_not_open(world: VerbWorld, tmp_path: Path) -> None:
    world.at(3, lambda: os.kill(os.getpid(), signal.SIGTERM))
    before = signal.signal(signal.SIGTERM, killed)
    try:
        with pytest.raises(KeyboardInterrupt):
            world.verb(service_scale, count=5)
    finally:
        signal.signal(signal.SIGTERM, before)
    found, line = of_operation(tmp_path)
    assert (found["state"], found["interrupted"], found["outcome"]) == ("verifying", True, "interrupted")
    assert "scale     interrupted" in line and "open" not in line


def test_an_operation_that_goes_on_unwatched_has_not_failed(world: VerbWorld, tmp_path: Path) -> None:
    assert world.verb(service_scale, count=5, wait_timeout=20)["outcome"] == "interrupted"
    found, line = of_operation(tmp_path)
    assert (found["state"], found["interrupted"], found["outcome"]) == ("failed", True, "interrupted")
    assert "scale     interrupted" in line


def test_an_operation_that_failed_or_is_done_was_not_interrupted(world: VerbWorld, tmp_path: Path) -> None:
    world.at(3, lambda: world.service.update(status="INACTIVE", desiredCount=0))
    assert world.verb(service_scale, count=5)["outcome"] == "failed"
    found, line = of_operation(tmp_path)
    assert (found["interrupted"], found["outcome"]) == (False, None)
    assert "scale     failed" in line


def test_what_ran_before_a_failed_release_is_not_told_as_its_images() -> None:
    service = Service()
    service.deploy(75, "100", outcome="failed")
    found, failed = service.records[1], service.records[2]
    for record in (found, failed):
        record["before"]["images"] = {"app": f"app:1@sha256:{'1' * 64}"}
    assert history.entry(failed)["images"] == {}
    assert history.entry(found)["images"], "a baseline tells what ran when it was found"
