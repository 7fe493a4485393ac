"""What a transport knows of a server: it answers calls.

The rooms of floor 3 meet only through this; the app puts them together.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from dragoman.ports.bus import Bus
from dragoman.protocol.envelope import Methods
from dragoman.protocol.exchange import Call, Reply
from dragoman.protocol.limits import Limits

# The one shape that everything plugs into: tools, middleware, proxies.
Handler: TypeAlias = Callable[[Call], Awaitable[Reply]]
Middleware: TypeAlias = Callable[[Call, Handler], Awaitable[Reply]]
Answer: TypeAlias = tuple[int, bytes]  # HTTP status, JSON-RPC response


class Service(Protocol):
    """A server, seen from a transport."""

    @property
    def methods(self) -> Methods:
        """What can be called now, by method name."""
        ...

    @property
    def limits(self) -> Limits:
        """The bounds that transports keep."""
        ...

    @property
    def bus(self) -> Bus:
        """Where changes are told that clients may listen to."""
        ...

    def closing(self) -> None:
        """Tell whoever listens that the server stops. Safe to call from a signal handler."""
        ...

    async def answer(self, call: Call) -> Answer:
        """Return the whole response to `call`. Raises only CancelledError."""
        ...

    async def start(self) -> None:
        """Make ready to answer. Safe to call again."""
        ...

    async def stop(self) -> None:
        """Release what `start` took."""
        ...

    async def join(self) -> None:
        """Make ready to answer a client in this process, until it leaves."""
        ...

    async def leave(self) -> None:
        """Take that such a client left: with the last one, what was started for them is released."""
        ...
