"""POST to one address that the user named, the answer read as it comes: how a model's endpoint is spoken to.

Promise: leaving early closes the connection, so that the endpoint works for nobody; heads and bodies are bounded.
Limit: no redirect is followed, since the key in the headers is for that address only.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from dragoman.errors import ClosedError, LocalError, MalformedError, TransportError
from dragoman.ports.exchange import Fields
from dragoman.transport.http_route import Route, route_to
from dragoman.transport.http_settings import HttpSettings
from dragoman.transport.http_wire import Pool


class Streamed(NamedTuple):
    """An answer: its head, and its body in pieces. Header names are lower-case."""

    status: int
    headers: Fields
    chunks: AsyncIterator[bytes]


class Post:
    """One address to post to. Connections are kept for the next request."""

    def __init__(self, url: str, settings: HttpSettings | None = None) -> None:
        """Raises LocalError for a URL that cannot be used."""
        if not url.lower().startswith(("http://", "https://")):
            raise LocalError(f"{url[:200]!r}: only http:// and https:// addresses can be called")
        self._url, self._settings = url, settings or HttpSettings()
        self.where = url.partition("?")[0]
        self._found: tuple[Route, Pool] | None = None

    @asynccontextmanager
    async def send(self, body: bytes, headers: Fields) -> AsyncGenerator[Streamed]:
        """Yield the answer as soon as its head is there. Raises TransportError."""
        route, pool = self._way()
        lines = "".join(f"{name}: {_clean(name, value)}\r\n" for name, value in headers.items())
        head = f"POST {route.target} HTTP/1.1\r\nhost: {route.authority}\r\nuser-agent: dragoman\r\n{lines}"
        if route.proxy is not None and route.proxy.authorization and route.tls is None:
            head += f"proxy-authorization: {route.proxy.authorization}\r\n"
        wire = await pool.take()
        try:
            reply = await wire.ask(f"{head}content-length: {len(body)}\r\n\r\n".encode("latin-1") + body)

            async def chunks() -> AsyncIterator[bytes]:
                size = 0
                while chunk := await wire.chunk():
                    size += len(chunk)
                    if size > self._settings.max_bytes:
                        raise TransportError(f"{self.where} sends more than {self._settings.max_bytes} bytes")
                    yield chunk

            yield Streamed(reply.status, dict(reply.headers), chunks())
        except (ClosedError, MalformedError) as error:
            wire.abort()
            raise ClosedError(f"{self.where}: {error}") from None
        except BaseException:
            wire.abort()
            raise
        wire.finish()

    def _way(self) -> tuple[Route, Pool]:
        if self._found is None:
            # When it is first needed: certificates take their time to load.
            route = route_to(self._url, self._settings)
            self._found = route, Pool(route, self._settings, self.where)
        return self._found

    async def close(self) -> None:
        """Close all connections."""
        if self._found is not None:
            await self._found[1].close()
            self._found = None


def _clean(name: str, value: str) -> str:
    if any(ord(char) < 32 or ord(char) > 255 or char == "\x7f" for char in name + value):
        raise LocalError(f"the header {name!r} has characters that no header can have")
    return value
