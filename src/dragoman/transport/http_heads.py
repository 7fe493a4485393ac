"""The heads of a client's requests: what all of them have is written once, and a request like the last ones is known.

Promise: a head is always what it would be if it were written anew. Limit: known by the mapping that its fields come in,
so whoever makes one mapping per kind of request, and changes none, has them cheaply.
"""

from __future__ import annotations

from dragoman.ports.exchange import NO_FIELDS, Fields
from dragoman.transport.http_route import Route

MOST = 64  # kinds of requests that are known


class Heads:
    """The heads of requests by one `route`. `headers` are in all of them."""

    def __init__(self, route: Route, headers: Fields) -> None:
        shared = f" {route.target} HTTP/1.1\r\nhost: {route.authority}\r\nuser-agent: dragoman\r\n"
        if route.proxy is not None and route.proxy.authorization and route.tls is None:
            shared += f"proxy-authorization: {route.proxy.authorization}\r\n"
        self._shared = shared + _lines(headers)
        # By identity: the mapping is kept beside its head, so that no other can take its place.
        self._known: dict[tuple[str, str, int], tuple[Fields, bytes]] = {}

    def of(self, method: str, fields: str, headers: Fields) -> bytes:
        """Return the request line and header fields of a request, without what is about its body, and without end."""
        key = method, fields, id(headers)
        known = self._known.get(key)
        if known is not None:
            return known[1]
        head = f"{method}{self._shared}{fields}{_lines(headers)}".encode("latin-1")
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[key] = headers, head
        return head


def more(proof: Fields | None, session: str | None) -> bytes:
    """Return the fields that differ from one request to the next: what credentials gave for it, and its session."""
    lines = _lines(proof or NO_FIELDS)
    if session is not None:
        lines += f"mcp-session-id: {session}\r\n"
    return lines.encode("latin-1")


def _lines(headers: Fields) -> str:
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
