"""The Coral server of one task: threads of messages, which the task's eight agents answer.

    GET  /health                      200 when all eight agents have joined: the target group's health check
    POST /api/threads                 201 {"thread"}
    POST /api/threads/ID/messages     {"text", "client_id"?, "stream"?}: 200 with both replies; 202 with stream: true
    GET  /api/threads/ID              the history
    GET  /api/threads/ID/stream       the last turn's replies as server-sent events; the last event is `done`
    POST /api/sessions/restore        {"thread"}: creates it only when it does not exist
    GET  /sse/v1/devmode/app/priv[/SESSION]?agentId=NAME    an agent joins; POST /agents/replies brings its answer

Every answer names its task in X-Coral-Instance. Users' requests are logged on stdout and in SHARED_FOLDER/requests.log:
time, instance, method, path, status, request id. Health checks and agents' traffic are not.
"""

import os
import socket
import threading
import time
from collections.abc import Iterator
from functools import partial

from testbed.app import faults, web
from testbed.app.store import Store

AGENTS = [f"agent-{n}" for n in range(1, 1 + int(os.environ.get("AGENTS") or 8))]
SSE_PATH = "/sse/v1/devmode/app/priv"
REPLY_SECONDS = 10.0
PORT = 5555


class NoReply(Exception):
    """An agent did not answer in time."""


class Agents:
    """The agents that have joined, by name, and what they were asked."""

    def __init__(self, pools: list[str]) -> None:
        """`pools` are the sessions that are open from the start (CORAL_SESSIONS)."""
        self._pools, self._sessions, self._joins = pools, set(pools), 0
        self._joined: dict[str, socket.socket] = {}
        self._answers: dict[str, str] = {}
        self._asked = 0
        self._changed = threading.Condition()

    def session_for(self, path: str) -> str:
        """The session that an agent's path names (its first agent opens it), or the next pool; "" if there is none."""
        with self._changed:
            session = path.removeprefix(SSE_PATH).strip("/")
            if not session and self._pools:
                session = self._pools[self._joins % len(self._pools)]
                self._joins += 1
            if session:
                self._sessions.add(session)
            return session

    def joined(self) -> tuple[list[str], list[str]]:
        """(agents that are here, sessions that are open)."""
        with self._changed:
            return sorted(self._joined), sorted(self._sessions)

    def hold(self, name: str, connection: socket.socket) -> None:
        """Keep a joined agent's connection; returns when the agent has gone."""
        with self._changed:
            self._joined[name] = connection
            self._changed.notify_all()
        try:
            connection.recv(1)
        finally:
            with self._changed:
                if self._joined.get(name) is connection:
                    del self._joined[name]
                self._changed.notify_all()

    def reply(self, key: str, text: str) -> None:
        with self._changed:
            self._answers[key] = text
            self._changed.notify_all()

    def _settled(self, key: str, name: str, connection: socket.socket) -> bool:
        return key in self._answers or self._joined.get(name) is not connection

    def ask(self, name: str, work: dict[str, object]) -> str:
        """The agent's reply; an agent that was lost meanwhile is asked again when it is back. Raises NoReply."""
        end = time.monotonic() + REPLY_SECONDS
        with self._changed:
            while self._changed.wait_for(lambda: name in self._joined, end - time.monotonic()):
                connection = self._joined[name]
                self._asked += 1
                key = str(self._asked)
                try:
                    connection.sendall(web.event("work", {**work, "key": key}))
                except OSError:
                    self._joined.pop(name, None)
                    continue
                self._changed.wait_for(partial(self._settled, key, name, connection), end - time.monotonic())
                if key in self._answers:
                    return self._answers.pop(key)
        raise NoReply(f"{name} did not answer within {REPLY_SECONDS:g} s")


class Coral:
    def __init__(self) -> None:
        self.instance = os.environ.get("TASK_ID", "local")
        self.address = os.environ.get("BIND_ADDRESS", "127.0.0.1")
        shared = os.environ.get("SHARED_FOLDER", ".")
        self.store = Store(os.path.join(shared, "coral.sqlite"))
        self.agents = Agents([s for s in os.environ.get("CORAL_SESSIONS", "").split(",") if s])
        self.never_healthy = faults.is_on("NEVER_HEALTHY", "the health check will fail")
        self.sick = 503 if os.environ.get("NEVER_HEALTHY", "1") == "1" else int(faults.number("NEVER_HEALTHY"))
        self.answers_500 = faults.is_on("ANSWER_500", "every turn will fail")
        self.loses = faults.is_on("LOSES_MESSAGES", "restoring a session recreates its thread")
        self.slow_health = faults.number("SLOW_HEALTH")
        self.slow, self.slow_stream = faults.number("SLOW_ANSWER"), faults.number("SLOW_STREAM")
        self.work_after, self.keep_alive = faults.number("WORK_AFTER"), faults.number("KEEP_ALIVE")
        self._log, self._receipts = (
            os.open(os.path.join(shared, name), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            for name in ("requests.log", "receipts.log")
        )

    def log_request(self, request: web.Request, status: int) -> None:
        name = "".join(c for c in request.id[:80] if c.isalnum() or c in "-_.:") or "-"
        line = f"{time.time():.3f} {self.instance} {request.method} {request.path} {status} {name}"
        os.write(self._log, f"{line}\n".encode())  # O_APPEND: the tasks' lines do not mix
        web.log(line)

    def handle(self, request: web.Request) -> None:
        request.extra = {"X-Coral-Instance": self.instance, "X-Coral-Address": self.address}
        route = request.path.strip("/").split("/")
        if route[0] == "health":
            self.health(request)
        elif request.path.startswith(SSE_PATH):
            self.join(request)
        elif route == ["agents", "replies"]:
            given = request.json()
            self.agents.reply(str(given.get("key")), str(given.get("text")))
            request.answer(200, {})
        else:
            request.on_answer = lambda status: self.log_request(request, status)
            request.connection.settimeout(self.keep_alive or None)
            self.handle_user(request, [request.method, *route])

    def handle_user(self, request: web.Request, route: list[str]) -> None:
        match route:
            case ["POST", "api", "threads"]:
                request.answer(201, {"thread": self.store.create_thread()})
            case ["GET", "api", "threads", thread]:
                history = self.store.history(thread)
                found = {"thread": thread, "messages": history}
                request.answer(
                    404 if history is None else 200, found if history is not None else {"error": "no thread"}
                )
            case ["POST", "api", "threads", thread, "messages"]:
                self.message(request, thread)
            case ["GET", "api", "threads", thread, "stream"]:
                self.stream(request, thread)
            case ["POST", "api", "sessions", "restore"]:
                thread = str(request.json().get("thread") or "")
                existed = bool(thread) and self.store.restore(thread, wipe=self.loses)
                request.answer(200 if thread else 400, {"thread": thread, "existed": existed})
            case _:
                request.answer(404, {"error": "not found"})

    def health(self, request: web.Request) -> None:
        agents, sessions = self.agents.joined()
        ready = set(AGENTS) <= set(agents) and not self.never_healthy
        status = "healthy" if ready else "unhealthy"
        if self.slow_health:
            threading.Event().wait(self.slow_health)
        request.answer(200 if ready else self.sick, {"status": status, "agents": agents, "sessions": sessions})

    def join(self, request: web.Request) -> None:
        name, session = request.query.get("agentId", ""), self.agents.session_for(request.path)
        if not session:
            web.log(f"WARN: {name} cannot join: no session is open, and its path names none")
            request.answer(404, {"error": "no session is open, and the path names none"})
            return
        request.keep_alive = False
        request.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        web.log(f"{name} joined session {session}")
        request.detach()
        self.agents.hold(name, request.connection)

    def answer_turn(self, thread: str, turn: int) -> Iterator[dict[str, str]]:
        """The turn's two replies, each stored before it is given; one that is there already is not asked for again."""
        said, there = self.store.said(thread, turn), self.store.replies(thread, turn)
        for slot in (1, 2):
            if slot not in there:
                agent = AGENTS[(2 * (turn - 1) + slot - 1) % len(AGENTS)]
                text = self.agents.ask(agent, {"thread": thread, "said": said})
                self.store.add_reply(thread, turn, slot, agent, text)
                there = self.store.replies(thread, turn)  # another task may have been first: what is stored counts
            yield there.get(slot, {"agent": "nobody", "text": "this turn is gone"})

    def message(self, request: web.Request, thread: str) -> None:
        given = request.json()
        if self.answers_500:
            web.log("ERROR: java.lang.IllegalStateException: session has no active agent graph")
            request.answer(500, {"error": "internal error"})
            return
        text, client = str(given.get("text") or ""), str(given.get("client_id") or request.id)
        turn = self.store.begin_turn(thread, text, client) if text else None
        request.keep_alive = request.keep_alive and not self.work_after
        if turn is None:
            request.answer(404 if text else 400, {"error": "no thread" if text else "no text"})
        elif given.get("stream") is True:
            request.answer(202, {"thread": thread, "turn": turn})
        else:
            if self.slow:
                threading.Event().wait(self.slow)
            try:
                request.answer(200, {"thread": thread, "turn": turn, "replies": list(self.answer_turn(thread, turn))})
            except NoReply as error:
                request.answer(503, {"error": str(error)})
        if turn is not None and self.work_after:  # still in flight here: SIGTERM waits for it, the client does not
            threading.Event().wait(self.work_after)
            os.write(self._receipts, f"{client}\n".encode())

    def stream(self, request: web.Request, thread: str) -> None:
        messages = self.store.history(thread)
        if not messages:
            request.answer(404, {"error": "no turn to answer"})
            return
        request.start_events()
        try:
            for reply in self.answer_turn(thread, int(str(messages[-1]["turn"]))):
                request.event("reply", reply)
                if self.slow_stream:
                    threading.Event().wait(self.slow_stream)
            request.event("done", {})
        except NoReply as error:
            request.event("error", {"error": str(error)})
        request.end_events()


def main() -> None:
    web.block_signals()
    version, sessions = os.environ.get("APP_VERSION", "latest"), os.environ.get("CORAL_SESSIONS", "none")
    web.log(f"Coral server {version} starts; sessions from the start: {sessions}")
    faults.at_start()
    coral = Coral()
    port = int(os.environ.get("WRONG_PORT") or PORT)
    if port != PORT:
        web.log(f"WARN: listening on port {port} instead of {PORT} (WRONG_PORT)")
    server = web.Server(coral.address, port, coral.handle)
    web.log(f"Coral server listens on {coral.address}:{port}")
    server.serve_until_terminated(ignore=faults.is_on("IGNORE_SIGTERM", "SIGTERM will be ignored"))
    web.log("Coral server ends")
    os._exit(0)


if __name__ == "__main__":
    main()
