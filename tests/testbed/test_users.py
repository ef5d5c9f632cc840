"""The referee sees what goes wrong: at single connections first, then at an application with one fault at a time."""

import asyncio
import json
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import pytest

from testbed.browser import Browser, Failed
from testbed.users import Summary, TargetWatch, User, Users, main, parse_events
from tests.testbed.pardon_task import ROOT, Task, new_address, starting, until

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: AWSALB=one; Path=/\r\n\r\n{}"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Task]]:
    with starting(tmp_path) as begin:
        yield begin


@contextmanager
def server(*connections: list[bytes | None]) -> Iterator[tuple[str, list[bytes]]]:
    """Answers the requests of each connection with these bytes, then closes it; None: never answers."""
    requests: list[bytes] = []
    done = threading.Event()
    with socket.create_server((new_address(), 0)) as listener:

        def serve() -> None:
            for answers in connections:
                connection = listener.accept()[0]
                with connection:
                    for answer in answers:
                        requests.append(connection.recv(65536))
                        if answer is None:
                            done.wait(10)
                        else:
                            connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        host, port = listener.getsockname()
        yield f"http://{host}:{port}", requests
        done.set()
        thread.join(10)


def browse(url: str, times: int = 1, timeout: float = 5.0, between: float = 0.0) -> Browser:
    async def go() -> Browser:
        browser = Browser(url, timeout)
        for n in range(times):
            await browser.request("POST", "/api/threads", f"id-{n}", {})
            await asyncio.sleep(between)
        browser.close()
        return browser

    return asyncio.run(go())


def kind(url: str, times: int = 1, timeout: float = 5.0) -> str:
    with pytest.raises(Failed) as failure:
        browse(url, times, timeout)
    return failure.value.kind


def test_the_cookie_comes_back_and_the_connection_is_kept() -> None:
    with server([GOOD, GOOD]) as (url, requests):
        browse(url, times=2)
    assert b"Cookie" not in requests[0]
    assert b"Cookie: AWSALB=one\r\n" in requests[1]


def test_nobody_listens() -> None:
    assert kind(f"http://{new_address()}:1") == "connect_error"


def test_no_answer_in_time() -> None:
    with server([None]) as (url, _):
        assert kind(url, timeout=0.2) == "timeout"


@pytest.mark.parametrize("answer", [b"\r\n", b"HTTP/1.1\r\n\r\n", b"HTTP/1.1 OK\r\n\r\n", b"SSH-2.0-OpenSSH_9.6\r\n"])
def test_what_is_no_http(answer: bytes) -> None:
    with server([answer]) as (url, _):
        assert kind(url) == "reset"


def test_a_user_counts_answers_of_any_other_shape_and_goes_on() -> None:
    body = b"event: reply\n\nevent: done\n\n"
    user = User("run", 0, "http://127.0.0.1:1", 1.0, 1.0)
    for wrong in (lambda: parse_events(body), lambda: [][0], lambda: {}["x"], lambda: None.x, lambda: int("x")):

        async def look(wrong: Callable[[], object] = wrong) -> None:
            wrong()

        asyncio.run(user.attempt(look))
    assert [failure.kind for failure in user.failures] == ["assertion"] * 5


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Le", GOOD[:-1]])
def test_closed_before_the_end_of_the_answer(answer: bytes) -> None:
    with server([answer]) as (url, _):
        assert kind(url) == "reset"


def test_a_reused_connection_that_closes_is_tried_once_more_with_the_same_id() -> None:
    with server([GOOD, b""], [GOOD]) as (url, requests):
        browser = browse(url, times=2)
    assert browser.stale == 1
    assert b"X-Request-Id: id-1" in requests[1] and b"X-Request-Id: id-1" in requests[2]


def test_the_second_try_is_the_last() -> None:
    with server([GOOD, b""], [b""]) as (url, _):
        assert kind(url, times=2) == "reset"


def test_a_connection_closed_while_idle_is_simply_replaced() -> None:
    with server([GOOD], [GOOD]) as (url, _):
        assert browse(url, times=2, between=0.1).stale == 0


def test_a_move_is_off_a_healthy_target_only_if_it_was_healthy_all_around() -> None:
    watch = TargetWatch(dict)
    watch.samples = [
        (10.0, {"a": "healthy", "b": "healthy"}),
        (20.0, {"a": "draining", "b": "healthy"}),
        (25.0, {"b": "healthy"}),
    ]
    assert watch.was_healthy("a", 15.0)
    assert watch.was_healthy("b", 22.0)
    assert not watch.was_healthy("a", 19.6)  # seen as draining just after the move
    assert not watch.was_healthy("a", 20.5)
    assert not watch.was_healthy("a", 30.0)


def test_what_nobody_watched_is_not_none_at_all() -> None:
    def away() -> dict[str, str]:
        raise ConnectionError

    watch = TargetWatch(away)
    watch.start()
    watch.stop()
    assert watch.off_healthy([]) is None
    watch.samples = [(10.0, {"a": "healthy"})]
    assert watch.off_healthy([]) == 0
    assert watch.off_healthy([(15.0, "a"), (15.0, "b")]) == 1
    assert watch.off_healthy([(15.0, "a"), (9.0, "a")]) is None, "the first look came later"
    assert watch.off_healthy([(15.0, "")]) is None, "an answer without x-coral-address"
    assert Users("http://127.0.0.1:1", 1, health=away).summary().moves_off_healthy is None


def users_at(task: Task, done: Callable[[Users], object], **options: float) -> Summary:
    users = Users(f"http://{task.address}:5555", count=8, pace=0.1, ramp=0.1, **options).start()
    try:
        until(lambda: done(users))
    finally:
        summary = users.stop()
    return summary


def turns(users: Users) -> bool:
    return all(user.turns >= 12 for user in users.users)  # each has restored its session and read streams


def test_nothing_is_reported_on_a_healthy_application(start: Callable[..., Task], tmp_path: Path) -> None:
    task = start().wait_healthy()
    summary = users_at(task, turns)
    assert (summary.failed, summary.lost_messages, summary.reused_connection_closed, summary.moves) == (0, 0, 0, 0), (
        summary.line()
    )
    assert summary.instances == {task.id: summary.requests}
    logged = [line.split()[-1] for line in (tmp_path / "requests.log").read_text().splitlines()]
    assert len(logged) == len(set(logged)) == summary.requests
    assert all(name.startswith(f"{summary.run}-") for name in logged)
    assert any(" POST /api/sessions/restore " in line for line in task.output().splitlines())
    assert any(line.split()[3:4] and line.split()[3].endswith("/stream") for line in task.output().splitlines())


def test_a_long_conversation_goes_on_in_a_new_thread(
    start: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("testbed.users.THREAD_LENGTH", 3)
    task = start().wait_healthy()
    summary = users_at(task, turns)
    assert summary.failed == summary.lost_messages == 0, summary.line()
    assert task.output().count(" POST /api/threads 201 ") >= 4 * 8


def test_an_application_that_crashes_while_it_serves(start: Callable[..., Task]) -> None:
    task = start().wait_healthy()

    def crash(users: Users) -> bool:
        until(lambda: all(user.turns for user in users.users))
        task.kill()
        return until(lambda: users.summary().failed >= 20)

    summary = users_at(task, crash)
    assert set(summary.failures) <= {"connect_error", "reset"}, summary.first_failures
    assert summary.failures["connect_error"] >= 8


def test_restoration_that_loses_messages(start: Callable[..., Task]) -> None:
    summary = users_at(start(LOSES_MESSAGES="1").wait_healthy(), turns)
    # Each of the 8 users has restored its session at least after the fifth turn: five texts and ten replies were gone.
    assert summary.lost_messages >= 8 * 15
    assert summary.failed == 0, summary.first_failures


def test_turns_that_answer_500(start: Callable[..., Task]) -> None:
    summary = users_at(start(ANSWER_500="1").wait_healthy(), lambda users: users.summary().failed >= 16)
    assert set(summary.failures) == {"http_5xx"}
    assert (summary.turns, summary.lost_messages) == (0, 0)


def test_a_task_that_does_not_answer_in_time(start: Callable[..., Task]) -> None:
    task = start(SLOW_ANSWER="3").wait_healthy()
    summary = users_at(task, lambda users: users.summary().failed >= 8, timeout=2.0)
    assert set(summary.failures) == {"timeout"}


def test_forgotten_turns_and_doubled_messages_are_wrong_answers(start: Callable[..., Task], tmp_path: Path) -> None:
    task = start().wait_healthy()
    users = Users(f"http://{task.address}:5555", count=4, pace=0.2, ramp=0.1).start()
    until(lambda: all(user.turns >= 2 for user in users.users))
    with sqlite3.connect(tmp_path / "coral.sqlite", timeout=10) as database:
        database.execute(
            "INSERT INTO messages SELECT thread, turn, 9, author, text, NULL, created FROM messages "
            "WHERE turn = 1 AND slot = 1"
        )
    until(lambda: users.summary().failed >= 4)
    summary = users.stop()
    assert set(summary.failures) == {"assertion"}
    assert "said once" in summary.first_failures[0]
    assert summary.lost_messages == 0


def test_another_task_that_answers_is_a_move(start: Callable[..., Task]) -> None:
    first, second = start().wait_healthy(), start().wait_healthy()
    users = Users(
        f"http://{first.address}:5555", count=2, pace=0.1, ramp=0.1, health=lambda: {first.address: "healthy"}
    ).start()
    until(lambda: all(user.turns >= 2 for user in users.users))
    for user in users.users:
        user.browser.host = second.address  # where the next connection goes
    first.kill()
    until(lambda: users.summary().moves == 2)
    summary = users.stop()
    assert (summary.moves, summary.moves_off_healthy, summary.lost_messages) == (2, 2, 0)


def test_the_command_prints_one_line_and_writes_the_count(
    start: Callable[..., Task], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = start(ANSWER_500="1").wait_healthy()
    file = tmp_path / "users.json"
    options = ["--users", "3", "--pace", "0.2", "--ramp", "0", "--seconds", "0.5", "--json", str(file)]
    assert main([f"http://{task.address}:5555", *options]) == 1
    line, *failures = capsys.readouterr().out.splitlines()
    written = json.loads(file.read_text())
    assert line.startswith(
        f"3 users, {written['seconds']:.0f} s: {written['requests']} requests, {written['failed']} failed"
    )
    assert len(failures) == min(10, written["failed"])
    assert set(written) == set(asdict(Summary("", 0)))
    assert sum(user["failures"]["http_5xx"] for user in written["per_user"]) == written["failed"]


@pytest.mark.parametrize("end", ["until", "signal"])
def test_the_command_goes_on_until_it_is_told(start: Callable[..., Task], tmp_path: Path, end: str) -> None:
    task, file, over = start().wait_healthy(), tmp_path / "users.json", tmp_path / "over"
    url = f"http://{task.address}:5555"
    options = [url, "--users", "3", "--pace", "0.2", "--ramp", "0", "--seconds", "0", "--until", str(over)]
    command = [sys.executable, "-m", "testbed.users", *options, "--json", str(file)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        until(lambda: task.output().count("/messages 200") >= 6)
        if end == "until":
            over.touch()
        else:
            process.send_signal(signal.SIGTERM)
        line = process.communicate(timeout=20)[0]
    finally:
        process.kill()
    assert process.returncode == 0
    assert "0 failed, 0 lost messages, 0 moves (off a healthy target: not watched)" in line
    assert json.loads(file.read_text())["turns"] >= 6
