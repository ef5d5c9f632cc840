"""The module ``release_info``: it only reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure
from ansible_collections.steady.ecs.plugins.modules import release_info

from tests.unit.modules.releases import ACCOUNT, CLUSTER, DURATION, FAMILY, GROUP, REGION, SERVICE, World


def info(world: World, store: Path | None, **params: Any) -> dict[str, Any]:
    return release_info.run(world.task(release_info.SPEC.options, store=store and str(store), **params))


def act(world: World, store: Path, state: str, **params: Any) -> dict[str, Any]:
    return world.release(store, state, **params)


def test_a_service_without_releases_has_no_way_back(tmp_path: Path) -> None:
    found = info(World(), tmp_path / "store")
    assert (found["current"], found["open"], found["history"], found["target"]) == (None, None, [], None)
    assert "Deploy once" in found["remedy"]
    assert found["folder"] == str(tmp_path / "store" / ACCOUNT / REGION / CLUSTER / SERVICE)
    assert list(tmp_path.iterdir()) == []


def test_what_a_rollback_would_change_is_listed(tmp_path: Path) -> None:
    world = World()
    declared = {"attributes": {DURATION: 86400}, "settings": {"healthCheckGracePeriodSeconds": 90}}
    act(world, tmp_path, "opened", **declared, differences=[{}], why="longer sessions")
    world.deployed()
    world.settings["healthCheckGracePeriodSeconds"] = 90
    act(world, tmp_path, "applied", steps={"task_definition": f"{FAMILY}:75", "deployment": "d"})
    act(world, tmp_path, "closed", outcome="proven")
    found = info(world, tmp_path)
    assert found["target"]["settings"] == {"healthCheckGracePeriodSeconds": 60}
    assert [(each["path"], each["actual"], each["expected"]) for each in found["differences"]] == [
        ("taskDefinition", f"{FAMILY}:75", f"{FAMILY}:74"),
        ("healthCheckGracePeriodSeconds", 90, 60),
        (DURATION, "86400", "3600"),
    ]
    assert "not proven" in found["reason"]
    newest = found["history"][0]
    assert (newest["seq"], newest["proven"], newest["why"], newest["interrupted"]) == (
        2,
        True,
        "longer sessions",
        False,
    )
    assert newest["declared"] == {
        "attributes": {GROUP: [DURATION]},
        "settings": ["healthCheckGracePeriodSeconds"],
        "task_definition": [],
    }
    assert len(info(world, tmp_path, limit=1)["history"]) == 1


def test_a_named_release_that_does_not_exist_is_no_target(tmp_path: Path) -> None:
    found = info(World(), tmp_path, rollback_to=9)
    assert found["target"] is None and "Release 9 is not on record" in found["reason"]


def test_a_tampered_record_stops_it(tmp_path: Path) -> None:
    world = World()
    opened = act(world, tmp_path, "opened", attributes={DURATION: 1}, differences=[{}])["release"]
    (Path(opened["place"]) / "releases/00000001.json").write_text('{"schema": 1}')
    with pytest.raises(Failure, match="is not used"):
        info(world, tmp_path)


def test_a_build_machine_must_name_its_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(Failure, match="Set release_store"):
        info(World(), None)
