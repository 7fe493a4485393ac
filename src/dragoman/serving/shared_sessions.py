"""Sessions that several processes share: any of them serves any request of any client.

What was agreed is a record in the store, changed by compare-and-set; what is under way stays where it runs, and
messages for it are passed on. Records are looked at again after a second at most; an end is heard of sooner.
Source: 2025-11-25 basic/transports "Session Management"; requirements LEG-07 to LEG-09.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import cast

import msgspec

from dragoman.errors import RequestError
from dragoman.ports.sessions import Deliver, Session
from dragoman.ports.store import Change, Drop, Put
from dragoman.protocol.frames import encode, read_frame
from dragoman.protocol.limits import Limits
from dragoman.serving.crew import Crew, Letter, is_name
from dragoman.serving.sessions import OwnSession, Streams, new_id
from dragoman.wire.base import RequestId
from dragoman.wire.jsonrpc import INVALID_REQUEST, Frame, Notification
from dragoman.wire.notices import CANCELLED, Cancelled

log = logging.getLogger("dragoman")
FRESH = 1.0  # seconds for which a record is taken to be what it was when it was looked at
OFTEN = 60.0  # seconds after which a session in use is said to be in use
RECORD = 256 * 1024  # bytes of one record
MAX_MESSAGE = 1024  # bytes of a notification that is passed on: the id of a request is all that it tells
TRIES = 8
AT_ONCE = 100  # sessions in one commit
RECOUNT = 10.0  # seconds for which a count of sessions is good
CHANGED, ENDED, LISTENS, MESSAGE = "changed", "ended", "listens", "message"
_read_cancelled = msgspec.json.Decoder(Cancelled).decode
_is_id = re.compile(r"[A-Za-z0-9_-]{32}").fullmatch


class SharedSession(OwnSession):
    """A session as this process knows it: `record` is what the store said at `checked`."""

    __slots__ = ("checked", "lock", "record", "touched")

    def __init__(self, session_id: str, now: float, streams: object, owner: str) -> None:
        super().__init__(session_id, now, streams, owner)
        self.record = b""
        self.checked = self.touched = now
        self.lock = asyncio.Lock()


class SharedSessions:
    """All sessions of one server, as far as this process has met them; least recently used first."""

    def __init__(
        self,
        crew: Crew,
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
        streams: Streams | None = None,
    ) -> None:
        self.clock = clock
        self.deliver: Deliver | None = None
        self._crew = crew
        self._store = crew.store
        self._limits = limits
        self._streams = streams
        self._here: OrderedDict[str, SharedSession] = OrderedDict()
        self._often = min(OFTEN, limits.session_idle_seconds / 4)
        self._prefix = f"session:{crew.place}:"
        self._counted = float("-inf")  # when, and how many, and how many were opened here since
        self._number = self._opened = 0
        crew.each_beat(self._stay)
        crew.on(CHANGED, self._changed)
        crew.on(ENDED, self._ended)
        crew.on(LISTENS, self._gone)
        crew.on(MESSAGE, self._told)

    def __len__(self) -> int:
        return len(self._here)

    async def open(self) -> Session | None:
        """Return a new session with an unguessable id, or None if there are as many as may be. Raises StoreError."""
        if not await self._has_room():
            return None
        session = self._take_in(new_id())
        # Not in the store yet: it counts once it is saved, and must not be looked for until then.
        session.checked = float("inf")
        return session

    async def _has_room(self) -> bool:
        """Count anew now and then: each process passes the limit by a hundredth at most."""
        now, most = self.clock(), self._limits.sessions
        if now - self._counted >= RECOUNT or self._opened * 100 >= most or self._number >= most:
            self._number = len(await self._store.keys(self._prefix, most + 1))
            self._counted, self._opened = now, 0
        self._number += 1
        self._opened += 1
        return self._number <= most

    async def get(self, session_id: str) -> Session | None:
        """Return the session, now used; None if it never was or has ended. Raises StoreError."""
        session = self._here.get(session_id)
        now = self.clock()
        if session is None or now - session.checked >= FRESH:
            session = await self._load(session_id)
            if session is None:
                return None
        if now - session.touched >= self._often and not await self._touch(session, now):
            return None
        session.used = now
        self._here.move_to_end(session_id)
        return session

    async def save(self, session: Session, loads: int) -> bool:
        """Write what was agreed, if it is still about what it was at `loads`. Raises StoreError, RequestError."""
        ours = cast("SharedSession", session)
        async with ours.lock:
            return ours.loads == loads and not ours.ended and await self._save(ours)

    async def _save(self, session: SharedSession) -> bool:
        value = session.peer.written()
        if value != session.record:
            if len(value) > RECORD:
                self._doubt(session)
                raise RequestError(INVALID_REQUEST, f"what this session agreed to is over {RECORD} bytes")
            changes: list[Change] = [
                Put(self._key(session.id), value, self._ttl()),
                self._crew.letter(CHANGED, session.id),
            ]
            try:
                saved = await self._store.commit(changes, {self._key(session.id): session.record or None})
            except BaseException:
                self._doubt(session)
                raise
            if not saved:
                await self._look(session)
                return False
            session.record = value
            session.checked = session.touched = self.clock()
        else:
            # Nothing to write, if it is so there too: our copy may be the older one.
            loads = session.loads
            await self._look(session)
            if session.loads != loads or session.ended:
                return False
        session.peer.changed = False
        return True

    def _doubt(self, session: SharedSession) -> None:
        """What is here may not be what is there: look before anything else."""
        session.checked = float("-inf")
        session.loads += 1
        # No record is empty, so the next look takes over what is there.
        session.record = b""

    async def end(self, session_id: str) -> bool:
        """End a session everywhere; returns whether there was one. Raises StoreError."""
        session = self._here.get(session_id)
        if session is not None:
            self._drop(session)
            if not session.record and session.checked == float("inf"):
                return True  # never saved
        key = self._key(session_id)
        for _ in range(TRIES):
            value = await self._store.get(key)
            if value is None:
                return session is not None
            if await self._store.commit([Drop(key), self._crew.letter(ENDED, session_id)], {key: value}):
                return True
        return False

    async def pass_on(self, session: Session, frame: Frame) -> None:
        """Say a notification to all, and the response to a question to whoever asked it. Raises StoreError."""
        if frame.method is not msgspec.UNSET:
            body = _cancellation(frame)
            if len(body) <= MAX_MESSAGE:
                await self._crew.say(MESSAGE, session.id, body)
            return
        owner = owner_of(frame.id)
        if owner and owner != self._crew.name and await self._crew.known(owner):
            await self._crew.say(MESSAGE, session.id, encode(_members(frame)), to=owner)

    async def listens(self, session: Session) -> None:
        """Say that the session's GET stream is here now: the latest one counts. Raises StoreError."""
        await self._crew.say(LISTENS, session.id)

    # --- what the others say ----------------------------------------------------------------------------------

    async def _changed(self, letter: Letter) -> None:
        session = self._here.get(letter.about)
        if session is not None:
            session.checked = float("-inf")
            if session.listening is not None:
                # Now, since what is said after this may be about what was subscribed to by it.
                await self._load(session.id)

    async def _ended(self, letter: Letter) -> None:
        session = self._here.get(letter.about)
        if session is not None:
            self._drop(session)

    async def _gone(self, letter: Letter) -> None:
        session = self._here.get(letter.about)
        if session is not None and session.listening is not None:
            session.listening.end()

    async def _told(self, letter: Letter) -> None:
        session = self._here.get(letter.about)
        if session is not None and self.deliver is not None:
            self.deliver(session, read_frame(letter.body))

    # --- the record -------------------------------------------------------------------------------------------

    async def _load(self, session_id: str) -> SharedSession | None:
        """Return the session as the store knows it now, None if it does not."""
        session = self._here.get(session_id)
        if session is not None:
            async with session.lock:
                await self._look(session)
            return None if session.ended else session
        if not _is_id(session_id) or await self._store.get(self._key(session_id)) is None:
            return None
        # Another request may have met it in the meantime.
        session = self._here.get(session_id) or self._take_in(session_id)
        async with session.lock:
            await self._look(session)
        return None if session.ended else session

    async def _look(self, session: SharedSession) -> None:
        asked = self.clock()
        value = await self._store.get(self._key(session.id))
        if value is None:
            self._drop(session)
            return
        if value != session.record:
            try:
                session.peer.read(value)
            except msgspec.DecodeError:
                log.warning("a session in the store cannot be read, and is taken as ended; is another version at work?")
                self._drop(session)
                return
            session.loads += 1
            session.record = value
        session.checked = asked

    def _take_in(self, session_id: str) -> SharedSession:
        streams = None if self._streams is None else self._streams(session_id)
        session = self._here[session_id] = SharedSession(session_id, self.clock(), streams, self._crew.name)
        session.touched = float("-inf")
        while len(self._here) > self._limits.sessions:
            # Only our copies: whoever comes back is met anew. What is under way stays.
            idle = next((other for other in self._here.values() if not other.busy and other is not session), None)
            if idle is None:
                break
            self._let_go(idle)
        return session

    def _let_go(self, session: SharedSession) -> None:
        """Forget a session here; elsewhere it goes on."""
        del self._here[session.id]
        if session.streams is not None:
            session.streams.clear()

    def _drop(self, session: SharedSession) -> None:
        if self._here.get(session.id) is session:
            del self._here[session.id]
        session.close()

    async def _touch(self, session: SharedSession, now: float) -> bool:
        """Say that a session is in use, so that it lasts; returns whether it still does."""
        async with session.lock:
            if now - session.touched < self._often:
                return True
            key = self._key(session.id)
            if not await self._store.commit([Put(key, session.record, self._ttl())], {key: session.record}):
                await self._look(session)
                return not session.ended
            session.touched = session.checked = now
            return True

    async def _stay(self) -> None:
        """Keep sessions that are in use here, and forget those that nobody used for long."""
        now = self.clock()
        due: list[SharedSession] = []
        for session in list(self._here.values()):
            if session.busy:
                if session.checked == float("-inf"):
                    await self._load(session.id)  # a change was heard of, and could not be looked at
                if now - session.touched >= self._often and session.record:
                    due.append(session)
            elif now - session.used >= self._limits.session_idle_seconds:
                self._let_go(session)
        for first in range(0, len(due), AT_ONCE):
            await self._touch_all(due[first : first + AT_ONCE], now)

    async def _touch_all(self, sessions: list[SharedSession], now: float) -> None:
        """Say at once that many sessions are in use; one by one if one of them has changed."""
        there = {self._key(session.id): session.record for session in sessions}
        if await self._store.commit([Put(key, record, self._ttl()) for key, record in there.items()], there):
            for session in sessions:
                session.touched = now
        else:
            for session in sessions:
                if not session.ended:
                    await self._touch(session, now)

    def _ttl(self) -> float:
        # A session in use is said to be so this often: what was not used since is idle for at least the limit.
        return self._limits.session_idle_seconds + self._often

    def _key(self, session_id: str) -> str:
        return self._prefix + session_id


def owner_of(request_id: RequestId | msgspec.UnsetType) -> str:
    """Return the name of the process that asked the question of that id, empty if it cannot have one."""
    name = request_id.partition(".")[0] if isinstance(request_id, str) else ""
    return name if is_name(name) else ""


def _cancellation(frame: Frame) -> bytes:
    """Return a cancellation without its reason, which nobody reads. No other notification is passed on."""
    wanted = _read_cancelled(frame.params).request_id
    return encode(Notification(method=CANCELLED, params=Cancelled(request_id=wanted)))


def _members(frame: Frame) -> dict[str, object]:
    """Return a frame as it came: without the members that it did not have."""
    members: dict[str, object] = {"jsonrpc": frame.jsonrpc}
    for name in ("id", "method", "params", "result", "error"):
        value = getattr(frame, name)
        if value is not msgspec.UNSET and not (isinstance(value, msgspec.Raw) and not value):
            members[name] = value
    return members
