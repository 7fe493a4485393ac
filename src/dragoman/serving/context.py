"""What a tool, prompt or resource may know of its call, and say while it runs.

Built only for functions that ask for it, by a parameter annotated `Context`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Generator, Mapping
from typing import Any

from msgspec import UNSET

from dragoman.protocol.exchange import Call, Caller
from dragoman.wire.base import Implementation, LogLevel, RequestId
from dragoman.wire.jsonrpc import Notification
from dragoman.wire.lifecycle import ClientCapabilities, ServerCapabilities
from dragoman.wire.notices import MESSAGE, PROGRESS, LogMessage, Progress


class _Done:
    """An awaitable that is already done: what a plain function gets, which cannot await."""

    def __await__(self) -> Generator[Any, Any, None]:
        return
        yield


class Context:
    """The call that a function is answering.

    Every method works in `async def` functions (await it) and in plain ones,
    which run in a worker thread (just call it).
    """

    __slots__ = ("_call", "_last", "_loop", "_server", "state")

    def __init__(self, call: Call, server: ServerFace, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._call = call
        self._server = server
        self._loop = loop
        self._last = float("-inf")
        self.state: Any = server.state

    @property
    def caller(self) -> Caller:
        """Who asks: protocol version, capabilities, and what the client says of itself."""
        return self._call.caller

    @property
    def client(self) -> Implementation | None:
        """Name and version that the client gives of itself; unverified, for display only."""
        return self._call.caller.client

    @property
    def client_capabilities(self) -> ClientCapabilities:
        """What the client can do."""
        return self._call.caller.capabilities

    @property
    def server_capabilities(self) -> ServerCapabilities:
        """What this server declared."""
        return self._server.capabilities

    @property
    def server_name(self) -> str:
        """The name of this server."""
        return self._server.name

    @property
    def request_id(self) -> RequestId:
        """The JSON-RPC id of the call."""
        return self._call.id

    @property
    def session_id(self) -> str | None:
        """The session of a handshake-era HTTP client; None otherwise."""
        return self._call.caller.session

    @property
    def headers(self) -> Mapping[str, str]:
        """The HTTP request headers, names in lower case; empty on stdio and in memory."""
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self._call.headers.items()}

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for the answer any more. `async def` functions are cancelled; others can look here."""
        return self._call.door.cancelled

    def progress(self, progress: float, total: float | None = None, message: str | None = None) -> Awaitable[None]:
        """Tell the client how far the call is. Does nothing if it did not ask.

        `progress` only ever grows; a value that does not is not sent (PROG-03).
        """
        return self._run(self._progress(progress, total, message))

    def log(self, level: LogLevel, data: Any, logger: str | None = None) -> Awaitable[None]:
        """Send a line of log to the client, if it wants this level. `data` is any JSON value, a text as a rule."""
        return self._run(self._log(level, data, logger))

    def debug(self, data: Any) -> Awaitable[None]:
        """Log at level debug."""
        return self.log("debug", data)

    def info(self, data: Any) -> Awaitable[None]:
        """Log at level info."""
        return self.log("info", data)

    def warning(self, data: Any) -> Awaitable[None]:
        """Log at level warning."""
        return self.log("warning", data)

    def error(self, data: Any) -> Awaitable[None]:
        """Log at level error."""
        return self.log("error", data)

    async def _progress(self, progress: float, total: float | None, message: str | None) -> None:
        token = self._call.meta.progress_token
        if token is UNSET or not progress > self._last:
            return
        self._last = progress
        await self._emit(
            PROGRESS,
            Progress(
                progress_token=token,
                progress=progress,
                total=UNSET if total is None else total,
                message=UNSET if message is None else message,
            ),
        )

    async def _log(self, level: LogLevel, data: Any, logger: str | None) -> None:
        if self._call.era.hears_logs(self._call, level):
            await self._emit(MESSAGE, LogMessage(level=level, data=data, logger=UNSET if logger is None else logger))

    async def _emit(self, method: str, params: Any) -> None:
        await self._call.door.emit(Notification(method=method, params=self._call.era.trim(params)))

    def _run(self, work: Coroutine[Any, Any, None]) -> Awaitable[None]:
        if self._loop is None:
            return work
        asyncio.run_coroutine_threadsafe(work, self._loop).result()
        return _Done()


class ServerFace:
    """What a Context shows of its server. `state` is what the server's lifespan yielded."""

    __slots__ = ("capabilities", "name", "state")

    def __init__(self, name: str) -> None:
        self.name = name
        self.capabilities = ServerCapabilities()
        self.state: Any = None
