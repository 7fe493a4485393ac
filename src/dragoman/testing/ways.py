"""Ways to a server under test: each era that there is, in memory, in a process of its own, over HTTP on a real socket.

Everything that is started here has ended when its `async with` does. Limit: HTTP is served in the test's own loop.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Generator, Iterable, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple, Unpack

import uvicorn

from dragoman.app.client import Client
from dragoman.app.http import address, listen
from dragoman.app.options import HttpOptions
from dragoman.app.server import Server
from dragoman.app.target import Target
from dragoman.errors import LocalError
from dragoman.protocol.eras import HANDSHAKE, STATELESS

# Protocol versions, newest first.
ERAS: tuple[str, ...] = (*STATELESS, *HANDSHAKE)
# One of each kind: what differs within a kind is small, and ours to test.
KINDS: tuple[str, ...] = (next(iter(STATELESS)), next(iter(HANDSHAKE)))
TRANSPORTS: tuple[str, ...] = ("memory", "stdio", "http")
# Servers in use here: whoever leaves last ends the server's lifespan.
_users: dict[int, int] = {}


class Way(NamedTuple):
    """An era and a transport."""

    era: str
    transport: str

    def __str__(self) -> str:
        return f"{self.transport}-{self.era}"


def ways(eras: Iterable[str] = KINDS, transports: Iterable[str] = TRANSPORTS) -> list[Way]:
    """Return every way of these eras and transports; by default the newest era of either kind on each transport.

    `ERAS` are all that there are. Raises LocalError for one that is not known.
    """
    return [_checked(Way(era, transport)) for transport in transports for era in eras]


def _checked(way: Way) -> Way:
    for value, known in ((way.era, ERAS), (way.transport, TRANSPORTS)):
        if value not in known:
            raise LocalError(f"there is no way by {value!r}; there are {', '.join(known)}")
    return way


@asynccontextmanager
async def connected(
    server: Server, way: Way | None = None, *, command: Sequence[str] = (), **settings: Any
) -> AsyncGenerator[Client]:
    """Yield an open client of `server`; `settings` are the client's, such as `on_elicit`.

    `way` says era and transport, by default the newest in memory. Over stdio the
    server's file is run by `dragoman run` in a process of its own, or `command`
    is. When this ends the server's lifespan has ended as well. Raises LocalError
    if the server cannot be found in a file, and whatever connecting raises.
    """
    way = _checked(way or Way(ERAS[0], "memory"))
    settings.setdefault("mode", way.era)
    async with reachable(server, way.transport, command=command) as target, Client(target, **settings) as client:
        yield client


@asynccontextmanager
async def reachable(server: Server, transport: str, *, command: Sequence[str] = ()) -> AsyncGenerator[Target]:
    """Yield what a client can be pointed at to reach `server` by a transport. Raises LocalError as `connected` does."""
    if transport == "stdio":
        yield list(command) or command_of(server)
        return
    if transport == "http":
        async with serving_http(server) as url:
            yield url
        return
    async with _alive(server):
        yield server


@asynccontextmanager
async def serving_http(app: Any, **options: Unpack[HttpOptions]) -> AsyncGenerator[str]:
    """Serve a Server, or any ASGI application, on a free port of this machine; yield the endpoint's URL.

    `options` are those of `Server.asgi`; of them, `path` says where another application has its endpoint.
    When this ends the lifespan of a Server has ended as well; another application's own is neither begun nor ended.
    """
    server = app if isinstance(app, Server) else None
    application: Any = app if server is None else server.asgi(**options)
    async with nullcontext() if server is None else _alive(server):
        with listen("127.0.0.1", 0) as listener:
            running = _Quiet(
                uvicorn.Config(application, log_level="error", lifespan="off", ws="none", timeout_graceful_shutdown=1)
            )
            task = asyncio.ensure_future(running.serve([listener]))
            try:
                yield address(listener, options.get("path", "/mcp"))
            finally:
                if server is not None:
                    server.service.closing()
                running.should_exit = True
                await task


class _Quiet(uvicorn.Server):
    """uvicorn without signal handlers: signals belong to the test run."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@asynccontextmanager
async def _alive(server: Server) -> AsyncGenerator[None]:
    key = id(server)
    _users[key] = _users.get(key, 0) + 1
    try:
        await server.service.start()
        yield
    finally:
        _users[key] -= 1
        if not _users[key]:
            del _users[key]
            await server.service.stop()


def command_of(server: Server) -> list[str]:
    """Return the command that serves `server` on stdio. Raises LocalError if it is not a module's variable."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if not file or not str(file).endswith(".py"):
            continue
        for name, value in list(vars(module).items()):
            if value is server:
                return [sys.executable, "-m", "dragoman", "run", "--stdio", f"{Path(file).resolve()}:{name}"]
    raise LocalError(
        f"the server {server.name!r} cannot be run in a process of its own: make it a variable of a module, or give "
        "the command that runs it, as in connected(server, way, command=[...])"
    )
