"""A store in Redis: for any number of machines. Needs the extra `redis`, and one server of Redis 6.2 or newer.

Each call that changes something is one script, which Redis runs whole or not at all, by its
own clock. How much survives a crash of the server is its own setting (appendonly, appendfsync).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError, NoScriptError, ReadOnlyError, RedisError, ResponseError

from dragoman.errors import StoreError
from dragoman.ports.store import NOTHING_GIVEN, Append, Change, Drop, Entry, Given, Put
from dragoman.store import lua
from dragoman.store.bounds import SECONDS, checked, fitting, lasting, listed, named, position, shown
from dragoman.store.waiters import Waiters

T = TypeVar("T")
CONNECTIONS = 16  # of one process, and one more while something waits
IDLE = 30.0  # seconds after which a subscription that nobody waits for ends
PAUSE = 0.1, 2.0  # seconds between attempts to subscribe again: first, longest


class RedisStore:
    """What is kept at `address` (redis://, rediss:// or unix://) under names that begin with `prefix`.

    Each call is over within `seconds`, or raises StoreError.
    """

    def __init__(self, address: str, *, prefix: str = "dragoman:", seconds: float = SECONDS) -> None:
        self._address = address
        self._shown = shown(address)
        self._prefix = prefix
        self._channel = f"{prefix}appended"
        self._seconds = seconds
        self._client: Redis | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._free = asyncio.Semaphore(CONNECTIONS)
        self._judged = False
        self._waiters = Waiters()
        self._listener: asyncio.Task[None] | None = None

    async def get(self, key: str) -> bytes | None:
        """Return the value, None if there is none or its time is over. Raises StoreError if the server fails."""
        name = f"{self._prefix}v:{named(key)}"
        return cast("bytes | None", await self._run(lambda client: client.get(name)))

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Set the value for `ttl` seconds. Raises StoreError if the server fails."""
        await self.commit([Put(key, value, ttl)])

    async def add(self, key: str, value: bytes, ttl: float) -> bytes | None:
        """Set the value if the key is free and return None; else return the value that is there."""
        fitting(key, value, ttl)
        return cast("bytes | None", await self._script(lua.ADD, key, value, _milliseconds(ttl)))

    async def take(self, key: str) -> bytes | None:
        """Remove the value and return it; of many who ask at once, one gets it."""
        return cast("bytes | None", await self._script(lua.TAKE, named(key)))

    async def delete(self, key: str) -> None:
        """Remove the value, if there is one. Raises StoreError if the server fails."""
        await self.commit([Drop(key)])

    async def keys(self, prefix: str, most: int = 1000) -> list[str]:
        """Return at most `most` keys that begin with `prefix` and hold a value now, in order."""
        listed(prefix, most)
        found = await self._script(lua.KEYS, prefix, most)
        return [key.decode() for key in cast("list[bytes]", found)]

    async def commit(self, changes: Sequence[Change], given: Given = NOTHING_GIVEN) -> bool:
        """Make all changes at once if each key of `given` holds that value (None: nothing), and return whether."""
        checked(changes, given)
        said: list[Any] = [len(given)]
        for key, there in given.items():
            said += (key, b"0" if there is None else b"1", there or b"")
        for change in changes:
            match change:
                case Put(key, value, ttl):
                    said += (b"put", key, value, _milliseconds(ttl), 0)
                case Drop(key):
                    said += (b"drop", key, b"", 0, 0)
                case Append(stream, value, ttl, most):
                    said += (b"append", stream, value, _milliseconds(ttl), most)
        return bool(await self._script(lua.COMMIT, *said))

    async def read(self, stream: str, after: int = 0, most: int = 100) -> list[Entry]:
        """Return at most `most` entries that come after the position `after`, oldest first."""
        after = position(stream, after, most)
        name = f"{self._prefix}s:{stream}"
        first = f"{after + 1}-0"
        found: list[tuple[bytes, dict[bytes, bytes]]] = await self._run(
            lambda client: client.xrange(name, first, "+", count=most)
        )
        return [(int(number.partition(b"-")[0]), entry[b"v"]) for number, entry in found]

    async def wait(self, stream: str, after: int, seconds: float) -> bool:
        """Wait until the stream has an entry after `after`; False when `seconds` passed without."""

        async def look() -> bool:
            return bool(await self.read(stream, after, 1))

        if self._listener is None or self._listener.done():
            self._listener = asyncio.create_task(self._listen(), name="dragoman store: subscription")
        return await self._waiters.wait(stream, seconds, look)

    async def lease(self, key: str, owner: str, ttl: float) -> bool:
        """Take the lease on `key` for `ttl` seconds, or renew it if it is ours; False while another has it."""
        named(owner)
        fitting(key, b"", ttl)
        return bool(await self._script(lua.LEASE, key, owner, _milliseconds(ttl)))

    async def release(self, key: str, owner: str) -> bool:
        """Give the lease up; False if it was no longer ours."""
        named(key)
        return bool(await self._script(lua.RELEASE, key, named(owner)))

    async def close(self) -> None:
        """Close the connections. The next call opens them again."""
        listener, self._listener = self._listener, None
        client, self._client = self._client, None
        if listener is not None and self._loop is asyncio.get_running_loop():
            listener.cancel()
            await asyncio.wait([listener], timeout=self._seconds)
        if client is not None and self._loop is asyncio.get_running_loop():
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                async with asyncio.timeout(self._seconds):
                    await client.aclose(close_connection_pool=True)

    async def _script(self, script: lua.Script, *said: Any) -> Any:
        async def run(client: Redis) -> Any:
            try:
                return await client.evalsha(script.sha, 1, self._prefix, *said)
            except NoScriptError:  # the server is new, or was started again; it has run nothing
                return await client.eval(script.text, 1, self._prefix, *said)

        return await self._run(run)

    async def _run(self, work: Callable[[Redis], Any]) -> Any:
        try:
            async with asyncio.timeout(self._seconds):
                client = self._opened()
                # In turn: in redis-py's own queue who comes later may go first, again and again.
                async with self._free:
                    if not self._judged:
                        await self._judge(client)
                    return await work(client)
        except (TimeoutError, RedisError, OSError) as error:
            if isinstance(error, ReadOnlyError):
                await self._leave()
            raise self._fault(error) from error

    async def _leave(self) -> None:
        """Drop all connections: it has stepped back, and the address may lead to another server by now."""
        self._judged = False
        if self._client is not None:
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                async with asyncio.timeout(self._seconds):
                    await self._client.connection_pool.disconnect()

    def _opened(self) -> Redis:
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            # Nothing is sent again by itself: the first may have been done, and its answer lost.
            pool = ConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType]
                self._address,
                socket_timeout=self._seconds,
                socket_connect_timeout=self._seconds,
                protocol=2,  # redis-py does not look whether a connection of protocol 3 was closed by the server
                retry=Retry(NoBackoff(), 0),
            )
            self._client = Redis.from_pool(pool)
            self._loop, self._free = loop, asyncio.Semaphore(CONNECTIONS)
        return self._client

    async def _judge(self, client: Redis) -> None:
        """Refuse a server that drops what it likes when it is full: a claim that vanishes can be made twice."""
        with contextlib.suppress(NoPermissionError, ResponseError):  # a host that tells nothing
            told: dict[str, Any] = await client.info("memory")  # pyright: ignore[reportUnknownMemberType]
            policy = told.get("maxmemory_policy", "noeviction")
            if told.get("maxmemory") and policy != "noeviction":
                raise StoreError(
                    f"the store {self._shown} drops what was promised to stay when its memory is full"
                    f" (maxmemory-policy {policy}): set it to noeviction, or use a server of its own"
                )
        self._judged = True

    async def _listen(self) -> None:
        """Wake those who wait, for what any process appends; seldom fails twice, and never for good."""
        pause, longest = PAUSE
        while True:
            try:
                async with cast("Any", self._opened()).pubsub() as subscription:
                    await subscription.subscribe(self._channel)
                    while (message := await subscription.get_message(timeout=IDLE)) or self._waiters:
                        match cast("dict[str, Any] | None", message):
                            case {"type": "message", "data": bytes(name)}:
                                self._waiters.wake(name.decode("utf-8", "replace"))
                            case {"type": "subscribe"}:
                                pause = PAUSE[0]
                                self._waiters.wake_all()  # what came before this was not heard
                            case _:
                                pass
                    return
            except (RedisError, OSError, TimeoutError):
                # Who waits looks by itself now and then, and raises what is wrong.
                await asyncio.sleep(random.uniform(pause / 2, pause))  # not all processes at once
                pause = min(pause * 2, longest)

    def _fault(self, error: Exception) -> StoreError:
        told = str(error)
        if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
            told = f"did not answer within {self._seconds:g} s; it is overloaded, stopped or cut off: look at it"
        elif "OOM" in told or "maxmemory" in told:
            told = "is full: give it more memory (maxmemory), or let things end sooner"
        elif isinstance(error, ReadOnlyError):
            told = "is a replica, which may not be written: its address has to lead to the server that may"
        elif isinstance(error, ResponseError):
            told = f"refused: {told}"
        else:
            told = f"failed: {told}; is it running, and may this machine reach it?"
        return StoreError(f"the store {self._shown} {told}")


def _milliseconds(ttl: float) -> int:
    return max(round(lasting(ttl) * 1000), 1)
