# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A verb that is done says so, also when the last write of its record is refused: nothing else is left open."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, store_files, waits
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure
from ansible_collections.steady.ecs.plugins.modules import (
    service_restart,
    service_scale,
    task_definition_prune,
    task_run,
)

from tests.unit.modules.one_off_world import Runner
from tests.unit.modules.test_task_definition_prune import Account
from tests.unit.modules.verb_world import VerbWorld

Answer = dict[str, Any]


def scaled(folder: Path) -> tuple[VerbWorld, Any, Answer]:
    world = VerbWorld(folder)
    world.at(10, lambda: world.run_tasks(5))
    return world, service_scale, {"count": 5}


def restarted(folder: Path) -> tuple[VerbWorld, Any, Answer]:
    world = VerbWorld(folder)
    world.at(10, world.start_tasks)
    world.at(20, world.complete)
    return world, service_restart, {}


def ran(folder: Path) -> tuple[VerbWorld, Any, Answer]:
    return Runner(folder), task_run, {}


def pruned(folder: Path) -> tuple[VerbWorld, Any, Answer]:
    world = Account(folder)
    for number in range(2, 11):
        world.kept.released(number)
    return world, task_definition_prune, {"keep": 2}


KEPT: dict[Any, Answer] = {
    scaled: {"desired_count": 5, "verdict": "succeeded"},
    restarted: {"verdict": "succeeded", "deployment_id": "ecs-svc/2"},
    ran: {"exit_code": 0, "verdict": "succeeded"},
    pruned: {},
}


def refused_at_the_end(patch: pytest.MonkeyPatch) -> None:
    """The token runs out between what was to be done and its record's last state."""
    put = store_files.FileStore.put

    def refusing(store: Any, name: str, data: bytes, version: str | None) -> str:
        document = json.loads(data)
        if document.get("operation") and document["state"] == "succeeded":
            raise Failure("The token is expired. Log in again.", reason="expired_credentials", code="ExpiredToken")
        return put(store, name, data, version)

    patch.setattr(store_files.FileStore, "put", refusing)


@pytest.mark.parametrize("make", KEPT)
def test_what_is_done_is_not_called_an_error(make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world, module, params = make(tmp_path / "store")
    monkeypatch.setattr(waits, "clock", world)
    monkeypatch.setattr(reads, "_definitions", {})
    refused_at_the_end(monkeypatch)
    result = tmp_path / "result.json"
    found = world.verb(module, result_file=str(result), **params)
    assert (found["failed"], found["outcome"], found["changed"]) == (True, "interrupted", True)
    assert found["release"] == world.newest()["seq"]
    assert found["msg"].startswith(("Done: ", "What it was to do is done; only its record "))
    assert "could not be closed: The token is expired. Log in again." in found["msg"]
    assert {name: found[name] for name in KEPT[make]} == KEPT[make]
    if isinstance(world, Account):
        assert [f"web:{number}" for number in world.gone()] == found["removed"] != []
    assert json.loads(result.read_text())["hosts"]["web"]["release"] == found["release"]


def test_so_does_one_whose_lease_another_run_has_taken_by_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = Runner(tmp_path)
    monkeypatch.setattr(waits, "clock", world)
    monkeypatch.setattr(reads, "_definitions", {})
    world.at(19, lambda: world.kept.leased())
    found = world.verb(task_run)
    assert (found["outcome"], found["exit_code"], found["verdict"]) == ("interrupted", 0, "succeeded")
    assert found["release"] == world.newest()["seq"]
    assert "user/ben" in found["msg"]
