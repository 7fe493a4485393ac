"""The record of a task: all that any process needs to tell of it and to run it.

Every change is compare-and-set on the bytes that were read, together with the entry that
says whether the task waits to be run: record and queue never disagree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from dragoman.errors import RequestError, StoreError
from dragoman.ports.store import Append, Change, Drop, Put, Store
from dragoman.protocol.exchange import Caller
from dragoman.protocol.tasks import TaskState
from dragoman.serving.replay import Past
from dragoman.wire.base import Opt, ProgressToken
from dragoman.wire.jsonrpc import INVALID_PARAMS
from dragoman.wire.questions import InputRequest
from dragoman.wire.tasks import TERMINAL, Status

WAITING = "work:"  # what waits to be run, or is being run; one key a task
CALLS = "work"  # the stream that wakes whoever runs tasks
LINGER = 60.0  # seconds that a record outlives its task's time, so that nobody reads half of it
TRIES = 50  # how often a change is tried against others that change the same task


class Record(msgspec.Struct, kw_only=True):
    """A task. `run` names the run at work on it, "" for none; `runs` counts them. Times are seconds since 1970."""

    id: str
    owner: str
    tool: str
    arguments: msgspec.Raw
    caller: Caller
    created: float
    updated: float
    ttl: float
    poll: int
    past: Past
    safe: bool  # may be run again after a run that nobody heard the end of
    progress: Opt[ProgressToken] = UNSET
    status: Status = "working"
    message: str = ""
    requests: dict[str, InputRequest] = {}
    result: Opt[msgspec.Raw] = UNSET
    error: Opt[msgspec.Raw] = UNSET
    run: str = ""
    runs: int = 0

    @property
    def over(self) -> bool:
        """Whether the task has ended, and stays as it is."""
        return self.status in TERMINAL

    def state(self, result: msgspec.Raw | None = None) -> TaskState:
        """Return what can be told of the task; `result` is its result as its reader's era has it."""
        return TaskState(
            id=self.id,
            status=self.status,
            message=self.message,
            created=self.created,
            updated=self.updated,
            ttl=self.ttl,
            poll=self.poll,
            requests=self.requests,
            result=result,
            error=None if self.error is UNSET else self.error,
        )


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Record).decode
Edit = Callable[[Record], Any]  # changes a record; returning False leaves it as it is


def not_found() -> RequestError:
    """Return the error for a task that is not there, or not the caller's: nobody can tell which (TASK-15, TASK-21)."""
    return RequestError(INVALID_PARAMS, "no such task, or its time is over")


def shelf(owner: str) -> str:
    """Return the prefix of the keys that list an owner's tasks."""
    return f"tasks:{hashlib.sha256(owner.encode()).hexdigest()[:32]}:"


class Records:
    """All tasks of one server, in a store. `clock` gives wall time in seconds, which clients are told."""

    def __init__(self, store: Callable[[], Store], clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    @property
    def store(self) -> Store:
        """Where the records are."""
        return self._store()

    def now(self) -> float:
        """Return the time, as records have it."""
        return self._clock()

    async def create(self, record: Record, once: str = "") -> Record:
        """Keep a new task and queue it; it is there for good when this returns (TASK-07).

        With `once`, a name, a second call returns the task of the first.
        """
        key, ttl = f"task:{record.id}", record.ttl + LINGER
        changes: list[Change] = [
            Put(key, _encode(record), ttl),
            Put(f"{shelf(record.owner)}{record.created:017.6f}:{record.id}", b"", ttl),
            *_queued(record),
        ]
        given: dict[str, bytes | None] = {key: None}
        if once:
            changes.append(Put(once, record.id.encode(), ttl))
            given[once] = None
        if await self.store.commit(changes, given):
            return record
        before = await self.store.get(once) if once else None
        found = None if before is None else await self.load(before.decode())
        if found is None:
            raise StoreError("a task could not be kept: the store had something under its new name; try again")
        return found

    async def load(self, task_id: str) -> Record | None:
        """Return a task, None if there is none."""
        raw = await self.store.get(f"task:{task_id}")
        return None if raw is None else _decode(raw)

    async def edit(self, task_id: str, edit: Edit) -> Record | None:
        """Change a task and return it as it is then; None if there is none. Raises StoreError if others never let it.

        `edit` may run several times. Whoever waits for the task is woken.
        """
        key = f"task:{task_id}"
        for _ in range(TRIES):
            raw = await self.store.get(key)
            if raw is None:
                return None
            record = _decode(raw)
            waited = _waits(record)
            if edit(record) is False:
                return record
            record.updated = max(record.updated, self._clock())
            if await self.store.commit(self._changes(record, waited), {key: raw}):
                return record
        raise StoreError(f"the task {task_id} could not be changed: {TRIES} others changed it first; try again")

    def _changes(self, record: Record, waited: bool) -> Sequence[Change]:
        ttl = max(1.0, record.created + record.ttl - self._clock()) + LINGER
        changes: list[Change] = [
            Put(f"task:{record.id}", _encode(record), ttl),
            Append(f"task:{record.id}", record.status.encode(), ttl, 1),
        ]
        if _waits(record) and not waited:
            changes += _queued(record)
        elif waited and not _waits(record):
            changes.append(Drop(WAITING + record.id))
        return changes

    async def of(self, owner: str, most: int) -> list[str]:
        """Return the ids of an owner's tasks, oldest first."""
        prefix = shelf(owner)
        return [key.rsplit(":", 1)[1] for key in await self.store.keys(prefix, most)]


def _waits(record: Record) -> bool:
    return record.status == "working"


def _queued(record: Record) -> list[Change]:
    ttl = record.ttl + LINGER
    return [Put(WAITING + record.id, b"", ttl), Append(CALLS, record.id.encode(), ttl, 10_000)]
