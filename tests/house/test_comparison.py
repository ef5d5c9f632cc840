"""docs/comparison.md is made by a run of tests/foreign; here is held what can be held without running it."""

from __future__ import annotations

import re
from pathlib import Path

from tests.foreign.table import COMPARED, LEFT_OUT, TITLES
from tests.verdicts.kinds import BY_NAME

PAGE = (Path(__file__).parents[2] / "docs/comparison.md").read_text(encoding="utf-8")
LINES = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if re.match(r"\| \[\w+\]\(#\w+\) \| ", line)
]
WORDS = "false success|false failure|failure, cause|failure|success"


def test_the_comparison_has_every_kind_that_is_compared_and_a_word_for_each_client() -> None:
    names = [match[1] for line in LINES if (match := re.match(r"\[(\w+)\]", line[0]))]
    assert len(names) == len(set(names)) == len(LINES) > 0
    assert names == [kind.name for kind in COMPARED] and set(LEFT_OUT) <= set(BY_NAME)
    for line in LINES:
        assert len(line) == 2 + len(TITLES)
        assert all(re.match(rf"(\*\*)?({WORDS})(\*\*)? \(\d+; \d+ s\)$", cell) for cell in line[2:]), line


def test_the_comparison_counts_what_it_lists_and_steady_says_nothing_false() -> None:
    for number, title in enumerate(TITLES.values(), 2):
        said = [line[number].partition(" (")[0].strip("*") for line in LINES]
        false = said.count("false success")
        counted = (false, said.count("false failure"), sum(word.startswith("failure") for word in said),
                   said.count("failure, cause"), said.count("success"))  # fmt: skip
        assert f"| {title} | **{counted[0]}** | {' | '.join(map(str, counted[1:]))} |" in PAGE
        if title == "Steady":
            assert counted[:2] == (0, 0)
