"""The leanest web server, for tests: GET anything answers its instance and version, with ?seconds=N so much later;
/login sets the cookie COOKIE."""

import os
import threading

from testbed.app import faults, web

INSTANCE, VERSION = os.environ.get("TASK_ID", "local"), os.environ.get("APP_VERSION", "latest")
COOKIE = os.environ.get("COOKIE")


def handle(request: web.Request) -> None:
    sick = request.path == "/health" and os.environ.get("NEVER_HEALTHY")
    request.extra["X-Instance"] = INSTANCE
    threading.Event().wait(float(request.query.get("seconds", 0)))
    if COOKIE and request.path == "/login":
        request.extra["Set-Cookie"] = f"{COOKIE}=1; Path=/; HttpOnly"
    request.answer(503 if sick else 200, {"instance": INSTANCE, "version": VERSION, "path": request.path})


def main() -> None:
    web.block_signals()
    faults.at_start()
    port = int(os.environ.get("WRONG_PORT") or os.environ.get("PORT") or 8080)
    server = web.Server(os.environ.get("BIND_ADDRESS", "127.0.0.1"), port, handle)
    web.log(f"echo {VERSION} listens on port {port}")
    server.serve_until_terminated(ignore=bool(os.environ.get("IGNORE_SIGTERM")))
    os._exit(0)


if __name__ == "__main__":
    main()
