"""The faults that a task definition switches on: each is seen from outside, and said in the log before."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.testbed.pardon_task import Task, ask, new_address, starting, until


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Task]]:
    with starting(tmp_path) as begin:
        yield begin


def test_crash_at_start(start: Callable[..., Task]) -> None:
    task = start(agents=1, CRASH_AT_START="3")
    assert task.exit_codes() == {"coral": 3, "agent-1": 3}
    assert task.output().splitlines()[1].startswith("FATAL: cannot start")
    assert "    at org.coralprotocol" in task.output()


def test_crash_after_some_seconds(start: Callable[..., Task]) -> None:
    task = start(agents=0, CRASH_AFTER="0.5")
    assert task.exit_codes() == {"coral": 137}
    assert "FATAL: java.lang.OutOfMemoryError" in task.output()


def test_never_healthy(start: Callable[..., Task]) -> None:
    task = start(NEVER_HEALTHY="1")
    until(lambda: len(task.ask("GET", "/health").json["agents"]) == 8)
    assert task.ask("GET", "/health").status == 503
    assert "NEVER_HEALTHY" in task.output()


def test_slow_start(start: Callable[..., Task]) -> None:
    begun = time.monotonic()
    start(SLOW_START="1").wait_healthy()
    assert time.monotonic() - begun > 1


def test_turns_answer_500(start: Callable[..., Task]) -> None:
    task = start(ANSWER_500="1").wait_healthy()
    assert task.say(task.new_thread(), "hello").status == 500
    assert "ERROR: java.lang.IllegalStateException" in task.output()


def test_ignored_sigterm(start: Callable[..., Task]) -> None:
    task = start(agents=1, IGNORE_SIGTERM="1")
    until(lambda: task.ask("GET", "/health").json["agents"] == ["agent-1"])
    task.terminate()
    until(lambda: "SIGTERM ignored" in task.output() and "SIGTERM ignored" in task.output("agent-1"))
    assert task.ask("GET", "/health").json["agents"] == ["agent-1"]


def test_wrong_port(start: Callable[..., Task]) -> None:
    task = start(agents=0, WRONG_PORT="5556")
    assert until(lambda: ask(task.address, "GET", "/health", port=5556)).status == 503
    with pytest.raises(ConnectionRefusedError):
        task.ask("GET", "/health")


def test_restoration_that_loses_messages(start: Callable[..., Task]) -> None:
    task = start(LOSES_MESSAGES="1").wait_healthy()
    thread = task.new_thread()
    task.say(thread, "hello")
    task.ask("POST", "/api/sessions/restore", {"thread": thread})
    assert task.texts(thread) == []


def test_slow_answer(start: Callable[..., Task]) -> None:
    task = start(SLOW_ANSWER="0.6").wait_healthy()
    begun = time.monotonic()
    assert task.say(task.new_thread(), "hello").status == 200
    assert time.monotonic() - begun > 0.6


def test_echo_names_instance_and_version(start: Callable[..., Task]) -> None:
    task, address = start(agents=0), new_address()
    task.start("echo", "echo", BIND_ADDRESS=address, PORT="8080", APP_VERSION="v2")
    answer = until(lambda: ask(address, "GET", "/any", port=8080))
    until(lambda: task.ask("GET", "/health"))  # a Coral server that has not yet blocked SIGTERM would die of it
    assert answer.json == {"instance": task.id, "version": "v2", "path": "/any"}
    task.terminate()
    assert set(task.exit_codes().values()) == {0}
