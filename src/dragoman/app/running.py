"""Running a server until it is told to stop, on stdio or over HTTP.

Says one line on stderr when it is ready, and on stdio one when it knows who calls.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

from dragoman.app import lazily
from dragoman.app.options import HttpOptions
from dragoman.app.saying import say
from dragoman.errors import LocalError
from dragoman.protocol.exchange import Caller
from dragoman.transport.serve_stdio import StdioServer
from dragoman.transport.wire_fds import seize

if TYPE_CHECKING:
    from dragoman.app.server import Server

Run = Callable[["Server", str, str, int, HttpOptions], None]
# Set by a command line whose own options win over what a server's file says to `run`.
takeover: Run | None = None
HTTP_NAMES = ("http", "streamable-http", "streamable_http")


def run(server: Server, transport: str, host: str, port: int, options: HttpOptions) -> None:
    """Serve `server` as `Server.run` says."""
    if takeover is not None:
        takeover(server, transport, host, port, options)
    elif transport == "stdio":
        run_stdio(server)
    elif transport in HTTP_NAMES:
        lazily.run_http(server, host, port, options)
    else:
        raise LocalError(f"unknown transport {transport!r}; it is 'stdio' or 'http'")


def run_stdio(server: Server, streams: tuple[int, int] | None = None) -> None:
    """Serve on stdin and stdout, or on `streams` if they were set aside already, until stdin ends."""
    requests, answers = streams or seize()
    try:
        asyncio.run(_stdio(server, requests, answers))
    except KeyboardInterrupt:
        pass


async def _stdio(server: Server, requests: int, answers: int) -> None:
    stdio = StdioServer(server.service, lambda caller: say(greeting(server, caller)))
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(name, stdio.stop)
        except (NotImplementedError, RuntimeError):
            break  # Windows, or not the main thread: KeyboardInterrupt does
    await stdio.serve(requests, answers)


def greeting(server: Server, caller: Caller) -> str:
    """Return what was negotiated, in one line."""
    client = f"{caller.client.name} {caller.client.version}" if caller.client else "the client"
    return f"{server.name} {server.version}: {client} speaks {caller.version} over stdio"
