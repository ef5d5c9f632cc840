"""The table of errors knows every operation of the rights, every state of what it names, every code of a model."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path

import yaml

from tests.conformance.errors import ANSWERED, CELLS, NAMES, NO_STATES, STATES, codes, granted, injected, reason

BEYOND = {"ValidationError"}  # CommonErrors of load balancing: no operation's model names it


def test_every_operation_of_the_rights_is_in_the_table() -> None:
    missing = granted() - set(NAMES) - set(NO_STATES)
    assert not missing, f"tests/conformance/errors.py: say in NAMES what {missing} can name"


def test_every_state_of_what_an_operation_names_has_a_cell() -> None:
    wanted = {(each, f"{what} {state}") for each, names in NAMES.items() for what in names for state in STATES[what]}
    assert not wanted - {(cell.operation, cell.state) for cell in CELLS}


def test_no_cell_stands_twice_or_expects_a_code_that_the_model_does_not_have() -> None:
    assert len({(cell.operation, cell.state) for cell in CELLS}) == len(CELLS)
    for cell in CELLS:
        assert cell.answer in {ANSWERED, *BEYOND, *codes(cell.operation)}, cell.id


def test_every_code_that_no_state_brings_about_has_its_reason() -> None:
    for operation, code in injected():
        assert reason(operation, code)


def test_every_known_difference_is_about_a_test_that_exists() -> None:
    folder = Path(__file__).parents[1] / "conformance"
    tests = {
        f"{path.name}::{name}"
        for path in folder.glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    known = yaml.safe_load((folder / "known_differences.yml").read_text(encoding="utf-8"))
    assert set(known) == {"aws", "localstack"}
    for each in (each for listed in known.values() for each in listed):
        assert each["lacks"] and each["source"]
        for pattern in each["tests"]:
            assert any(fnmatchcase(name, pattern) for name in tests), pattern
