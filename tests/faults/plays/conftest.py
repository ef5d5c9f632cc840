"""One bed without task processes and one player for the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.plays.plans import Stage
from tests.faults.plays.player import Player
from tests.faults.sweep import SCALE
from tests.testbed.beds import running


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("plays")
    with (
        running(folder / "state", "--engine", "none", "--scale", SCALE) as bed,
        Player(folder / "player") as player,
    ):
        yield Stage(bed, player, folder / "places")
