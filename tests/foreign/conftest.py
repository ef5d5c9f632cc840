"""One bed a worker, and the shell of a person who works against it."""

from collections.abc import Iterator

import pytest

from tests.foreign import table
from tests.foreign.clients import Shell
from tests.testbed.beds import Bed, World, running
from tests.verdicts import parts

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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The tests of one kind and one client alone keep something; the rest always run."""
    rows = table.rows()
    parts.leave_out(config, items, named, lambda name: tuple(name.split(".")) in rows)


def named(item: pytest.Item) -> str | None:
    """What a test of one kind deployed by one client keeps its row as."""
    given = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    return f"{given['kind'].name}.{given['client']}" if {"kind", "client"} <= given.keys() else None
