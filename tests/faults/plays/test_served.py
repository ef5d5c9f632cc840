"""The short form of the sweep with users: a disturbed release on real processes; ./steady sweep has more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.plays.plans import Plan
from tests.faults.plays.player import Player
from tests.faults.plays.served import HASTE, ServedStage
from tests.testbed.beds import running


@pytest.mark.walk
def test_nobody_notices_a_release_that_was_killed_and_gone_on_with(tmp_path: Path) -> None:
    with (
        running(tmp_path / "state", "--scale", str(1 / HASTE)) as bed,
        Player(tmp_path / "player", HASTE) as player,
        ServedStage(bed, player, tmp_path / "places") as stage,
    ):
        calls = stage.undisturbed("deploy", "served").calls
        number = next(n for n, call in enumerate(calls, 1) if call.endswith(":UpdateService"))
        result = stage.perform(Plan("deploy", f"call-{number}", "SIGKILL_after", "served"))
    assert result.reached and result.requests > 0
    assert result.problems == [], result.text()
