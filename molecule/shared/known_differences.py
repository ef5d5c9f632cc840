"""Tests that are expected to fail where the emulator is not the bed: known_differences.yml, read."""

from __future__ import annotations

from pathlib import Path

import yaml

LISTED = Path(__file__).parent / "known_differences.yml"


def expected_failures() -> dict[tuple[str, str], str]:
    """(scenario, name of the test) to the reason, which names what the emulator lacks."""
    content = yaml.safe_load(LISTED.read_text(encoding="utf-8"))
    return {
        (scenario, test): f"{each['lacks']} ({each['source']})"
        for each in content["differences"]
        for scenario, tests in each["tests"].items()
        for test in tests
    }
