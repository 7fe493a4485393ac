"""Calls that a server serves only when the user has visited pages: visited, and the call made again.

When it is made again before the server is content, it waits for the server to say that it is, for a while.
Source: 2025-11-25 client/elicitation, "URL Elicitation Required Error", "Completion Notifications"; requirement LEG-22.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from msgspec import UNSET

from dragoman.calling.callbacks import Callbacks
from dragoman.errors import DeclinedError, MalformedError, PeerError, Visit, VisitNeededError
from dragoman.wire.base import Opt, Wire
from dragoman.wire.decoding import Decoding
from dragoman.wire.jsonrpc import VISIT_NEEDED, Frame
from dragoman.wire.notices import Visited
from dragoman.wire.questions import ELICIT, Elicit

PATIENCE = 30.0  # seconds that a server gets to say that a visit is complete, once it was made
MAX_PAGES = 20  # of one call
MAX_WAITED = 1000  # visits whose end may be told
_visited = Decoding(Visited)


class _Needed(Wire, frozen=True, kw_only=True):
    """The data of the error."""

    elicitations: Opt[list[Elicit]] = UNSET


class Visits:
    """The visits that one client's calls wait for."""

    def __init__(self) -> None:
        self._made: dict[str, asyncio.Event] = {}

    def hear(self, notice: Frame) -> None:
        """Take that a visit is complete; one that nobody made is none. Raises msgspec.DecodeError."""
        made = self._made.get(_visited.decode(notice.params).elicitation_id)
        if made is not None:
            made.set()

    async def first(
        self, error: PeerError, callbacks: Callbacks | None, rounds: int, call: Callable[[], Awaitable[msgspec.Raw]]
    ) -> msgspec.Raw:
        """Return what `call` gives, the pages visited that its server wants visited first, if `error` says so.

        Raises VisitNeededError where nobody here visits pages, or visits do not
        help, DeclinedError if the user does not want to, and what `call` raises.
        """
        seen: set[str] = set()
        for _ in range(rounds if error.code == VISIT_NEEDED else 0):
            await self._visit(_pages_of(error), callbacks, seen)
            try:
                return await call()
            except PeerError as again:
                if again.code != VISIT_NEEDED:
                    raise
                error = again
        raise error

    async def _visit(self, pages: list[Elicit], callbacks: Callbacks | None, seen: set[str]) -> None:
        needed = VisitNeededError(*[Visit(page.message, str(page.url), str(page.elicitation_id)) for page in pages])
        if callbacks is None or callbacks.on_visit is None:
            raise needed from None
        new = [page for page in pages if page.elicitation_id not in seen]
        for page in new:
            # Before it is visited: its end may be told before the callback returns.
            self._made[str(page.elicitation_id)] = asyncio.Event()
            if len(self._made) > MAX_WAITED:
                del self._made[next(iter(self._made))]
            result = await callbacks.answer(ELICIT, msgspec.Raw(msgspec.json.encode(page)))
            if result.action != "accept":
                raise DeclinedError(page.message, result.action)
            seen.add(str(page.elicitation_id))
        if not new:
            await self._complete(pages, needed)

    async def _complete(self, pages: list[Elicit], needed: VisitNeededError) -> None:
        """Wait until the server says that the visits are complete. Raises `needed` if it does not."""
        try:
            async with asyncio.timeout(PATIENCE):
                for page in pages:
                    made = self._made.get(str(page.elicitation_id))
                    if made is None:
                        raise TimeoutError
                    await made.wait()
                    # Told once; if that did not help, nothing else will.
                    del self._made[str(page.elicitation_id)]
        except TimeoutError:
            raise needed from None


def _pages_of(error: PeerError) -> list[Elicit]:
    try:
        pages = msgspec.convert(error.data, _Needed).elicitations
    except msgspec.ValidationError as fault:
        raise MalformedError(f"the server wants pages visited, and names them wrong: {fault}") from None
    if not pages or len(pages) > MAX_PAGES:
        count = len(pages) if pages else "none"
        raise MalformedError(f"the server wants pages visited, and names {count}; 1 to {MAX_PAGES} can be")
    for page in pages:
        if page.mode != "url" or not page.url or not page.elicitation_id:
            raise MalformedError("the server wants pages visited, and names one without url or elicitationId")
    return pages
