"""Run the tasks of the server in a Python file, and serve nobody.

Any number of workers, on any machines, share the server's store with the processes that serve it.
"""

from __future__ import annotations

import argparse
import asyncio
import signal

from dragoman.app.saying import say
from dragoman.app.server import Server
from dragoman.cli import run as running
from dragoman.cli.outcome import OK, UsageError

EPILOG = """\
The server needs a store that its processes share: the one that its file names, or the address in DRAGOMAN_STORE.
A worker ends at SIGTERM and Ctrl-C, and gives the tasks that run Limits.drain_seconds to end.

examples:
  dragoman worker server.py
  DRAGOMAN_STORE=postgresql://db/shop dragoman worker server.py:shop"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("file", metavar="FILE[:NAME]", help="the Python file, and which of its servers")
    parser.add_argument("--no-compat", action="store_true", help="import mcp and fastmcp as they are installed")


def run(options: argparse.Namespace) -> int:
    """Run tasks until told to stop."""
    if options.command is not None:
        raise UsageError("worker takes a file, not a command after --")
    server = running.loaded(options)
    if server.surface.face.tasks is None:
        raise UsageError(f"{server.name} has no tools that run as tasks: give one @server.tool(task=...)")
    if server.sharing is None:
        raise UsageError(
            f"{server.name} keeps its tasks in its own memory, which no worker can reach: "
            "give Server(store=...), or the address of a store in DRAGOMAN_STORE"
        )
    asyncio.run(_work(server))
    return OK


async def _work(server: Server) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, stopped.set)
        except NotImplementedError:
            break  # Windows: KeyboardInterrupt does
    await server.service.start()
    say(f"{server.name} {server.version}: running tasks, {server.limits.tasks} at once")
    try:
        await stopped.wait()
    finally:
        await server.service.stop()
