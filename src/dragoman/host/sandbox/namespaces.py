"""A socket that listens within another process's network, made from outside: nothing of ours runs in the sandbox.

Linux only. Needs to own the process's user namespace, as whoever made the sandbox does. Source: setns(2).
"""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Sequence

from dragoman.errors import LocalError


def listener_in(pid: int, port: int) -> socket.socket:
    """Return a socket that listens on 127.0.0.1 in the network of `pid`. Raises LocalError if that cannot be.

    Forks, so it is called before there are threads.
    """
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:  # pragma: no cover - in the child
        try:
            _enter(pid, ("user", "net"))
            with socket.socket() as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind(("127.0.0.1", port))
                listener.listen(64)
                socket.send_fds(theirs, [b"1"], [listener.fileno()])
            os._exit(0)
        except OSError as error:
            theirs.send(f"0{error.strerror or error}".encode()[:200])
        finally:
            os._exit(1)
    theirs.close()
    with ours:
        said, descriptors, _, _ = socket.recv_fds(ours, 256, 1)
    os.waitpid(child, 0)
    if not descriptors:
        raise LocalError(f"the sandbox's network cannot be entered: {said[1:].decode() or 'its process is gone'}")
    return socket.socket(fileno=descriptors[0])


def _enter(pid: int, kinds: Sequence[str]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    for handle in [os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY) for kind in kinds]:
        if libc.setns(handle, 0) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
