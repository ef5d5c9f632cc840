# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""No value of a secret reaches an output (case C91): canaries in every place, looked for in every place, both ways.

Each canary is another word, so that a failure names the place it came from. The exits: stdout and stderr at ``-vvv``
and ``--diff``, Ansible's log, records, reports, results and arguments as callback plugins get them, temporary folders.
"""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.exits import CALLBACKS, CANARY, Runs
from tests.testbed.beds import Bed, running

WAYS = [pytest.param(True, id="in process"), pytest.param(False, id="as modules", marks=pytest.mark.long)]

SECRETS = {
    "environment": {
        "DB_PASSWORD": "canary-environment-password",
        "API_TOKEN": "canary-environment-token",
        "PLAIN": "canary-environment-plain",
        "URL": "https://ada:canary-environment-url@db.internal:5432/app",
    },
    "command": ["serve", "--token", "canary-command"],
    "entryPoint": ["/bin/sh", "-c", "exec serve --key canary-entry-point"],
    "dockerLabels": {"com.example.token": "canary-label"},
    "ulimits": [{"name": "nofile", "softLimit": 1024, "hardLimit": 4096}],
}
UNRUN = {
    "healthCheck": {"command": ["CMD-SHELL", "curl -H 'Authorization: canary-health-check' localhost"]},
    "logConfiguration": {
        "logDriver": "splunk",
        "options": {"splunk-url": "https://splunk.internal", "splunk-token": "canary-log-option"},
    },
}
"""What the bed does not run, so it is only planned and refused."""
CHANGES = {"containers": {"app": {**SECRETS, "image": "steady/echo:v2"}}}
SAFE = ["URL", "DB_PASSWORD", "API_TOKEN"]
"""Somebody meant well: names that sound like a secret stay hidden, and user info in a URL too."""


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    with running(tmp_path_factory.mktemp("bed"), "--scale", "0.02", "--engine", "none") as found:
        yield found


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short name: the path of a socket has 107 characters at most, and Ansible makes one in its temporary folder."""
    return tmp_path_factory.mktemp("c")


def made(bed: Bed, folder: Path, in_process: bool) -> Runs:
    return Runs(bed, folder, in_process, rollout_changes=CHANGES, rollout_safe_environment=SAFE)


@pytest.fixture
def runs(request: pytest.FixtureRequest, bed: Bed, folder: Path) -> Runs:
    bed.admin("POST", "/_bed/reset")
    return made(bed, folder, request.param)


@pytest.mark.walk
@pytest.mark.parametrize("runs", WAYS, indirect=True)
def test_c91_no_canary_leaves_a_deployment_that_goes_well_or_a_rollback(runs: Runs) -> None:
    planned = {"containers": {"app": {**CHANGES["containers"]["app"], **UNRUN}}}
    assert runs.play("deploy.yml", "--check", rollout_changes=planned) == 0, runs.text
    assert runs.play("deploy.yml") == 0, runs.text
    assert runs.play("verify.yml") == 0, runs.text
    runs.play("drift.yml", rollout_changes={"containers": {"app": {"environment": {"PLAIN": "canary-drift"}}}})
    assert "environment[PLAIN]" in runs.text
    assert runs.play("rollback.yml") == 0, runs.text
    assert runs.found() == {}
    shown = (runs.folder / "output-2").read_text()
    for name in ("DB_PASSWORD", "API_TOKEN", "PLAIN", "com.example.token"):
        assert re.search(rf"{re.escape(name)}\b.*hidden:[0-9a-f]{{8}}", shown), name
    assert re.search(r"https://hidden:[0-9a-f]{8}@db.internal:5432/app", shown)
    assert list((runs.folder / "store").rglob("0*.json"))
    assert list(runs.folder.rglob("report.md"))
    assert json.loads((runs.folder / "callback.json").read_text().splitlines()[0])
    assert any(b"ansible-playbook" in each for each in runs.command_lines), "the process list was looked at"


@pytest.mark.walk
@pytest.mark.parametrize("runs", WAYS, indirect=True)
def test_c91_no_canary_leaves_a_deployment_that_fails_and_is_rolled_back(runs: Runs) -> None:
    runs.place.ill()
    assert runs.play("deploy.yml") != 0
    assert "failed_rolled_back" in runs.text
    assert runs.found() == {}


@pytest.mark.walk
@pytest.mark.parametrize("runs", WAYS, indirect=True)
def test_c91_no_canary_leaves_a_one_off_task_that_fails(runs: Runs) -> None:
    gate = {"container": "app", "command": ["migrate", "canary-gate-command"], "environment": {"A": "canary-gate"}}
    rule = {"operation": "RunTask", "error": "ClientException", "message": "no room"}
    runs.place.bed.admin("PUT", "/_bed/faults", [rule])
    assert runs.play("deploy.yml", "-v", rollout_before=[gate]) != 0
    assert "no room" in runs.text
    assert runs.found() == {}


BAD = {
    "an unquoted number": {"environment": {**SECRETS["environment"], "PORT": 8080}},
    "a list for a map": {"environment": ["canary-list"], "dockerLabels": ["canary-list-too"]},
    "a map for a value": {"environment": {"A": {"deep": "canary-deep"}}, "command": {"a": "canary-map"}},
    "a text for a list": {"command": "canary-text", "entryPoint": "canary-text-too"},
    "an unknown member": {"enviroment": {"A": "canary-misspelt"}, "canary_member": "canary-member"},
}


@pytest.mark.walk
@pytest.mark.parametrize("name", BAD)
def test_c91_no_canary_leaves_what_a_wrong_declaration_is_refused_with(bed: Bed, folder: Path, name: str) -> None:
    """A bad type stands next to a value, or is one."""
    bed.admin("POST", "/_bed/reset")
    runs = made(bed, folder, in_process=True)
    assert runs.play("deploy.yml", rollout_changes={"containers": {"app": BAD[name]}}) != 0
    assert runs.play("deploy.yml", rollout_changes="canary-no-mapping") != 0
    assert {canary for canaries in runs.found().values() for canary in canaries} <= {b"canary-no-mapping"}


@pytest.mark.walk
@pytest.mark.parametrize("runs", WAYS, indirect=True)
def test_c91_no_canary_leaves_what_aws_quotes(runs: Runs) -> None:
    declared = {"containers": {"app": {**CHANGES["containers"]["app"], **UNRUN}}}
    every = " ".join(
        found.decode() for found in sorted(set(CANARY.findall(json.dumps(declared).encode()))) if found != b"canary-"
    )
    rule = {"operation": "RegisterTaskDefinition", "error": "ClientException", "message": f"Invalid: {every}"}
    runs.place.bed.admin("PUT", "/_bed/faults", [rule])
    assert runs.play("deploy.yml", rollout_changes=declared) != 0
    assert "ClientException" in runs.text
    assert runs.found() == {}


@pytest.mark.walk
@pytest.mark.parametrize("runs", WAYS, indirect=True)
def test_c91_no_canary_leaves_a_defect_of_ours(runs: Runs) -> None:
    """A crash in the module: the exception's text quotes what it was given."""
    crash = {"PYTHONPATH": str(CALLBACKS.parent / "crash"), "CRASH": "task_definition"}
    assert runs.play("deploy.yml", environment=crash) != 0
    assert runs.found() == {}


@pytest.mark.long
def test_c91_kept_modules_are_private_and_said_to_hold_values(bed: Bed, folder: Path) -> None:
    """What ANSIBLE_KEEP_REMOTE_FILES is for is to keep a module with its arguments; in process there is none."""
    bed.admin("POST", "/_bed/reset")
    runs = made(bed, folder, in_process=False)
    assert runs.play("deploy.yml", environment={"ANSIBLE_KEEP_REMOTE_FILES": "1"}) == 0, runs.text
    assert "keeps each module with its arguments" in runs.text
    for name in runs.found():
        assert Path(name).name.startswith("AnsiballZ_")
        assert stat.S_IMODE(Path(name).parent.stat().st_mode) == 0o700
    (folder / "again").mkdir()
    again = made(bed, folder / "again", in_process=True)
    assert again.play("deploy.yml", environment={"ANSIBLE_KEEP_REMOTE_FILES": "1"}) == 0, again.text
    assert again.found() == {}


AGAIN = """
- hosts: all
  gather_facts: false
  connection: local
  tasks:
    - name: Ask where nothing answers
      steady.ecs.task_definition:
        cluster: c
        service: s
        region: us-east-1
        endpoint_url: http://127.0.0.1:9
        access_key: a
        secret_key: x
        changes: "{{ rollout_changes }}"
      register: answer
      until: answer is success
      retries: 2
      delay: 0
"""


def test_c91_a_task_that_runs_again_has_its_arguments_again_and_shows_none(bed: Bed, folder: Path) -> None:
    bed.admin("POST", "/_bed/reset")
    runs = made(bed, folder, in_process=True)
    (folder / "again.yml").write_text(AGAIN)
    assert runs.play(str(folder / "again.yml")) != 0
    assert runs.text.count("Nothing answers at http://127.0.0.1:9") >= 1
    assert "dictionary requested" not in runs.text
    assert runs.found() == {}
