"""Two equal worlds, one for each way of running a module, and the ansible-core that the lane asks for."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.conftest import ROOT, Checkout, copied

LANE = Path(os.environ.get("STEADY_LANE", ROOT / ".venv/bin"))
COLLECTIONS = os.environ.get("STEADY_LANE_COLLECTIONS", "")
CANARY = "canary-4711-do-not-print"
CLUSTER, SERVICE = "pardon-production-cluster", "pardon-production-service"


@dataclass
class World:
    """A checkout with a bed without processes: every task is healthy by declaration."""

    checkout: Checkout
    in_process: bool

    def play(self, content: list[dict[str, Any]], *options: str) -> tuple[int, str]:
        """Run a playbook on the lane's ansible-core; exit status and all output."""
        path = self.checkout.path / "lane.yml"
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        done = subprocess.run(
            [str(LANE / "ansible-playbook"), str(path), "-i", "localhost,", *options],
            cwd=self.checkout.path, env=self.environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout

    def environment(self) -> dict[str, str]:
        """Connection, and the way of running, by the environment: playbooks of this test are equal for both ways."""
        more = {
            "PATH": f"{LANE}:{os.environ['PATH']}",
            "AWS_ENDPOINT_URL": self.checkout.bed["endpoint"],
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "emulator",
            "AWS_SECRET_ACCESS_KEY": "emulator-secret",
            "STEADY_ECS_IN_PROCESS": "true" if self.in_process else "false",
            "ANSIBLE_LOG_PATH": str(self.checkout.path / "ansible.log"),
        }
        if COLLECTIONS:
            more["ANSIBLE_COLLECTIONS_PATH"] = f"{self.checkout.path}/collections:{COLLECTIONS}"
        return self.checkout.environment(**more)

    def results(self, tasks: list[dict[str, Any]]) -> tuple[dict[str, Any], str]:
        """Run tasks that may fail; their registered results by name, and what was printed."""
        answers = self.checkout.path / "answers.json"
        named = {task["register"]: "{{{{ {} }}}}".format(task["register"]) for task in tasks}
        keep = {
            "name": "keep",
            "ansible.builtin.copy": {"dest": str(answers), "content": "{{ answers | to_json }}"},
            "vars": {"answers": named},
            "check_mode": False,
        }
        book = {
            "hosts": "all",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
            "tasks": [*tasks, keep],
        }
        status, text = self.play([book], "-vvv")
        assert status == 0, text[-3000:]
        found: dict[str, Any] = json.loads(answers.read_text(encoding="utf-8"))
        return found, text


VARYING = (
    (re.compile(r"127\.\d+\.\d+\.\d+"), "ADDRESS"),
    (re.compile(r"\b[0-9a-f]{32}\b|\b[0-9a-f]{16}\b|(?<=hidden:)[0-9a-f]{8}"), "ID"),
    (re.compile(r"ecs-svc/\d+"), "ecs-svc/ID"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d| UTC)?"), "TIME"),
    (re.compile(r"\(\d+ (s|min \d+ s)\)$"), "(DURATION)"),
    (re.compile(r"/[^\s\"']*/steady-(in|mod)[^\s\"'/]*"), "FOLDER"),
)
TIMED = {"duration_seconds", "timeline", "seconds", "events", "pid"}


def comparable(value: Any) -> Any:
    """A result without what no two worlds share: ids, times, addresses, folders."""
    if isinstance(value, dict):
        return {comparable(key): comparable(item) for key, item in sorted(value.items()) if key not in TIMED}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if isinstance(value, str):
        for pattern, word in VARYING:
            value = pattern.sub(word, value)
    return value


@pytest.fixture(scope="session")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, World]]:
    """One world for modules in process, one for modules as modules."""
    found = []
    for name, in_process in (("steady-in", True), ("steady-mod", False)):
        checkout = copied(tmp_path_factory.mktemp("lane") / name)
        checkout.prepare("--engine", "none")
        found.append(World(checkout, in_process))
    yield found[0], found[1]
    for world in found:
        world.checkout.run("./steady", "bed", "stop")
