"""Running a server until it is told to stop, on stdio or over HTTP.

Says one line on stderr when it is ready, and on stdio one when it knows who calls.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
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
LEAVE = 0.3  # seconds that leftovers get once all is served
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


def run_stdio(server: Server, streams: tuple[int, int] | None = None) -> int | None:
    """Serve on stdin and stdout, or on `streams` if they were set aside already, until stdin ends.

    Returns the number of the signal that ended it, None if none did. Raises LocalError if there is no stdin or stdout.
    """
    requests, answers = streams or seize()
    if os.isatty(requests):
        waits = f"{server.name} {server.version} waits on stdin for a client's messages; Ctrl-C stops it."
        say(f"{waits} Clients start it themselves; to try it: dragoman list -- COMMAND")
    # What is registered by now stays: the collector need not walk it again and again.
    gc.freeze()
    with asyncio.Runner() as runner:
        ended_by = runner.run(_stdio(server, requests, answers))
        # The runner now waits for tasks that refuse to be cancelled, and for the threads of asyncio.to_thread.
        guard = threading.Timer(LEAVE, _leave)
        guard.daemon = True
        guard.start()
    guard.cancel()
    gc.unfreeze()  # what is frozen is not ended by the interpreter, and some packages complain of it
    return ended_by


def _leave() -> None:
    say("something is still running and does not end; leaving it")
    # Not sys.exit: that would wait for the same threads again.
    os._exit(0)


async def _stdio(server: Server, requests: int, answers: int) -> int | None:
    stdio = StdioServer(server.service, lambda caller: say(greeting(server, caller)))
    heard: list[int] = []

    def stop(number: int) -> None:
        heard.append(number)
        stdio.stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, stop, number)
        except (NotImplementedError, RuntimeError):
            break  # Windows, or not the main thread: KeyboardInterrupt does
    await stdio.serve(requests, answers)
    return heard[0] if heard else None


def greeting(server: Server, caller: Caller) -> str:
    """Return what was negotiated, in one line."""
    client = f"{caller.client.name} {caller.client.version}" if caller.client else "the client"
    return f"{server.name} {server.version}: {client} speaks {caller.version} over stdio"
