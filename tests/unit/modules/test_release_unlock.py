# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module release_unlock: who holds it comes first, and a run that is alive keeps its lease."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import store_files, waits
from ansible_collections.steady.ecs.plugins.modules import release_unlock as module

from tests.unit.modules.verb_world import VerbWorld
from tests.unit.modules.world import refused


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VerbWorld:
    found = VerbWorld(tmp_path)
    monkeypatch.setattr(waits, "clock", found)
    return found


def lease(world: VerbWorld) -> object:
    return world.kept.store.head()["lease"]


def test_holder_host_reason_and_age_come_first_and_nothing_is_changed(world: VerbWorld) -> None:
    seq = world.kept.opened(changes={"cpu": "2"})
    world.kept.leased(ttl=90)
    before = lease(world)
    found = world.verb(module)
    assert (found["failed"], found["outcome"]) == (True, "held")
    assert lease(world) == before
    shown = "\n".join(world.lines)
    for part in ("user/ben", "runner-9", "a hotfix", "2025-11-27T10:00:00Z", " ago", "its key is other"):
        assert part in shown
    assert f"release {seq} (deploy) is open: applying" in shown
    assert "user/ada" in shown
    assert "unlock_key=other" in found["msg"]
    assert found["holder"]["nonce"] == "other"


@pytest.mark.parametrize("told", [{"confirm": True}, {"key": "other"}])
def test_a_dead_runs_lease_is_taken_away_when_told_and_the_release_stays_open(
    world: VerbWorld, told: dict[str, object]
) -> None:
    seq = world.kept.opened(changes={"cpu": "2"})
    world.kept.leased(ttl=90)
    began = world.now()
    found = world.verb(module, why="runner-9 was switched off", **told)
    assert (found["outcome"], found["changed"]) == ("proven", True)
    assert lease(world) is None
    assert 90 <= world.now() - began <= 135, "as long as a living holder may take to renew, and no longer"
    assert world.kept.store.head()["open"] == seq
    assert world.kept.store.record(seq)["state"] == "applying"
    assert f"release {seq} is open: rollback.yml puts back" in found["detail"]
    record = world.newest()
    assert (record["kind"], record["state"], record["audit"]["why"]) == (
        "unlock",
        "succeeded",
        "runner-9 was switched off",
    )
    assert record["operation"]["arguments"]["holder"]["who"].endswith("user/ben")


@pytest.mark.parametrize("ttl", [90, 600])
def test_a_run_that_renews_keeps_its_lease(world: VerbWorld, ttl: int) -> None:
    """Also after a hook between two of its tasks, which may take nearly the whole lease."""
    world.kept.leased(ttl=ttl)
    world.at(ttl - 5, lambda: world.kept.leased(key="other/1/2", ttl=ttl))
    found = world.verb(module, confirm=True)
    assert (found["failed"], found["outcome"]) == (True, "held")
    assert "alive and has renewed it" in found["msg"]
    assert lease(world)
    assert not world.kept.store.records()


def test_a_lease_that_another_run_has_taken_meanwhile_is_not_taken_away(world: VerbWorld) -> None:
    world.kept.leased(ttl=90)

    def taken() -> None:
        world.kept.leased(who="arn:aws:iam::111122223333:user/eve", key="third/2/1", ttl=90)

    world.at(69, taken)
    found = world.verb(module, key="other")
    assert found["outcome"] == "held"
    assert "user/eve" in found["msg"]
    assert lease(world)


def test_a_run_that_waits_does_not_come_between_the_lease_and_its_record(
    world: VerbWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipeline that waits takes a lease as soon as it is free."""
    put, pipeline = store_files.FileStore.put, []

    def taken_at_once(store: Any, name: str, data: bytes, version: str | None) -> str:
        written = put(store, name, data, version)
        if name == "head.json" and json.loads(data)["lease"] is None and not pipeline:
            pipeline.append([each["kind"] for each in world.kept.store.records().values()])
            world.kept.leased(who="arn:aws:iam::111122223333:user/pipeline", key="pipeline/9/1", ttl=90)
        return written

    world.kept.leased(ttl=90)
    monkeypatch.setattr(store_files.FileStore, "put", taken_at_once)
    found = world.verb(module, key="other")
    assert (found["outcome"], found["changed"]) == ("proven", True)
    assert pipeline == [["unlock"]], "it is on record before anybody else can take it"
    assert world.kept.store.head()["lease"]["nonce"] == "pipeline"


def foreign(world: VerbWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    who = {"Account": "999999999999", "Arn": "arn:aws:iam::999999999999:user/eve", "UserId": "U"}
    monkeypatch.setattr(world, "get_caller_identity", lambda: who, raising=False)


def expired(world: VerbWorld, _monkeypatch: pytest.MonkeyPatch) -> None:
    world.fail("get_caller_identity", refused("ExpiredTokenException"))


def unreadable(world: VerbWorld, _monkeypatch: pytest.MonkeyPatch) -> None:
    world.fail("describe_services", refused("AccessDeniedException"))


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [(foreign, "wrong_account"), (expired, "expired_credentials"), (unreadable, "access_denied")],
)
def test_who_could_not_record_it_takes_nothing_away(
    world: VerbWorld, monkeypatch: pytest.MonkeyPatch, wrong: Any, reason: str
) -> None:
    world.kept.leased(ttl=90)
    before = lease(world)
    wrong(world, monkeypatch)
    found = world.verb(module, confirm=True)
    assert (found["failed"], found["outcome"], found["reason"]) == (True, "error", reason)
    assert lease(world) == before
    assert not world.kept.store.records()


def test_a_wrong_key_takes_nothing_away(world: VerbWorld) -> None:
    world.kept.leased()
    for check_mode in (True, False):
        found = world.verb(module, check_mode, key="nonsense")
        assert (found["failed"], found["outcome"]) == (True, "held")
        assert "is not that of the lease there is" in found["msg"]
    assert lease(world)


def test_check_mode_takes_nothing_away_that_a_run_would_not(world: VerbWorld) -> None:
    world.kept.leased()
    found = world.verb(module, check_mode=True)
    assert (found["failed"], found["outcome"]) == (True, "held")
    assert "unlock_key=other" in found["msg"]


def test_nobody_holds_it(world: VerbWorld) -> None:
    found = world.verb(module, confirm=True)
    assert (found["outcome"], found["holder"], found["changed"]) == ("unchanged", None, False)
    assert "nobody holds" in found["detail"]
    assert not world.kept.store.records()


def test_check_mode_says_who(world: VerbWorld) -> None:
    world.kept.leased()
    planned = world.verb(module, check_mode=True, confirm=True)
    assert (planned["changed"], planned["outcome"]) == (True, "unchanged")
    assert lease(world)
    assert set(planned) == set(world.verb(module, confirm=True))
