"""What was said on response streams, kept in the store, so that a client that lost one takes it up at any process.

Written behind: nobody waits for the store while it keeps up. An event that was sent and not yet kept is lost with its
process, and so is its call: whoever reads on is told so, within `worker_seconds`.
Source: 2025-11-25 basic/transports "Resumability and Redelivery"; requirements LEG-12, LEG-13.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator

import msgspec

from dragoman.errors import LocalError, StoreError
from dragoman.ports.store import Append, Put
from dragoman.protocol.frames import write_failure
from dragoman.protocol.limits import Limits
from dragoman.protocol.sse import encode_event
from dragoman.serving.crew import Crew
from dragoman.wire.base import RequestId
from dragoman.wire.jsonrpc import INTERNAL_ERROR, Failure

log = logging.getLogger("dragoman")
PENDING = 8 * 1024 * 1024  # bytes on their way to the store, after which who says more has to wait
AT_ONCE = 100  # changes in one commit
BATCH = 1024 * 1024  # bytes in one commit, if it has more than one change
READ = 100  # events in one read
LATE = 0.5  # seconds that a stream may take to come to the store
PAUSE = 1.0  # seconds until a store that failed is tried again
STOP = 1.0  # seconds that what is on its way gets when the server stops
GONE = b"gone"
END = b"end"
LOST = "the process that ran this call has ended; whether the call took effect is unknown"


class Opening(msgspec.Struct, frozen=True):
    """What is known of a stream: which request it answers."""

    id: RequestId


_is_stream = re.compile(r"[0-9a-f]{12}-[0-9a-f]{1,12}").fullmatch
_read_opening = msgspec.json.Decoder(Opening).decode
_encode = msgspec.json.Encoder().encode


class StoredStreams:
    """The streams of all sessions that this process serves, and a way to those of the others."""

    def __init__(self, crew: Crew, limits: Limits) -> None:
        self._crew = crew
        self._store = crew.store
        self._ttl = limits.session_idle_seconds + limits.call_seconds
        self._look = limits.worker_seconds / 4
        self._pending: list[Append | Put] = []
        self._bytes = 0
        self._less = asyncio.Event()
        self._lost: dict[str, bool] = {}  # streams with a gap, which are given up, and whether that was said
        self._over: set[str] = set()  # those of them that ended before that
        self._writing: asyncio.Task[None] | None = None

    @property
    def owner(self) -> str:
        """What the names of streams of this process begin with."""
        return self._crew.name

    def begin(self, session_id: str, stream: str, request_id: RequestId) -> None:
        """Keep a stream from now on; it carries the answer to `request_id`."""
        self._put(Put(self._key(session_id, stream), _encode(Opening(request_id)), self._ttl))

    def add(self, session_id: str, stream: str, number: int, event: bytes, most: int) -> None:
        """Keep an event, written for the wire, and forget all but the latest `most`. Does not wait."""
        self._put(Append(self._key(session_id, stream), b"%d\n%b" % (number, event), self._ttl, most))

    def end(self, session_id: str, stream: str) -> None:
        """Say that there will be no more events."""
        self._put(Append(self._key(session_id, stream), END, self._ttl), last=True)

    def forget(self, session_id: str, stream: str) -> None:
        """Keep a stream no more."""
        self._put(Append(self._key(session_id, stream), GONE, self._ttl, 1), last=True)

    async def room(self) -> None:
        """Wait while too much is on its way to the store, at most for as long as the store may take."""
        while self._bytes > PENDING:
            self._less.clear()
            await self._less.wait()

    async def stop(self) -> None:
        """Bring what is on its way to the store, if that can be done soon."""
        writing, self._writing = self._writing, None
        if writing is None or writing.done() or writing.get_loop() is not asyncio.get_running_loop():
            return
        await asyncio.wait([writing], timeout=STOP)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)

    def _put(self, change: Append | Put, *, last: bool = False) -> None:
        key = key_of(change)
        if key in self._lost:
            if last:
                self._over.add(key)
                self._forget_lost([key])
            return
        self._pending.append(change)
        self._bytes += len(change.value)
        self._go_on()

    def _go_on(self) -> None:
        if self._writing is None or self._writing.done() or self._writing.get_loop() is not asyncio.get_running_loop():
            self._writing = asyncio.get_running_loop().create_task(self._write(), name="dragoman streams")

    async def _write(self) -> None:
        while self._pending or not all(self._lost.values()):
            batch: list[Append | Put] = []
            try:
                await self._give_up()
                batch = self._batch()
                await self._store.commit(batch)
                self._bytes -= sum(len(change.value) for change in batch)
            except LocalError as error:  # StoreError, or an event that no store would take
                # Whoever hears these streams now hears all of them; only taking them up elsewhere fails.
                lost = {key_of(change) for change in [*batch, *self._pending]}
                log.warning("%d streams cannot be taken up at other processes: %s", len(lost), error)
                self._lost |= dict.fromkeys(lost, False)
                self._pending, self._bytes = [], 0
                await asyncio.sleep(PAUSE)
            finally:
                self._less.set()

    async def _give_up(self) -> None:
        """Say of streams with a gap that nothing more is known of them: nobody shall wait for their end."""
        while unsaid := [key for key, said in self._lost.items() if not said][:AT_ONCE]:
            await self._store.commit([Append(key, GONE, self._ttl, 1) for key in unsaid])
            self._lost.update(dict.fromkeys(unsaid, True))
            self._forget_lost(unsaid)

    def _forget_lost(self, keys: list[str]) -> None:
        for key in keys:
            if self._lost[key] and key in self._over:
                del self._lost[key]
                self._over.remove(key)

    def _batch(self) -> list[Append | Put]:
        size = number = 0
        for change in self._pending[:AT_ONCE]:
            size += len(change.value)
            if number and size > BATCH:
                break
            number += 1
        batch, self._pending = self._pending[:number], self._pending[number:]
        return batch

    async def follow(self, session_id: str, stream: str, number: int) -> AsyncIterator[bytes] | None:
        """Return the events behind `number`, those to come included; None if nothing is known of the stream.

        When the process that answers has ended, the last event says so, as the response to the request. Raises
        StoreError.
        """
        if not _is_stream(stream):
            return None  # it comes from a client
        key = self._key(session_id, stream)
        opening = await self._store.get(key)
        if opening is None and await self._crew.alive(owner_of(stream)) and await self._store.wait(key, 0, LATE):
            # It was on its way: the client came back sooner.
            opening = await self._store.get(key)
        if opening is None:
            return None
        entries = await self._store.read(key, 0, 1)
        if entries and entries[0][1] == GONE:
            return None
        return self._follow(key, stream, number, _read_opening(opening).id)

    async def _follow(self, key: str, stream: str, number: int, request_id: RequestId) -> AsyncIterator[bytes]:
        after, alive = 0, True
        owner = owner_of(stream)
        try:
            while True:
                entries = await self._store.read(key, after, READ)
                for position, value in entries:
                    after = position
                    head, _, event = value.partition(b"\n")
                    if head in (END, GONE):
                        return
                    if int(head) > number:
                        number = int(head)
                        yield event
                if entries:
                    continue
                if not alive:
                    yield _lost(stream, number + 1, request_id)
                    return
                if not await self._store.wait(key, after, self._look):
                    if await self._store.get(key) is None:
                        return  # its time is over
                    # What it said last may have come since: one more look, after it is known to have ended.
                    alive = await self._crew.alive(owner)
        except StoreError as error:
            log.warning("a stream of another process cannot be read any further: %s", error)

    def _key(self, session_id: str, stream: str) -> str:
        return f"stream:{self._crew.place}:{session_id}:{stream}"


def key_of(change: Append | Put) -> str:
    """Return which stream a change is of."""
    return change.stream if isinstance(change, Append) else change.key


def owner_of(stream: str) -> str:
    """Return the name of the process that writes a stream."""
    return stream.partition("-")[0]


def _lost(stream: str, number: int, request_id: RequestId) -> bytes:
    failure = Failure(INTERNAL_ERROR, LOST, {"reason": "process ended"})
    return encode_event(write_failure(request_id, failure), id=f"{stream}:{number}")
