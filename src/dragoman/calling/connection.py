"""An open connection: agreed on an era, bounded in time, and renewed when the server forgot it.

Opens and closes from any task: what must be owned is owned by the exchange, not by a task of the caller's.
A call is repeated only when it is known not to have run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from dragoman.calling.answers import READERS, SessionLostError
from dragoman.calling.fields import check_fields
from dragoman.calling.line import Line
from dragoman.calling.negotiate import agree, check_mode, discover
from dragoman.calling.terms import PLAIN, Greeting, Terms, Wish
from dragoman.errors import ClosedError, DeadlineError, LocalError, VersionError
from dragoman.ports.exchange import Dial
from dragoman.protocol.replies import ResultReader
from dragoman.wire.lifecycle import Result

_ANY: ResultReader[Result] = ResultReader(Result)


class Connection:
    """One client's connection to one server."""

    def __init__(self, dial: Dial, terms: Terms) -> None:
        check_mode(terms.mode)
        self._terms = terms
        self._line = Line(dial, terms.on_log)
        self._greeting: Greeting | None = None
        self._closed = False
        self._renewing: asyncio.Lock | None = None

    @property
    def where(self) -> str:
        """What this connects to, in words."""
        return self._line.exchange.where

    @property
    def over_http(self) -> bool:
        """Whether header fields travel."""
        return self._line.exchange.over_http

    @property
    def greeting(self) -> Greeting:
        """What was agreed. Raises LocalError before `open`, ClosedError after `close`."""
        if self._greeting is None:
            raise LocalError("the client is not open: use it in `async with Client(...) as client:`")
        return self._greeting

    async def open(self) -> None:
        """Connect and agree on an era.

        Raises UnreachableError, ClosedError, DeadlineError, VersionError,
        AuthorizationError, PeerError or MalformedError; nothing is left open then.
        """
        if self._greeting is not None or self._closed:
            raise LocalError("a client opens once; make another one")
        self._renewing = asyncio.Lock()
        try:
            async with asyncio.timeout(self._terms.timeout):
                await self._line.open()
                self._greeting = await agree(self._line, self._terms)
        except TimeoutError:
            await self._line.close()
            raise self._late("opening the connection", self._terms.timeout) from None
        except BaseException:
            await self._line.close()
            raise

    async def close(self) -> None:
        """Close; calls under way get ClosedError. Safe to call twice, and from any task."""
        if self._closed:
            return
        self._closed = True
        greeting = self._greeting
        try:
            if greeting is not None and self._line.exchange.session is not None:
                await self._line.exchange.forget_session(greeting.dress.fields, end=True)
        finally:
            await self._line.close()

    async def request(self, method: str, params: Mapping[str, Any], wish: Wish = PLAIN) -> Any:
        """Return the decoded result of a method of the protocol.

        Raises DeadlineError when it takes longer than it may, PeerError,
        MalformedError, AuthorizationError or TransportError.
        """
        return READERS[method].read(await self.raw(method, params, wish), method)

    async def custom(self, method: str, params: Mapping[str, Any], wish: Wish = PLAIN) -> dict[str, Any]:
        """Return the result of any method, as plain values. Raises as `request` does."""
        raw = await self.raw(method, params, wish)
        _ANY.read(raw, method)
        found: dict[str, Any] = msgspec.json.decode(raw)
        return found

    async def ping(self, wish: Wish) -> None:
        """Return when the server has answered, in the way its era has for that."""
        method = "server/discover" if "ping" not in self.greeting.dress.era.methods else "ping"
        await self.raw(method, {}, wish)

    async def discover(self) -> Greeting:
        """Return what the server says of itself now; a handshake-era server said it once, for as long as it is open."""
        greeting = self.greeting
        era = greeting.dress.era
        if "server/discover" in era.methods:
            async with asyncio.timeout(self._terms.timeout):
                self._greeting = await discover(self._line, self._terms, era)
        return self.greeting

    async def raw(self, method: str, params: Mapping[str, Any], wish: Wish) -> msgspec.Raw:
        """Return the undecoded result of a request, within the time it has."""
        if wish.headers:
            check_fields(wish.headers)
        seconds = self._terms.timeout if wish.timeout is None else wish.timeout
        try:
            async with asyncio.timeout(seconds):
                return await self._attempt(method, params, wish)
        except TimeoutError:
            raise self._late(method, seconds) from None

    def _late(self, what: str, seconds: float | None) -> DeadlineError:
        return DeadlineError(f"{what} at {self.where} took longer than {seconds:g} s; it was cancelled")

    async def _attempt(self, method: str, params: Mapping[str, Any], wish: Wish) -> msgspec.Raw:
        greeting = self.greeting
        if self._closed:
            raise ClosedError(f"the client of {self.where} is closed")
        try:
            return await self._line.ask(greeting.dress, method, params, wish)
        except (SessionLostError, VersionError):
            # Neither ran: the one was not known any more, the other not understood.
            greeting = await self._renew(greeting)
            return await self._line.ask(greeting.dress, method, params, wish)

    async def _renew(self, stale: Greeting) -> Greeting:
        """Agree anew, once for all calls that found the agreement gone."""
        assert self._renewing is not None
        async with self._renewing:
            if self._greeting is stale:
                await self._line.exchange.forget_session()
                self._greeting = await agree(self._line, self._terms)
            return self.greeting
