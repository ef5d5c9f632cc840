"""docs/verdicts.md names exactly the kinds of the table, each with what the table says of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.verdicts.kinds import KINDS, Kind
from tests.verdicts.page import PART, UNSEEN
from tests.verdicts.ways import WAYS

PAGE = (Path(__file__).parents[2] / "docs/verdicts.md").read_text(encoding="utf-8")


def test_the_page_names_exactly_the_kinds_of_the_table() -> None:
    chapters = list(dict.fromkeys(kind.chapter for kind in KINDS))
    wanted = [kind.name for chapter in chapters for kind in KINDS if kind.chapter == chapter]
    assert re.findall(r"^### (\w+)$", PAGE, re.MULTILINE) == wanted
    assert len(set(wanted)) == len(wanted) >= 30


def section_of(kind: Kind) -> str:
    return PAGE.partition(f"### {kind.name}\n")[2].partition("\n### ")[0]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_page_says_of_a_kind_what_the_table_says(kind: Kind) -> None:
    section = section_of(kind)
    assert kind.title in section
    assert f"`{kind.verdict}`" in section and f"`{kind.outcome}`" in section
    if "```text" not in section:
        assert UNSEEN in section
        return
    told = " ".join(section.partition("```text")[2].partition("```")[0].split())
    assert re.search(kind.cause, told, re.DOTALL), told


def test_a_whole_page_has_each_kind_in_each_way_with_users_unharmed() -> None:
    missing, harmed = [], []
    for kind in KINDS:
        for way in WAYS:
            line = re.search(rf"^\| {way.title}(: \d+)? \| (.+)$", section_of(kind), re.MULTILINE)
            if not line:
                missing.append(f"{kind.name} {way.name}")
            elif not re.search(r"none at work" if kind.harms else r"[1-9]\d* requests, 0 failed", line[2]):
                harmed.append(f"{kind.name} {way.name}: {line[2]}")
    assert not harmed
    assert (PART in PAGE) is bool(missing), missing
