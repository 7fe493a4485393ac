"""How much is under way at one HTTP endpoint, and whether its event loop keeps up: what decides who has to come again.

Who is refused at once may go elsewhere; who waits in a queue that grows gets an answer when it is worth nothing any
more, as does everybody behind. Promise: while all goes well it costs a call no function and no task.
Limit: of one process; balancers see the refusals and choose another.
"""

from __future__ import annotations

import asyncio
import time

from msgspec import UnsetType

from dragoman.protocol.limits import Limits
from dragoman.transport.http_plain import Refused, not_now
from dragoman.wire.base import RequestId

TICK = 0.05  # seconds between looks at the loop, while there are requests
# Requests between two looks, below which it is not the crowd that makes the loop late: one function that blocks it for
# a second is a fault to be seen as such, and not by refusals to the few who came meanwhile.
CROWD = 10


class Load:
    """Counts of one endpoint, public so that whoever takes a request need not call anything.

    Whoever does adds one to `asked`, calls `watch` unless `watched`, refuses
    the request if `under_way` is `most`, or if `asked` is more than CROWD and
    the monotonic clock is past `until`; and keeps `under_way`.
    """

    __slots__ = ("_patience", "asked", "most", "under_way", "until", "watched")

    def __init__(self, limits: Limits) -> None:
        self.most = limits.calls_in_all
        self._patience = limits.late_seconds
        self.under_way = 0
        self.forget()

    def forget(self) -> None:
        """Begin anew, in another event loop."""
        self.asked = 0  # since the last look
        self.watched = False
        self.until = 0.0

    def watch(self) -> None:
        """Look at the loop from now on, until no more requests come."""
        self.watched = True
        # Not the loop's own time: uvloop's stands still within one turn, which is what has to be noticed.
        self.until = time.monotonic() + TICK + self._patience
        asyncio.get_running_loop().call_later(TICK, self._look)

    def _look(self) -> None:
        # A turn of the loop ends when all is done that was ready at its beginning, and only then we come to look again.
        # In a turn that takes too long, the rest is refused: to admit it would make the next one as long, and let each
        # wait for two.
        more, self.asked = self.asked > 0, 0
        self.watched = False
        if more:
            self.watch()

    def refusal(self, request_id: RequestId | UnsetType) -> Refused:
        """Return the refusal of a request that would have to wait for too long."""
        reason = f"{self.under_way} calls are under way" if self.under_way >= self.most else "the server is behind"
        refused = not_now(503, f"{reason}; try again in a moment")
        refused.request_id = request_id
        return refused
