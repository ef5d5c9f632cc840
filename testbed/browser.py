"""A user's browser: one keep-alive connection and one cookie jar, on asyncio streams alone."""

import asyncio
import json
import re
import time
from urllib.parse import urlsplit

STALE_SECONDS = 0.5  # a closed idle connection shows at once; what comes later was a request that broke


class Failed(Exception):
    """A request failed: the kind of failure, and what was seen."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind


class Stale(Exception):
    """A reused connection was closed before any byte of an answer."""


class Browser:
    """One keep-alive connection and one cookie jar: HTTP/1.1, one request at a time."""

    def __init__(self, url: str, timeout: float) -> None:
        parts = urlsplit(url)
        self.host, self.port, self.timeout = parts.hostname or "", parts.port or 80, timeout
        self.cookies: dict[str, str] = {}
        self.stale = 0
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def request(
        self, method: str, path: str, request_id: str, value: object = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers, body. Raises Failed. A stale connection is replaced once."""
        try:
            async with asyncio.timeout(self.timeout):
                try:
                    return await self._once(method, path, request_id, value)
                except Stale:
                    self.stale += 1
                    return await self._once(method, path, request_id, value)
        except TimeoutError:
            self.close()
            raise Failed("timeout", f"{method} {path}: no answer within {self.timeout:g} s") from None
        except Failed:
            self.close()
            raise

    async def _once(self, method: str, path: str, request_id: str, value: object) -> tuple[int, dict[str, str], bytes]:
        if self._streams is not None and self._streams[0].at_eof():
            self.close()  # closed while nobody used it: no client would call that a failure
        reused = self._streams is not None
        if self._streams is None:
            try:
                self._streams = await asyncio.open_connection(self.host, self.port)
            except OSError as error:
                raise Failed("connect_error", f"{method} {path}: {error}") from error
        reader, writer = self._streams
        body = b"" if value is None else json.dumps(value).encode()
        cookie = "; ".join(f"{name}={content}" for name, content in self.cookies.items())
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}:{self.port}", f"X-Request-Id: {request_id}"]
        lines += [f"Cookie: {cookie}"] if cookie else []
        lines += [f"Content-Length: {len(body)}", "Content-Type: application/json"] if value is not None else []
        sent, first = time.monotonic(), b""
        try:
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            await writer.drain()
            first = await reader.readline()
            if not first:
                raise ConnectionError("closed without an answer")
            return await self._answer(first, reader)
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            self.close()
            if reused and not first and time.monotonic() - sent < STALE_SECONDS:
                raise Stale from error
            raise Failed("reset", f"{method} {path}: {error or type(error).__name__}") from error

    async def _answer(self, first: bytes, reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
        match = re.match(rb"HTTP/1\.[01] (\d{3})\b", first)
        if match is None:
            raise ValueError(f"no status line: {first[:100]!r}")
        status, headers = int(match[1]), {}
        while (line := await reader.readline()) != b"\r\n":
            if not line:
                raise ConnectionError("closed within the headers")
            name, _, content = line.decode("latin-1").strip().partition(":")
            if name.lower() == "set-cookie":
                key, _, cookie = content.strip().partition(";")[0].partition("=")
                self.cookies[key] = cookie
            headers[name.lower()] = content.strip()
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = b""
            while size := int(await reader.readline(), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readline()
        elif "content-length" in headers:
            body = await reader.readexactly(int(headers["content-length"]))
        else:
            body = await reader.read()
            self.close()
        if headers.get("connection", "").lower() == "close":
            self.close()
        return status, headers, body

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
