"""The web site in front of the service: a process outside ECS, whose health endpoint says whether it reaches Coral.

It asks through the load balancer (CORAL_URL), as the real one does: so it sees what users see.
"""

import json
import os
import socket

from testbed.app import web

TIMEOUT = 2.0
PAGE = "<!doctype html><title>Pardon Simulator</title><h1>Pardon Simulator</h1>\n"


def ask_coral(url: str) -> tuple[bool, dict[str, object]]:
    """Whether the Coral server says 200 at /health, and what it said, or why there was no answer."""
    host, port, _ = web.split_url(url)
    try:
        with socket.create_connection((host, port), TIMEOUT) as connection, connection.makefile("rb") as reader:
            status, headers, body = web.call(connection, reader, "GET", "/health", f"{host}:{port}")
    except OSError as error:
        return False, {"error": f"{type(error).__name__}: {error}"}
    try:
        said = json.loads(body)
    except ValueError:
        said = body[:200].decode("latin-1")
    return status == 200, {"status": status, "instance": headers.get("x-coral-instance"), "answer": said}


def handle(request: web.Request) -> None:
    if request.path == "/api/health/coral":
        reached, coral = ask_coral(os.environ["CORAL_URL"])
        status = "healthy" if reached else "unhealthy"
        instance = os.environ.get("TASK_ID", "site")
        request.answer(200 if reached else 503, {"status": status, "coral": coral, "instance": instance})
    elif request.path in ("/", "/health"):
        request.answer(200, PAGE, "text/html; charset=utf-8")
    else:
        request.answer(404, {"error": "not found"})


def main() -> None:
    web.block_signals()
    port = int(os.environ.get("PORT") or 3000)
    server = web.Server(os.environ.get("BIND_ADDRESS", "127.0.0.1"), port, handle)
    web.log(f"the site listens on port {port}, Coral is at {os.environ['CORAL_URL']}")
    server.serve_until_terminated()
    os._exit(0)


if __name__ == "__main__":
    main()
