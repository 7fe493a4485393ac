"""Clients that do not read what they are sent: their connection ends, and what was kept for them is let go.

A call that waits for such a client is given up by its transport. But a connection that is closed first sends the rest,
which then is never: descriptor and bytes would stay for as long as the client likes. So it is broken off.
Promise: a client that reads, however slowly, is not touched.
"""

from __future__ import annotations

import asyncio
from typing import Any

# Looks in the time that a client has; after all but one without progress it is over, so just before its call is.
LOOKS = 4


class Unread:
    """Watches one connection from `begin` to `end`. A client that takes nothing for `seconds` is cut off."""

    def __init__(self, loop: asyncio.AbstractEventLoop, transport: Any, seconds: float) -> None:
        self._loop = loop
        self._transport = transport
        self._pause = seconds / LOOKS
        self._timer: asyncio.TimerHandle | None = None
        self._left = 0  # bytes that it has not taken
        self._idle = 0  # looks at which that was no less

    def begin(self) -> None:
        """The client has stopped taking what it is sent, or is to take the rest before it is closed."""
        if self._timer is None:
            self._left = self._transport.get_write_buffer_size()
            self._idle = 0
            self._timer = self._loop.call_later(self._pause, self._look)

    def end(self) -> None:
        """It takes it again, or is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        left = self._transport.get_write_buffer_size()
        self._idle = 0 if left < self._left else self._idle + 1
        self._left = left
        if self._idle >= LOOKS - 1:
            self._timer = None
            self._transport.abort()
        else:
            self._timer = self._loop.call_later(self._pause, self._look)


def reading(base: Any, seconds: float) -> Any:
    """Return a protocol of uvicorn's that cuts off a client which takes nothing of what it is sent for `seconds`."""

    class Reading(base):  # type: ignore[misc]
        """One connection."""

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)  # pyright: ignore[reportUnknownMemberType]
            self._unread = Unread(self.loop, transport, seconds)

        def pause_writing(self) -> None:
            super().pause_writing()  # pyright: ignore[reportUnknownMemberType]
            self._unread.begin()

        def resume_writing(self) -> None:
            self._unread.end()
            super().resume_writing()  # pyright: ignore[reportUnknownMemberType]

        def timeout_keep_alive_handler(self) -> None:
            # Named by uvicorn: an unused connection is closed, which takes until its client has read everything.
            super().timeout_keep_alive_handler()  # pyright: ignore[reportUnknownMemberType]
            self._unread.begin()

        def end(self) -> None:
            """Close the connection; its client has some time for what it was sent last."""
            self.transport.close()
            self._unread.begin()

        def connection_lost(self, exc: Exception | None) -> None:
            self._unread.end()
            super().connection_lost(exc)  # pyright: ignore[reportUnknownMemberType]

    return Reading
