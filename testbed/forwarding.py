"""One request through the load balancer: headers, streaming both ways, and the load balancer's own answers.

User guide, "HTTP headers and Application Load Balancers" and "Troubleshoot your Application Load Balancers".
"""

import secrets
import time
from collections.abc import Callable

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, web
from yarl import URL

from .elbv2.model import Balancer, Target

HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
REPLACED = {"host", "expect", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto", "x-amzn-trace-id"}
PHRASES = {
    400: "Bad Request",
    405: "Method Not Allowed",
    502: "Bad Gateway",
    503: "Service Temporarily Unavailable",
    504: "Gateway Time-out",
}
CONNECT_SECONDS = 10  # 504: "failed to establish a connection to the target before the connection timeout expired"
SERVER = {"Server": "awselb/2.0"}
Headers = list[tuple[str, str]]


def own_answer(status: int) -> web.Response:
    """An error that the load balancer itself generates, in the form that an Application Load Balancer gives it."""
    title = f"{status} {PHRASES[status]}"
    text = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    )
    return web.Response(status=status, reason=PHRASES[status], text=text, content_type="text/html", headers=SERVER)


class PassedOn(web.StreamResponse):  # type: ignore[misc]  # aiohttp is in the bed's environment only
    """A target's answer. aiohttp would give it a Server and a Content-Type of its own where the target sent none."""

    async def _prepare_headers(self) -> None:
        absent = [name for name in ("Server", "Content-Type") if name not in self.headers]
        await super()._prepare_headers()
        for name in absent:
            self.headers.popall(name, None)


def end_to_end(headers: Headers) -> Headers:
    """Headers without those that concern one connection only (RFC 9110, section 7.6.1)."""
    named = {w.strip().lower() for k, v in headers if k.lower() == "connection" for w in v.split(",")}
    return [(k, v) for k, v in headers if k.lower() not in HOP_BY_HOP | named]


def to_target(headers: Headers, port: int, client: str) -> Headers:
    """The request's headers as the target receives them."""
    sent = {k.lower(): v for k, v in headers}
    host = sent.get("host", "")
    if port not in (80, 443):
        host = host if not host or ":" in host else f"{host}:{port}"
    found = [(k, v) for k, v in end_to_end(headers) if k.lower() not in REPLACED]
    forwarded = ", ".join([*(v for k, v in headers if k.lower() == "x-forwarded-for"), client])
    found += [("X-Forwarded-For", forwarded), ("X-Forwarded-Proto", "http"), ("X-Forwarded-Port", str(port))]
    trace, stamp = sent.get("x-amzn-trace-id"), f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    found.append(("X-Amzn-Trace-Id", f"Self={stamp};{trace}" if trace else f"Root={stamp}"))
    return ([("Host", host)] if host else []) + found


class Forwarder:
    """Connections to targets, kept alive between requests: one pool for each idle timeout."""

    def __init__(self) -> None:
        self.sessions: dict[float, ClientSession] = {}

    def session(self, idle: float) -> ClientSession:
        """What sends requests over connections that are kept for so many seconds. The idle timeout is that of "an
        existing client or target connection" (user guide, "Edit attributes for your Application Load Balancer")."""
        if idle in self.sessions:
            return self.sessions[idle]
        session = self.sessions[idle] = ClientSession(
            connector=TCPConnector(limit=0, keepalive_timeout=idle),
            cookie_jar=DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            max_line_size=32768,
            max_field_size=32768,
        )
        # A load balancer sends a request once: aiohttp would repeat an idempotent one whose connection broke. There is
        # no public switch; aiohttp's own test client sets this one.
        session._retry_connection = False
        return session

    async def close(self) -> None:
        for session in self.sessions.values():
            await session.close()

    async def forward(
        self,
        request: web.BaseRequest,
        target: Target,
        balancer: Balancer,
        port: int,
        cookies: Callable[[list[str]], list[str]],
    ) -> web.StreamResponse:
        """The target's answer, passed on as it comes; `cookies` gives the Set-Cookie values to add to its own,
        whose names it is given.

        502 if the target cannot be reached, closes the connection before it answers, or its deregistration delay
        ends first; 504 if it is silent for longer than the idle timeout. Once the answer has begun, all of these
        close the client's connection.
        """
        response = PassedOn()
        try:
            async with target.flight() as flight:
                await self._exchange(request, response, target, balancer, port, cookies)
            return response
        except TimeoutError:
            status = 502 if flight.expired() else 504
        except (ClientError, OSError):
            status = 502
        if not response.prepared:
            return own_answer(status)
        if request.transport:
            request.transport.close()
        return response

    async def _exchange(
        self,
        request: web.BaseRequest,
        response: web.StreamResponse,
        target: Target,
        balancer: Balancer,
        port: int,
        cookies: Callable[[list[str]], list[str]],
    ) -> None:
        headers = to_target(list(request.headers.items()), port, peer(request))
        idle = float(balancer.attributes["idle_timeout.timeout_seconds"])
        async with self.session(idle).request(
            request.method,
            URL(f"http://{target.at[0]}:{target.at[1]}{request.raw_path}", encoded=True),
            data=request.content if request.body_exists else None,
            headers=headers,
            allow_redirects=False,
            timeout=ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=idle),
        ) as answer:
            response.set_status(answer.status, answer.reason)
            for name, value in end_to_end(list(answer.headers.items())):
                response.headers.add(name, value)
            own = [value.partition("=")[0].strip() for value in answer.headers.getall("Set-Cookie", [])]
            for value in cookies(own):
                response.headers.add("Set-Cookie", value)
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()


def peer(request: web.BaseRequest) -> str:
    """The client's address."""
    found = request.transport.get_extra_info("peername") if request.transport else None
    return str(found[0]) if found else "127.0.0.1"
