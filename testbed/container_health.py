"""A container's own health check: its command, run beside the container, and what ECS makes of the answers.

Source: API reference, HealthCheck; "Determine Amazon ECS task health using container health checks",
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/healthcheck.html
"""

import signal
import time
from collections.abc import Callable

from .ecs.state import Process
from .wire import Params

SHORTEST_TIMEOUT = 2.0  # seconds that a command has at any scale: starting it takes real time


class ContainerHealth:
    """Of one container: UNKNOWN until the first answer that counts, then HEALTHY or UNHEALTHY."""

    def __init__(self, check: Params, scale: float, run: Callable[[], Process]) -> None:
        self.status = "UNKNOWN"
        self._run, self._retries = run, check["retries"]
        self._interval = check["interval"] * scale
        self._timeout = max(SHORTEST_TIMEOUT, check["timeout"] * scale)
        self._due = time.monotonic() + self._interval
        self._counts_from = time.monotonic() + check.get("startPeriod", 0) * scale
        self._failures, self._running, self._until = 0, None, 0.0  # type: int, Process | None, float

    def step(self) -> None:
        """Begin the check that is due, or take the answer of the one that runs."""
        at = time.monotonic()
        if self._running is None:
            if at < self._due:
                return
            try:
                self._running, self._until = self._run(), at + self._timeout
                return
            except (OSError, ValueError):  # what cannot be started has failed
                code = None
        else:
            code = self._running.exit_code()
            if code is None and at < self._until:
                return
            self.close()
        self._due = at + self._interval
        if code == 0:
            self.status, self._failures = "HEALTHY", 0
        elif self.status == "HEALTHY" or at >= self._counts_from:  # a success within startPeriod ends it
            self._failures += 1
            self.status = "UNHEALTHY" if self._failures >= self._retries else self.status

    def close(self) -> None:
        """No check is left running."""
        if self._running is not None:
            self._running.send(signal.SIGKILL)
            self._running = None


def command(check: Params, address: str) -> list[str]:
    """What a check runs. `localhost` is the task's own address here (engine.py)."""
    kind, *words = [word.replace("localhost", address).replace("127.0.0.1", address) for word in check["command"]]
    return ["/bin/sh", "-c", *words] if kind == "CMD-SHELL" else words
