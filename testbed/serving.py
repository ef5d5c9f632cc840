"""The server process: one slot's socket, a thread for each request, a clean end."""

import os
import select
import signal
import socket
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from .admin import Admin
from .engine import UnsupportedSystem
from .faults import Lost
from .server import LAYERS, Bed
from .slots import NoSlot, Record, folder, remove_files, start_ticks, take_slot
from .wire import Answer

PATIENCE = 120.0  # seconds that a client may wait for an answer that never comes
LOOK = 2.0  # seconds between two looks whether the record is still there
StartResponse = Callable[[str, list[tuple[str, str]]], Any]


def read_body(environ: dict[str, Any]) -> bytes:
    """The whole body, also of a chunked upload; afterwards the request says its length."""
    chunked = environ.pop("HTTP_TRANSFER_ENCODING", "").lower() == "chunked"  # werkzeug has undone the chunks
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body: bytes = environ["wsgi.input"].read() if chunked else environ["wsgi.input"].read(length)
    environ["CONTENT_LENGTH"] = str(len(body))
    return body


class Application:
    """WSGI: the bed's own paths, then the APIs."""

    def __init__(self, bed: Bed, admin: Admin) -> None:
        self.bed, self.admin = bed, admin

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        body = read_body(environ)
        found: Answer | Lost
        if path.startswith(LAYERS) and method == "GET":
            layer = self.bed.layers.get(path.removeprefix(LAYERS))
            found = (404 if layer is None else 200), [("Content-Type", "application/json")], layer or b""
        elif path.startswith(("/_bed/", "/_localstack/")):
            status, content = self.admin.answer(method, path, body)
            found = status, [("Content-Type", "application/json")], content
        else:
            found = self.bed.answer(environ, body)
        if isinstance(found, Lost):
            if found is Lost.SILENCE:
                select.select([environ["werkzeug.socket"]], [], [], PATIENCE)  # readable: the client has hung up
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionError("dropped by a fault rule")
        status, headers, content = found
        headers = [(k, v) for k, v in headers if k.lower() != "date"]  # the handler gives it
        if method != "HEAD":  # the answer to HEAD tells the length of a body that it does not have
            headers = [(k, v) for k, v in headers if k.lower() != "content-length"]
            headers.append(("Content-Length", str(len(content))))
        start_response(f"{status} {'OK' if status < 400 else 'Error'}", headers)
        return [] if method == "HEAD" else [content]


class Handler(WSGIRequestHandler):  # type: ignore[misc]  # werkzeug is in the bed's environment only
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or every answer waits 40 ms for an acknowledgement

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date header."""
        return str(self.server.app.bed.clock.date())

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Quiet: /_bed/calls knows them all."""

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:
        """By a fault rule, or by the client: neither is worth a line."""


def serve(state: Path, scale: float, engine: str, ready: Callable[[str], None]) -> int:
    """Run a bed until SIGTERM or SIGINT. `ready` gets "" once it answers, or why it cannot, in one sentence."""
    over, broken = threading.Event(), threading.Event()

    def died() -> None:
        broken.set()
        over.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    try:
        slot, listener = take_slot()
        bed = Bed(slot.net, scale, engine, folder(state), died)
    except (NoSlot, UnsupportedSystem) as e:
        ready(str(e))
        return 1
    pid = os.getpid()
    record = Record(state, slot.endpoint, pid, start_ticks(pid) or 0, slot.net, scale, engine, slot=slot.number)
    application = Application(bed, Admin(bed, record))
    server = make_server(slot.address, 0, application, threaded=True, request_handler=Handler, fd=listener.fileno())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True, name="api")
    bed.start()
    thread.start()
    record.write()
    ready("")
    threading.Thread(target=bed.moto.load, daemon=True, name="moto").start()
    while not over.wait(LOOK):
        if not record.is_written():  # its checkout was deleted: nobody could stop it any more
            over.set()
    if not broken.is_set():
        bed.stop()
    server.shutdown()
    listener.close()
    if not broken.is_set():  # what a broken bed wrote is what its defect is found by
        remove_files(state)
    return int(broken.is_set())
