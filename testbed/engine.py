"""Runs containers as processes. Started from the scheduler's thread only.

The kernel kills a process whose parent *thread* ends (PR_SET_PDEATHSIG, prctl(2)): with the scheduler's thread, which
lives as long as the bed, no task outlives a bed that was killed outright.
"""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from .container_health import command
from .images import Image, Images, split
from .wire import Params

ROOT = Path(__file__).resolve().parent.parent
INHERITED = ("PATH", "LANG", "HOME", "TZ")


class UnsupportedSystem(Exception):
    """The machine cannot run the bed; the text says why, in one sentence."""


def guard() -> list[str]:
    """The prefix that ties a process to its parent's life. Raises UnsupportedSystem."""
    if sys.platform != "linux":
        raise UnsupportedSystem("the test bed runs on Linux only: it needs all of 127.0.0.0/8 and PR_SET_PDEATHSIG")
    program = shutil.which("setpriv")
    if program is None:
        raise UnsupportedSystem("the test bed needs the command setpriv (package util-linux)")
    return [program, "--pdeathsig", "KILL", "--"]


class Process:
    """A running command: what the scheduler may ask of it."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def output(self) -> BinaryIO | None:
        """The pipe of stdout and stderr, when it was asked for."""
        return self._popen.stdout  # type: ignore[return-value]

    def exit_code(self) -> int | None:
        """None while it runs; 128 + n when signal n ended it, as a container runtime says it."""
        code = self._popen.poll()
        return code if code is None or code >= 0 else 128 - code

    def memory(self) -> int:
        """MiB that it holds now."""
        with contextlib.suppress(OSError, IndexError):  # it has ended
            return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * resource.getpagesize() >> 20
        return 0

    def send(self, number: int) -> None:
        if self.exit_code() is None:  # polled first: a reaped number may belong to somebody else
            with contextlib.suppress(ProcessLookupError):  # it may end between the two calls
                os.killpg(self._popen.pid, number)

    def wait(self, seconds: float) -> bool:
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True


class Engine:
    def __init__(self, images: Images, shared_folder: Path, log_folder: Path) -> None:
        self.images, self.shared_folder, self.log_folder = images, shared_folder, log_folder
        self._guard = guard()

    def start_container(
        self, name: str, container: Params, address: str, task_id: str, secrets: Mapping[str, str], piped: bool
    ) -> Process:
        """One container of a task of the revision `name`: its declared environment, over it what the bed gives.

        A task's containers reach each other at `localhost` on AWS; here that is the task's own address. Raises
        CannotPull, OSError.
        """
        image = self.images.find(container["image"])
        if container.get("command"):
            image = Image.declared({"command": container["command"], "environment": dict(image.environment)})
        given = self._given(container, address, task_id, secrets)
        return self.start(f"{task_id}-{container['name']}", image, given, piped)

    def start_check(self, name: str, container: Params, address: str, task_id: str) -> Process:
        """The container's health check, once, in its environment but for its secrets. Raises OSError."""
        environment = dict(self.images.find(container["image"]).environment)
        image = Image.declared({"command": command(container["healthCheck"], address), "environment": environment})
        return self.start(f"{task_id}-{container['name']}-health", image, self._given(container, address, task_id, {}))

    def _given(self, container: Params, address: str, task_id: str, secrets: Mapping[str, str]) -> dict[str, str]:
        given = {e["name"]: e.get("value", "") for e in container["environment"]} | dict(secrets)
        given = {k: v.replace("://localhost:", f"://{address}:") for k, v in given.items()}
        version = {"APP_VERSION": split(container["image"])[1]}  # a declared one wins, as over an image's own on AWS
        return {**version, **given, "BIND_ADDRESS": address, "TASK_ID": task_id}

    def start(self, log_name: str, image: Image, environment: Mapping[str, str], piped: bool = False) -> Process:
        """Start a command; its output goes to a pipe, or to a file of the bed's folder."""
        env = {k: os.environ[k] for k in INHERITED if k in os.environ}
        env.update(image.environment, **environment)
        env["SHARED_FOLDER"] = str(self.shared_folder)
        log = None if piped else (self.log_folder / f"{log_name}.log").open("wb")
        try:
            popen = subprocess.Popen(
                self._guard + image.command,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if log is None else log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=ROOT,
            )
        finally:
            if log is not None:
                log.close()
        return Process(popen)


def stop_all(processes: Iterable[Process], patience: float) -> None:
    """SIGTERM to all, SIGKILL to those that are left after `patience` seconds; returns when all are gone."""
    left = [p for p in processes if p.exit_code() is None]
    for process in left:
        process.send(signal.SIGTERM)
    end = time.monotonic() + patience
    for process in left:
        if not process.wait(max(0.0, end - time.monotonic())):
            process.send(signal.SIGKILL)
            process.wait(5)
