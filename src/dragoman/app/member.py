"""One server of a group: opened, and opened again, by a task of its own; its faults stay with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

from dragoman.app.client import Client
from dragoman.calling.changes import Change
from dragoman.calling.revival import pause
from dragoman.errors import AuthorizationError, ClosedError, DeadlineError, LocalError, McpError, TransportError

log = logging.getLogger("dragoman")
T = TypeVar("T")
State: TypeAlias = Literal["opening", "open", "failed", "closed"]


class GroupChange(NamedTuple):
    """A change, and the server that told of it."""

    server: str
    change: Change


class Member:
    """One server of a group. `state` is "opening", "open", "failed" (it is tried again) or "closed".

    `error` is what went wrong last, None since something went right. `client` is for what the group has no
    method for; it raises ClosedError while the server is not open.
    """

    def __init__(self, name: str, make: Callable[[], Client], opening: float | None) -> None:
        self.name = name
        self._opening = opening  # seconds
        self.state: State = "opening"
        self.error: McpError | None = None
        self.settled = asyncio.Event()
        self.listed: dict[str, list[Any]] = {}  # what it listed last, by what is listed
        self._make = make
        self._client: Client | None = None

    def __repr__(self) -> str:
        return f"<{self.name}: {self.state}{f', {self.error}' if self.error else ''}>"

    @property
    def client(self) -> Client:
        """The open client of this server."""
        if self._client is None:
            why = f": {self.error}" if self.error is not None else ""
            raise ClosedError(f"the server {self.name!r} is {self.state}{why}")
        return self._client

    async def ask(self, work: Callable[[Client], Awaitable[T]]) -> T:
        """Return what `work` gives with the client, noting whether the server could be reached."""
        client = self.client
        try:
            found = await work(client)
        except TransportError as error:
            self.error = error
            raise
        self.error = None
        return found

    async def keep_open(self) -> None:
        """Open it, at growing intervals until that works; not again where trying cannot help."""
        seconds = self._opening
        tries = 0
        while True:
            try:
                client = self._make()
            except LocalError as error:
                self._failed(error)  # a file's command that nobody approved
                return
            try:
                async with asyncio.timeout(seconds):
                    await client.open()
            except (McpError, TimeoutError) as error:
                await client.close()
                self._failed(error if isinstance(error, McpError) else DeadlineError(f"not open within {seconds} s"))
                if isinstance(error, LocalError | AuthorizationError):
                    return
            except BaseException:
                await client.close()
                raise
            else:
                self._client, self.error, self.state = client, None, "open"
                self.settled.set()
                return
            tries += 1
            await asyncio.sleep(pause(tries))

    def _failed(self, error: McpError) -> None:
        self.error, self.state = error, "failed"
        log.warning("the server %r of the group did not open: %s", self.name, error)
        self.settled.set()

    async def hear(self, tell: Callable[[GroupChange], Awaitable[None]], wanted: Mapping[str, Any]) -> None:
        """Tell of every change of the server, from when it is open until it is closed or tells of none."""
        tries = 0
        while self.state != "closed":
            await self.settled.wait()
            try:
                async with self.client.listen(**wanted) as listening, aclosing(aiter(listening)) as changes:
                    tries = 0
                    async for change in changes:
                        await tell(GroupChange(self.name, change))
            except LocalError as error:
                log.info("the server %r is not listened to: %s", self.name, error)
                return
            except McpError as error:
                log.debug("listening to the server %r broke: %s", self.name, error)
            tries += 1
            await asyncio.sleep(pause(tries))

    async def close(self) -> None:
        """Close its client."""
        client, self._client, self.state = self._client, None, "closed"
        if client is not None:
            await client.close()
