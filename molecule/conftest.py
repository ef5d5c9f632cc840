"""What the tests of every scenario get: its world, and what is known to be different on other emulators."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

SHARED = Path(__file__).parent / "shared"
sys.path.insert(0, str(SHARED))

from known_differences import expected_failures  # noqa: E402
from world import World, on_the_bed  # noqa: E402


@pytest.fixture(scope="session")
def world() -> World:
    """The world of the scenario that Molecule runs."""
    return World(os.environ["MOLECULE_SCENARIO_NAME"])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Expect the listed tests to fail where the emulator is not the bed; one that passes unexpectedly fails the run."""
    if on_the_bed():
        return
    reasons = expected_failures()
    for item in items:
        reason = reasons.get((os.environ["MOLECULE_SCENARIO_NAME"], item.name))
        if reason:
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
