# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module task_run: what ECS, a log and a refusal quote of what the task was given reaches nobody."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.modules import task_run as module

from tests.unit.modules.one_off_world import Runner, on_its_clock
from tests.unit.modules.world import refused

Answer = dict[str, Any]
SECRET = "canary-9d2c-secret"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    return on_its_clock(Runner(tmp_path), monkeypatch)


def well(world: Runner, said: str) -> None:
    world.logs = [f"connecting with {said}", "done"]


def never_started(world: Runner, said: str) -> None:
    well(world, said)
    quoted = f'CannotStartContainerError: exec: "./import {said}": no such file'
    container = {"name": "app", "reason": quoted}
    world.ends = {"stopCode": "TaskFailedToStart", "stoppedReason": quoted, "containers": [container]}


def refused_by_ecs(world: Runner, said: str) -> None:
    world.fail("run_task", refused("InvalidParameterException", f"CannotStartContainerError: exec: {said} is too long"))


def no_place_for_it(world: Runner, said: str) -> None:
    world.failures = [{"reason": "ATTRIBUTE", "detail": f"CannotStartContainerError: exec: {said} asks for too much"}]


@pytest.mark.parametrize("end", [well, never_started, refused_by_ecs, no_place_for_it])
@pytest.mark.parametrize(
    ("command", "environment"),
    [
        (["./import", SECRET], {"TOKEN": SECRET}),
        (["./import"], {"DATABASE_URL": f"postgres://ada:{SECRET}@db/x"}),
        (["sh", "-c", f"./import --token={SECRET}"], {}),
        (["sh", "-c", f"./import --header 'X-Auth {SECRET}'"], {}),
    ],
)
def test_commands_and_variables_are_nowhere_but_in_ecs(
    world: Runner, tmp_path: Path, end: Callable[[Runner, str], None], command: list[str], environment: Answer
) -> None:
    end(world, SECRET)
    found = world.verb(module, command=command, environment=environment, result_file=str(tmp_path / "r"))
    assert SECRET in str(world.called("run_task"))
    assert SECRET not in str(found)
    assert end is well or "CannotStartContainerError: exec" in found["msg"]
    assert SECRET not in "\n".join(world.lines)
    assert not any(SECRET in path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    arguments = world.newest()["operation"]["arguments"]
    words = f"hidden ({len(command)} {'word' if len(command) == 1 else 'words'})"
    assert (arguments["command"], arguments["environment"]) == (words, sorted(environment))
