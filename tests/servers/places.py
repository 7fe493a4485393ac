"""Stores in servers, for the contract: each place is empty, for its names are its own."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from dragoman.ports.store import Store

T = TypeVar("T")
S = TypeVar("S", bound=Store)
NUMBERS = itertools.count()


class ServerPlace(Generic[S]):
    """Somewhere in a server; `make` takes its address."""

    def __init__(self, address: str, option: str, make: Callable[[str], S]) -> None:
        self.address = f"{address}?{option}=place{next(NUMBERS)}"
        self.stores: list[S] = []
        self._make = make

    def store(self) -> S:
        self.stores.append(self._make(self.address))
        return self.stores[-1]

    async def passes(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        for store in self.stores:
            await store.close()


async def settles(look: Callable[[], Awaitable[T]], right: Callable[[T], bool]) -> None:
    """Wait until what one sees is right."""
    async with asyncio.timeout(10):
        while not right(await look()):
            await asyncio.sleep(0.01)
