"""The engine `none`: no process is started; tests declare how a task fares.

A declaration is made for a revision ("family:revision") or for all others ("*"):
  healthy       the task runs and its targets pass their health checks (the default)
  unhealthy     it runs, and its targets and its containers' own checks fail
  crash         its containers exit with code 1 as soon as they run
A container whose command RunTask replaces exits with code 0, unless it crashes.
  never-starts  its containers cannot be started (CannotPullContainerError)
"""

import signal
from collections.abc import Mapping
from typing import Any

from .images import CannotPull
from .wire import Params

WORDS = ("healthy", "unhealthy", "crash", "never-starts")


class DeclaredProcess:
    """A container without a process: it runs until it is told to stop."""

    output = None

    def __init__(self, code: int | None) -> None:
        self._code = code

    def exit_code(self) -> int | None:
        return self._code

    def memory(self) -> int:
        return 0

    def send(self, number: int) -> None:
        if self._code is None and number in (signal.SIGTERM, signal.SIGKILL):
            self._code = 128 + number


class DeclaredEngine:
    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._words: dict[str, str] = {}
        self._tasks: dict[str, str] = {}  # address: revision

    def declare(self, given: Any) -> dict[str, str]:
        """Add declarations; answers all that hold. Raises ValueError."""
        if not isinstance(given, dict) or not all(word in WORDS for word in given.values()):
            raise ValueError(f'want {{"family:revision" or "*": one of {", ".join(WORDS)}}}')
        self._words.update(given)
        return dict(self._words)

    def _word(self, revision: str) -> str:
        return self._words.get(revision, self._words.get("*", "healthy"))

    def start_container(
        self, name: str, container: Params, address: str, task_id: str, secrets: Mapping[str, str], piped: bool
    ) -> DeclaredProcess:
        """As engine.Engine.start_container."""
        word = self._word(name)
        if word == "never-starts":
            raise CannotPull(f"CannotPullContainerError: {container['image']} never starts: declared by a test")
        self._tasks[address] = name
        return DeclaredProcess(1 if word == "crash" else 0 if container.get("command") else None)

    def start_check(self, name: str, container: Params, address: str, task_id: str) -> DeclaredProcess:
        """As engine.Engine.start_check."""
        return DeclaredProcess(0 if self._word(name) == "healthy" else 1)

    def health(self, address: str) -> str | None:
        """How the load balancers see the target: "healthy", "unhealthy", or None when it is no task of the bed."""
        revision = self._tasks.get(address)
        if revision is None:
            return None
        return "healthy" if self._word(revision) == "healthy" else "unhealthy"
