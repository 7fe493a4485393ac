"""The one way out of a sandbox: a proxy that opens connections to the hosts that were named, and to no others.

A wildcard never leads into a private network; a host that was named literally may lie in one. Names are resolved here,
and the address that was judged is the one that is connected to. Limit: in TLS the name is what the client says to the
proxy; a server that fronts for others is trusted with all of them. Source: RFC 9110, section 9.3.6; RFC 9112, 3.2.2.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, ip_address
from typing import NamedTuple, TypeAlias
from urllib.parse import urlsplit

from dragoman.protocol.addresses import Reach, reach_of

PORT = 3128  # in the sandbox's own network, where nothing else listens
MAX_HEAD = 16 * 1024  # bytes
MAX_OPEN = 64  # connections at a time
HEAD_SECONDS = 30.0
CONNECT_SECONDS = 20.0
IDLE_SECONDS = 600.0
_PIECE = 64 * 1024
_USUAL_PORTS = {80, 443}
# For examples and benchmarks: nothing is there, so resolvers of some networks give them for names that a gateway of
# theirs looks up itself. A host that the user named may have one.
_STAND_INS = [IPv4Network(net) for net in ("192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24")]
# Alone, a sign of CR LF ends a line for some servers and not for others, which then read a head that was not judged
# (RFC 9112, section 2.2). Controls in an address are left out by what reads it: another would be judged than is sent.
_ODD = re.compile(rb"\r(?!\n)|(?<!\r)\n|\x00")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_HOP = {b"connection", b"proxy-connection", b"proxy-authorization", b"keep-alive", b"te", b"upgrade", b"host"}


class RefusedError(Exception):
    """A connection is not made; the words say why."""


class Where(NamedTuple):
    """What a client wants to reach."""

    host: str
    port: int


class Doors(NamedTuple):
    """The hosts that may be reached, as they were written: `api.example.com`, `*.example.com:8443`."""

    hosts: Sequence[str]

    def judge(self, where: Where) -> bool:
        """Return whether the host was named literally, so that it may be near. Raises RefusedError for others."""
        wild = False
        for written in self.hosts:
            name, port = _split(written)
            if (port is not None and port != where.port) or (port is None and where.port not in _USUAL_PORTS):
                continue
            if name == where.host:
                return True
            wild = wild or (name.startswith("*.") and where.host.endswith(name[1:]) and not _is_address(where.host))
        if not wild:
            raise RefusedError(f"{where.host}:{where.port} is not among the hosts that may be reached")
        return False


async def resolve_name(host: str, port: int) -> list[str]:
    """Return the addresses of a host. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


Resolve: TypeAlias = Callable[[str, int], Awaitable[list[str]]]


class Proxy:
    """Serves one sandbox. `told` gets a line for each host that was refused, once."""

    def __init__(self, hosts: Sequence[str], told: Callable[[str], object], resolve: Resolve = resolve_name) -> None:
        self._resolve = resolve
        self._doors = Doors(hosts)
        self._told = told
        self._refused: set[str] = set()
        self._open = 0

    async def serve(self, listener: socket.socket) -> None:
        """Serve until cancelled."""
        server = await asyncio.start_server(self._client, sock=listener, limit=MAX_HEAD)
        async with server:
            await server.serve_forever()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open > MAX_OPEN:
                raise RefusedError("too many connections at a time")
            await self._pass(reader, writer)
        except RefusedError as error:
            self._say(str(error))
            body = f"dragoman: {error}\n".encode()
            head = f"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
            writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        finally:
            self._open -= 1
            with suppress(OSError):
                await writer.drain()
            writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(HEAD_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
        where, first = read_head(head)
        literal = self._doors.judge(where)
        async with asyncio.timeout(CONNECT_SECONDS):
            far_reader, far_writer = await _connected(where, await self._resolve(*where), near=literal)
        try:
            if first:
                far_writer.write(first)
            else:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            ways = [_relay(reader, far_writer), _relay(far_reader, writer)]
            await asyncio.gather(*ways)
        finally:
            far_writer.close()

    def _say(self, text: str) -> None:
        if text not in self._refused and len(self._refused) < 100:
            self._refused.add(text)
            self._told(text)


def read_head(head: bytes) -> tuple[Where, bytes]:
    """Return where a request goes, and what is sent there first: b"" for a tunnel. Raises RefusedError."""
    if _ODD.search(head):
        raise RefusedError("what came has line ends that servers read in different ways")
    line, _, rest = head.partition(b"\r\n")
    words = line.split(b" ")
    if len(words) != 3 or not words[2].startswith(b"HTTP/1.") or _CONTROL.search(words[1]):
        raise RefusedError("what came was no request to a proxy")
    method, target = words[0], words[1].decode("latin-1")
    try:
        parts = urlsplit(f"//{target}" if method == b"CONNECT" else target)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise RefusedError("what came names no host that can be read") from None
    if not host or "@" in parts.netloc:
        raise RefusedError("what came names no host that can be read")
    if method == b"CONNECT":
        if port is None or parts.path:
            raise RefusedError("what came names no port")
        return Where(host, port), b""
    if parts.scheme != "http":
        raise RefusedError(f"{parts.scheme or 'no scheme'}: only http goes without a tunnel")
    path = target[target.index("://") + 3 + len(parts.netloc) :].partition("#")[0] or "/"
    path = path if path.startswith("/") else f"/{path}"
    # The name in the head is the one that was judged, and the connection ends with the answer.
    fields = [field for field in rest.split(b"\r\n") if field and _name(field) not in _HOP]
    lines = [b"%s %s HTTP/1.1" % (method, path.encode("latin-1")), b"Host: " + parts.netloc.encode("latin-1")]
    return Where(host, port or 80), b"\r\n".join([*lines, *fields, b"Connection: close", b"", b""])


def _name(field: bytes) -> bytes:
    return field.partition(b":")[0].strip().lower()


def _split(written: str) -> tuple[str, int | None]:
    parts = urlsplit(f"//{written}")
    return (parts.hostname or "").rstrip("."), parts.port


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


async def _connected(
    where: Where, found: Sequence[str], *, near: bool
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    addresses = [address for address in found if _reachable(address, near=near)]
    if not addresses:
        raise RefusedError(f"{where.host} leads to a place that a sandbox may not reach")
    fault: OSError | None = None
    for address in addresses:
        try:
            return await asyncio.open_connection(address, where.port)
        except OSError as error:
            fault = error
    raise fault or OSError("nothing to connect to")


def _reachable(address: str, *, near: bool) -> bool:
    reach = reach_of(address)
    if not near or reach is not Reach.NEVER:
        return reach <= (Reach.LOOPBACK if near else Reach.PUBLIC)
    return ":" not in address and any(IPv4Address(address) in net for net in _STAND_INS)


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, TimeoutError):
        while True:
            async with asyncio.timeout(IDLE_SECONDS):
                data = await reader.read(_PIECE)
            if not data:
                break
            writer.write(data)
            await writer.drain()
    with suppress(OSError):
        writer.write_eof()
