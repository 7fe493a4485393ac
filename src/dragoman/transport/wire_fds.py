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


def seize() -> tuple[int, int]:
    """Return private file descriptors for requests and answers, and redirect the public ones."""
    requests = os.dup(0)
    answers = os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    if sys.platform == "win32":
        msvcrt = import_module("msvcrt")
        msvcrt.setmode(requests, os.O_BINARY)
        msvcrt.setmode(answers, os.O_BINARY)
    return requests, answers
