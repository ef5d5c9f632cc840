"""docs/hazards.md tells of exactly the hazards that there are, and of the trial that proves each."""

import ast
import re
from pathlib import Path

from ansible_collections.steady.ecs.plugins.module_utils.rules import hazards

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/hazards.md").read_text(encoding="utf-8")


def table(heading: str) -> list[list[str]]:
    """The code words of each row of the table below a heading."""
    part = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return [re.findall(r"`([a-z_]+)`", row) for row in part.splitlines() if row.startswith("| `")]


def test_the_page_names_every_hazard_and_every_trial() -> None:
    assert [row[0] for row in table("The hazards")] == list(hazards.NAMES)
    source = ast.parse((ROOT / "tests/hazards/trials.py").read_text(encoding="utf-8"))
    (trials,) = (each.value for each in source.body if isinstance(each, ast.AnnAssign))
    assert isinstance(trials, ast.Dict)
    proven = [
        (ast.literal_eval(name), ast.literal_eval(value.elts[0]))
        for name, value in zip(trials.keys, trials.values, strict=True)
        if name is not None and isinstance(value, ast.Tuple)
    ]
    assert [tuple(row[:2]) for row in table("Shown, and shown to be cured")] == proven
    assert {hazard for _trial, hazard in proven} == set(hazards.NAMES)
