"""What a worker process has from the one that started it: the listening socket, and what to say.

Its stdin is a pipe from that process: when it ends, so does the worker, whatever ended the other.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from typing import NamedTuple

ROLES = ("quiet", "brief", "teach")


class Inherited(NamedTuple):
    """A file descriptor that listens, and how much this worker says at its start: one of ROLES."""

    fd: int
    role: str

    def listener(self) -> socket.socket:
        """Return the listening socket."""
        return socket.socket(fileno=self.fd)


def read(text: str) -> Inherited:
    """Return what `FD:ROLE` says. Raises ValueError, as argparse wants it."""
    fd, _, role = text.partition(":")
    if role not in ROLES:
        raise ValueError(text)
    return Inherited(int(fd), role)


def end_with_parent() -> None:
    """Stop this process, in order, once its stdin ends."""
    pipe = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)

    def wait() -> None:
        while os.read(pipe, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="dragoman parent", daemon=True).start()
