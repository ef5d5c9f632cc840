"""The application alone: one or two tasks as plain processes that share a folder, spoken to by HTTP."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.testbed.pardon_task import ROOT, Task, ask, new_address, starting, until

AGENTS = [f"agent-{n}" for n in range(1, 9)]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Task]]:
    with starting(tmp_path) as begin:
        yield begin


def test_a_task_is_healthy_when_all_eight_agents_have_joined(start: Callable[..., Task]) -> None:
    health = start().wait_healthy().ask("GET", "/health")
    assert health.json["agents"] == AGENTS
    assert health.json["sessions"] == ["production-main"]


def test_an_agent_that_is_missing_keeps_the_task_unhealthy(start: Callable[..., Task]) -> None:
    task = start(agents=7)
    until(lambda: len(task.ask("GET", "/health").json["agents"]) == 7)
    assert task.ask("GET", "/health").status == 503


def test_before_the_deployment_agents_join_the_open_pools(start: Callable[..., Task]) -> None:
    pools = [f"pool-{n}" for n in range(5)]
    task = start(session="", CORAL_SESSIONS=",".join(pools)).wait_healthy()
    assert task.ask("GET", "/health").json["sessions"] == pools


def test_without_pools_an_agent_must_name_its_session(start: Callable[..., Task]) -> None:
    task = start(session="")
    until(lambda: "no session is open" in task.output())
    assert task.ask("GET", "/health").status == 503


def test_two_of_eight_agents_answer_in_rotation_and_remember(start: Callable[..., Task]) -> None:
    task = start().wait_healthy()
    thread = task.new_thread()
    turns = [task.say(thread, f"line {n}") for n in range(1, 6)]
    assert [[r["agent"] for r in t.json["replies"]] for t in turns] == [
        ["agent-1", "agent-2"],
        ["agent-3", "agent-4"],
        ["agent-5", "agent-6"],
        ["agent-7", "agent-8"],
        ["agent-1", "agent-2"],
    ]
    assert "agent-2: you said 5 things; the first was 'line 1'" in turns[4].json["replies"][1]["text"]
    assert len(task.texts(thread)) == 15
    assert {t.headers["X-Coral-Instance"] for t in turns} == {task.id}


def test_tasks_share_threads_and_a_repeated_message_is_stored_once(start: Callable[..., Task]) -> None:
    first, second = start(), start()
    first.wait_healthy(), second.wait_healthy()
    thread = first.new_thread()
    once = first.say(thread, "hello").json["replies"]
    again = second.say(thread, "hello")
    assert again.json["replies"] == once
    assert again.headers["X-Coral-Instance"] == second.id
    assert len(second.texts(thread)) == 3


def test_the_same_message_at_two_tasks_at_once_gives_one_turn(start: Callable[..., Task]) -> None:
    tasks = [start().wait_healthy(), start().wait_healthy()]
    thread = tasks[0].new_thread()
    for n in range(20):
        senders = [threading.Thread(target=task.say, args=(thread, f"line {n}")) for task in tasks]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
    texts = tasks[1].texts(thread)
    assert len(texts) == len(set(texts)) == 60


def test_a_stream_brings_both_replies_and_ends_with_done(start: Callable[..., Task]) -> None:
    task = start().wait_healthy()
    thread = task.new_thread()
    accepted = task.say(thread, "hello", stream=True)
    assert accepted.status == 202
    stream = task.ask("GET", f"/api/threads/{thread}/stream").body.decode()
    assert [line for line in stream.splitlines() if line.startswith("event")] == 2 * ["event: reply"] + ["event: done"]
    assert len(task.texts(thread)) == 3
    assert task.ask("GET", f"/api/threads/{thread}/stream").body.decode() == stream


def test_restoring_a_session_keeps_its_messages(start: Callable[..., Task]) -> None:
    task = start().wait_healthy()
    thread = task.new_thread()
    task.say(thread, "hello")
    assert task.ask("POST", "/api/sessions/restore", {"thread": thread}).json["existed"] is True
    assert len(task.texts(thread)) == 3
    assert task.ask("POST", "/api/sessions/restore", {"thread": "elsewhere"}).json["existed"] is False
    assert task.texts("elsewhere") == []


@pytest.mark.parametrize(
    ("method", "path", "value", "status"),
    [
        ("GET", "/api/threads/none", None, 404),
        ("GET", "/api/threads/none/stream", None, 404),
        ("POST", "/api/threads/none/messages", {"text": "hello"}, 404),
        ("POST", "/api/threads/none/messages", {}, 400),
        ("POST", "/api/sessions/restore", {}, 400),
        ("GET", "/elsewhere", None, 404),
    ],
)
def test_wrong_requests_are_refused(
    start: Callable[..., Task], method: str, path: str, value: object, status: int
) -> None:
    task = start(agents=0)
    assert until(lambda: task.ask(method, path, value)).status == status


def test_every_request_of_a_user_is_in_the_log_of_all_tasks(start: Callable[..., Task], tmp_path: Path) -> None:
    task = start().wait_healthy()
    task.ask("POST", "/api/threads", {}, request_id="r-1")
    task.ask("GET", "/api/threads/none", request_id="r-2; rm")
    lines = [line.split()[1:] for line in (tmp_path / "requests.log").read_text().splitlines()]
    assert lines == [
        [task.id, "POST", "/api/threads", "201", "r-1"],
        [task.id, "GET", "/api/threads/none", "404", "r-2rm"],
    ]
    assert f"{task.id} POST /api/threads 201 r-1" in task.output()


def test_sigterm_finishes_what_is_in_flight_and_exits_0(start: Callable[..., Task]) -> None:
    task = start(SLOW_ANSWER="0.5").wait_healthy()
    thread = task.new_thread()
    answers = []
    sender = threading.Thread(target=lambda: answers.append(task.say(thread, "hello")))
    sender.start()
    until(lambda: task.texts(thread))  # the turn is in flight: said, and not answered yet
    task.terminate()
    sender.join()
    assert answers[0].status == 200
    assert len(answers[0].json["replies"]) == 2
    assert set(task.exit_codes().values()) == {0}


def test_the_site_says_whether_it_reaches_coral(start: Callable[..., Task]) -> None:
    task = start()
    site = new_address()
    task.start("site", "site", BIND_ADDRESS=site, TASK_ID="site", CORAL_URL=f"http://{task.address}:5555")
    task.wait_healthy()
    healthy = until(lambda: ask(site, "GET", "/api/health/coral", port=3000))
    assert (healthy.status, healthy.json["status"], healthy.json["coral"]["instance"]) == (200, "healthy", task.id)
    assert ask(site, "GET", "/", port=3000).status == 200
    task.processes["coral"].kill()
    task.processes["coral"].wait()
    sick = ask(site, "GET", "/api/health/coral", port=3000)
    assert (sick.status, sick.json["status"]) == (503, "unhealthy")


@pytest.mark.parametrize("program", ["coral_server", "agent", "site", "echo"])
def test_a_process_imports_little(program: str) -> None:
    """54 of them start on two cores: these modules alone would double what one costs."""
    script = f"import sys, testbed.app.{program}; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-S", "-E", "-s", "-c", script], cwd=ROOT, capture_output=True, check=True)
    heavy = {
        "asyncio",
        "http.client",
        "http.server",
        "urllib.parse",
        "email",
        "dataclasses",
        "inspect",
        "typing",
        "ssl",
    }
    assert heavy & set(found.stdout.decode().split()) == set()
