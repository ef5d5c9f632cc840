"""A rollback that is live already: for who was cut off, who did not see the last word, and who waited for another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure

from tests.unit.modules.releases import DURATION, World, assert_stands
from tests.unit.modules.test_release import DECLARED, act, deploy, on_file, world

__all__ = ["act", "world"]


@pytest.mark.parametrize("named", [None, 2], ids=["chosen", "named"])
def test_who_waited_to_roll_back_goes_no_further_back_than_it_said(
    act: Any, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: int | None
) -> None:
    """Two people type rollback at once: the first one's rollback is the second one's too."""
    deploy(act, world)  # 2, over the baseline 1
    world.attributes[DURATION] = "7200"
    world.release(tmp_path, "opened", **{**DECLARED, "attributes": {DURATION: 7200}})
    world.release(tmp_path, "closed", outcome="proven", verdict="succeeded")
    before = sorted(on_file(tmp_path))
    act("opened", kind="rollback", restores=named)
    first, sleep = world.opened, world.sleep

    def the_first_ends(seconds: float) -> None:
        monkeypatch.setattr(world, "sleep", sleep)
        sleep(seconds)
        world.attributes[DURATION] = "86400"
        world.release(tmp_path, "closed", release=first, outcome="proven")

    monkeypatch.setattr(world, "sleep", the_first_ends)
    assert_stands(act("opened", kind="rollback", restores=named), first["seq"])
    assert "is live already. Nothing is restored. To go further back, name the release" in world.lines[-1]
    head = json.loads(next(tmp_path.rglob("head.json")).read_text())
    assert (head["lease"], head["open"], head["current"]) == (None, None, first["seq"])
    assert sorted(on_file(tmp_path)) == [*before, first["seq"]]
    # Further back is another wish.
    assert act("opened", kind="rollback", restores="1")["target"]["seq"] == 1


@pytest.mark.parametrize("named", [None, "2"], ids=["chosen", "named"])
@pytest.mark.parametrize("cut", [False, True], ids=["after its last word", "between its record and the head"])
def test_a_rollback_typed_again_goes_no_further_back(
    act: Any, world: World, tmp_path: Path, named: str | None, cut: bool
) -> None:
    """Whoever was cut off, or did not see the last word, types the same command again."""
    deploy(act, world)  # 2, over the baseline 1
    world.attributes[DURATION] = "7200"
    world.release(tmp_path, "opened", **{**DECLARED, "attributes": {DURATION: 7200}})
    world.release(tmp_path, "closed", outcome="proven", verdict="succeeded")
    act("opened", kind="rollback", restores=named)
    world.attributes[DURATION] = "86400"
    place = next(tmp_path.rglob("head.json"))
    before = json.loads(place.read_text())
    world.release(tmp_path, "closed", outcome="proven", verdict="succeeded")
    closed = json.loads(place.read_text())
    if cut:
        place.write_text(json.dumps({**before, "lease": None}))
    records = on_file(tmp_path)
    done = world.opened["seq"]
    assert_stands(act("opened", kind="rollback", restores=named), done)
    after = json.loads(place.read_text())
    assert [after[name] for name in ("open", "lease", "current")] == [
        closed[name] for name in ("open", "lease", "current")
    ]
    assert on_file(tmp_path) == records


def test_who_waited_for_a_release_that_was_undone_does_not_undo_the_one_before(
    act: Any, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(act, world)  # 2, over the baseline 1
    world.attributes[DURATION] = "7200"
    world.release(tmp_path, "opened", **{**DECLARED, "attributes": {DURATION: 7200}})
    world.release(tmp_path, "closed", outcome="proven", verdict="succeeded")  # 4, over a baseline of that edit
    world.release(tmp_path, "opened", **{**DECLARED, "attributes": {DURATION: 60}})
    first, sleep, before = world.opened, world.sleep, sorted(on_file(tmp_path))

    def the_first_is_undone(seconds: float) -> None:
        monkeypatch.setattr(world, "sleep", sleep)
        sleep(seconds)
        world.release(tmp_path, "rolling_back", release=first)
        world.release(tmp_path, "closed", release=first, outcome="failed_rolled_back")

    monkeypatch.setattr(world, "sleep", the_first_is_undone)
    with pytest.raises(Failure, match=r"restore release 4, .* release 2\..*the same command again") as refused:
        act("opened", kind="rollback")
    assert refused.value.fields["reason"] == "overtaken"
    head = json.loads(next(tmp_path.rglob("head.json")).read_text())
    assert (head["lease"], head["open"], head["current"]) == (None, None, 4)
    assert sorted(on_file(tmp_path)) == before
