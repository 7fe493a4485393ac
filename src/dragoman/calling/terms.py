"""What a client says of itself and asks for: who it is, how long it waits, whom its notices go to.

Values only, so that finding the era, asking and reading need no reference to each other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

import msgspec
from msgspec import structs

from dragoman.calling.callbacks import Callbacks
from dragoman.ports.exchange import NO_FIELDS, Fields
from dragoman.ports.observed import Observer
from dragoman.protocol.dress import NO_META, Dress
from dragoman.wire.base import Implementation, LogLevel
from dragoman.wire.jsonrpc import Frame
from dragoman.wire.lifecycle import ServerCapabilities
from dragoman.wire.notices import LogMessage, Progress

OnProgress: TypeAlias = Callable[[Progress], Any]
OnLog: TypeAlias = Callable[[LogMessage], Any]


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for a whole connection.

    `mode` is "auto", "modern", "legacy" or a protocol version; `key` names the
    target among the eras that this process remembers, "" not to remember it.
    `rounds` bounds how often one call may ask, `restarts` how often in a row a
    server that ended is started again in vain, `resends` how often one lost
    request is sent again, `busy_resends` one that the server
    had too much to do for. `limit` makes limits on time. Times in seconds.
    """

    client: Implementation
    callbacks: Callbacks = Callbacks()
    rounds: int = 10
    restarts: int = 3
    resends: int = 2
    busy_resends: int = 8
    mode: str = "auto"
    timeout: float | None = 60.0
    probe_seconds: float = 2.0
    log_level: LogLevel | None = None
    on_log: OnLog | None = None
    key: str = ""
    observer: Observer | None = None
    limit: Callable[[float | None], asyncio.Timeout] = asyncio.timeout


class Aside(Protocol):
    """Whoever takes for one request what the server says and asks while it is under way."""

    def hear(self, notice: Frame) -> bool:
        """Take a notification other than progress; returns whether it was for this one. Must not block."""
        ...

    def paused(self, seconds: float) -> None:
        """Take that the server closed the stream of this request, to go on after so long. Must not block."""
        ...

    async def answer(self, method: str, params: msgspec.Raw) -> Any:
        """Return the result of a question. Raises RequestError with what the server is to be told instead."""
        ...


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for one request. `timeout` None means that of the connection.

    `idle_timeout` bounds each silence of the server's, up to its answer or to
    progress that it tells of. `token` names its progress, None for its number;
    `on_task` hears of the task that it became. `headers` are the caller's,
    `fields` the protocol's own. `by_hand` says that questions are handed to the
    caller, whatever callbacks there are. `repeatable` says whether it may run twice, None that
    the method tells. `aside` takes what the server says and asks meanwhile, and
    `dressed` gives the request the dress of somebody else, for whom it is sent.
    """

    timeout: float | None = None
    idle_timeout: float | None = None
    repeatable: bool | None = None
    headers: Fields = NO_FIELDS
    fields: Fields = NO_FIELDS
    meta: Mapping[str, Any] = NO_META
    on_progress: OnProgress | None = None
    token: str | None = None
    on_task: Callable[[Any], Any] | None = None
    by_hand: bool = False
    aside: Aside | None = None
    dressed: Callable[[Dress], Dress] | None = None

    def joined(self, fields: Fields) -> Wish:
        """Return this wish with `fields` of the protocol's."""
        return structs.replace(self, fields=fields) if fields else self


PLAIN = Wish()


class Greeting(msgspec.Struct, frozen=True):
    """What a server said of itself when the connection was made, and how to speak to it since."""

    dress: Dress
    capabilities: ServerCapabilities
    server: Implementation | None = None
    instructions: str | None = None
