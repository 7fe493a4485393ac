"""Kept connections that each send the same call again as soon as its answer is there, for any part of a second.

What a server has cost is exact: connections stand before the first call is counted, and when the time is over each call
under way is waited for. `wrk` can do neither, and counts whole seconds. No event loop: a blocking epoll costs least.
Limit: about 40,000 calls a second, several times what the fastest server here answers.
"""

import select
import socket
import time
from collections.abc import Callable

from load import RefusedError, Request, whole

CONNECTIONS = 16
PATIENCE = 60.0  # seconds for one answer
FIRST = 1_000_000  # numbers of the same length, so that only they differ between calls


class Crowd:
    """Connections to a server, each of which has had an answer. Raises RefusedError for one that is not a success."""

    def __init__(self, port: int, sent: Request, connections: int = CONNECTIONS) -> None:
        self._port = port
        self._connections = connections
        self._next = _calls(sent, port)
        self._poll = select.epoll()
        self._by: dict[int, socket.socket] = {}
        self._got: dict[int, bytearray] = {}
        self._gather()

    def _gather(self) -> None:
        try:
            while len(self._by) < self._connections:
                # One after the other, each with a call: a crowd at the door is another matter, and is refused there.
                self._open()
        except BaseException:
            self.leave()
            raise

    def _open(self) -> None:
        one = socket.create_connection(("127.0.0.1", self._port), PATIENCE)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number = one.fileno()
        self._by[number] = one
        self._got[number] = bytearray()
        one.sendall(self._next())
        while not self._answered(number):
            pass
        self._poll.register(number, select.EPOLLIN)

    def _answered(self, number: int) -> bool:
        """Read what is there; say whether it was the rest of an answer."""
        got = self._got[number]
        more = self._by[number].recv(2**20)
        got += more
        if not more:
            raise RefusedError(f"a connection ended: {bytes(got[:200])!r}")
        if not whole(got):
            return False
        if not got.startswith(b"HTTP/1.1 200"):
            raise RefusedError(bytes(got[:300]).decode("latin-1"))
        got.clear()
        return True

    def ready(self) -> None:
        """See that all connections stand: a server may close one on which nothing came for a while."""
        for number, _ in self._poll.poll(0):
            self._got.pop(number)
            self._by.pop(number).close()
        self._gather()

    def run(self, seconds: float) -> int:
        """Call for so long, and return how many answers came, those to the last calls included."""
        end, count, waiting = time.perf_counter() + seconds, 0, len(self._by)
        for one in self._by.values():
            one.sendall(self._next())
        while waiting:
            events = self._poll.poll(PATIENCE)
            if not events:
                raise RefusedError(f"no answer for {PATIENCE} seconds")
            going = time.perf_counter() < end
            for number, _ in events:
                if not self._answered(number):
                    continue
                count += 1
                if going:
                    self._by[number].sendall(self._next())
                else:
                    waiting -= 1
        return count

    def leave(self) -> None:
        """Close all connections."""
        for one in self._by.values():
            one.close()
        self._by.clear()
        self._got.clear()

    def close(self) -> None:
        """Leave for good."""
        self.leave()
        self._poll.close()


def _calls(sent: Request, port: int) -> Callable[[], bytes]:
    """Return what makes the bytes of the next call: the same each time, or with a number that no other has."""
    if sent.numbered:
        body = sent.body.replace(b'"id":1,', b'"id":%d,' % FIRST, 1)
        data = Request(body, sent.headers, sent.path).data(port)
    elif sent.varied:
        data = sent.data(port, {"X-Request-Id": str(FIRST)})
    else:
        same = sent.data(port)
        return lambda: same
    before, after = data.split(b"%d" % FIRST)
    number = FIRST

    def following() -> bytes:
        nonlocal number
        number += 1
        return b"%b%d%b" % (before, number, after)

    return following
