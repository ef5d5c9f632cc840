"""docs/reliability.md names tests: they are there, and each promise has one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)
PROMISES = [line for line in PAGE.partition("## The sweeps")[0].splitlines() if line.startswith("| ")][1:]


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[f"{path}::{name}" for path, name in NAMED])
def test_a_test_that_the_page_names_is_there(path: str, name: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    assert not name or re.search(rf"^ *def {name}\(", text, re.MULTILINE), f"{path} has no {name}"


@pytest.mark.parametrize("promise", PROMISES, ids=[line[2:40] for line in PROMISES])
def test_each_promise_is_tested(promise: str) -> None:
    assert re.search(r"`tests/[\w/]+\.py", promise.rpartition(" | ")[2]), promise


def test_the_page_gives_the_figures_of_a_run_with_its_command() -> None:
    last = PAGE.partition("## The last long run")[2]
    assert "./steady sweep" in last
    assert re.search(r"\d plans", last)
