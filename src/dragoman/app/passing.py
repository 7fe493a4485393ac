"""One call on its way through a proxy: what the server behind says and asks meanwhile reaches the client in front.

Notices keep their order, and are all told before the call is answered.
Limit: on a way that does not tell calls apart, as stdio, a log message or question goes to the call that came last.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import msgspec
from msgspec import UNSET

from dragoman.errors import LocalError, PeerError, RequestError
from dragoman.protocol.dress import NO_META, Dress, dress_of
from dragoman.protocol.eras import Era
from dragoman.protocol.exchange import Call
from dragoman.protocol.forwarding import renumbered
from dragoman.wire.base import EMPTY, Implementation
from dragoman.wire.jsonrpc import INVALID_REQUEST, Frame, Notification
from dragoman.wire.notices import CANCELLED, MESSAGE, PROGRESS, Progress
from dragoman.wire.questions import ELICIT, ROOTS, SAMPLE, CreateMessage, Elicit, ListRoots
from dragoman.wire.subscriptions import ACKNOWLEDGED, LISTEN

UNNAMED = Implementation(name="unknown", version="0")
QUESTIONS: dict[str, Any] = {ELICIT: Elicit, SAMPLE: CreateMessage, ROOTS: ListRoots}
_CHANGES = "list_changed", "resources/updated"


class Passing:
    """What happens beside one forwarded call. `era` is the one spoken with the server behind."""

    def __init__(self, call: Call, era: Era) -> None:
        self._call = call
        self._era = era
        self._waiting: deque[Notification | float] = deque()
        self._telling: asyncio.Task[None] | None = None

    # --- notices ----------------------------------------------------------------------------------------------

    def progress(self, told: Progress) -> None:
        """Tell of progress, under the token of the client in front."""
        token = self._call.meta.progress_token
        if token is not UNSET:
            renamed = msgspec.structs.replace(told, progress_token=token)
            self.emit(Notification(method=PROGRESS, params=self._call.era.trim(renamed)))

    def hear(self, notice: Frame) -> bool:
        """Pass on a notice of this call; what a session is told of is not one."""
        method, params = str(notice.method), notice.params or EMPTY
        if self._call.method == LISTEN and (method == ACKNOWLEDGED or method.startswith("notifications/")):
            if method == CANCELLED:
                return False
            self.emit(Notification(method=method, params=renumbered(params, self._call.id)))
            return True
        if method == CANCELLED or method.endswith(_CHANGES):
            return False
        if method == MESSAGE and self._call.era is not self._era and not self._heard(params):
            return True
        self.emit(Notification(method=method, params=params))
        return True

    def _heard(self, params: msgspec.Raw) -> bool:
        level = msgspec.json.decode(params).get("level", "")
        return isinstance(level, str) and self._call.era.hears_logs(self._call, level)

    def emit(self, notice: Notification) -> None:
        """Send a notice after those before it."""
        self._next(notice)

    def paused(self, seconds: float) -> None:
        """Close the stream in front, too: its client comes back for the rest as this one does."""
        self._next(seconds)

    def _next(self, item: Notification | float) -> None:
        self._waiting.append(item)
        if self._telling is None or self._telling.done():
            self._telling = asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        while self._waiting:
            item = self._waiting.popleft()
            if isinstance(item, Notification):
                await self._call.door.emit(item)
            elif (disconnect := getattr(self._call.door, "disconnect", None)) is not None:
                await disconnect(item)

    async def told(self) -> None:
        """Return when all that was said has been sent."""
        if self._telling is not None:
            await self._telling

    def stop(self) -> None:
        """Send nothing more: nobody listens."""
        if self._telling is not None:
            self._telling.cancel()

    # --- questions --------------------------------------------------------------------------------------------

    async def answer(self, method: str, params: msgspec.Raw) -> Any:
        """Return what the client in front answers. Raises RequestError with what it refused with."""
        call = self._call
        try:
            posed: Any = params or EMPTY
            if call.era is not self._era and method in QUESTIONS:
                posed = call.era.pose(msgspec.json.decode(posed, type=QUESTIONS[method]))
            return await call.door.ask(method, posed)
        except PeerError as error:
            raise RequestError(error.code, error.message, error.data) from None
        except (LocalError, NotImplementedError, msgspec.DecodeError) as error:
            raise RequestError(INVALID_REQUEST, f"the client cannot be asked {method}: {error}") from None

    # --- dress ------------------------------------------------------------------------------------------------

    def dressed(self, own: Dress) -> Dress:
        """Return the dress of the client in front: the server behind is to know whom it serves."""
        era = own.era
        if era is self._call.era:
            # All of it is in the `_meta` that came, and goes on as it is.
            return Dress(era, NO_META, EMPTY, own.fields, own.routed)
        if era.handshake:
            return own
        caller = self._call.caller
        return dress_of(era, caller.client or UNNAMED, caller.capabilities, self._call.log_level or "info")
