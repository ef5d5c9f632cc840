"""docs/cases.md lists each case that a test is named after, with the files of its tests."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"^ *def test_((?:c\d\d_(?:and_)?)+)", re.MULTILINE)


def files_of_cases() -> dict[str, set[str]]:
    """By case, the files that have a test named after it."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / "tests").rglob("test_*.py"):
        for name in NAMED.findall(path.read_text(encoding="utf-8")):
            for number in re.findall(r"c(\d\d)", name):
                found.setdefault(f"C{number}", set()).add(str(path.relative_to(ROOT)))
    return found


def listed() -> dict[str, set[str]]:
    """By case, the files that the page names."""
    page = (ROOT / "docs/cases.md").read_text(encoding="utf-8")
    lines = [line for line in page.splitlines() if line.startswith("| C")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: set(re.findall(r"`([^`]+)`", row[3])) for row in rows if re.fullmatch(r"C\d\d", row[0])}


def test_the_page_of_cases_lists_what_is_tested() -> None:
    """After a new test of a case: name its file in the last column of the case's row."""
    assert {case: files for case, files in listed().items() if files} == files_of_cases()


def test_each_case_that_the_code_cites_is_on_the_page() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "plugins").rglob("*.py"))
    assert set(re.findall(r"\bC\d\d\b", code)) <= set(listed())
