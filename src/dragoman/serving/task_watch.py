"""Looking at a task from outside: what changes of it, and answers to what it asks.

Promise: whoever watches a task is woken by each change of it, in whichever process that was.
Limit: what comes between two looks is seen as one change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any

import msgspec
from msgspec import structs

from dragoman.errors import RequestError
from dragoman.serving.replay import Answered
from dragoman.serving.stopping import stop
from dragoman.serving.task_record import Record, Records, not_found
from dragoman.wire.base import Meta
from dragoman.wire.jsonrpc import INVALID_PARAMS, Notification
from dragoman.wire.questions import ELICIT, ROOTS, SAMPLE, CreateMessageResult, ElicitResult, ListRootsResult

LOOK = 5.0  # seconds between two looks, should the store not wake us
_ANSWERS = {
    ELICIT: msgspec.json.Decoder(ElicitResult).decode,
    SAMPLE: msgspec.json.Decoder(CreateMessageResult).decode,
    ROOTS: msgspec.json.Decoder(ListRootsResult).decode,
}


class Watch:
    """A task as it stood at the last look: `record`."""

    def __init__(self, records: Records, record: Record) -> None:
        self.record = record
        self._records = records
        self._position = 0

    async def beside(self, work: Coroutine[Any, Any, None] | None) -> None:
        """Wait until the task has changed, or `work` is done, which is cancelled if the task changed first.

        Raises RequestError when the task is gone, StoreError, and what `work` raises.
        """
        seen = self.record
        doing = None if work is None else asyncio.ensure_future(work)
        changing = asyncio.ensure_future(self._changed(seen))
        both = {changing} if doing is None else {changing, doing}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if doing is not None and doing.done():
                doing.result()
            self.record = changing.result() if changing.done() else await self._load()
        finally:
            await stop(*both)

    async def _changed(self, seen: Record) -> Record:
        store, stream = self._records.store, self._records.stream(seen.id)
        while True:
            await store.wait(stream, self._position, LOOK)
            for position, _ in await store.read(stream, self._position):
                self._position = position
            record = await self._load()
            if record != seen:
                return record

    async def _load(self) -> Record:
        record = await self._records.load(self.record.id)
        if record is None:
            raise not_found()
        return record


def take_up(record: Record, answers: Mapping[str, msgspec.Raw]) -> bool:
    """Give a task the answers that it waits for, and let it run when there are all; False if it waits for none."""
    known = record.requests.keys() & answers.keys()
    if record.status != "input_required" or not known:
        return False
    for key in known:
        asked = record.past.pending[key]
        record.past.answers[key] = Answered(asked.digest, asked.label, answers[key])
        del record.requests[key]
    if not record.requests:
        record.status, record.past.pending = "working", {}
    return True


def check_answer(key: str, method: str, answer: msgspec.Raw) -> None:
    """Raise RequestError for an answer that is none to a question of that kind."""
    try:
        _ANSWERS[method](answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = f"inputResponses.{key} does not fit {method}: {error}; the task still waits for it"
        raise RequestError(INVALID_PARAMS, reason) from None


def with_meta(notice: Notification, meta: Meta) -> Notification:
    """Return a notice with `meta` in its parameters."""
    params: Any = notice.params
    return Notification(method=notice.method, params=structs.replace(params, meta=meta))
