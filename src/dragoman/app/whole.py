"""An answer that is there as a whole goes to the socket in one write, with its head.

uvicorn writes head and body apart, as ASGI hands them over: a second packet, for which a client wakes and reads once
more, which costs it half as much again as the whole call (docs/design/syscalls.md).
Promise: what cannot be written like this is left to uvicorn. Limit: its parser `httptools` only.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

_HEAD = b"HTTP/1.1 200 OK\r\n%bcontent-type: application/json\r\ncontent-length: %%d\r\n\r\n"
ALONE = 64 * 1024  # bytes of a body from which on copying it costs more than a second write
# The lines that uvicorn puts into every head, and the head that they make: they change once a second.
_made: tuple[Any, bytes] = (None, b"")


class WholeSend:
    """The `send` of one request: ASGI's, which also takes a JSON answer whole. `cycle` is uvicorn's of the request."""

    __slots__ = ("_cycle", "_plain")

    def __init__(self, cycle: Any) -> None:
        self._cycle = cycle
        self._plain = cycle.send

    def __call__(self, message: Any) -> Awaitable[None]:
        """Send one ASGI message."""
        sent: Awaitable[None] = self._plain(message)
        return sent

    def abort(self) -> None:
        """Break the connection off: its client does not read, and to close it would wait until it does."""
        self._cycle.disconnected = True
        self._cycle.transport.abort()

    def whole(self, body: bytes) -> bool:
        """Answer with 200 and this JSON, and return True; or do nothing and return False."""
        if not write_whole(self._cycle, body):
            return False
        self._cycle.message_event.set()
        return True


def write_whole(cycle: Any, body: bytes) -> bool:
    """Answer the request of `cycle` with 200 and this JSON, and return True; or do nothing and return False."""
    if (
        cycle.response_started
        or cycle.disconnected
        or not cycle.keep_alive
        or cycle.flow.write_paused
        or cycle.access_log
        or cycle.scope["method"] != "POST"
    ):
        return False
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    _write(cycle.transport, cycle.default_headers, body)
    cycle.on_response()
    return True


def write_answer(connection: Any, body: bytes) -> None:
    """Answer the request that is under way on a connection of uvicorn's, without asking whether that can be."""
    _write(connection.transport, connection.server_state.default_headers, body)
    connection.on_response_complete()


def _write(transport: Any, lines: Any, body: bytes) -> None:
    global _made
    made, form = _made
    if made is not lines:
        # No field that uvicorn itself or a user gives it has a per cent sign that would be taken for a place.
        form = _HEAD % b"".join(b"%b: %b\r\n" % line for line in lines).replace(b"%", b"%%")
        _made = lines, form
    head = form % len(body)
    if len(body) < ALONE:
        transport.write(head + body)
    else:
        transport.write(head)
        transport.write(body)
