"""The calls that a model wants in one round: judged one after the other, made at the same time.

Promise: each gets an answer that the model can act on, whether it was unknown, ill-formed, denied, failed or done.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import msgspec

from dragoman.calling.results import CallResult
from dragoman.errors import DeadlineError, McpError
from dragoman.host.consent import Call
from dragoman.host.economy import CALL, READ, READING, SEARCH, Known, Shelf, seen
from dragoman.host.events import Allowed, Denied, Event, Progressed, Returned, Wants
from dragoman.host.models.turns import Given, Text, Wanted
from dragoman.host.reading import read, reader
from dragoman.host.results import outcome
from dragoman.protocol.plain import visible
from dragoman.protocol.validator import Validator
from dragoman.serving.nearest import nearest
from dragoman.wire.notices import Progress

if TYPE_CHECKING:
    from dragoman.host.host import Host

MAX_ARGUMENTS = 256 * 1024  # characters
MAX_FAULTS = 5  # of one call's arguments that are told
TICK = 0.1  # seconds between two notices of how far a call is
_ENDED: dict[bool, str] = {True: "error", False: "ok"}


class Round(NamedTuple):
    """What one round gave; `faults` calls were none, `items` are what went to the model, `seconds` what it took."""

    given: list[Given]
    faults: int
    items: list[str]
    seconds: float


class _Ready(NamedTuple):
    wanted: Wanted
    known: Known
    arguments: dict[str, Any]
    number: int


class Caller:
    """Makes the calls of one conversation. `taint` are the servers whose words the model has read, `sources` the
    addresses that they gave, each with whether what is there was read."""

    def __init__(self, host: Host, tell: Callable[[Event], None]) -> None:
        self.taint: set[str] = set()
        self.sources: dict[str, bool] = {}
        self._host, self._tell = host, tell
        self._room = asyncio.Semaphore(host.limits.calls)
        self._count = 0
        self._checks: dict[str, Validator | None] = {}

    async def calls(self, wanted: list[Wanted], shelf: Shelf) -> Round:
        """Return what the calls gave, in the order in which they were wanted. Raises LocalError, see `Consent`."""
        given: dict[int, Given] = {}
        ready: dict[int, _Ready] = {}
        faults = 0
        for place, one in enumerate(wanted):
            found = self._ready(one, shelf)
            if isinstance(found, Given):
                given[place], faults = found, faults + found.failed
            elif (refusal := await self._refusal(found)) is not None:
                given[place] = refusal
            else:
                ready[place] = found
        begun = time.monotonic()
        tasks = {place: asyncio.ensure_future(self._call(one)) for place, one in ready.items()}
        try:
            done = await asyncio.gather(*tasks.values())
        except BaseException:
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)
            raise
        items: list[str] = []
        for place, (result, sources) in zip(tasks, done, strict=True):
            given[place] = result
            known = ready[place].known
            items += [f"{visible(known.server)}/{visible(known.tool.name)}", *sources]
        return Round([given[place] for place in range(len(wanted))], faults, items, time.monotonic() - begun)

    # --- what is wanted -------------------------------------------------------------------------------------

    def _ready(self, wanted: Wanted, shelf: Shelf) -> _Ready | Given:
        """Return the call that is meant, or what to tell the model instead."""
        arguments = _object(wanted.arguments)
        if isinstance(arguments, str):
            return _told(wanted, arguments)
        name = wanted.name
        if shelf.searched and name == SEARCH:
            return Given(wanted.id, name, (Text(shelf.search(str(arguments.get("query", "")))),))
        if shelf.searched and name == CALL:
            name, inner = str(arguments.get("name", "")), arguments.get("arguments", {})
            inner = _object(inner) if isinstance(inner, str) else inner  # some models write it as a text again
            if not isinstance(inner, dict):
                return _told(wanted, "`arguments` has to be an object")
            arguments = cast("dict[str, Any]", inner)
        known = self._reader(arguments, shelf) if name == READ else shelf.tools.get(name)
        if known is None:
            if name == READ:
                return _told(wanted, f"`server` has to be one of {', '.join(shelf.readable) or 'none'}")
            how = f"; find tools with {SEARCH}" if shelf.searched else nearest(name, shelf.tools)
            return _told(wanted, f"there is no tool {visible(name)[:200]!r}{how}")
        if wrong := self._wrong(known, arguments):
            return _told(wanted, f"the arguments do not fit, and it was not called: {wrong}")
        self._count += 1
        tool = visible(known.tool.name)
        self._tell(Wants(call=self._count, server=known.server, tool=tool, arguments=seen(arguments)))
        return _Ready(wanted, known, arguments, self._count)

    def _reader(self, arguments: dict[str, Any], shelf: Shelf) -> Known | None:
        server = arguments.get("server")
        return reader(server) if isinstance(server, str) and server in shelf.readable else None

    def _wrong(self, known: Known, arguments: dict[str, Any]) -> str:
        schema = known.tool.input_schema
        key = hashlib.sha256(msgspec.json.encode(schema)).hexdigest()
        if key not in self._checks:
            try:
                self._checks[key] = Validator(schema, of_object=True)
            except ValueError:
                self._checks[key] = None  # the server judges what cannot be judged here
        check = self._checks[key]
        faults = check.violations(arguments, msgspec.json.encode(arguments)) if check is not None else []
        return "; ".join(visible(str(fault)) for fault in faults[:MAX_FAULTS])

    async def _refusal(self, ready: _Ready) -> Given | None:
        """Return what to tell the model of a call that may not be made, None for one that may."""
        known, host = ready.known, self._host
        call = Call(
            server=host.entries[known.server].served, tool=known.tool,
            arguments=msgspec.Raw(msgspec.json.encode(ready.arguments)), taint=frozenset(self.taint),
            findings=host.findings(known),
        )  # fmt: skip
        decision = await host.consent.permit(call)
        reason = visible(decision.reason)
        if decision.allowed:
            reason = "you said yes" if decision.answer is not None else reason
            self._tell(Allowed(call=ready.number, server=known.server, tool=visible(known.tool.name), reason=reason))
            return None
        self._tell(Denied(call=ready.number, server=known.server, tool=visible(known.tool.name), reason=reason))
        said = "the user said no" if decision.answer is not None else f"it is not allowed: {reason}"
        return _told(ready.wanted, f"{said}; do not try it in another way")

    # --- calls ----------------------------------------------------------------------------------------------

    async def _call(self, ready: _Ready) -> tuple[Given, tuple[str, ...]]:
        """Return what a call gave, and the addresses in that."""
        known, limits = ready.known, self._host.limits
        begun = time.monotonic()
        raw = msgspec.json.encode(ready.arguments)
        wire, ended = b"", ""
        try:
            async with self._room:
                begun = time.monotonic()
                result = await self._result(ready)
        except McpError as error:
            ended, text = type(error).__name__, f"the call failed: {visible(str(error))[:1000]}"
            given = _told(ready.wanted, text)
            self._returned(ready, text, begun, failed=True)
            return given, ()
        except BaseException as error:
            ended = type(error).__name__
            raise
        else:
            wire, ended = msgspec.json.encode(result.wire), _ENDED[result.is_error]
        finally:
            self._host.consent.audit.called(
                server=known.server, tool=known.tool.name, arguments=raw, ended=ended, result=wire,
                seconds=time.monotonic() - begun,
            )  # fmt: skip
        found = outcome(result, known.server, known.tool, limits)
        self.taint.add(known.server)
        asked = ready.arguments.get("uri")
        named = [visible(asked)] if isinstance(asked, str) and not result.is_error else []
        read = tuple(dict.fromkeys((*found.read, *named)))
        for uri in found.found:
            self.sources.setdefault(uri, False)
        for uri in read:
            self.sources[uri] = True
        self._returned(
            ready, found.text, begun, failed=result.is_error, sources=tuple(dict.fromkeys((*read, *found.found))),
            images=found.images, left=found.left,
        )  # fmt: skip
        return Given(ready.wanted.id, ready.wanted.name, found.parts, result.is_error), (*read, *found.found)

    async def _result(self, ready: _Ready) -> CallResult:
        host, known, last = self._host, ready.known, 0.0

        async def on_progress(notice: Progress) -> None:
            nonlocal last
            if time.monotonic() - last < TICK:
                return  # a server may tell of it as often as it likes
            last = time.monotonic()
            total = notice.total if isinstance(notice.total, int | float) else None
            words = visible(notice.message)[:200] if isinstance(notice.message, str) else ""
            told = Progressed(
                call=ready.number, server=known.server, tool=visible(known.tool.name), progress=notice.progress,
                total=total, message=words,
            )  # fmt: skip
            self._tell(told)

        try:
            async with asyncio.timeout(host.limits.call) as bound:
                with host.questions.patiently(known.server, bound):
                    if known.offer is READING:
                        return await read(host.group, known.server, ready.arguments)
                    return await host.group.call_tool(
                        known.offer.name, ready.arguments, raise_on_error=False, on_progress=on_progress
                    )
        except TimeoutError:
            raise DeadlineError(f"{known.server} did not answer within {host.limits.call:g} s") from None

    def _returned(self, ready: _Ready, text: str, begun: float, *, failed: bool, **more: Any) -> None:
        known, took = ready.known, time.monotonic() - begun
        event = Returned(
            call=ready.number, server=known.server, tool=visible(known.tool.name), text=text, failed=failed,
            seconds=round(took, 3), **more,
        )  # fmt: skip
        self._tell(event)


def _object(text: str) -> dict[str, Any] | str:
    """Return the arguments that a model wrote, or what is wrong with them."""
    if len(text) > MAX_ARGUMENTS:
        return f"the arguments have more than {MAX_ARGUMENTS} characters"
    try:
        found: Any = msgspec.json.decode(text or "{}")
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        return f"the arguments are not JSON ({error}), and nothing was called; write them again"
    if found is None:
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else "the arguments have to be a JSON object"


def _told(wanted: Wanted, text: str) -> Given:
    return Given(wanted.id, wanted.name, (Text(text),), failed=True)
