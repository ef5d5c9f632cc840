"""The result file of a run over several hosts at once, and of the run after it: in process and as modules."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import ROOT, Checkout
from tests.lanes.conftest import COLLECTIONS, LANE

BOOK = """
- hosts: "{{ first }}"
  connection: local
  gather_facts: false
  strategy: "{{ how }}"
  tasks: &say
    - steady.ecs.outcome:
        {outcome: "{{ word }}", verb: deploy, host: "{{ inventory_hostname }}", file: "{{ playbook_dir }}/result.json"}
- hosts: "{{ second }}"
  connection: local
  gather_facts: false
  tasks: *say
"""


class Runs:
    """Runs of ansible-playbook that write one file."""

    def __init__(self, folder: Path, in_process: bool) -> None:
        self.folder, self.in_process = folder, in_process
        (folder / "play.yml").write_text(BOOK, encoding="utf-8")

    def run(self, first: str, second: str, word: str, strategy: str = "linear") -> dict[str, Any]:
        """One run of two plays; what the file says then."""
        said = {"first": first, "second": second, "word": word, "how": strategy}
        said["ansible_python_interpreter"] = "{{ ansible_playbook_python }}"
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "AWS_", "STEADY_"))
        }
        done = subprocess.run(
            [str(LANE / "ansible-playbook"), "play.yml", "-i", "a,b,c,d", "--forks", "4", "-e", json.dumps(said)],
            cwd=self.folder,
            env={
                **kept,
                "ANSIBLE_COLLECTIONS_PATH": f"{ROOT / 'collections'}{':' if COLLECTIONS else ''}{COLLECTIONS}",
                "ANSIBLE_LOCALHOST_WARNING": "false",
                "STEADY_ECS_IN_PROCESS": str(self.in_process).lower(),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        found: dict[str, Any] = json.loads((self.folder / "result.json").read_text(encoding="utf-8"))
        return found


@pytest.mark.parametrize("in_process", [True, False], ids=["in process", "as modules"])
def test_the_file_is_of_one_run_however_many_plays_and_hosts_it_has(tmp_path: Path, in_process: bool) -> None:
    runs = Runs(tmp_path, in_process)
    found = runs.run("a,b,c", "d", "failed", "host_pinned")
    assert (found["outcome"], set(found["hosts"])) == ("failed", {"a", "b", "c", "d"})
    found = runs.run("a", "b", "proven")
    assert (found["outcome"], set(found["hosts"])) == ("proven", {"a", "b"})


@pytest.mark.parametrize("in_process", ["true", pytest.param("false", marks=pytest.mark.walk)])
def test_the_command_has_a_file_of_its_own_however_another_is_declared(
    checkout: Checkout, tmp_path: Path, in_process: str
) -> None:
    """The exit status was read from the words of the command line: a file that was named in another way was not written
    at all, or made a failure of what went well."""
    checkout.prepare("--engine", "none")
    mine, home = tmp_path / "my file.json", tmp_path / "home"
    home.mkdir()
    declared = checkout.path / "inventories/local/host_vars/pardon-production-service.yml"
    ways: dict[str, tuple[Path, tuple[str, ...]]] = {
        "as JSON": (mine, ("-e", json.dumps({"release_result_file": str(mine)}))),
        "the long option": (mine, (f"--extra-vars=release_result_file='{mine}'",)),
        "quoted beside another": (mine, ("-e", f'status_format=text release_result_file="{mine}"')),
        "in the home directory": (home / "r.json", ("-e", "release_result_file=~/r.json")),
        "by a variable": (home / "r.json", ("-e", "release_result_file=$HOME/r.json")),
        "in the inventory": (mine, ()),
    }
    for name, (path, options) in ways.items():
        if not options:
            declared.write_text(f"{declared.read_text()}\nrelease_result_file: {json.dumps(str(mine))}\n")
        done = checkout.run(
            "./steady", "play", "status", *options, "-e", f"steady_ecs_in_process={in_process}", HOME=str(home)
        )
        assert done.status == 0, (name, done.text)
        assert json.loads(path.read_text())["outcome"] == "unchanged", name
        path.unlink()
        assert not [each for each in checkout.path.rglob("*") if each.name in (path.name, '"')], name
    ended = checkout.run("./steady", "play", "status", "--step")
    assert ended.status == 1 and "interrupted" not in ended.text, "Ansible's own 250 is no signal"
