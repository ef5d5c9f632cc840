"""A long run in parts: shards add up, what was seen of this code is not run again, and nothing else is left out."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.verdicts import parts, results

NAMES = [f"kind-{number}.in_process" for number in range(40)]
ALWAYS = ["looks"]


class Hook:
    """As much of pytest's configuration as is used."""

    def __init__(self) -> None:
        self.out: list[Any] = []
        self.hook = SimpleNamespace(pytest_deselected=lambda items: self.out.extend(items))


def left(monkeypatch: pytest.MonkeyPatch, shard: str, *seen: str) -> list[str]:
    """What is run in the end; what is not was told to pytest as deselected."""
    monkeypatch.setenv("STEADY_SHARD", shard)
    items: list[Any] = [*NAMES, *ALWAYS]
    config: Any = Hook()
    parts.leave_out(config, items, lambda item: str(item) if item in NAMES else None, lambda name: name in seen)
    assert sorted([*items, *config.out]) == sorted([*NAMES, *ALWAYS])
    return [str(item) for item in items]


def test_shards_add_up_and_each_runs_what_has_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = left(monkeypatch, "1/2"), left(monkeypatch, "2/2")
    assert set(one) & set(two) == set(ALWAYS) and sorted({*one, *two}) == sorted([*NAMES, *ALWAYS])
    assert len(one) > 5 < len(two)


def test_what_was_seen_is_not_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert left(monkeypatch, "1/1", *NAMES[3:]) == [*NAMES[:3], *ALWAYS]


def test_whoever_types_pytest_gets_what_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert left(monkeypatch, "", *NAMES) == [*NAMES, *ALWAYS]


def test_what_other_code_showed_counts_for_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    results.keep("kind.in_process", {"status": 0})
    assert results.kept("kind.in_process") == {"status": 0, "code": parts.here()}
    monkeypatch.setattr(parts, "here", lambda *more: "other")
    assert results.kept("kind.in_process") is None
