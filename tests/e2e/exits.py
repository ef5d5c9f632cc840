# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plays whose every output is kept: stdout and stderr at ``-vvv --diff``, Ansible's log, records, reports, what
callback plugins are given, temporary folders, and the command lines of all processes."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.faults.plays.place import Place
from tests.testbed.beds import Bed

ROOT = Path(__file__).parents[2]
CALLBACKS = Path(__file__).parent / "callbacks"
CANARY = re.compile(rb"canary-[\w-]+")


class Runs:
    """Plays against one service, and everything that they left behind."""

    def __init__(self, bed: Bed, folder: Path, in_process: bool, **declared: Any) -> None:
        self.place, self.folder, self.in_process = Place(bed, folder / "place"), folder / "exits", in_process
        self.declared = declared
        self.temporary = folder / "temporary"
        for each in (self.folder, self.temporary, folder / "results"):
            each.mkdir()
        self.count, self.text = 0, ""
        self.command_lines: set[bytes] = set()

    def play(self, playbook: str, *words: str, environment: dict[str, str] | None = None, **declared: Any) -> int:
        """Run a playbook at ``-vvv --diff``; its exit status."""
        return self.ended(self.start(playbook, *words, environment=environment, **declared))

    def start(
        self, playbook: str, *words: str, environment: dict[str, str] | None = None, **declared: Any
    ) -> subprocess.Popen[str]:
        """Begin to run a playbook."""
        self.count += 1
        known = {
            **self.declared,
            "rollout_wait_delay": 1,
            "release_store": str(self.folder / "store"),
            "report_folder": str(self.folder / f"report-{self.count}"),
        }
        inventory = self.place.inventory(**{**known, **declared})
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "AWS_", "CI"))}
        return subprocess.Popen(
            [str(ROOT / ".venv/bin/ansible-playbook"), playbook, "-i", inventory, "-vvv", "--diff", *words],
            cwd=ROOT,
            env={
                **kept,
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_LOG_PATH": str(self.folder / "ansible.log"),
                "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
                "ANSIBLE_CALLBACKS_ENABLED": "steady.ecs.warm,steady.ecs.last_word,keeps_all",
                "ANSIBLE_HOME": str(self.temporary / "home"),
                "ANSIBLE_REMOTE_TMP": str(self.temporary / "remote"),
                "KEEPS_ALL": str(self.folder / "callback.json"),
                "TMPDIR": str(self.temporary),
                "STEADY_ECS_IN_PROCESS": str(self.in_process).lower(),
                **(environment or {}),
            },
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def ended(self, process: subprocess.Popen[str]) -> int:
        """Wait for the end of what was started; its exit status. What it printed is ``text``."""
        with self._watched_processes():
            self.text = process.communicate(timeout=280)[0]
        (self.folder / f"output-{self.count}").write_text(self.text)
        return process.returncode

    @contextmanager
    def _watched_processes(self) -> Iterator[None]:
        """Look at the process list again and again, which every user of the machine may."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.05):
                for each in Path("/proc").glob("[0-9]*"):
                    with suppress(OSError):
                        if str(self.temporary).encode() in (each / "environ").read_bytes():
                            self.command_lines.add((each / "cmdline").read_bytes())

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def found(self) -> dict[str, set[bytes]]:
        """Canaries by the file that has them, in whatever the plays wrote; and those of the process list."""
        listed = set(CANARY.findall(b"\n".join(self.command_lines)))
        return ({"process list": listed} if listed else {}) | {
            str(path): canaries
            for folder in (self.folder, self.temporary)
            for path in folder.rglob("*")
            if path.is_file() and (canaries := set(CANARY.findall(path.read_bytes())))
        }
