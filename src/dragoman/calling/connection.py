"""An open connection: agreed on an era, bounded in time, and renewed when the server forgot it.

Opens and closes from any task: what must be owned is owned by the exchange, not by a task of the caller's.
A call is repeated only when it is known not to have run, or when it may run twice.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Awaitable, Coroutine, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import structs

from dragoman.calling.answers import READERS, SessionLostError
from dragoman.calling.cache import Cache, Key, Pages, key_of, seconds_fresh
from dragoman.calling.callbacks import BY_HAND, lacking
from dragoman.calling.changes import Changes
from dragoman.calling.deadlines import Deadlines, bounded
from dragoman.calling.fields import check_fields
from dragoman.calling.line import Line
from dragoman.calling.negotiate import agree, check_mode, greeting_of
from dragoman.calling.patience import patiently, within
from dragoman.calling.resending import may_repeat, pause
from dragoman.calling.revival import Revival
from dragoman.calling.rounds import ASKING, answered
from dragoman.calling.terms import PLAIN, Greeting, Terms, Wish
from dragoman.errors import (
    ClosedError,
    DeadlineError,
    LocalError,
    MalformedError,
    McpError,
    PeerError,
    TransportError,
    VersionError,
)
from dragoman.ports.exchange import Dial
from dragoman.protocol.dress import Dress, dress_of
from dragoman.protocol.replies import InputWantedError, ResultReader
from dragoman.wire.jsonrpc import MISSING_CAPABILITY
from dragoman.wire.lifecycle import Result
from dragoman.wire.notices import ROOTS_CHANGED

log = logging.getLogger("dragoman")
T = TypeVar("T", bound=Result)
V = TypeVar("V")
_ANY: ResultReader[Result] = ResultReader(Result)


class Connection:
    """One client's connection to one server."""

    def __init__(self, dial: Dial, terms: Terms, cache: Cache | None = None) -> None:
        check_mode(terms.mode)
        self._terms = terms
        self.timeout = terms.timeout  # seconds that a request may take
        self.cache = cache  # what is kept of results, if anything may be
        self.changes = Changes(cache)
        self._line = Line(dial, terms.on_log, terms.callbacks, self.changes, self._lost)
        self._line.observer = terms.observer
        self._line.busy_resends, self._line.timeout = terms.busy_resends, terms.timeout
        self._revival = Revival(self._start_again, terms.restarts)
        self._greeting: Greeting | None = None
        self._closed = False
        self._renewing: asyncio.Lock | None = None
        self._deadlines = Deadlines(terms.timeout if terms.limit is asyncio.timeout else None)

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
            async with self._terms.limit(self._terms.timeout):
                await self._line.open()
                await self._agreed(await agree(self._line, self._terms))
        except TimeoutError:
            await self._line.close()
            raise self._late("opening the connection") from None
        except BaseException:
            await self._line.close()
            raise

    async def close(self) -> None:
        """Close; calls under way get ClosedError. Safe to call twice, and from any task."""
        if self._closed:
            return
        self._closed = True
        self.changes.end()
        await self._revival.close()
        try:
            if self._greeting is not None and self._line.exchange.session is not None:
                await self._line.exchange.forget_session(self._greeting.dress.fields, end=True)
        finally:
            await self._line.close()
            self._deadlines.end()

    async def request(self, method: str, params: Mapping[str, Any], wish: Wish = PLAIN) -> Any:
        """Return the decoded result of a method of the protocol, what it asks answered by the callbacks.

        Raises DeadlineError when it takes longer than it may, answers included,
        PeerError, MalformedError, AuthorizationError or TransportError, and
        what the callbacks raise; InputWantedError if `wish` is to answer by hand.
        """
        return (await self._settled(method, params, wish, READERS[method]))[0]

    async def kept(self, method: str, params: Mapping[str, Any], wish: Wish = PLAIN) -> Any:
        """Return the result of a request that may be kept, from what is kept if that still holds."""
        cache = self.cache
        if cache is None:
            return await self.request(method, params, wish)
        key = key_of(method, str(params.get("uri", "")), wish.headers)
        if (pages := self.find(key)) is not None:
            return READERS[method].read(pages[0], method)
        now, changes = time.monotonic(), cache.changes
        try:
            result, raw, rounds = await self._settled(method, params, wish, READERS[method])
        except TransportError:
            if (pages := self.find(key, stale=True)) is None:
                raise
            return READERS[method].read(pages[0], method)
        if not rounds:  # CACHE-06
            self.keep(key, [(result, raw)], now, changes)
        return result

    def find(self, key: Key, *, stale: bool = False) -> Pages | None:
        """Return what is kept under `key` and holds, or if `stale` did so lately. Nothing is, once closed."""
        if self.cache is None or self._closed or self._greeting is None:
            return None
        return self.cache.find(key, time.monotonic(), stale=stale)

    def keep(self, key: Key, pages: list[tuple[Any, msgspec.Raw]], now: float, changes: int) -> None:
        """Keep results that were asked for at `now`, as long as the server says; an era without hints keeps none."""
        seconds = seconds_fresh([result for result, _ in pages])
        if self.cache is not None and seconds > 0 and not self.greeting.dress.era.handshake:
            self.cache.keep(key, [raw for _, raw in pages], now + seconds, changes)

    async def page(self, method: str, params: Mapping[str, Any], wish: Wish = PLAIN) -> tuple[Any, msgspec.Raw]:
        """Return one page of a list, decoded and not."""
        result, raw, _ = await self._settled(method, params, wish, READERS[method])
        return result, raw

    async def custom(self, method: str, params: Mapping[str, Any], wish: Wish = PLAIN) -> dict[str, Any]:
        """Return the result of any method, as plain values. Raises as `request` does."""
        raw = (await self._settled(method, params, wish, _ANY))[1]
        found: dict[str, Any] = msgspec.json.decode(raw)
        return found

    async def forward(
        self, method: str, params: Mapping[str, Any], wish: Wish, number: int | None = None
    ) -> msgspec.Raw:
        """Return the undecoded result of a request for somebody else. Given its `number`, it may last for ever."""
        if number is not None:
            return await self._attempt(method, params, wish, number)
        return await self._within(method, wish, self._delivered(method, params, wish))

    def _settled(
        self, method: str, params: Mapping[str, Any], wish: Wish, reader: ResultReader[T]
    ) -> Awaitable[tuple[T, msgspec.Raw, int]]:
        """Return a result, decoded and not, and how often the server asked before it gave it (MRTR-18)."""
        if wish.headers:
            check_fields(wish.headers)
        return self._within(method, wish, self._rounds(method, params, wish, reader))

    def _within(self, method: str, wish: Wish, work: Coroutine[Any, Any, V]) -> Awaitable[V]:
        if wish.timeout is None and self._deadlines.seconds > 0:
            return bounded(work, self._deadlines, self._late, method)
        seconds = self.timeout if wish.timeout is None else wish.timeout
        return within(seconds, work, functools.partial(self._late, method, seconds), self._terms.limit)

    async def _rounds(
        self, method: str, params: Mapping[str, Any], wish: Wish, reader: ResultReader[T]
    ) -> tuple[T, msgspec.Raw, int]:
        leg, rounds = params, 0
        while True:
            try:
                raw = await self._leg(method, leg, wish)
            except PeerError as error:
                callbacks = None if wish.by_hand else self._terms.callbacks
                call = functools.partial(self._leg, method, leg, wish)
                raw = await self._line.visits.first(error, callbacks, self._terms.rounds, call)
            try:
                return reader.read(raw, method), raw, rounds
            except InputWantedError as wanted:
                if method not in ASKING or not self.greeting.dress.era.replays:
                    raise MalformedError(f"{self.where} asks for input, which {method} cannot do") from None
                if wish.by_hand:
                    raise
                asked = wanted.asked
            rounds += 1
            if rounds > self._terms.rounds:
                raise MalformedError(f"{method} at {self.where} asked more than {self._terms.rounds} times")
            leg = await answered(self._terms.callbacks, params, asked)

    def _leg(self, method: str, params: Mapping[str, Any], wish: Wish) -> Awaitable[msgspec.Raw]:
        if wish.idle_timeout is None:
            return self._delivered(method, params, wish)
        what, deliver = f"{method} at {self.where}", functools.partial(self._delivered, method, params)
        return patiently(wish, what, deliver, self._terms.limit)

    async def ping(self, wish: Wish) -> None:
        """Return when the server has answered, in the way its era has for that."""
        method = "server/discover" if "ping" not in self.greeting.dress.era.methods else "ping"
        await self._settled(method, {}, wish, READERS[method])

    async def discover(self) -> Greeting:
        """Return what the server says of itself now; a handshake-era server said it once, for as long as it is open."""
        if "server/discover" in self.greeting.dress.era.methods:
            result = await self.kept("server/discover", {})
            found = greeting_of(self.greeting.dress, result)
            # Drafts said their name elsewhere, once.
            self._greeting = structs.replace(found, server=found.server or self.greeting.server)
        return self.greeting

    # --- changes --------------------------------------------------------------------------------------------

    def number(self) -> int:
        """Return the id of the next request."""
        return self._line.number()

    async def endless(self, method: str, params: dict[str, Any], number: int) -> None:
        """Return when a request that may last for ever is answered. Raises as `request` does, except DeadlineError."""
        READERS[method].read(await self._attempt(method, params, PLAIN, number), method)

    async def stand(self) -> None:
        """Hear what a handshake-era server says outside of calls, where that takes a stream of its own."""
        if self._closed:
            raise ClosedError(f"the client of {self.where} is closed")
        await self._line.exchange.listen(self.greeting.dress.fields)

    async def subscribe(self, uri: str, *, end: bool = False) -> None:
        """Subscribe to a resource in a session; `end` unsubscribes, unless somebody else here still listens to it."""
        if end and (
            self._closed or any(uri in (f.honoured.resource_subscriptions or ()) for f in self.changes.standing)
        ):
            return
        await self.request("resources/unsubscribe" if end else "resources/subscribe", {"uri": uri})

    async def roots_changed(self) -> None:
        """Tell a handshake-era server that the user's folders changed. Raises TransportError."""
        dress = self.greeting.dress
        if self._closed:
            raise ClosedError(f"the client of {self.where} is closed")
        if self._terms.callbacks.roots is None:
            raise LocalError("this client has no roots: pass roots to Client")
        # One that ended asks anew when it was started again, and stateless ones ask whenever they need them.
        if dress.era.handshake and not self._line.exchange.ended:
            await self._line.tell(dress, ROOTS_CHANGED)

    async def _agreed(self, greeting: Greeting) -> None:
        """Begin to hear what belongs to no call, if there is anybody to hear it; after a renewal, again."""
        self._greeting = greeting
        self._line.answering = greeting.dress.era.handshake
        if not greeting.dress.era.handshake:
            return
        standing = list(self.changes.standing)
        if standing or self._terms.callbacks.any or self._terms.on_log is not None:
            await self._line.exchange.listen(greeting.dress.fields)
        uris = {uri for feed in standing for uri in feed.honoured.resource_subscriptions or ()}
        for uri in uris:
            await self._line.ask(greeting.dress, "resources/subscribe", {"uri": uri})
        for feed in standing:
            feed.lost()

    # --- a server that ended --------------------------------------------------------------------------------

    @property
    def lasting(self) -> bool:
        """Whether what broke can be opened again."""
        return self.over_http or self._revival.limit > 0

    def _lost(self) -> None:
        """The server ended by itself. Nothing is under way that would tell those who hear a session's changes."""
        if self._greeting is not None and not self._closed and self.changes.standing:
            self._revival.begin(self._not_revived)

    def _not_revived(self, fault: McpError) -> None:
        for feed in self.changes.standing:
            feed.end(fault)

    async def _start_again(self) -> None:
        """Dial anew and agree anew, in the era that was spoken if it still is. Raises as `open` does."""
        log.warning("%s ended; it is started again", self.where)
        terms, era = self._terms, self.greeting.dress.era
        try:
            async with terms.limit(terms.timeout):
                await self._line.redial()
                try:
                    known = structs.replace(terms, mode=era.version) if terms.mode == "auto" else terms
                    greeting = await agree(self._line, known)
                except (PeerError, MalformedError):
                    greeting = await agree(self._line, terms)
                if self.cache is not None:
                    self.cache.clear()
                await self._agreed(greeting)
        except TimeoutError:
            await self._line.exchange.close()
            raise self._late("starting it again") from None
        except BaseException:
            # Half an agreement is none: the next who needs the server begins anew.
            await self._line.exchange.close()
            raise

    # --- one leg --------------------------------------------------------------------------------------------

    def _late(self, what: str, seconds: float | None = None) -> DeadlineError:
        seconds = self.timeout if seconds is None else seconds
        return DeadlineError(f"{what} at {self.where} took longer than {seconds:g} s; it was cancelled")

    def _delivered(self, method: str, params: Mapping[str, Any], wish: Wish) -> Coroutine[Any, Any, msgspec.Raw]:
        """Return the result of one leg, sent again under a new id if its answer was lost and that is safe (BASE-18)."""
        again = self._terms.resends > 0 and may_repeat(method, wish.repeatable)
        return self._repeated(method, params, wish) if again else self._attempt(method, params, wish)

    async def _repeated(self, method: str, params: Mapping[str, Any], wish: Wish) -> msgspec.Raw:
        lost = 0
        while True:
            try:
                return await self._attempt(method, params, wish)
            except ClosedError:
                lost += 1
                if self._closed or lost > self._terms.resends or self.greeting.dress.era.handshake:
                    raise
                log.debug("the answer to %s was lost; it is sent again", method)
            await asyncio.sleep(pause(lost))

    async def _attempt(
        self, method: str, params: Mapping[str, Any], wish: Wish, number: int | None = None
    ) -> msgspec.Raw:
        greeting = self._greeting or self.greeting  # the property says what is missing
        if self._closed:
            raise ClosedError(f"the client of {self.where} is closed")
        if self._line.exchange.ended and self._revival.limit:
            await self._revival.again()
            greeting = self.greeting
        if self._renewing is not None and self._renewing.locked():
            # Between a session that is gone and the next one there is nothing to call in.
            async with self._renewing:
                greeting = self.greeting
        try:
            dress = greeting.dress if wish is PLAIN else self._dressed(greeting, wish)
            raw = await self._line.ask(dress, method, params, wish, number)
            self._revival.vain = 0
            return raw
        except PeerError as error:
            # Neither ran: the version was not understood, or the session, below, not known any more.
            if isinstance(error, VersionError):
                pass
            elif wish.aside is None and error.code == MISSING_CAPABILITY and (name := lacking(error)):
                raise PeerError(error.code, f"{error.message}; give the client {name}", error.data) from None
            else:
                raise
        except SessionLostError:
            pass
        greeting = await self._renew(greeting)
        return await self._line.ask(self._dressed(greeting, wish), method, params, wish)

    def _dressed(self, greeting: Greeting, wish: Wish) -> Dress:
        if wish.dressed is not None:
            return wish.dressed(greeting.dress)
        if not wish.by_hand or greeting.dress.era.handshake:
            return greeting.dress
        return dress_of(greeting.dress.era, self._terms.client, BY_HAND, self._terms.log_level)

    async def _renew(self, stale: Greeting) -> Greeting:
        """Agree anew, once for all calls that found the agreement gone."""
        assert self._renewing is not None
        async with self._renewing:
            if self._greeting is stale:
                await self._line.exchange.forget_session()
                if self.cache is not None:
                    self.cache.clear()
                await self._agreed(await agree(self._line, self._terms))
            return self.greeting
