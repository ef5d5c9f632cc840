"""One of a task's eight agents: joins the session of CORAL_SSE_URL, and answers from what the user said before."""

import json
import os
import signal
import socket
import threading

from testbed.app import faults, web

NAME = os.environ.get("AGENT_NAME", "agent-1")
RETRY_SECONDS = 0.1  # its server starts at the same time
PARTING_SECONDS = 2.0  # after SIGTERM: as long as the server may still have a turn in flight


def reply(said: list[str]) -> str:
    return f"{NAME}: you said {len(said)} things; the first was {said[0]!r}; the last was {said[-1]!r}"


class Agent:
    def __init__(self, url: str) -> None:
        self.host, self.port, self.path = web.split_url(url)
        self.stopping = False
        self.trouble = ""

    def run(self) -> None:
        """Work, and join anew whenever the server was away; ends when the server has gone after SIGTERM."""
        while not self.stopping:
            try:
                with socket.create_connection((self.host, self.port), 5) as events:
                    self.work(events)
                self.trouble = ""
            except OSError as error:
                self.say(f"{type(error).__name__}: {error}")
            if not self.stopping:
                threading.Event().wait(RETRY_SECONDS)

    def say(self, trouble: str) -> None:
        if trouble != self.trouble:  # once, not ten times a second
            web.log(f"{NAME} waits for {self.host}:{self.port}{self.path}: {trouble}")
        self.trouble = trouble

    def work(self, events: socket.socket) -> None:
        """Serve one connection until it ends. Raises OSError."""
        reader = events.makefile("rb")
        head = f"GET {self.path}?agentId={NAME} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n\r\n"
        events.sendall(head.encode())
        status = reader.readline(65536)
        web.read_headers(reader)
        if b" 200 " not in status:
            raise ConnectionError(status.decode("latin-1").strip())
        web.log(f"{NAME} has joined {self.path}")
        events.settimeout(None)
        with socket.create_connection((self.host, self.port), 5) as back, back.makefile("rb") as answers:
            back.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for line in reader:
                if line.startswith(b"data: "):
                    work = json.loads(line[6:])
                    value = {"key": work["key"], "text": reply(work["said"])}
                    web.call(back, answers, "POST", "/agents/replies", self.host, value)


def main() -> None:
    web.block_signals()
    faults.at_start()
    agent = Agent(os.environ["CORAL_SSE_URL"])
    ignore = faults.is_on("IGNORE_SIGTERM", "SIGTERM will be ignored")
    worker = threading.Thread(target=agent.run, daemon=True)
    worker.start()
    while signal.sigwait({signal.SIGTERM, signal.SIGINT}) and ignore:
        web.log("SIGTERM ignored (IGNORE_SIGTERM)")
    agent.stopping = True
    worker.join(PARTING_SECONDS)
    os._exit(0)


if __name__ == "__main__":
    main()
