"""The command line `dragoman`: serve a file or data, and call any server.

`main` is its only door. Modules here parse and print; what a command needs is imported when it is used.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from importlib import import_module

__all__ = ["main"]

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit status; docs/cli.md lists them. Ctrl-C gives 130 at any moment."""
    try:
        status: int = import_module("dragoman.cli.entry").run(argv)
    except KeyboardInterrupt:
        status = INTERRUPTED
    # What is left is the interpreter's own end, which a second Ctrl-C would fill with a traceback.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return status
