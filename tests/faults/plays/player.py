"""Runs ansible-playbook in a process group of its own, and can end that group at any moment."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parents[3]
CALLBACKS = Path(__file__).parent / "callbacks"
HASTE = 20
"""Seconds of the collection's clock in one of ours; the bed runs with as much or more haste."""
PATIENCE = 120.0  # seconds that a play may take on a busy machine
DYING = 20.0  # seconds that a killed group may take to be gone


class StuckError(Exception):
    """A play that did not end, or left a process behind."""


@dataclass
class Ended:
    """How a play ended: exit status, outcome ("none" if it wrote none), everything it printed."""

    status: int
    outcome: str
    text: str


class Player:
    """One ansible-playbook at a time; several players make several deployers."""

    def __init__(self, folder: Path, haste: float = HASTE) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "AWS_", "CI"))}
        environment = {
            **kept,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
            "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
            "ANSIBLE_CALLBACKS_ENABLED": "steady.ecs.warm,steady.ecs.last_word,borders",
            "ANSIBLE_HOME": str(folder / "home"),
            "XDG_STATE_HOME": str(folder / "xdg"),
            "STEADY_HASTE": str(haste),
        }
        self._server = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "fork_server.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=ROOT,
        )  # fmt: skip
        self._unread = b""
        self._line(60)  # "ready"
        self.pid = 0
        self._runs = 0

    def __enter__(self) -> Player:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None):
        self.close()

    def close(self) -> None:
        """End a play that still runs, and the server."""
        if self.pid:
            self.end(signal.SIGKILL)
        if self._server.stdin and self._server.stdout:
            self._server.stdin.close()
            self._server.wait(10)
            self._server.stdout.close()

    def start(self, *arguments: str, largest_file: int | None = None, **environment: str) -> None:
        """Begin a play; nothing else runs in this player meanwhile."""
        self._runs += 1
        self._output, self._result = self.folder / f"output-{self._runs}", self.folder / f"result-{self._runs}.json"
        wanted = json.dumps({"release_result_file": str(self._result)})
        cleared = {"STEADY_CUT_AT": "", "STEADY_HTTP_LIMIT": "30", "STEADY_BORDERS": str(self.borders_file)}
        order = {
            "arguments": [*arguments, "-e", wanted],
            "environment": {**cleared, **environment},
            "output": str(self._output),
            "largest_file": largest_file,
        }
        self.borders_file.unlink(missing_ok=True)
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(order).encode() + b"\n")
        self._server.stdin.flush()
        self.pid = int(self._line(30))

    @property
    def borders_file(self) -> Path:
        """One line a border of the last play."""
        return self.folder / "borders"

    def ended(self, seconds: float) -> bool:
        """Whether the play ends within so many seconds."""
        return b"\n" in self._unread or self._readable(seconds)

    def wait(self, seconds: float = PATIENCE) -> Ended:
        """The end of the play, its workers included. Raises StuckError."""
        pid = self.pid
        try:
            status = int(self._line(seconds))
        except StuckError:
            self.end(signal.SIGKILL)
            self._line(DYING)  # its status, which would be taken for the next play's id
            self.pid = 0
            raise
        self.pid = 0
        self._await_group(pid)
        text = self._output.read_text(encoding="utf-8", errors="replace") if self._output.exists() else ""
        return Ended(status, self._outcome(status), text)

    def run(self, *arguments: str, **environment: Any) -> Ended:
        """A play from its beginning to its end."""
        self.start(*arguments, **environment)
        return self.wait()

    def end(self, number: signal.Signals) -> None:
        """Send a signal to the play and all its workers."""
        if self.pid:  # the group 0 is our own
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def _outcome(self, status: int) -> str:
        """As `./steady play` takes it: a signal is an interruption, else the word in the result file."""
        if status == 99 or status > 128:
            return "interrupted"
        try:
            return str(json.loads(self._result.read_text(encoding="utf-8"))["outcome"])
        except (OSError, ValueError, KeyError):
            return "none"

    def _await_group(self, group: int) -> None:
        end = time.monotonic() + DYING
        while left := alive(group):
            if time.monotonic() > end:
                os.killpg(group, signal.SIGKILL)
                raise StuckError(f"processes {left} are still there {DYING:g} s after their ansible-playbook")
            time.sleep(0.01)

    def _readable(self, seconds: float) -> bool:
        return bool(select.select([self._server.stdout], [], [], seconds)[0])

    def _line(self, seconds: float) -> str:
        assert self._server.stdout is not None
        end = time.monotonic() + seconds
        while b"\n" not in self._unread:
            if not self._readable(max(0.0, end - time.monotonic())):
                raise StuckError(f"nothing within {seconds:g} s")
            got = os.read(self._server.stdout.fileno(), 4096)
            if not got:
                raise StuckError(f"the fork server ended with {self._server.wait()}")
            self._unread += got
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode()


def alive(group: int) -> list[int]:
    """Processes of a group that are not zombies."""
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = place.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(place.parent.name))
    return found
