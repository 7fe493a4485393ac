"""Time for the head of an HTTP request: whoever opens a connection and dawdles is cut off, byte by byte or not.

uvicorn itself waits for ever for a first request, and starts its timer anew with every byte of a later one. When it
stops, it closes connections whose request is on its way; here these get a moment, and the request is answered.
Promise: a head that arrives in one piece costs no timer. Limit: the body has a limit of its own (transport/http_body).
"""

from __future__ import annotations

import asyncio
import importlib
from typing import Any

import uvicorn

from dragoman.app.backlog import refusing
from dragoman.app.idle import idling
from dragoman.app.unread import reading
from dragoman.app.whole import WholeSend

FRESH, USED = 1.0, 0.1  # seconds that a first and a further request may be on its way when the server stops
_CLOSE = (b"connection", b"close")
_LATE = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


def leaving(base: Any) -> Any:
    """Return a protocol of uvicorn's that, when the server stops, answers the requests that are on their way."""

    class Leaving(base):  # type: ignore[misc]
        """One connection."""

        begun = False  # a head has begun, and is not complete
        ending = False

        def _start_asgi_task(self, cycle: Any, app: Any) -> None:
            # Only the faster parser's protocol asks for this.
            cycle.send = WholeSend(cycle)
            super()._start_asgi_task(cycle, app)  # pyright: ignore[reportUnknownMemberType]

        def data_received(self, data: bytes) -> None:
            super().data_received(data)  # pyright: ignore[reportUnknownMemberType]
            if self.ending and self.asked():
                self._last()

        def known(self, data: bytes) -> bool:
            """Begin the request that `data` is, and perhaps end it; or return False: here none is known."""
            return False

        def asked(self) -> bool:
            """Say whether a request is under way."""
            return self.cycle is not None and not self.cycle.response_complete

        def shutdown(self) -> None:
            """The server stops: finish what is under way or about to come, and close."""
            self.ending = True
            if self.asked():
                self._last()
            else:
                self.loop.call_later(FRESH if self.cycle is None else USED, self._leave)

        def _leave(self) -> None:
            # Whoever is in the middle of a head has its time, and an answer.
            if not self.begun and not self.asked():
                super().shutdown()  # pyright: ignore[reportUnknownMemberType]

        def _last(self) -> None:
            # What uvicorn finds among the headers of the request, it says in the response: that this was the last one.
            self.cycle.keep_alive = False
            headers = self.cycle.scope["headers"]
            if _CLOSE not in headers:
                headers.append(_CLOSE)

    return Leaving


def _parsing() -> Any:
    """Return uvicorn's protocol: the one with the faster parser if that is installed, as uvicorn itself chooses."""
    auto = importlib.import_module("uvicorn.protocols.http.auto").AutoHTTPProtocol
    if auto.__module__.endswith("httptools_impl"):
        return importlib.import_module("dragoman.app.repeated").repeated(leaving(idling(auto)))
    return leaving(auto)


def timed(seconds: float, late: float = 0.0, stalled: float = 30.0) -> type[asyncio.Protocol]:
    """Return uvicorn's protocol for HTTP/1.1, with `seconds` for each head of a request to arrive in.

    Connections that waited for more than `late` seconds are refused where many do, clients that do not read for
    `stalled` seconds cut off.
    """
    base: Any = refusing(reading(_parsing(), stalled), late)

    class Timed(base):  # type: ignore[misc]
        """One connection."""

        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)  # pyright: ignore[reportUnknownMemberType]
            self._timer = self.loop.call_later(seconds, self._late)

        def data_received(self, data: bytes) -> None:
            if self._new and self.refused():
                return
            if self.known(data):
                if self._timer is not None:
                    self._stop()
                return
            super().data_received(data)  # pyright: ignore[reportUnknownMemberType]
            # No request under way: what came was the beginning of a head, or the rest of a body that nobody reads.
            if not self.asked():
                self.begun = True
                if self._timer is None:
                    self._timer = self.loop.call_later(seconds, self._late)
            elif self._timer is not None:
                self._stop()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop()
            super().connection_lost(exc)  # pyright: ignore[reportUnknownMemberType]

        def _stop(self) -> None:
            self.begun = False
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _late(self) -> None:
            self._timer = None
            if self.begun and not self.transport.is_closing():
                self.transport.write(_LATE)
            self.end()

    return Timed


def configured(app: Any, seconds: float, late: float = 0.0, stalled: float = 30.0, **options: Any) -> uvicorn.Config:
    """Return uvicorn's configuration for `app`, with what `timed` says."""
    return uvicorn.Config(app, http=timed(seconds, late, stalled), **options)
