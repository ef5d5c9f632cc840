# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The seam between a module and whoever runs it: results of plain types, defects without values, clean-up at a signal.

Signals are real ones, sent to a process of its own that says in a file what it does.
"""

from __future__ import annotations

import datetime
import enum
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task, perform, plain

ROOT = Path(__file__).parents[2]
SECRET = "canary-7f3a-secret"
BOTH = [signal.SIGINT, signal.SIGTERM]


def task(**params: Any) -> Task:
    return Task(params=params, connection=None)


# -- results


def test_a_failure_becomes_a_result_with_its_fields() -> None:
    def run(_task: Task) -> dict[str, Any]:
        raise Failure("Expected 3, found 2. Wait.", reason="few", checks=[{"ok": None}])

    assert perform(task(), run) == {
        "failed": True,
        "msg": "Expected 3, found 2. Wait.",
        "reason": "few",
        "checks": [{"ok": None}],
    }


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda params: {}[params["environment"]], id="KeyError"),
        pytest.param(lambda params: int(params["environment"]), id="ValueError"),
        pytest.param(lambda params: getattr(params, params["environment"]), id="AttributeError"),
        pytest.param(lambda params: Path(f"/nowhere/{params['environment']}").read_text(), id="FileNotFoundError"),
        pytest.param(lambda params: json.loads(f"{{{params['environment']}"), id="JSONDecodeError"),
    ],
)
def test_a_defect_names_its_place_and_no_value(
    broken: Callable[[dict[str, Any]], Any], capfd: pytest.CaptureFixture[str]
) -> None:
    def run(given: Task) -> dict[str, Any]:
        broken(given.params)
        return {}

    found = perform(task(environment=SECRET), run)
    assert (found["failed"], found["reason"]) == (True, "defect")
    assert any(f"run ({Path(__file__).name}:" in place for place in found["places"])
    assert "Please report it" in found["msg"]
    assert SECRET not in json.dumps(found) + "".join(capfd.readouterr())


class Sneaky(str):
    """A text that shows as another, as lazy templates and tagged texts of Ansible may."""

    def __str__(self) -> str:
        return "shown"


class Level(enum.IntEnum):
    HIGH = 3


def test_results_are_built_of_plain_types_only() -> None:
    moment = datetime.datetime(2025, 11, 27, 10, 0, tzinfo=datetime.UTC)
    found = plain(
        {
            Sneaky("key"): (Sneaky("value"), {Level.HIGH}, frozenset([True])),
            7: [moment, moment.date(), b"\xff!", 1.5, None, False],
            "deep": {"list": [{"path": Path("/a")}]},
        }
    )
    assert found == {
        "shown": ["shown", [3], [True]],
        "7": ["2025-11-27T10:00:00+00:00", "2025-11-27", "\ufffd!", 1.5, None, False],
        "deep": {"list": [{"path": "/a"}]},
    }
    assert {type(each) for each in leaves(found)} <= {str, int, float, bool, type(None)}
    assert json.loads(json.dumps(found)) == found


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def test_a_result_is_a_copy() -> None:
    given = {"list": [1]}
    found = perform(task(), lambda _task: given)
    given["list"].append(2)
    assert found == {"list": [1]}


# -- signals


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a process that performs a task: it writes what it does, line by line, into ``tmp_path/log``."""
    started: list[subprocess.Popen[bytes]] = []

    def process(run: str, **ignored: bool) -> subprocess.Popen[bytes]:
        head = f"""
            import os, signal, sys, time
            from ansible_collections.steady.ecs.plugins.module_utils.work import Task, perform
            def say(text):
                with open({str(tmp_path / "log")!r}, "a") as file:
                    file.write(text + "\\n")
            def wait():
                say("waiting")
                for _ in range(600):  # a signal that comes just before one sleep is seen after it
                    time.sleep(0.1)
        """
        code = textwrap.dedent(head) + textwrap.dedent(run)
        made = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT}/collections"},
            stderr=subprocess.DEVNULL,
            preexec_fn=(lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) if ignored else None,
        )
        started.append(made)
        return made

    yield process
    for each in started:
        if each.poll() is None:
            each.kill()
        each.wait()


def said(folder: Path, line: str, count: int = 1, seconds: float = 20) -> list[str]:
    """All lines so far, once this one is there so many times."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        lines = (folder / "log").read_text().splitlines() if (folder / "log").exists() else []
        if lines.count(line) >= count:
            return lines
        time.sleep(0.01)
    raise AssertionError(f"{line!r} was not said in {seconds} s")


WAITING = """
    def run(task):
        task.at_interrupt.append(lambda name: say(f"cleaned up after {name}"))
        try:
            wait()
        finally:
            say("finally")
        return {}
    perform(Task(params={}, connection=None), run)
    say("went on")
"""


@pytest.mark.parametrize("number", BOTH)
def test_the_clean_up_runs_once_and_the_process_dies_of_the_signal(
    start: Callable[..., subprocess.Popen[bytes]], tmp_path: Path, number: signal.Signals
) -> None:
    process = start(WAITING)
    said(tmp_path, "waiting")
    process.send_signal(number)
    assert process.wait(20) == -number
    lines = said(tmp_path, f"cleaned up after {number.name}")
    assert lines.count(f"cleaned up after {number.name}") == 1
    assert "went on" not in lines


@pytest.mark.parametrize("second", BOTH)
@pytest.mark.parametrize("first", BOTH)
def test_a_second_signal_does_not_stop_the_clean_up(
    start: Callable[..., subprocess.Popen[bytes]], tmp_path: Path, first: signal.Signals, second: signal.Signals
) -> None:
    process = start(
        f"""
        def clean_up(name):
            say("begun")
            while not os.path.exists({str(tmp_path / "go")!r}):
                time.sleep(0.01)
            say("cleaned up")
        def run(task):
            task.at_interrupt.append(clean_up)
            wait()
        perform(Task(params={{}}, connection=None), run)
        """
    )
    said(tmp_path, "waiting")
    process.send_signal(first)
    said(tmp_path, "begun")
    process.send_signal(second)
    process.send_signal(second)
    (tmp_path / "go").touch()
    assert process.wait(20) == -first
    assert said(tmp_path, "cleaned up").count("begun") == 1


def test_a_clean_up_that_fails_does_not_keep_the_process_alive(
    start: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    process = start(
        """
        def run(task):
            task.at_interrupt.append(lambda name: 1 / 0)
            wait()
        perform(Task(params={}, connection=None), run)
        say("went on")
        """
    )
    said(tmp_path, "waiting")
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == -signal.SIGTERM
    assert "went on" not in said(tmp_path, "waiting")


def test_whoever_handled_the_signal_before_is_asked_afterwards(
    start: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    """Ansible's worker has a handler of its own; a module that is done leaves it in place."""
    process = start(
        """
        signal.signal(signal.SIGTERM, lambda *_: (say("handled before"), os._exit(7)))
        perform(Task(params={}, connection=None), lambda task: {})
        assert signal.getsignal(signal.SIGTERM).__name__ == "<lambda>"
        def run(task):
            task.at_interrupt.append(lambda name: say("cleaned up"))
            wait()
        perform(Task(params={}, connection=None), run)
        """
    )
    said(tmp_path, "waiting")
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 7
    assert said(tmp_path, "handled before") == ["waiting", "cleaned up", "handled before"]


def test_a_signal_that_is_ignored_stays_ignored(start: Callable[..., subprocess.Popen[bytes]], tmp_path: Path) -> None:
    """A shell's background job ignores the Ctrl-C of its terminal."""
    process = start(
        """
        def run(task):
            task.at_interrupt.append(lambda name: say(f"cleaned up after {name}"))
            os.kill(os.getpid(), signal.SIGINT)
            wait()
        perform(Task(params={}, connection=None), run)
        """,
        ignored=True,
    )
    said(tmp_path, "waiting")
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == -signal.SIGTERM
    assert said(tmp_path, "waiting") == ["waiting", "cleaned up after SIGTERM"]
