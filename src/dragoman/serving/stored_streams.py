"""What was said on response streams, kept in the store, so that a client that lost one takes it up at any process.

Written behind: nobody waits for the store while it keeps up. An event that was sent and not yet kept is lost with its
process, and so is its call: whoever reads on is told so, within `worker_seconds`.
Source: 2025-11-25 basic/transports "Resumability and Redelivery"; requirements LEG-12, LEG-13.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import msgspec

from dragoman.errors import StoreError
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
GONE = b"gone"
END = b"end"
LOST = "the process that ran this call has ended; whether the call took effect is unknown"


class Opening(msgspec.Struct, frozen=True):
    """What is known of a stream: which request it answers."""

    id: RequestId


_read_opening = msgspec.json.Decoder(Opening).decode
_encode = msgspec.json.Encoder().encode


class StoredStreams:
    """The streams of all sessions that this process serves, and a way to those of the others."""

    def __init__(self, crew: Crew, limits: Limits) -> None:
        self.owner = crew.name
        self._crew = crew
        self._store = crew.store
        self._ttl = limits.session_idle_seconds + limits.call_seconds
        self._look = limits.worker_seconds / 4
        self._pending: list[Append | Put] = []
        self._bytes = 0
        self._less = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None

    def begin(self, session_id: str, stream: str, request_id: RequestId) -> None:
        """Keep a stream from now on; it carries the answer to `request_id`."""
        self._put(Put(self._key(session_id, stream), _encode(Opening(request_id)), self._ttl))

    def add(self, session_id: str, stream: str, number: int, event: bytes, most: int) -> None:
        """Keep an event, written for the wire, and forget all but the latest `most`. Does not wait."""
        self._put(Append(self._key(session_id, stream), b"%d\n%b" % (number, event), self._ttl, most))

    def end(self, session_id: str, stream: str) -> None:
        """Say that there will be no more events."""
        self._put(Append(self._key(session_id, stream), END, self._ttl))

    def forget(self, session_id: str, stream: str) -> None:
        """Keep a stream no more."""
        self._put(Append(self._key(session_id, stream), GONE, self._ttl, 1))

    async def room(self) -> None:
        """Wait while too much is on its way to the store. Never longer than the store's own time limit."""
        while self._bytes > PENDING:
            self._less.clear()
            await self._less.wait()

    async def stop(self) -> None:
        """Bring what is on its way to the store."""
        if self._writing is not None and not self._writing.done():
            await asyncio.gather(self._writing, return_exceptions=True)

    def _put(self, change: Append | Put) -> None:
        self._pending.append(change)
        self._bytes += len(change.value)
        if self._writing is None or self._writing.done() or self._writing.get_loop() is not asyncio.get_running_loop():
            self._writing = asyncio.get_running_loop().create_task(self._write(), name="dragoman streams")

    async def _write(self) -> None:
        while self._pending:
            batch = self._batch()
            try:
                await self._store.commit(batch)
            except StoreError as error:
                # Whoever hears the stream now hears all of it; only taking it up elsewhere fails.
                log.warning("%d events of streams cannot be had at other processes: %s", len(batch), error)
            finally:
                self._bytes -= sum(len(change.value) for change in batch)
                self._less.set()

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
        key = self._key(session_id, stream)
        opening = await self._store.get(key)
        if opening is None:
            return None
        entries = await self._store.read(key, 0, 1)
        if entries and entries[0][1] == GONE:
            return None
        return self._follow(key, stream, number, _read_opening(opening).id)

    async def _follow(self, key: str, stream: str, number: int, request_id: RequestId) -> AsyncIterator[bytes]:
        after, alive = 0, True
        owner = stream.partition("-")[0]
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
                    # What it said last may have come since: one more look, after it is known to have ended.
                    alive = await self._crew.alive(owner)
        except StoreError as error:
            log.warning("a stream of another process cannot be read any further: %s", error)

    def _key(self, session_id: str, stream: str) -> str:
        return f"stream:{self._crew.place}:{session_id}:{stream}"


def _lost(stream: str, number: int, request_id: RequestId) -> bytes:
    failure = Failure(INTERNAL_ERROR, LOST, {"reason": "process ended"})
    return encode_event(write_failure(request_id, failure), id=f"{stream}:{number}")
