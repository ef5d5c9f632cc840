"""One task of the application as plain processes, without the bed: a Coral server and its agents on one address."""

import http.client
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PYTHON = [sys.executable, "-S", "-E", "-s", "-u", "-m"]
ADDRESSES = itertools.count(2)


def new_address() -> str:
    """A loopback address that no other test process uses."""
    number = os.getpid()
    return f"127.{100 + number // 250 % 100}.{number % 250 + 1}.{next(ADDRESSES)}"


def until[T](what: Callable[[], T | None], seconds: float = 60.0) -> T:
    """The first true value of `what`, asked again until the deadline; an OSError counts as not yet."""
    end = time.monotonic() + seconds
    while True:
        try:
            found = what()
        except OSError as error:
            found, why = None, repr(error)
        else:
            why = repr(found)
        if found:
            return found
        assert time.monotonic() < end, f"not within {seconds} s; last seen: {why}"
        time.sleep(0.02)


class Answer:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    address: str,
    method: str,
    path: str,
    value: object = None,
    port: int = 5555,
    request_id: str = "test",
    timeout: float = 15,
) -> Answer:
    connection = http.client.HTTPConnection(address, port, timeout=timeout)
    try:
        body = None if value is None else json.dumps(value)
        connection.request(method, path, body, {"X-Request-Id": request_id})
        answer = connection.getresponse()
        return Answer(answer.status, dict(answer.getheaders()), answer.read())
    finally:
        connection.close()


class Task:
    """Starts at once. `agents` names how many; the rest is environment of every process."""

    def __init__(self, shared: Path, agents: int = 8, session: str = "/production-main", **environment: str) -> None:
        self.shared, self.address, self.id = shared, new_address(), f"task-{next(ADDRESSES)}"
        self.environment = environment
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.start("coral_server", "coral")
        url = f"http://{self.address}:5555/sse/v1/devmode/app/priv{session}"
        for name in [f"agent-{n + 1}" for n in range(agents)]:
            self.start("agent", name, AGENT_NAME=name, CORAL_SSE_URL=url)

    def start(self, program: str, name: str, **environment: str) -> None:
        own = {"BIND_ADDRESS": self.address, "TASK_ID": self.id, "SHARED_FOLDER": str(self.shared)}
        with (self.shared / f"{self.id}-{name}.out").open("wb") as out:
            self.processes[name] = subprocess.Popen(
                [*PYTHON, f"testbed.app.{program}"],
                env={"PATH": os.environ["PATH"], **own, **self.environment, **environment},
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def ask(self, method: str, path: str, value: object = None, request_id: str = "test") -> Answer:
        return ask(self.address, method, path, value, request_id=request_id)

    def output(self, name: str = "coral") -> str:
        return (self.shared / f"{self.id}-{name}.out").read_text()

    def wait_healthy(self) -> "Task":
        until(lambda: self.ask("GET", "/health").status == 200)
        return self

    def new_thread(self) -> str:
        return str(self.ask("POST", "/api/threads", {}).json["thread"])

    def say(self, thread: str, text: str, client_id: str = "", **more: object) -> Answer:
        return self.ask(
            "POST", f"/api/threads/{thread}/messages", {"text": text, "client_id": client_id or text, **more}
        )

    def texts(self, thread: str) -> list[str]:
        return [m["text"] for m in self.ask("GET", f"/api/threads/{thread}").json["messages"]]

    def terminate(self) -> None:
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)

    def exit_codes(self) -> dict[str, int]:
        return {name: process.wait(60) for name, process in self.processes.items()}

    def kill(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()


@contextmanager
def starting(shared: Path) -> Iterator[Callable[..., Task]]:
    """A function that starts tasks on one shared folder; they are gone afterwards."""
    tasks: list[Task] = []

    def begin(**options: Any) -> Task:
        tasks.append(Task(shared, **options))
        return tasks[-1]

    try:
        yield begin
    finally:
        for task in tasks:
            task.kill()
