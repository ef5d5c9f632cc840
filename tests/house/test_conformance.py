"""The table of errors knows every operation of the rights, every state of what it names, every code of a model."""

from __future__ import annotations

import ast
import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import yaml
from botocore import xform_name

from tests.conformance.errors import (
    CELLS,
    NAMES,
    NO_STATES,
    PAGE,
    REASONS,
    ROOT,
    SERVICES,
    codes,
    granted,
    injected,
    modelled,
    page,
    reason,
    service,
)
from tests.conformance.rows import ANSWERED
from tests.conformance.states import STATES
from tests.testbed import modelled as watched

pytest_plugins = ["pytester"]
BEYOND = {"ValidationError"}  # CommonErrors of load balancing and CloudFormation: no operation's model names it


def test_every_operation_of_the_rights_is_in_the_table() -> None:
    missing = granted() - set(NAMES) - set(NO_STATES)
    assert not missing, f"tests/conformance/errors.py: say in NAMES what {missing} can name"


def test_every_service_of_the_beds_own_is_in_the_table() -> None:
    found = {service(name).service_id.hyphenize() for name in SERVICES.values()}
    assert found == set(watched.OURS)


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
    assert set(REASONS) <= {code for _, code in injected()}, "a reason that is nobody's any more"


def test_the_page_is_made_from_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: .venv/bin/python -m tests.conformance.errors"


def test_every_known_difference_is_about_a_test_that_exists() -> None:
    folder = Path(__file__).parents[1] / "conformance"
    tests = {
        f"{path.name}::{name}"
        for path in folder.glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    } | {f"test_errors.py::test_what_answers_in_a_state[{cell.id}]" for cell in CELLS}
    known = yaml.safe_load((folder / "known_differences.yml").read_text(encoding="utf-8"))
    assert set(known) == {"aws", "localstack"}
    for each in (each for listed in known.values() for each in listed):
        assert each["lacks"] and each["source"]
        for pattern in each["tests"]:
            assert any(fnmatchcase(name, pattern) for name in tests), pattern


def test_every_task_is_put_into_the_network_of_the_place() -> None:
    """One that says nothing of a public address starts on the bed, and on AWS cannot pull its image."""
    folder = ROOT / "tests/conformance"
    found = {path.name for path in folder.glob("*.py") if "awsvpcConfiguration" in path.read_text(encoding="utf-8")}
    assert found == {"place.py"}


CONFTEST = """
    from pathlib import Path
    from tests.conformance import conftest
    conftest.LISTED = Path(__file__).with_name("known_differences.yml")
    pytest_collection_modifyitems = conftest.pytest_collection_modifyitems
"""
DIFFERS = """
    aws:
      - {lacks: everything, source: nobody, tests: ["test_rules.py::test_that_passes", "test_rules.py::test_that_f*"]}
"""


def test_a_known_difference_that_is_none_fails_the_run(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where another file has imported it, as test_real_seconds.py does."""
    monkeypatch.setenv("CONFORMANCE_TARGET", "aws")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # they would be most of its time
    pytester.makeconftest(CONFTEST)
    pytester.makefile(".yml", known_differences=DIFFERS)
    rules = "def test_that_passes(): pass\ndef test_that_fails(): assert False\ndef test_unlisted(): pass"
    pytester.makepyfile(test_rules=rules, test_others="from test_rules import test_that_passes")
    ended = pytester.runpytest_subprocess()
    ended.assert_outcomes(passed=1, failed=2, xfailed=1)
    ended.stdout.fnmatch_lines_random(["?XPASS(strict)? everything (nobody)"])
    assert ended.ret == pytest.ExitCode.TESTS_FAILED


def test_every_rule_has_its_kind_and_names_its_source() -> None:
    """A page of a reference (API_Name), a guide's page, or both references' CommonErrors: in the test's own words."""
    wrong = []
    for path in sorted((Path(__file__).parents[1] / "conformance").glob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        whole = "pytestmark" in path.read_text(encoding="utf-8")
        for node in (each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name.startswith("test_")):
            marks = {m.attr for d in node.decorator_list for m in ast.walk(d) if isinstance(m, ast.Attribute)}
            if not whole and not marks & {"api", "rollout", "traffic", "fault"}:
                wrong.append(f"{path.name}: {node.name} has no mark")
            if not re.search(r"API_[\w*]+|[Gg]uide|CommonErrors|botocore", ast.get_docstring(node) or ""):
                wrong.append(f"{path.name}: {node.name} names no source")
    assert not wrong, wrong


def test_every_operation_that_an_edge_calls_is_in_the_table() -> None:
    """By its method, or by its name where a paginator or a message has it."""
    known: dict[str, set[str]] = {}
    for prefix, names in modelled().items():
        for name in names:
            known.setdefault(xform_name(name), set()).add(f"{prefix}:{name}")  # TagResource is more than one service's
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "plugins/module_utils/edges").glob("*.py"))
    called = {word for word in re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", text) if word in known}
    missing = {word for word in called if not known[word] & {*NAMES, *NO_STATES}}
    assert len(called) > 20
    assert not missing, f"tests/conformance/errors.py: say in NAMES what {missing} can name"
