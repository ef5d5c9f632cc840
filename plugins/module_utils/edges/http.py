# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# pylint: disable=unused-import  # pylint takes this file for Python's own package http
"""A small HTTP client, one connection and one cookie jar a client, for URLs that the inventory declares.

It connects to the address that was checked and to no other, follows no redirect to another host, and reads no more
than 64 KB in 10 seconds, whatever the other side does.
"""

from __future__ import annotations

import functools
import http.client
import http.cookiejar
import io
import socket
import ssl
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from ansible_collections.steady.ecs.plugins.module_utils.edges import waits
from ansible_collections.steady.ecs.plugins.module_utils.rules import addresses, endpoints
from ansible_collections.steady.ecs.plugins.module_utils.rules.addresses import Origin
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError

SECONDS = 10
BYTES = endpoints.BODY
REDIRECTS = 3
ADDRESSES = 2
"""How many addresses of a name are tried: one that answers is enough, and one of two families may lead nowhere."""

CONNECT, TLS, TIMEOUT, RESET, PROTOCOL, REFUSED = (
    "connect_error",
    "tls_error",
    "timeout",
    "reset",
    "protocol_error",
    "address_refused",
)


class NoAnswer(Exception):
    """A request that got no answer: its kind, one of the words above, and why, in words."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(f"{kind}: {reason}")
        self.kind = kind
        self.reason = reason


@dataclass(frozen=True)
class Response:
    """What was answered. Everything in it is foreign text."""

    status: int
    headers: dict[str, str]
    """By lower-case name; of a repeated header, the last."""
    body: bytes
    """At most 64 KB of it."""


class Client:
    """One user: its cookies, and its connection, which is kept between requests. Close it, or use it with ``with``."""

    def __init__(self) -> None:
        self._jar = http.cookiejar.CookieJar()
        self._connection: _Connection | None = None

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    @property
    def cookies(self) -> set[str]:
        """Names of the cookies that it holds."""
        return {each.name for each in self._jar}

    def close(self) -> None:
        """Close the connection; the cookies stay."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def get(self, url: str) -> Response:
        """The answer to GET. Redirects are followed where they stay with the host; another one is the answer.

        Raises NoAnswer, and DeclarationError for a URL that may not be asked.
        """
        for _redirect in range(REDIRECTS):
            found = self._get_once(url)
            target = _redirected(url, found)
            if target is None:
                return found
            url = target
        return self._get_once(url)

    def _get_once(self, url: str) -> Response:
        where = addresses.origin(url, "The URL")
        if self._connection is not None and self._connection.origin != where:
            self.close()
        reused = self._connection is not None and self._connection.sock is not None
        try:
            return self._ask(where, url)
        except _ClosedUnread:
            # A server or load balancer may close an idle connection at any moment: that is no outage (RFC 9112 9.5).
            if not reused:
                raise
        return self._ask(where, url)

    def _ask(self, where: Origin, url: str) -> Response:
        if self._connection is None:
            self._connection = _Connection(where)
        connection = self._connection
        carrier = urllib.request.Request(url)
        self._jar.add_cookie_header(carrier)
        cookie = carrier.get_header("Cookie")
        parts = urlsplit(url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.begin()
            headers = {"User-Agent": "steady.ecs", "Accept": "*/*"}
            connection.request("GET", path, headers={**headers, "Cookie": cookie} if cookie else headers)
            answer = connection.getresponse()
            self._jar.extract_cookies(answer, carrier)
            body = answer.read(BYTES)
            if answer.length and len(body) < BYTES:
                raise http.client.IncompleteRead(body)
            if not answer.isclosed():
                # What is left unread would be taken for the next answer.
                self.close()
        except NoAnswer:
            self.close()
            raise
        except (OSError, http.client.HTTPException, ValueError) as problem:
            unread = connection.received == 0
            self.close()
            raise _no_answer(problem, unread) from None
        return Response(answer.status, {name.lower(): value for name, value in answer.getheaders()}, body)


class _ClosedUnread(NoAnswer):
    """The connection was closed before the first byte of an answer."""


def _no_answer(problem: Exception, unread: bool) -> NoAnswer:
    if isinstance(problem, TimeoutError):
        return NoAnswer(TIMEOUT, f"no whole answer within {SECONDS} s")
    if isinstance(problem, (ConnectionError, ssl.SSLEOFError)):
        return (_ClosedUnread if unread else NoAnswer)(RESET, "the connection was closed")
    if isinstance(problem, ssl.SSLError):
        return NoAnswer(TLS, problem.reason or "the encrypted connection broke")
    if isinstance(problem, http.client.IncompleteRead):
        return NoAnswer(RESET, "the connection was closed in the middle of an answer")
    return NoAnswer(PROTOCOL, f"no HTTP answer ({type(problem).__name__})")


def _redirected(url: str, answer: Response) -> str | None:
    """Where to go on: the same host and port, or from http to https of the same host."""
    if answer.status not in (301, 302, 303, 307, 308) or "location" not in answer.headers:
        return None
    try:
        target = urljoin(url, answer.headers["location"])
        here, there = addresses.origin(url, "The URL"), addresses.origin(target, "The redirect")
    except (DeclarationError, ValueError):
        return None
    encrypted = Origin("https", here.host, addresses.PORTS["https"])
    upgrade = there == encrypted and (here.scheme, here.port) == ("http", addresses.PORTS["http"])
    return target if there == here or upgrade else None


@functools.cache
def tls() -> ssl.SSLContext:
    """The one context of the process: making one takes 32 ms."""
    return ssl.create_default_context()


class _Connection(http.client.HTTPConnection):
    """A connection to a checked address of an origin, whose requests have one deadline for everything."""

    def __init__(self, origin: Origin) -> None:
        super().__init__(origin.host, origin.port)
        # http.client writes the Host header without the port only for its own default, 80.
        self.default_port = addresses.PORTS[origin.scheme]
        self.origin = origin
        self.received = 0
        self._deadline = 0.0

    def begin(self) -> None:
        """Begin a request: its seconds run from here."""
        self._deadline = waits.clock.now() + SECONDS
        self.received = 0
        if self.sock is not None:
            self.sock.settimeout(self.left())

    def left(self) -> float:
        """Seconds of this request that are left. Raises TimeoutError when none are."""
        seconds = self._deadline - waits.clock.now()
        if seconds <= 0:
            raise TimeoutError
        return seconds

    def connect(self) -> None:
        """Resolve the name once, and connect to an address that may be connected to."""
        plain = self._connect_plain()
        if self.origin.scheme == "https":
            try:
                plain.settimeout(self.left())
                plain = tls().wrap_socket(plain, server_hostname=self.origin.host)
            except ssl.SSLCertVerificationError as problem:
                plain.close()
                raise NoAnswer(TLS, f"the certificate is not valid: {problem.verify_message}") from None
            except BaseException:
                plain.close()
                raise
        self.sock: Any = _Socket(plain, self)

    def _connect_plain(self) -> socket.socket:
        host = self.origin.host
        try:
            found = socket.getaddrinfo(host, self.origin.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise NoAnswer(CONNECT, f"the name {host} is not known") from None
        # Without a doublet, in the resolver's order of preference.
        resolved = list(dict.fromkeys(str(each[4][0]) for each in found))
        usable = addresses.allowed(host, resolved)
        if not usable:
            raise NoAnswer(
                REFUSED,
                f"{host} resolves to {', '.join(resolved)}; link-local addresses are never asked, private ones only "
                "when the URL names the address itself",
            )
        problem: OSError | None = None
        for address in usable[:ADDRESSES]:
            try:
                return socket.create_connection((address, self.origin.port), self.left() / ADDRESSES)
            except OSError as each:
                problem = each
        words = "no connection in time" if isinstance(problem, TimeoutError) else "no connection"
        raise NoAnswer(CONNECT, f"{words} to {usable[0]} port {self.origin.port}")


class _Socket:
    """What http.client needs of a socket, with the request's deadline in front of each read."""

    def __init__(self, inner: socket.socket, connection: _Connection) -> None:
        self._inner = inner
        self._connection = connection

    def sendall(self, data: bytes) -> None:
        self._inner.settimeout(self._connection.left())
        self._inner.sendall(data)

    def settimeout(self, seconds: float) -> None:
        self._inner.settimeout(seconds)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._inner, self._connection))

    def close(self) -> None:
        self._inner.close()


class _Reader(io.RawIOBase):
    """Bytes of a socket, as long as there is time: a per-read timeout alone lets a slow sender hold us for ever."""

    def __init__(self, inner: socket.socket, connection: _Connection) -> None:
        self._inner = inner
        self._raw = inner.makefile("rb", buffering=0)
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._inner.settimeout(self._connection.left())
        count = self._raw.readinto(buffer)
        self._connection.received += count or 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()
