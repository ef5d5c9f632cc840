"""One bed and one player for the tests of a worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.plays.player import Player
from tests.iam.stage import Stage, furnish
from tests.testbed.beds import Bed, running


@pytest.fixture(scope="session")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    with running(tmp_path_factory.mktemp("iam") / "state", "--scale", "0.02", "--engine", "none") as found:
        furnish(found)
        yield found


@pytest.fixture(scope="session")
def player(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Player]:
    with Player(tmp_path_factory.mktemp("player")) as found:
        yield found


@pytest.fixture
def stage(bed: Bed, player: Player, tmp_path: Path) -> Iterator[Stage]:
    found = Stage(bed, tmp_path, player)
    yield found
    for place in ("iam", "faults"):
        bed.admin("DELETE", f"/_bed/{place}")
    found.remove()
