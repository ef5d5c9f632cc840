# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The HTTP client against a real server on loopback."""

from __future__ import annotations

import datetime
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import http, visits, waits
from ansible_collections.steady.ecs.plugins.module_utils.rules import addresses
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError

Served = Callable[[socket.socket, bytes], bool]
"""Answers one request; False closes the connection."""


class Server:
    """A server on loopback, byte by byte what a test tells it. It counts connections and keeps the requests."""

    def __init__(self, serve: Served, context: ssl.SSLContext | None = None) -> None:
        self.serve, self.context = serve, context
        self.connections = 0
        self.requests: list[bytes] = []
        self.open: list[socket.socket] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                found, _address = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.open.append(found)
            threading.Thread(target=self._talk, args=(found,), daemon=True).start()

    def _talk(self, plain: socket.socket) -> None:
        try:
            found = self.context.wrap_socket(plain, server_side=True) if self.context else plain
            while request := self._request(found):
                self.requests.append(request)
                if not self.serve(found, request):
                    break
            found.close()
        except OSError:
            plain.close()

    @staticmethod
    def _request(found: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            more = found.recv(4096)
            if not more:
                return b""
            data += more
        return data

    def close(self) -> None:
        self.listener.close()
        for each in self.open:
            each.close()


@pytest.fixture
def server() -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def make(serve: Served, context: ssl.SSLContext | None = None) -> Server:
        made.append(Server(serve, context))
        return made[-1]

    yield make
    for each in made:
        each.close()


def answer(body: bytes = b"ok", head: str = "", status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body


def always(data: bytes, keep: bool = True) -> Served:
    def serve(found: socket.socket, _request: bytes) -> bool:
        found.sendall(data)
        return keep

    return serve


def get(url: str) -> http.Response:
    with http.Client() as user:
        return user.get(url)


def test_an_answer(server: Any) -> None:
    there = server(always(answer(b"hello", "X-Task: 1\r\n")))
    found = get(f"{there.url}/a?b=c")
    assert (found.status, found.body, found.headers["x-task"]) == (200, b"hello", "1")
    assert there.requests[0].startswith(b"GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:")


def test_one_client_is_one_connection_and_keeps_its_cookies(server: Any) -> None:
    expires = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=7)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    there = server(always(answer(head=f"Set-Cookie: AWSALB=a+b/c=; Expires={expires}; Path=/\r\n")))
    with http.Client() as user:
        for _request in range(3):
            user.get(there.url)
    assert there.connections == 1
    assert [b"Cookie: AWSALB=a+b/c=" in each for each in there.requests] == [False, True, True]
    get(there.url)
    assert (there.connections, b"Cookie" in there.requests[-1]) == (2, False)


def test_a_reused_connection_that_was_closed_is_no_outage(server: Any) -> None:
    there = server(always(answer(), keep=False))
    with http.Client() as user:
        assert [user.get(there.url).status for _request in range(3)] == [200, 200, 200]
    assert (there.connections, len(there.requests)) == (3, 3)


def test_a_new_connection_that_is_closed_unread_is_told_and_not_tried_again(server: Any) -> None:
    there = server(always(b"", keep=False))
    with pytest.raises(http.NoAnswer) as caught:
        get(there.url)
    assert (caught.value.kind, there.connections) == (http.RESET, 1)


def test_a_reused_connection_is_tried_once_again_not_for_ever(server: Any) -> None:
    served: list[bytes] = []

    def serve(found: socket.socket, request: bytes) -> bool:
        served.append(request)
        if len(served) == 1:
            found.sendall(answer())
            return True
        return False

    there = server(serve)
    with http.Client() as user:
        user.get(there.url)
        with pytest.raises(http.NoAnswer, match="reset"):
            user.get(there.url)
    assert len(served) == 3


def test_an_answer_that_has_begun_is_not_asked_for_again(server: Any) -> None:
    served: list[bytes] = []

    def serve(found: socket.socket, request: bytes) -> bool:
        served.append(request)
        found.sendall(answer() if len(served) == 1 else answer(b"long body")[:-4])
        return len(served) == 1

    there = server(serve)
    with http.Client() as user:
        user.get(there.url)
        with pytest.raises(http.NoAnswer) as caught:
            user.get(there.url)
    assert (caught.value.kind, len(served)) == (http.RESET, 2)


def test_no_more_than_64_kb_is_read_and_the_rest_is_no_next_answer(server: Any) -> None:
    there = server(always(answer(b"x" * 200_000)))
    with http.Client() as user:
        found = user.get(there.url)
        assert (found.status, len(found.body)) == (200, http.BYTES)
        assert user.get(there.url).status == 200
    assert there.connections == 2


def test_a_slow_sender_does_not_hold_us(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "SECONDS", 0.3)
    over = threading.Event()

    def drip(found: socket.socket, _request: bytes) -> bool:
        found.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while not over.wait(0.05):
            found.sendall(b"x")
        return False

    there = server(drip)
    began = waits.clock.now()
    with pytest.raises(http.NoAnswer) as caught:
        get(there.url)
    over.set()
    assert caught.value.kind == http.TIMEOUT
    assert waits.clock.now() - began < 3


@pytest.mark.parametrize("garbage", [b"SSH-2.0-OpenSSH_9.6\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_what_is_no_http_is_no_answer(server: Any, garbage: bytes) -> None:
    with pytest.raises(http.NoAnswer) as caught:
        get(server(always(garbage, keep=False)).url)
    assert caught.value.kind == http.PROTOCOL


def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert visits.asked(f"http://127.0.0.1:{port}/") == (f"connect_error: no connection to 127.0.0.1 port {port}", b"")


def test_a_redirect_within_the_host_is_followed(server: Any) -> None:
    def serve(found: socket.socket, request: bytes) -> bool:
        found.sendall(answer(b"there") if b"/b" in request else answer(b"", "Location: /b\r\n", "302 Found"))
        return True

    there = server(serve)
    assert get(f"{there.url}/a").body == b"there"
    assert there.connections == 1


def test_redirects_end(server: Any) -> None:
    there = server(always(answer(b"", "Location: /again\r\n", "302 Found")))
    assert get(there.url).status == 302
    assert len(there.requests) == http.REDIRECTS + 1


def test_a_redirect_to_another_host_or_port_is_the_answer(server: Any) -> None:
    other = server(always(answer()))
    there = server(always(answer(b"", f"Location: {other.url}/\r\n", "302 Found")))
    assert get(there.url).status == 302
    localhost = server(always(answer(b"", f"Location: http://localhost:{there.port}/\r\n", "302 Found")))
    assert get(localhost.url).status == 302
    assert other.requests == []


def resolving(monkeypatch: pytest.MonkeyPatch, *found: str) -> list[Any]:
    """Let every name resolve to these addresses; answers what is connected to."""
    connected: list[Any] = []

    def connect(address: Any, _seconds: float) -> socket.socket:
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(0, 0, 0, "", (each, 0)) for each in found])
    monkeypatch.setattr(socket, "create_connection", connect)
    return connected


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "fe80::1", "::1", "100.64.0.1"])
def test_a_name_that_resolves_to_an_address_around_us_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    connected = resolving(monkeypatch, address)
    with pytest.raises(http.NoAnswer) as caught:
        get("http://example.com/")
    assert (caught.value.kind, connected) == (http.REFUSED, [])


@pytest.mark.parametrize(
    "host",
    ["2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "[::ffff:a9fe:a9fe]", "[fd00:ec2::254]"],
)
def test_the_metadata_service_is_not_asked_however_its_address_is_written(host: str) -> None:
    with pytest.raises((http.NoAnswer, DeclarationError)) as found:
        get(f"http://{host}/latest/meta-data/")
    assert "never asked" in str(found.value)


def test_what_was_checked_is_what_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    connected = resolving(monkeypatch, "10.0.0.1", "93.184.216.34", "93.184.216.34")
    with pytest.raises(http.NoAnswer):
        get("http://example.com/")
    assert connected == [("93.184.216.34", 80)]


@pytest.mark.parametrize(
    ("host", "address", "may"),
    [
        ("example.com", "93.184.216.34", True),
        ("10.1.2.3", "10.1.2.3", True),
        ("::1", "::1", True),
        ("localhost", "127.0.0.1", True),
        ("localhost", "10.1.2.3", False),
        ("169.254.169.254", "169.254.169.254", False),
        ("fe80::1", "fe80::1", False),
        ("fd00:ec2::254", "fd00:ec2::254", False),
        ("::ffff:169.254.169.254", "::ffff:169.254.169.254", False),
        ("64:ff9b::a9fe:a9fe", "64:ff9b::a9fe:a9fe", False),
        ("example.com", "::ffff:127.0.0.1", False),
        ("0.0.0.0", "0.0.0.0", False),
        ("2130706433", "127.0.0.1", False),
        ("localhost.example.com", "127.0.0.1", False),
    ],
)
def test_addresses(host: str, address: str, may: bool) -> None:
    assert addresses.allowed(host, [address]) == ([address] if may else [])


@pytest.mark.parametrize(
    "url",
    ["ftp://x/", "file:///etc/passwd", "x", "http://", "http://u:hunter2@x/", "http://x:99999/", "http://x/a b\r\nc"],
)
def test_urls_that_may_not_be_asked(url: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        get(url)
    assert "hunter2" not in caught.value.msg


def test_a_query_is_not_shown() -> None:
    assert addresses.shown("https://x/health?token=hunter2") == "https://x/health?..."


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for the name localhost, with its key."""
    folder = tmp_path_factory.mktemp("tls")
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    files = ["-keyout", folder / "both.pem", "-out", folder / "certificate.pem"]
    subprocess.run(
        ["openssl", *words.split(), "-addext", "subjectAltName=DNS:localhost", *map(str, files)],
        check=True,
        capture_output=True,
    )
    with (folder / "both.pem").open("a") as both:
        both.write((folder / "certificate.pem").read_text())
    return folder / "both.pem"


def test_tls_is_verified_against_the_name(server: Any, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    there = server(always(answer()), context)
    by_name = f"https://localhost:{there.port}/"
    assert str(visits.asked(by_name)[0]).startswith("tls_error: the certificate is not valid")
    trusting = ssl.create_default_context(cafile=str(certificate.with_name("certificate.pem")))
    monkeypatch.setattr(http, "tls", lambda: trusting)
    with http.Client() as user:
        assert [user.get(by_name).status for _request in range(2)] == [200, 200]
    assert str(visits.asked(there.url)[0]).startswith("tls_error"), "the certificate is for another name"


def sticky(tasks: list[str]) -> Served:
    """A load balancer with stickiness, which names the task in a header and in the body."""
    turn = iter(tasks * 50)

    def serve(found: socket.socket, request: bytes) -> bool:
        cookie = next((line for line in request.decode().splitlines() if line.startswith("Cookie: T=")), None)
        name = cookie.rsplit("=", 1)[1] if cookie else next(turn)
        body = f'{{"task": {{"id": "{name}"}}}}'.encode()
        found.sendall(answer(body, f"X-Task: {name}\r\nSet-Cookie: T={name}; Path=/\r\n"))
        return True

    return serve


@pytest.mark.parametrize("identity", [{"header": "x-tAsk"}, {"path": "task.id"}])
def test_which_task_users_meet(server: Any, identity: dict[str, str]) -> None:
    there = server(sticky(["a", "b", "c"]))
    assert visits.tasks_met(there.url, identity, 5) == (["a"] * 5, ["b", "c"], {"T"})


def test_an_answer_that_names_no_task(server: Any) -> None:
    there = server(sticky(["a"]))
    assert visits.tasks_met(there.url, {"header": "x-other"}, 2)[:2] == ([None] * 2, [None] * 2)
    assert visits.tasks_met(there.url, {"path": "task.other"}, 2)[0] == [None] * 2


def test_a_user_who_is_not_served(server: Any) -> None:
    with pytest.raises(visits.NotServed) as caught:
        visits.tasks_met(server(always(answer(status="503 Service Unavailable"))).url, {"header": "x"}, 2)
    assert caught.value.found == 503
