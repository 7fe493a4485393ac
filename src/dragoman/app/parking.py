"""Calls that wait, parked, for an answer that comes with another request.

    leg 1: call -> the server behind asks  -> input_required, its state naming this process and the call
    leg 2: the same call with the answers  -> handed to the parked call -> asks again, or is answered

A leg may come to another process of the same store: it hands the answers over there, and waits for what comes of them.
A parked call whose client does not come back within `TTL` is cancelled at the server behind.
"""

from __future__ import annotations

import asyncio
import copy
import hashlib
import secrets
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, structs

from dragoman.app.upstream import Way
from dragoman.errors import DeadlineError, McpError, RequestError
from dragoman.ports.store import Append, Store
from dragoman.protocol.exchange import Call, Reply
from dragoman.protocol.failures import failure_of
from dragoman.protocol.forwarding import members_of
from dragoman.protocol.sealed import not_ours
from dragoman.serving.suspended import Suspended
from dragoman.wire.base import EMPTY
from dragoman.wire.jsonrpc import INTERNAL_ERROR, INVALID_REQUEST, Failure, Notification
from dragoman.wire.notices import PROGRESS, Progress
from dragoman.wire.questions import ELICIT, ROOTS, SAMPLE, InputRequest, InputRequired

if TYPE_CHECKING:
    from dragoman.app.server import Server

TTL = 900.0  # seconds in which a client may answer
MOST = 1000  # calls parked in one process
NEEDS = {ELICIT: "elicitation", SAMPLE: "sampling", ROOTS: "roots"}
_encode = msgspec.json.Encoder().encode
_sorted = msgspec.json.Encoder(order="sorted").encode
Run = Callable[[Call], Awaitable[Reply]]


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a call is parked, and how many legs it has had."""

    owner: str
    call: str
    leg: int


class Leg(msgspec.Struct, frozen=True):
    """What another process hands over: the answers of one leg."""

    number: int
    answers: dict[str, msgspec.Raw]


class Outcome(msgspec.Struct, frozen=True):
    """What came of a leg: a result, an error, or further questions."""

    number: int
    result: msgspec.Raw = EMPTY
    failure: Failure | None = None
    asked: dict[str, InputRequest] | None = None


_place = msgspec.json.Decoder(Place).decode
_leg = msgspec.json.Decoder(Leg).decode
_outcome = msgspec.json.Decoder(Outcome).decode


class Parked:
    """One call that runs on while its client is away; the door of its own towards the server behind."""

    def __init__(self, call: Call) -> None:
        self.id = secrets.token_urlsafe(16)
        self.leg = 0
        self.current = call
        self.cancelled = False
        self.news = asyncio.Event()
        self.asked: dict[str, InputRequest] = {}
        self._answers: dict[str, asyncio.Future[msgspec.Raw]] = {}
        self._count = 0
        self.task: asyncio.Future[Reply] | None = None
        self.expiry: asyncio.TimerHandle | None = None
        self.hearing: asyncio.Task[None] | None = None

    async def emit(self, notice: Notification) -> None:
        """Tell whoever is at the other end now."""
        params: Any = notice.params
        if notice.method == PROGRESS and isinstance(params, Progress):
            token = self.current.meta.progress_token
            if token is UNSET:
                return
            notice = structs.replace(notice, params=structs.replace(params, progress_token=token))
        if not self.current.over:
            await self.current.door.emit(notice)

    async def ask(self, method: str, params: Any) -> msgspec.Raw:
        """Ask with the next answer that goes out, and wait for the leg that brings the answer back."""
        needed = NEEDS.get(method)
        if needed is None or getattr(self.current.caller.capabilities, needed) is UNSET:
            raise RequestError(INVALID_REQUEST, f"this client did not declare what {method} needs")
        self._count += 1
        key = f"q{self._count}"
        self.asked[key] = InputRequest(method=method, params=params)
        answer: asyncio.Future[msgspec.Raw] = asyncio.get_running_loop().create_future()
        self._answers[key] = answer
        self.news.set()
        try:
            return await answer
        finally:
            self.asked.pop(key, None)
            self._answers.pop(key, None)

    def take(self, answers: dict[str, msgspec.Raw]) -> None:
        """Hand the answers to whoever waits for them; others are passed over."""
        for key, answer in answers.items():
            waiting = self._answers.get(key)
            if waiting is not None and not waiting.done():
                self.asked.pop(key, None)
                waiting.set_result(answer)
        if not self.asked:
            self.news.clear()


class _Asked:
    """What a call that was suspended waits for."""

    def __init__(self, parking: Parking, call: Call, place: Place, asked: dict[str, InputRequest]) -> None:
        self._parking = parking
        self._call = call
        self._place = place
        self._questions = asked

    async def required(self) -> InputRequired:
        """Return the result that asks."""
        state = await self._parking.seal(self._call, self._place)
        return InputRequired(result_type="input_required", input_requests=self._questions, request_state=state)


class Parking:
    """The parked calls of one proxy in this process."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._name = secrets.token_urlsafe(12)
        self._parked: dict[str, Parked] = {}

    async def forward(self, call: Call, run: Run, way: Way) -> Reply:
        """Return what `run` gives for the call, or for the parked one that it goes on with. Raises Suspended."""
        members = members_of(call.params)
        state = msgspec.json.decode(members["requestState"]) if "requestState" in members else None
        if state is None:
            return await self._outcome(self._begin(call, run, way), call)
        answers: dict[str, msgspec.Raw] = msgspec.json.decode(
            members.get("inputResponses", EMPTY), type=dict[str, msgspec.Raw]
        )
        if not isinstance(state, str):
            raise not_ours()
        place = await self._unseal(call, state)
        parked = self._parked.get(place.call)
        if place.owner == self._name:
            if parked is None or parked.leg != place.leg:
                raise not_ours()
            self._resume(parked, call, answers)
            return await self._outcome(parked, call)
        return await self._hand_over(call, place, answers)

    # --- here -------------------------------------------------------------------------------------------------

    def _begin(self, call: Call, run: Run, way: Way) -> Parked:
        if len(self._parked) >= MOST:
            raise RequestError(INTERNAL_ERROR, f"{MOST} calls wait for their clients here; try again later")
        parked = Parked(call)
        inner = copy.copy(call)
        inner.door = parked
        way.busy += 1

        def done(_: object) -> None:
            way.busy -= 1

        parked.task = asyncio.ensure_future(run(inner))
        parked.task.add_done_callback(done)
        self._parked[parked.id] = parked
        return parked

    def _resume(self, parked: Parked, call: Call, answers: dict[str, msgspec.Raw]) -> None:
        if parked.expiry is not None:
            parked.expiry.cancel()
        if parked.hearing is not None and parked.hearing is not asyncio.current_task():
            parked.hearing.cancel()
        parked.leg += 1
        parked.current = call
        parked.take(answers)

    async def _settled(self, parked: Parked) -> None:
        """Return when the call is answered, or asks. When cancelled, so is the call."""
        assert parked.task is not None
        news = asyncio.ensure_future(parked.news.wait())
        try:
            both: set[asyncio.Future[Any]] = {parked.task, news}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._drop(parked)
            raise
        finally:
            news.cancel()

    async def _outcome(self, parked: Parked, call: Call) -> Reply:
        await self._settled(parked)
        assert parked.task is not None
        if parked.task.done():
            self._parked.pop(parked.id, None)
            return parked.task.result()
        place = Place(self._name, parked.id, parked.leg)
        self._park(parked)
        raise Suspended(_Asked(self, call, place, dict(parked.asked)))

    def _park(self, parked: Parked) -> None:
        loop = asyncio.get_running_loop()
        parked.expiry = loop.call_later(TTL, self._drop, parked)
        if self._shared is not None:
            parked.hearing = loop.create_task(self._hear(parked, self._shared))

    def _drop(self, parked: Parked) -> None:
        self._parked.pop(parked.id, None)
        if parked.task is not None:
            parked.task.cancel()
        if parked.hearing is not None:
            parked.hearing.cancel()
        if parked.expiry is not None:
            parked.expiry.cancel()

    async def stop(self) -> None:
        """Cancel what is parked."""
        tasks = [one.task for one in self._parked.values() if one.task is not None]
        for parked in list(self._parked.values()):
            self._drop(parked)
        if tasks:
            await asyncio.gather(*tasks, return_exceptions=True)

    # --- elsewhere --------------------------------------------------------------------------------------------

    @property
    def _shared(self) -> Store | None:
        return None if self._server.sharing is None else self._server.storage()

    async def _hear(self, parked: Parked, store: Store) -> None:
        """Wait for a leg that came to another process, and tell there what comes of it."""
        at, stream = 0, f"parked:{parked.id}:in"
        while True:
            if not await store.wait(stream, at, TTL):
                continue
            for position, value in await store.read(stream, at):
                at = position
                leg = _leg(value)
                if leg.number == parked.leg:
                    self._resume(parked, parked.current, leg.answers)
                    outcome = await self._told(parked, leg.number)
                    await store.commit([Append(f"parked:{parked.id}:out", _encode(outcome), TTL)])
                    if outcome.asked is None:
                        return
                    parked.expiry = asyncio.get_running_loop().call_later(TTL, self._drop, parked)

    async def _told(self, parked: Parked, number: int) -> Outcome:
        await self._settled(parked)
        assert parked.task is not None
        if not parked.task.done():
            return Outcome(number, asked=dict(parked.asked))
        self._parked.pop(parked.id, None)
        try:
            reply = parked.task.result()
        except McpError as error:
            return Outcome(number, failure=failure_of(error) or Failure(INTERNAL_ERROR, "the server behind failed"))
        sealed = parked.current.era.seal(reply, self._server.service.facts)
        return Outcome(number, result=msgspec.Raw(_encode(sealed)))

    async def _hand_over(self, call: Call, place: Place, answers: dict[str, msgspec.Raw]) -> Reply:
        store = self._shared
        if store is None:
            raise not_ours()
        await store.commit([Append(f"parked:{place.call}:in", _encode(Leg(place.leg, answers)), TTL)])
        at, stream = 0, f"parked:{place.call}:out"
        seconds = self._server.limits.call_seconds
        try:
            async with asyncio.timeout(seconds):
                while True:
                    await store.wait(stream, at, seconds)
                    for position, value in await store.read(stream, at):
                        at, outcome = position, _outcome(value)
                        if outcome.number == place.leg:
                            return self._came(call, place, outcome)
        except TimeoutError:
            raise DeadlineError(f"the process where this call waits did not answer in {seconds:g} s") from None

    def _came(self, call: Call, place: Place, outcome: Outcome) -> Reply:
        if outcome.asked is not None:
            following = structs.replace(place, leg=place.leg + 1)
            raise Suspended(_Asked(self, call, following, outcome.asked))
        if outcome.failure is not None:
            raise RequestError(outcome.failure.code, outcome.failure.message, outcome.failure.data)
        return outcome.result

    # --- what travels -----------------------------------------------------------------------------------------

    async def seal(self, call: Call, place: Place) -> str:
        """Return the state that leads back to a parked call, good only for this call and its caller (MRTR-07)."""
        return await self._server.surface.face.states().save(_encode(place), binding(call))

    async def _unseal(self, call: Call, state: str) -> Place:
        try:
            return _place(await self._server.surface.face.states().load(state, binding(call)))
        except msgspec.DecodeError:
            raise not_ours() from None


def binding(call: Call) -> bytes:
    """Return what the state of a forwarded call belongs to: method, name, arguments and principal (MRTR-07)."""
    members = members_of(call.params)
    kept = {name: members.get(name) for name in ("name", "uri")}
    arguments = _sorted(msgspec.json.decode(members.get("arguments", EMPTY)))
    digest = hashlib.sha256(arguments).hexdigest()
    return _sorted(["parked", call.method, kept, digest, call.caller.principal])
