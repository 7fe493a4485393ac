"""One connection for one command: opened, used by the command's own function, closed.

The action is a parameter, so that commands are tested against a server in memory.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from typing import TextIO

from dragoman.app.client import Client
from dragoman.app.target import Options
from dragoman.cli.kept import kept_login
from dragoman.cli.outcome import OK
from dragoman.cli.target import Target, read_headers
from dragoman.cli.terminal import Paper, visible
from dragoman.cli.trace import Tracer
from dragoman.ports.exchange import Exchange
from dragoman.transport.tapped import TappedExchange

MOST = 5  # warnings shown: a server that babbles on stdout gives one for each line
Action = Callable[[Client, argparse.Namespace, Paper], Awaitable[None]]


def use(target: Target, options: argparse.Namespace, action: Action) -> int:
    """Connect to `target`, do `action`, and return 0. Raises McpError."""
    log, notes = logging.getLogger("dragoman"), logging.NullHandler() if options.json else Notes()
    log.addHandler(notes)
    try:
        asyncio.run(_use(target, options, action))
    finally:
        log.removeHandler(notes)
    return OK


async def _use(target: Target, options: argparse.Namespace, action: Action) -> None:
    headers = read_headers(options.header)
    wrap: Callable[[Exchange], Exchange] | None = None
    if options.trace:
        tracer = Tracer()
        tracer.headers("-->", dict.fromkeys(headers, "***"))
        wrap = lambda exchange: TappedExchange(exchange, tracer)  # noqa: E731
    rare = Options(wrap=wrap, show_stderr=options.trace, auth=kept_login(target, headers))
    async with Client(target, headers=headers, timeout=options.timeout, options=rare) as client:
        await action(client, options, Paper(sys.stdout))


class Notes(logging.Handler):
    """Warnings of the client's, such as a tool that it left out, for people to read: each once, and the first few."""

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(logging.WARNING)
        self._stream = stream or sys.stderr
        self._told: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Print the warning."""
        text = record.getMessage()
        if text in self._told or len(self._told) > MOST:
            return
        self._told.add(text)
        shown = text if len(self._told) <= MOST else "there is more of this kind; --trace shows the wire"
        print(visible(f"dragoman: {shown}"), file=self._stream, flush=True)
