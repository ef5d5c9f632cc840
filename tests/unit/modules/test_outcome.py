"""The module ``outcome``: what is shown, what scripts read, and when it fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task
from ansible_collections.steady.ecs.plugins.modules import outcome


def say(shown: list[str], **params: Any) -> dict[str, Any]:
    values = {name: option.get("default") for name, option in outcome.SPEC.options.items()}
    given = {"outcome": "proven", "verb": "deploy", "host": "web", **params}
    return outcome.run(Task(params={**values, **given}, connection=None, check_mode=True, report=shown.append))


def test_the_line_and_the_commands_below_it() -> None:
    shown: list[str] = []
    commands = ["ansible-playbook verify.yml", "ansible-playbook rollback.yml"]
    answer = say(shown, detail="web runs web:75,\n3/3 healthy", duration_seconds=130.0, commands=commands)
    assert shown == [
        "outcome: proven: web runs web:75, 3/3 healthy (2 min 10 s)",
        "  ansible-playbook verify.yml",
        "  ansible-playbook rollback.yml",
    ]
    assert (answer["line"], answer["status"], answer["changed"]) == (shown[0], 0, False)


def test_scripts_read_the_worst_outcome_of_all_hosts(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    say([], file=str(path), detail="fine", release=2)
    answer = say([], file=str(path), host="api", outcome="failed", detail="exit code 1")
    assert answer["status"] == 4
    assert json.loads(path.read_text()) == {
        "outcome": "failed",
        "verb": "deploy",
        "hosts": {
            "web": {"outcome": "proven", "detail": "fine", "release": 2},
            "api": {"outcome": "failed", "detail": "exit code 1", "release": None},
        },
    }


def test_a_failure_ends_the_play_when_asked_to_and_is_in_the_file_before(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    with pytest.raises(Failure, match="^outcome: failed_rolled_back: exit code 1$") as failed:
        say([], file=str(path), outcome="failed_rolled_back", detail="exit code 1", fail=True)
    assert failed.value.fields["outcome"] == "failed_rolled_back"
    assert json.loads(path.read_text())["outcome"] == "failed_rolled_back"


@pytest.mark.parametrize(("word", "fail"), [("proven", False), ("failed", True), ("drifted", False)])
def test_what_has_come_of_a_run_is_said_though_its_file_cannot_be_written(
    tmp_path: Path, word: str, fail: bool
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Failure, match=rf"^outcome: {word}: exit code 1 The result file could not be") as failed:
        say([], file=str(tmp_path / "file/result.json"), outcome=word, detail="exit code 1", fail=fail)
    assert failed.value.fields["outcome"] == word
    assert "run again" not in failed.value.msg and "not to be done again" in failed.value.msg


@pytest.mark.parametrize("word", ["proven", "unchanged", "drifted"])
def test_what_is_no_failure_never_fails(word: str) -> None:
    assert say([], outcome=word, fail=True)["outcome"] == word


def test_a_release_whose_record_stays_open_has_not_ended(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    with pytest.raises(
        Failure, match="outcome: interrupted: 3/3 healthy. The release record could not be closed: full"
    ):
        say([], detail="3/3 healthy", not_closed="full\n::error::", file=str(path), fail=True)
    assert json.loads(path.read_text())["outcome"] == "interrupted"
    with pytest.raises(Failure, match="outcome: failed: "):
        say([], outcome="failed", not_closed="full", fail=True)


def test_of_several_services_it_is_shown_how_many_are_done(tmp_path: Path) -> None:
    shown: list[str] = []
    say(shown, file=str(tmp_path / "result.json"), host="admin", services=2)
    say(shown, file=str(tmp_path / "result.json"), host="api", services=2)
    assert [each for each in shown if "done" in each] == [
        "1 of 2 services done: admin",
        "2 of 2 services done: admin, api",
    ]
