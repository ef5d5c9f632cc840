"""One bed with processes and one with declared tasks, shared by the tests of a worker."""

from collections.abc import Iterator

import pytest

from tests.testbed.beds import Bed, World, running
from tests.testbed.caller import Caller


@pytest.fixture(scope="session")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    with running(tmp_path_factory.mktemp("bed"), "--scale", "0.05") as found:
        yield found


@pytest.fixture(scope="session")
def declared_bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    with running(tmp_path_factory.mktemp("declared"), "--scale", "0.02", "--engine", "none") as found:
        yield found


@pytest.fixture
def world(bed: Bed) -> Iterator[World]:
    found = World(bed)
    yield found
    found.remove()


@pytest.fixture
def declared(declared_bed: Bed) -> Iterator[World]:
    """A world whose tasks have no processes; declarations of earlier tests are gone."""
    declared_bed.admin("POST", "/_bed/reset")
    found = World(declared_bed)
    yield found
    found.remove()


@pytest.fixture
def caller(declared: World) -> Iterator[Caller]:
    yield Caller(declared)
    declared.bed.admin("DELETE", "/_bed/iam")
