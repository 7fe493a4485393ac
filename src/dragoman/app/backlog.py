"""Connections that waited for too long at the door: a server that cannot keep up refuses them at once.

The system queues thousands of connections for us. Served in turn, each is answered after its client has given up, and
goodput falls to nothing; so whoever was kept waiting is told to come again, until we are with those who came just now.
Limit: Linux only, which says how old what was received is. Elsewhere nothing is refused here.
"""

from __future__ import annotations

import socket
import struct
from typing import Any

from msgspec import UNSET

from dragoman.protocol.failures import NOT_BEGUN
from dragoman.protocol.frames import write_failure
from dragoman.wire.jsonrpc import INVALID_REQUEST, Failure

# So many late ones in a row: fewer are no crowd, but wait for one function that blocks the event loop.
CROWD = 10
_INFO: int | None = getattr(socket, "TCP_INFO", None)
_RECEIVED = 52  # where tcpi_last_data_recv is in struct tcp_info, milliseconds (linux/tcp.h)
_BODY = write_failure(UNSET, Failure(INVALID_REQUEST, "the server is behind; try again in a moment", NOT_BEGUN))
BEHIND = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(_BODY), _BODY)
)


class Backlog:
    """The door of one process. A connection is late when what it sent first is read after more than `patience` seconds.

    With a patience of 0 none ever is.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._late = 0  # in a row

    def refuses(self, transport: Any) -> bool:
        """Say whether a connection, of which the first bytes were just read, is to be refused."""
        if not self._patience or _age(transport) <= self._patience:
            self._late = 0
            return False
        self._late += 1
        return self._late > CROWD


def _age(transport: Any) -> float:
    """Return for how many seconds what came last has waited to be read; 0 where nobody says."""
    if _INFO is None:
        return 0.0
    try:
        info: bytes = transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, _INFO, _RECEIVED + 4)
        (waited,) = struct.unpack_from("I", info, _RECEIVED)
    except (OSError, AttributeError, struct.error):
        return 0.0  # no TCP, or closed by now
    return float(waited) / 1000


def refusing(base: Any, patience: float) -> Any:
    """Return a protocol of uvicorn's that can refuse connections which waited for more than `patience` seconds."""
    backlog = Backlog(patience)

    class Refusing(base):  # type: ignore[misc]
        """One connection."""

        _new = True

        def refused(self) -> bool:
            """Say whether the connection is over before it began: to be asked first when something came in."""
            if not self._new:
                return False
            self._new = False
            if not backlog.refuses(self.transport):
                return False
            self.transport.write(BEHIND)
            self.end()
            return True

    return Refusing
