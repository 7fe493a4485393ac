"""The record of a task: all that any process needs to tell of it and to run it.

Every change is compare-and-set on the bytes that were read, together with the entry that
says whether the task waits to be run: record and queue never disagree.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from dragoman.errors import RequestError, StoreError
from dragoman.ports.store import Append, Change, Drop, Given, Put, Store
from dragoman.protocol.exchange import Caller
from dragoman.protocol.tasks import TaskState
from dragoman.serving.replay import Past
from dragoman.wire.base import Opt, ProgressToken
from dragoman.wire.jsonrpc import INVALID_PARAMS
from dragoman.wire.questions import InputRequest
from dragoman.wire.tasks import TERMINAL, Status

LINGER = 60.0  # seconds that a record outlives its task's time, so that nobody reads half of it
TRIES = 50  # how often a change is tried against others that change the same task
_ID = re.compile(r"[A-Za-z0-9_-]{32}")  # 24 random bytes: nobody guesses one (TASK-21)


class Record(msgspec.Struct, kw_only=True):
    """A task. Times are seconds since 1970.

    `run` names the run at work on it, "" for none; `runs` counts them. `queued`
    is since when it waits to be run. `erred` says that the tool itself failed.
    """

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
    queued: float = 0.0
    erred: bool = False

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
            erred=self.erred,
        )


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Record).decode
Edit = Callable[[Record], Any]  # changes a record; returning False leaves it as it is
# Commits changes under conditions, as a store does; the tasks named wait to be run then.
Commit = Callable[[Sequence[Change], Given, Sequence[str]], Awaitable[bool]]


def not_found() -> RequestError:
    """Return the error for a task that is not there, or not the caller's: nobody can tell which (TASK-15, TASK-21)."""
    return RequestError(INVALID_PARAMS, "no such task, or its time is over")


def fresh_id() -> str:
    """Return the id of a new task."""
    return secrets.token_urlsafe(24)


class Records:
    """All tasks of the server called `name`, in a store. `clock` gives wall time in seconds, which clients are told.

    What waits to be run stands under `waiting`, by the time since when, and what
    is being run under `busy`; the stream `calls` wakes processes that look there.
    """

    def __init__(self, name: str, store: Callable[[], Store], clock: Callable[[], float]) -> None:
        # A digest: names may have anything in them, and servers of other names in this store must not meet ours.
        self.place = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:16]
        self._store = store
        self._clock = clock
        self.commit: Commit = self._unqueued  # the engine's, which hears of what waits
        self.calls = f"work:{self.place}"
        self.waiting = f"wait:{self.place}:"
        self.busy = f"busy:{self.place}:"

    @property
    def store(self) -> Store:
        """Where the records are."""
        return self._store()

    def now(self) -> float:
        """Return the time, as records have it."""
        return self._clock()

    def stream(self, task_id: str) -> str:
        """Return the stream that has an entry when a task changes, its status; and the key of its record."""
        return f"task:{self.place}:{task_id}"

    def told(self, task_id: str) -> str:
        """Return the stream of what a task says, for whoever reads its result (2025-11-25)."""
        return f"told:{self.place}:{task_id}"

    def lease(self, task_id: str) -> str:
        """Return the lease of whoever runs a task."""
        return f"task-lease:{self.place}:{task_id}"

    def _shelf(self, owner: str) -> str:
        """Return the prefix of the keys that list an owner's tasks."""
        return f"tasks:{self.place}:{hashlib.sha256(owner.encode()).hexdigest()[:32]}:"

    def _queue(self, record: Record) -> str:
        """Return the key that says that a task waits, or is being run; "" if neither."""
        if record.status != "working":
            return ""
        return f"{self.busy}{record.id}" if record.run else f"{self.waiting}{record.queued:017.6f}:{record.id}"

    async def create(self, record: Record, once: str = "") -> Record:
        """Keep a new task and queue it; it is there for good when this returns (TASK-07).

        With `once`, a name, a second call returns the task of the first.
        """
        record.queued = record.created
        key, ttl = self.stream(record.id), record.ttl + LINGER
        changes: list[Change] = [
            Put(key, _encode(record), ttl),
            Put(f"{self._shelf(record.owner)}{record.created:017.6f}:{record.id}", b"", ttl),
            Put(self._queue(record), b"", ttl),
        ]
        given: dict[str, bytes | None] = {key: None}
        if once:
            once = f"task-of:{self.place}:{once}"
            changes.append(Put(once, record.id.encode(), ttl))
            given[once] = None
        if await self.commit(changes, given, [record.id]):
            return record
        before = await self.store.get(once) if once else None
        found = None if before is None else await self.load(before.decode())
        if found is None:
            raise StoreError("a task could not be kept: the store had something under its new name; try again")
        return found

    async def load(self, task_id: str) -> Record | None:
        """Return a task, None if there is none."""
        # An id comes from a client: one that we cannot have made is not looked for.
        raw = await self.store.get(self.stream(task_id)) if _ID.fullmatch(task_id) else None
        return None if raw is None else _decode(raw)

    async def edit(self, task_id: str, edit: Edit) -> Record | None:
        """Change a task and return it as it is then; None if there is none. Raises StoreError if others never let it.

        `edit` may run several times. Whoever waits for the task is woken.
        """
        key = self.stream(task_id)
        for _ in range(TRIES):
            raw = await self.store.get(key)
            if raw is None:
                return None
            record = _decode(raw)
            before = self._queue(record)
            if edit(record) is False:
                return record
            now = self._clock()
            record.updated = max(record.updated, now)
            if record.status == "working" and not record.run and not before.startswith(self.waiting):
                record.queued = now
            waits = [record.id] if self._queue(record) not in ("", before) and not record.run else []
            if await self.commit(self._changes(record, before), {key: raw}, waits):
                return record
        raise StoreError(f"the task {task_id} could not be changed: {TRIES} others changed it first; try again")

    def _changes(self, record: Record, before: str) -> Sequence[Change]:
        ttl = max(1.0, record.created + record.ttl - self._clock()) + LINGER
        changes: list[Change] = [
            Put(self.stream(record.id), _encode(record), ttl),
            Append(self.stream(record.id), record.status.encode(), ttl, 1),
        ]
        if (queue := self._queue(record)) != before:
            changes += [Drop(before)] if before else []
            changes += [Put(queue, b"", record.ttl + LINGER)] if queue else []
        return changes

    async def _unqueued(self, changes: Sequence[Change], given: Given, waits: Sequence[str]) -> bool:
        return await self.store.commit(changes, given)

    async def of(self, owner: str, most: int) -> list[str]:
        """Return the ids of an owner's tasks, oldest first."""
        return [key.rsplit(":", 1)[1] for key in await self.store.keys(self._shelf(owner), most)]
