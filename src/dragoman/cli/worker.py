"""Run the tasks of the server in a Python file, and serve nobody.

Any number of workers, on any machines, share the server's store with the processes that serve it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from collections.abc import Callable

from dragoman.app.saying import say
from dragoman.app.server import Server
from dragoman.cli import run as running
from dragoman.cli.amounts import whole
from dragoman.cli.outcome import OK, UsageError
from dragoman.protocol.limits import Limits

EPILOG = """\
The server needs a store that its processes share: the one that its file names, or the address in DRAGOMAN_STORE.
What runs the tasks is the engine of the server: a queue in PostgreSQL where dragoman[queue] is installed, or the store.
A worker ends at SIGTERM and Ctrl-C: it takes no more, gives the tasks that run Limits.drain_seconds to end, and hands
back what may run again.

examples:
  dragoman worker server.py
  dragoman worker server.py --tasks 8 --json
  DRAGOMAN_STORE=postgresql://db/shop dragoman worker server.py:shop"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("file", metavar="FILE[:NAME]", help="the Python file, and which of its servers")
    parser.add_argument("--tasks", type=whole(1), metavar="N", help="run so many at once (Limits.tasks of the server)")
    parser.add_argument("--json", action="store_true", help="say when it started and stopped as JSON, a line each")
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
    # A server that only accepts tasks has no room for any; its worker has.
    server.surface.face.tasks.runs.most = options.tasks or server.limits.tasks or Limits().tasks
    asyncio.run(_work(server, _tell if options.json else _say))
    return OK


def _say(server: Server, event: str) -> None:
    tasks = server.surface.face.tasks
    if event == "started":
        say(f"{server.name} {server.version}: running tasks, {tasks.runs.most} at once, by {tasks.work.name}")


def _tell(server: Server, event: str) -> None:
    tasks = server.surface.face.tasks
    told = {"event": event, "server": server.name, "version": server.version, "engine": tasks.work.name}
    print(json.dumps({**told, "tasks": tasks.runs.most, "ran": tasks.runs.ran}), flush=True)


async def _work(server: Server, tell: Callable[[Server, str], None]) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, stopped.set)
        except NotImplementedError:
            break  # Windows: KeyboardInterrupt does
    await server.service.start()
    tell(server, "started")
    try:
        await stopped.wait()
    finally:
        tell(server, "stopping")
        await server.service.stop()
    tell(server, "stopped")
