"""HTTP/1.1 on plain sockets: as much as these processes need, at a third of the start-up cost of http.server.

One thread a connection, keep-alive, TCP_NODELAY (without it a small answer waits up to 40 ms for an acknowledgement).
"""

import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader

REASONS = {200: "OK", 201: "Created", 202: "Accepted", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed"}
MOST_BODY = 1 << 20


class Request:
    """One request and the means to answer it. Header names are in lower case; the query is a plain dict."""

    def __init__(self, connection: socket.socket, head: list[str], headers: dict[str, str], body: bytes) -> None:
        self.connection, self.headers, self.body = connection, headers, body
        self.method, target = head[0], head[1]
        self.path, _, query = target.partition("?")
        self.query = dict(pair.partition("=")[::2] for pair in query.split("&") if pair)
        self.keep_alive = headers.get("connection", "").lower() != "close" and head[2] == "HTTP/1.1"
        self.extra: dict[str, str] = {}  # headers of every answer
        self.on_answer: Callable[[int], None] = lambda status: None  # called once, before the answer can be seen
        self.detach: Callable[[], None] = lambda: None  # from now on only held open: the server may end meanwhile

    @property
    def id(self) -> str:
        return self.headers.get("x-request-id", "")

    def json(self) -> dict[str, object]:
        """The body as a JSON object; an empty one when it is none."""
        try:
            given = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return given if isinstance(given, dict) else {}

    def _head(self, status: int, headers: dict[str, str]) -> bytes:
        self.on_answer(status)
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Error')}"]
        lines += [f"{name}: {value}" for name, value in {**headers, **self.extra}.items()]
        if not self.keep_alive:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")

    def answer(self, status: int, value: object, content_type: str = "application/json") -> None:
        body = value.encode() if isinstance(value, str) else json.dumps(value).encode()
        headers = {"Content-Type": content_type, "Content-Length": str(len(body)), "Cache-Control": "no-store"}
        head = self._head(status, headers)
        self.connection.sendall(head if self.method == "HEAD" else head + body)

    def start_events(self) -> None:
        """Begin a stream of server-sent events, in chunks: its end leaves the connection usable."""
        head = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "Transfer-Encoding": "chunked"}
        self.connection.sendall(self._head(200, head))

    def event(self, name: str, data: object) -> None:
        text = event(name, data)
        self.connection.sendall(b"%x\r\n%s\r\n" % (len(text), text))

    def end_events(self) -> None:
        self.connection.sendall(b"0\r\n\r\n")


def event(name: str, data: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


def read_headers(reader: BufferedReader) -> dict[str, str]:
    """Raises ConnectionError when the other side ends in the middle of them."""
    headers: dict[str, str] = {}
    while line := reader.readline(65536):
        if line == b"\r\n":
            return headers
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    raise ConnectionError("closed within the headers")


def read_request(connection: socket.socket, reader: BufferedReader) -> Request | None:
    """The next request of a connection; None at its end or when it is no HTTP."""
    head = reader.readline(65536).decode("latin-1").split()
    if len(head) != 3:
        return None
    headers = read_headers(reader)
    size = headers.get("content-length", "0")
    if not size.isdigit() or int(size) > MOST_BODY or "transfer-encoding" in headers:
        return None
    return Request(connection, head, headers, reader.read(int(size)))


def call(
    connection: socket.socket, reader: BufferedReader, method: str, path: str, host: str, value: object = None
) -> tuple[int, dict[str, str], bytes]:
    """One request as a client: status, headers, body. Raises OSError; the answer must carry a Content-Length."""
    body = b"" if value is None else json.dumps(value).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    connection.sendall(head.encode() + b"\r\n\r\n" + body)
    status = reader.readline(65536).split()
    if len(status) < 2:
        raise ConnectionError("closed before the answer")
    headers = read_headers(reader)
    return int(status[1]), headers, reader.read(int(headers.get("content-length", "0")))


def split_url(url: str) -> tuple[str, int, str]:
    """("host", port, "/path") of an http:// address."""
    rest = url.removeprefix("http://")
    place, _, path = rest.partition("/")
    host, _, port = place.partition(":")
    return host, int(port or 80), "/" + path


def log(text: str) -> None:
    """One write a line: what several threads print never mixes, and nothing is lost at a hard end."""
    os.write(1, f"{text}\n".encode())


class Server:
    """Listens at once; serves from serve_until_terminated on."""

    def __init__(self, address: str, port: int, handle: Callable[[Request], None]) -> None:
        self.handle = handle
        self.listener = socket.create_server((address, port), backlog=512)
        self.stopping = False
        self._busy: set[Request] = set()
        self._changed = threading.Condition()

    def _connections(self) -> Iterator[socket.socket]:
        while not self.stopping:
            try:
                yield self.listener.accept()[0]
            except OSError:
                return  # closed by the end of serve_until_terminated

    def _accept(self) -> None:
        for connection in self._connections():
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, connection.makefile("rb") as reader:
            try:
                while (request := read_request(connection, reader)) is not None:
                    with self._in_flight(request):
                        self.handle(request)
                    if not request.keep_alive:
                        return
            except OSError:
                return  # the other side has gone: nobody is left to tell

    @contextmanager
    def _in_flight(self, request: Request) -> Iterator[None]:
        def leave() -> None:
            with self._changed:
                self._busy.discard(request)
                self._changed.notify_all()

        with self._changed:
            self._busy.add(request)
        request.detach = leave
        try:
            yield
        finally:
            leave()

    def serve_until_terminated(self, ignore: bool = False, patience: float = 25.0) -> None:
        """Returns after SIGTERM, when all that is in flight has been answered (or after `patience` seconds)."""
        thread = threading.Thread(target=self._accept, daemon=True)
        thread.start()
        while signal.sigwait({signal.SIGTERM, signal.SIGINT}) and ignore:
            log("SIGTERM ignored (IGNORE_SIGTERM)")
        log("SIGTERM: finishing what is in flight")
        with self._changed:
            # Two looks 0.1 s apart: a request may be on its way from the socket to its thread.
            while self._changed.wait_for(lambda: not self._busy, patience):
                if not self._changed.wait(0.1) and not self._busy:
                    break
        self.stopping = True
        self.listener.close()


def block_signals() -> None:
    """SIGTERM waits until the main thread asks for it: before any thread is started, for threads inherit this."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
