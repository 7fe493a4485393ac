"""Many callers who ask at a rate, whatever the server does, and note what came of it and when.

Each has a connection of its own and a time after which the answer is worth nothing to him; then he leaves.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, NamedTuple

from tests.transport.raw_http import Ask, Wire


class Outcome(NamedTuple):
    """When it was asked, how long it took, and the status.

    That is 0 if no answer came in time, -1 if the connection broke, -2 if there was none to be had.
    """

    at: float
    took: float
    status: int
    headers: dict[str, str]
    body: bytes


class Crowd:
    """Asks `ask` on connections to `port` that are kept; `deadline` in seconds. `keys` are who they say they are."""

    def __init__(self, port: int, ask: Ask, deadline: float, keys: int = 0) -> None:
        self.outcomes: list[Outcome] = []
        self._port = port
        self._asks = [
            ask._replace(headers={**ask.headers, "authorization": f"Bearer key-{number:016}"}) for number in range(keys)
        ] or [ask]
        self._deadline = deadline
        self._idle: list[Wire] = []
        self._asked = 0
        self.keep = True  # connections

    async def ask(self) -> None:
        """Ask once."""
        begun = time.monotonic()
        status, headers, body = 0, {}, b""
        self._asked += 1
        ask = self._asks[self._asked % len(self._asks)]
        wire: Wire | None = None
        try:
            async with asyncio.timeout(self._deadline):
                wire = self._idle.pop() if self._idle else await self._connect()
                status, headers, body = await wire.ask(ask)
                if headers.get("connection") == "close" or not self.keep:
                    wire.leave()
                else:
                    self._idle.append(wire)
        except TimeoutError:
            if wire is not None:
                wire.leave()
        except ConnectionRefusedError:
            status = -2
        except (OSError, EOFError):
            status = -1
        self.outcomes.append(Outcome(begun, time.monotonic() - begun, status, headers, body))

    async def _connect(self) -> Wire:
        return Wire(self._port, *await asyncio.open_connection("127.0.0.1", self._port))

    async def for_a_while(self, rate: float, seconds: float) -> list[Outcome]:
        """Ask `rate` times a second for so long, wait for the answers, and return what came of these."""
        first, begun, sent = len(self.outcomes), time.monotonic(), 0
        async with asyncio.TaskGroup() as group:
            while (now := time.monotonic() - begun) < seconds:
                while sent < now * rate:
                    group.create_task(self.ask())
                    sent += 1
                await asyncio.sleep(0.005)
        return self.outcomes[first:]

    def close(self) -> None:
        for wire in self._idle:
            wire.leave()


def good(outcomes: list[Outcome], seconds: float) -> float:
    """Return how many were answered in time, a second."""
    return sum(each.status == 200 for each in outcomes) / seconds


def refusals(outcomes: list[Outcome]) -> list[Outcome]:
    return [each for each in outcomes if each.status in (429, 503)]


def rest(outcomes: list[Outcome]) -> dict[int, int]:
    """Return how often there was any other status."""
    found: dict[int, int] = {}
    for each in outcomes:
        if each.status not in (200, 429, 503):
            found[each.status] = found.get(each.status, 0) + 1
    return found


def times_of(outcomes: list[Outcome]) -> list[Any]:
    return sorted(each.took for each in outcomes) or [0.0]
