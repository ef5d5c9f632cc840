"""The bed's README: every example runs, every path has one, every file that it names exists."""

import json
import re
from collections.abc import Iterator

import pytest

from tests.testbed.beds import ROOT, Bed, running

TEXT = (ROOT / "testbed/README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^    (GET|PUT|POST|DELETE) (/\S+) ?(.*)$", TEXT, re.MULTILINE)


@pytest.fixture(scope="module")
def own_bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    with running(tmp_path_factory.mktemp("readme"), "--engine", "none") as found:
        yield found


def test_every_example_does_what_it_says(own_bed: Bed) -> None:
    for method, path, body in EXAMPLES:
        status, said = own_bed.admin(method, path, json.loads(body) if body else None)
        assert status == 200, (method, path, body, said)


def test_every_path_of_the_bed_has_an_example(own_bed: Bed) -> None:
    known = own_bed.admin("GET", "/_bed/nothing")[1]["paths"]
    taken = {path: own_bed.admin("PATCH", path)[1]["message"].partition(" takes ")[2].split(", ") for path in known}
    shown = {(path, method) for method, path, _ in EXAMPLES}
    assert {(path, method) for path, methods in taken.items() for method in methods} == shown


def test_every_file_that_it_names_exists() -> None:
    for name in re.findall(r"`((?:[a-z_]+/)*[a-z_]+(?:\.py|\.sh|/))`", TEXT):
        assert (ROOT / "testbed" / name).exists() or (ROOT / name).exists(), name


def test_every_function_that_it_names_exists() -> None:
    for path, name in re.findall(r"`([a-z0-9_/]+\.py): (\w+)[`(]", TEXT):
        place = next(found for found in (ROOT / "testbed" / path, ROOT / path) if found.exists())
        assert f"def {name}(" in place.read_text(encoding="utf-8"), (path, name)


def test_the_reading_order_has_every_file() -> None:
    found = {path.name for path in (ROOT / "testbed").glob("*.py")} - {"__init__.py"}
    assert not {name for name in found if f"`{name}" not in TEXT}
