"""An answer that is there as a whole goes to the socket in one write, with its head.

uvicorn writes head and body apart, as ASGI hands them over: a second packet, for which a client wakes and reads once
more, which costs it half as much again as the whole call (docs/design/syscalls.md).
Promise: what cannot be written like this is left to uvicorn. Limit: its parser `httptools` only.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

_HEAD = b"HTTP/1.1 200 OK\r\n"
_JSON = b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b"


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

    def whole(self, body: bytes) -> bool:
        """Answer with 200 and this JSON, and return True; or do nothing and return False."""
        cycle = self._cycle
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
        head = _HEAD
        for name, value in cycle.default_headers:
            head += b"%b: %b\r\n" % (name, value)
        cycle.transport.write(head + _JSON % (len(body), body))
        cycle.message_event.set()
        cycle.on_response()
        return True
