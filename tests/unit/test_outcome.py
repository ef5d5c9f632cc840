"""The last line of a run."""

from __future__ import annotations

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules.outcome import duration_text, last_line, one_line


def test_the_line_of_the_production_story() -> None:
    detail = "pardon-production-service runs pardon-simulator:75, 3/3 healthy"
    assert last_line("proven", detail, 130.2) == f"outcome: proven: {detail} (2 min 10 s)"


def test_a_line_says_only_what_is_known() -> None:
    assert last_line("error", "", None) == "outcome: error"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (3599, "59 min 59 s"), (3900, "1 h 5 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_foreign_text_cannot_forge_a_line() -> None:
    assert one_line("stopped\n::error::x\r\x1b[31m  red\u2028") == "stopped : :error::x red"
