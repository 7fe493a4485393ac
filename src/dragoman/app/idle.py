"""Connections that nobody uses are closed after a while, by one timer each that looks now and then.

uvicorn starts a timer after each answer and cancels it at the next request, which costs more than to note the time.
Promise: closed no earlier than uvicorn would, and no later. Limit: none known.
"""

from __future__ import annotations

import asyncio
from typing import Any


def idling(base: Any) -> Any:
    """Return a protocol of uvicorn's with one timer where it has one for each answer."""

    class Idling(base):  # type: ignore[misc]
        """One connection."""

        timeout_keep_alive_task: asyncio.TimerHandle | None
        _since = 0.0  # when it fell idle, by the loop's clock; 0 while it is used

        def on_response_complete(self) -> None:
            if self.pipeline:
                super().on_response_complete()  # pyright: ignore[reportUnknownMemberType]
                return
            self.server_state.total_requests += 1
            if self.transport.is_closing():
                return
            if self.flow.read_paused:
                self.flow.resume_reading()
            self._since = self.loop.time()
            if self.timeout_keep_alive_task is None:
                self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self._look)

        def _unset_keepalive_if_required(self) -> None:
            # Named by uvicorn: something came in, or nothing will.
            self._since = 0.0

        def _look(self) -> None:
            self.timeout_keep_alive_task = None
            if not self._since:
                return  # the answer will begin anew
            left = self._since + self.timeout_keep_alive - self.loop.time()
            if left > 0:
                self.timeout_keep_alive_task = self.loop.call_later(left, self._look)
            else:
                self.timeout_keep_alive_handler()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)  # pyright: ignore[reportUnknownMemberType]
            if self.timeout_keep_alive_task is not None:
                self.timeout_keep_alive_task.cancel()
                self.timeout_keep_alive_task = None

    return Idling
