"""One bed a worker, and the shell of a person who works against it."""

from collections.abc import Iterator

import pytest

from tests.foreign.clients import Shell
from tests.testbed.beds import Bed, World, running

SCALE = 0.05
"""Seconds of ours in one of AWS's."""


@pytest.fixture(scope="session")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    with running(tmp_path_factory.mktemp("foreign"), "--scale", str(SCALE)) as found:
        yield found


@pytest.fixture
def world(bed: Bed) -> Iterator[World]:
    found = World(bed, interval=20)
    yield found
    found.remove()


@pytest.fixture
def shell(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return Shell(bed.endpoint, tmp_path_factory.mktemp("shell"), SCALE)
