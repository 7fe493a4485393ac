"""The process's standard streams, set aside for frames.

From `seize` on, fd 0 is empty and fd 1 is stderr, so a stray print, a library or a
child process can neither read requests nor write into the answers. Text that
was printed before and not yet flushed goes to stderr too.
Source: specification, basic/transports/stdio; requirement STDIO-02.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

from dragoman.errors import LocalError


def seize() -> tuple[int, int]:
    """Return private file descriptors for requests and answers, and redirect the public ones.

    Raises LocalError if the process was started without them.
    """
    requests, answers = _private(0, "stdin"), _private(1, "stdout")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    try:
        os.dup2(2, 1)
    except OSError:
        # Started without stderr: what is printed goes nowhere, instead of into whatever is opened next as 2.
        os.dup2(null, 1)
        os.dup2(null, 2)
    if null > 2:
        os.close(null)
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        # Like stderr, so that prints and logs keep their order.
        reconfigure(line_buffering=True)
    if sys.platform == "win32":
        msvcrt = import_module("msvcrt")
        msvcrt.setmode(requests, os.O_BINARY)
        msvcrt.setmode(answers, os.O_BINARY)
    return requests, answers


def _private(fd: int, name: str) -> int:
    """Return a copy of `fd` above the standard ones, which child processes do not get."""
    try:
        copy = os.dup(fd)
    except OSError:
        raise LocalError(f"this process was started without {name}; stdio servers speak over it") from None
    if copy > 2:
        return copy
    higher = _private(fd, name)
    os.close(copy)
    return higher
