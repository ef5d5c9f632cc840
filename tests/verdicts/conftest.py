"""One bed a worker, and where the results lie that docs/verdicts.md is written from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.testbed.beds import running
from tests.verdicts.stage import SCALE, Stage


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("verdicts")
    with running(folder / "state", "--scale", SCALE) as bed:
        yield Stage(bed, folder)
