"""The one way to fetch what a peer named: metadata, keys, descriptions, icons, links.

A name is resolved once, all its addresses are judged, and the connection goes to one that was judged. TLS is verified
against the name. Follows no redirect unless told to, and judges each hop anew. Keeps no connection and no cookie.
Source: specification, security best practices "Server-Side Request Forgery"; RFC 9700, section 4.11.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias
from urllib.parse import urljoin

import msgspec

from dragoman.errors import ClosedError, MalformedError, TransportError, UnreachableError, UnsafeAddressError
from dragoman.ports.exchange import NO_FIELDS, Fields
from dragoman.ports.fetch import Fetched
from dragoman.protocol.addresses import Place, Reach, allowed_from, place_of, reach_of, shown_url
from dragoman.transport.http_route import route_to
from dragoman.transport.http_settings import HttpSettings
from dragoman.transport.http_wire import Pool, Wire

MAX_BYTES = 256 * 1024
SECONDS = 10.0  # for one request, its redirects included
ADDRESSES = 4  # of one name, that are tried one after the other
_MOVED = frozenset({301, 302, 303, 307, 308})

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]


class SafeFetcher:
    """Fetches from the internet, and from nearer only what `reach` allows.

    `base` is the URL that the user gave, from which `reach` follows unless it is given: documents of a server on this
    machine may lie on this machine or in its networks, those of a server in a private network there, all others on the
    internet only.  Plain http is for what is not on the internet.  `settings` say which proxy and certificates are
    used; a proxy is asked for the judged address, never for a name.
    """

    def __init__(
        self,
        base: str = "",
        *,
        reach: Reach | None = None,
        settings: HttpSettings | None = None,
        max_bytes: int = MAX_BYTES,
        seconds: float = SECONDS,
        redirects: int = 0,
        resolve: Resolve | None = None,
    ) -> None:
        """Raises UnsafeAddressError for a `base` that is no URL."""
        self._reach = reach if reach is not None else allowed_from(base) if base else Reach.PUBLIC
        self._settings = settings or HttpSettings()
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._redirects = redirects
        self._resolve = resolve or resolve_name
        self._wires: set[Wire] = set()
        self._closed = False

    async def get(self, url: str, headers: Fields = NO_FIELDS) -> Fetched:
        """Return the answer to a GET, whatever its status.

        Headers of the caller's go to the first address only.  Raises UnsafeAddressError before a byte is sent,
        TransportError when nothing comes back in time or too much does.
        """
        async with self._timed(url):
            fetched = await self._once("GET", url, headers, None)
            for _ in range(self._redirects):
                location = fetched.headers.get("location")
                if fetched.status not in _MOVED or not location:
                    break
                fetched = await self._once("GET", urljoin(fetched.url, location), NO_FIELDS, None)
            return fetched

    async def post(self, url: str, body: bytes, headers: Fields = NO_FIELDS) -> Fetched:
        """Return the answer to a POST. Follows no redirect. Raises what `get` does."""
        async with self._timed(url):
            return await self._once("POST", url, headers, body)

    async def close(self) -> None:
        """Break off what is under way."""
        self._closed = True
        for wire in list(self._wires):
            wire.abort()
        await asyncio.sleep(0)

    @asynccontextmanager
    async def _timed(self, url: str) -> AsyncGenerator[None, None]:
        try:
            async with asyncio.timeout(self._seconds):
                yield
        except TimeoutError:
            raise TransportError(f"{shown_url(url)} did not answer within {self._seconds:g} s") from None

    async def _once(self, method: str, url: str, headers: Fields, body: bytes | None) -> Fetched:
        if self._closed:
            raise TransportError("this fetcher is closed")
        place = place_of(url)
        addresses = await self._judged(place, url)
        for number, address in enumerate(addresses, 1):
            try:
                return await self._from(address, place, method, url, headers, body)
            except UnreachableError:
                # Nothing was sent: another address of the same name may answer.
                if number == len(addresses):
                    raise
        raise UnreachableError(f"{shown_url(url)} cannot be reached: its name has no address")

    async def _judged(self, place: Place, url: str) -> Sequence[str]:
        """Return the addresses that may be connected to. Raises UnsafeAddressError if any of them may not."""
        try:
            found = [place.host] if place.is_address else await self._resolve(place.host, place.port)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UnreachableError(f"{shown_url(url)} cannot be reached: {reason}") from None
        for address in found:
            reach = reach_of(address)
            if reach > self._reach:
                raise UnsafeAddressError(
                    "this leads to an address that may not be reached from here; if it should be, give its owner's "
                    "address as one of this machine or network, or allow it",
                    url=shown_url(url),
                )
            if reach is Reach.PUBLIC and place.scheme != "https":
                raise UnsafeAddressError("what is on the internet is fetched over https only", url=shown_url(url))
        return found[:ADDRESSES]

    async def _from(
        self, address: str, place: Place, method: str, url: str, headers: Fields, body: bytes | None
    ) -> Fetched:
        # No proxy lies between here and what is near, and plain http is only for that.
        near = reach_of(address) is not Reach.PUBLIC
        settings = msgspec.structs.replace(self._settings, proxy="") if near else self._settings
        route = route_to(url, settings)._replace(host=place.host, port=place.port, pinned=address)
        where = shown_url(url)
        lines = "".join([f"{name}: {_clean(name, value)}\r\n" for name, value in headers.items()])
        head = f"{method} {route.target} HTTP/1.1\r\nhost: {route.authority}\r\nuser-agent: dragoman\r\n"
        if "accept" not in {name.lower() for name in headers}:
            head += "accept: application/json\r\n"
        if body is not None:
            head += f"content-length: {len(body)}\r\n"
        pool = Pool(route, settings, where)
        wire = await pool.take()
        self._wires.add(wire)
        try:
            reply = await wire.ask(f"{head}connection: close\r\n{lines}\r\n".encode("latin-1") + (body or b""))
            return Fetched(reply.status, dict(reply.headers), await self._body(wire, where), url)
        except (ClosedError, MalformedError) as error:
            raise TransportError(f"{where}: {error}") from None
        finally:
            self._wires.discard(wire)
            wire.abort()
            await pool.close()

    async def _body(self, wire: Wire, where: str) -> bytes:
        body = bytearray()
        while chunk := await wire.chunk():
            body += chunk
            if len(body) > self._max_bytes:
                raise TransportError(f"{where} sends more than {self._max_bytes} bytes, which is the most taken")
        return bytes(body)


def _clean(name: str, value: str) -> str:
    if any(ord(char) < 32 or ord(char) > 255 or char == "\x7f" for char in name + value):
        raise TransportError(f"the header {name!r} has characters that no header can have")
    return value


async def resolve_name(host: str, port: int) -> Sequence[str]:
    """Return the addresses that the system knows for `host`. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # An IPv6 address with a zone comes with a fourth element that is not 0; written out, it is judged as what it is.
    return list(dict.fromkeys(f"{info[4][0]}" for info in found))
