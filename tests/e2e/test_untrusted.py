# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What AWS, an application or a record says is shown, and is obeyed by nobody: no template, terminal or CI system."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.exits import Runs
from tests.testbed.beds import Bed, running

TEMPLATE, RENDERED = "{{ 7 * 191 }}", "1337"
NASTY = f"before \x1b[2J\x1b]0;title\x07\r\n::error file=a::forged\n##[error]forged {TEMPLATE} \u202eafter"
CHANGES = {"containers": {"app": {"image": "steady/echo:v2"}}}


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    with running(tmp_path_factory.mktemp("bed"), "--scale", "0.02", "--engine", "none") as found:
        yield found


@pytest.fixture(
    params=[pytest.param(True, id="in process"), pytest.param(False, id="as modules", marks=pytest.mark.long)]
)
def runs(request: pytest.FixtureRequest, bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    bed.admin("POST", "/_bed/reset")
    return Runs(bed, tmp_path_factory.mktemp("u"), request.param, rollout_changes=CHANGES)


def held(runs: Runs) -> None:
    """Nothing in any output is obeyed; that the text was there is for the test to say."""
    for path in sorted(runs.folder.rglob("*")):
        if not path.is_file() or "store" in path.parts:
            continue
        text = path.read_text(encoding="utf-8")
        assert RENDERED not in text, path
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e]", text), path
        assert not re.search(r"(?m)^\s*::|##\[", text), path


@pytest.mark.walk
def test_what_aws_refuses_with_commands_nobody(runs: Runs) -> None:
    rule = {"operation": "RegisterTaskDefinition", "error": "ClientException", "message": NASTY}
    runs.place.bed.admin("PUT", "/_bed/faults", [rule])
    assert runs.play("deploy.yml") != 0
    assert TEMPLATE in runs.text
    held(runs)


@pytest.mark.walk
def test_what_a_record_holds_commands_nobody(runs: Runs) -> None:
    """Whoever may write into the store does not thereby run code where somebody deploys."""
    assert runs.play("deploy.yml") == 0, runs.text
    spoiled(runs.folder / "store")
    assert runs.play("history.yml") == 0, runs.text
    assert TEMPLATE in runs.text
    assert runs.play("status.yml") == 0, runs.text
    runs.play("rollback.yml")
    held(runs)


def spoiled(store: Path) -> None:
    """Nasty text wherever a record has text of people's."""
    for path in store.rglob("releases/*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        record["audit"].update(why=NASTY, host=NASTY, commit=NASTY)
        record["verdict"]["reason"] = NASTY
        path.write_text(json.dumps(record), encoding="utf-8")
