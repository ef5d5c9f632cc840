"""One bed a worker, and what of a long run is left to do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.testbed.beds import running
from tests.verdicts import parts, results
from tests.verdicts.stage import SCALE, Stage


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("verdicts")
    with running(folder / "state", "--scale", SCALE) as bed:
        yield Stage(bed, folder)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    parts.leave_out(config, items, named, lambda name: results.kept(name) is not None)


def named(item: pytest.Item) -> str | None:
    """What a test of one kind in one way keeps its result as."""
    given = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    return results.of(given["kind"].name, given["way"].name) if {"kind", "way"} <= given.keys() else None
