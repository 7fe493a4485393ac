"""The processes that serve as one: each says that it is alive, and hears what the others say.

What all shall hear goes into one stream of the store, what one shall hear into that one's own.
Promise: everything heard was said in that order. Limit: what was said before a start is not heard.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec

from dragoman.errors import StoreError
from dragoman.ports.bus import Topic
from dragoman.ports.store import Append, Drop, Put, Store
from dragoman.serving.outage import Outage

log = logging.getLogger("dragoman")
SAID_TTL = 3600.0  # seconds that a stream of letters lasts from its latest
KEPT = 4000  # letters in one stream
LONG = 4096  # bytes of a body that goes into its letter; a longer one lies beside it until it is read
BODY_TTL = 60.0  # seconds
AT_ONCE = 500  # letters in one commit or read
LATELY = 300.0  # seconds for which letters are still written to a process that fell silent
WAIT = 60.0  # seconds of one wait for letters
MAX_TOPICS = 1000  # changes that wait to be told; with more, the latest are dropped
NAME = 6  # random bytes of a name
PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds between two tries while the store fails
TOPIC = "topic"


class Letter(msgspec.Struct, frozen=True, array_like=True):
    """What one process says to others. `about` is a session or method, `body` the rest, if not at `beside`."""

    kind: str
    origin: str
    about: str
    body: bytes = b""
    beside: str = ""


Hear = Callable[[Letter], Awaitable[None]]
_write = msgspec.msgpack.Encoder().encode
_read = msgspec.msgpack.Decoder(Letter).decode


class Crew:
    """This process among those that serve `place` with one store. `name` is its own, for as long as it lives."""

    def __init__(self, store: Store, place: str, seconds: float) -> None:
        self.store = store
        self.place = place
        self.name = secrets.token_hex(NAME)
        self._pid = os.getpid()
        self.said = f"said:{place}"
        self._alive_for = seconds
        self._hear: dict[str, Hear] = {}
        self._own: set[str] = set()
        self._each_beat: list[Callable[[], Awaitable[None]]] = []
        self._topics: OrderedDict[Topic, None] = OrderedDict()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._begun: asyncio.Future[list[Literal[True]]] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._unseen = Outage(
            log, "the others cannot hear that this process is alive", "the others hear again that this process is alive"
        )
        self.deaf = Outage(log, "what other processes say is not heard now", "what other processes say is heard again")

    def on(self, kind: str, hear: Hear, *, own: bool = False) -> None:
        """Let `hear` take the letters of one kind, those of this process left out unless `own`."""
        self._hear[kind] = hear
        if own:
            self._own.add(kind)

    def each_beat(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do `work` whenever this process says that it is alive."""
        self._each_beat.append(work)

    async def start(self) -> None:
        """Say that we are here, and hear the others from now on. Safe to call again; raises nothing of the store's."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop or self._begun is None:
            self._loop = loop
            if self._pid != os.getpid():
                # Made before this process was forked off: another has that name.
                self.name, self._pid = secrets.token_hex(NAME), os.getpid()
            self._wake, alive = asyncio.Event(), asyncio.Event()
            readers = [Reader(self, stream) for stream in (self.said, self._inbox(self.name))]
            work = [self._beats(alive), self._tell(), *(reader.run() for reader in readers)]
            self._tasks = [loop.create_task(each, name="dragoman crew") for each in work]
            self._begun = asyncio.gather(alive.wait(), *(reader.begun.wait() for reader in readers))
        # Shielded: of several who wait for the same start, one may give up.
        await asyncio.shield(self._begun)

    async def stop(self) -> None:
        """Say no more and hear no more; the others take this process as ended."""
        tasks, self._tasks, loop, self._loop = self._tasks, [], self._loop, None
        begun, self._begun = self._begun, None
        if begun is None or loop is not asyncio.get_running_loop():
            return  # a loop that ended has ended its tasks
        begun.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.gather(begun, *tasks, return_exceptions=True)
        try:
            await self.store.commit([Drop(self._life(self.name)), Drop(self._trace(self.name))])
        except StoreError as error:
            log.debug("the others hear of our end when our time is over: %s", error)

    async def alive(self, name: str) -> bool:
        """Return whether a process of that name is at work. Raises StoreError."""
        return name == self.name or (is_name(name) and await self.store.get(self._life(name)) is not None)

    async def known(self, name: str) -> bool:
        """Return whether there is, or was lately, a process of that name: one that is stuck still reads its letters."""
        return name == self.name or (is_name(name) and await self.store.get(self._trace(name)) is not None)

    def letter(self, kind: str, about: str, body: bytes = b"", to: str = "") -> Append:
        """Return the change that says something to all, or to one."""
        value = _write(Letter(kind, self.name, about, body))
        return Append(self._inbox(to) if to else self.said, value, SAID_TTL, KEPT)

    async def say(self, kind: str, about: str, body: bytes = b"", to: str = "") -> None:
        """Say something to all, or to one, who has a minute to read what is long. Raises StoreError."""
        if len(body) <= LONG:
            await self.store.commit([self.letter(kind, about, body, to)])
            return
        beside = f"body:{self.place}:{secrets.token_hex(16)}"
        value = _write(Letter(kind, self.name, about, b"", beside))
        stream = self._inbox(to) if to else self.said
        await self.store.commit([Put(beside, body, BODY_TTL), Append(stream, value, SAID_TTL, KEPT)])

    def announce(self, topic: Topic) -> bool:
        """Tell all of a change, soon; the same one told again before that is told once. Safe from any thread.

        Returns whether it will be told: not before the start, and not after the end.
        """
        loop = self._loop
        if loop is None or loop.is_closed():
            return False
        try:
            loop.call_soon_threadsafe(self._announce, topic)
        except RuntimeError:
            return False  # the loop ended just now
        return True

    def _announce(self, topic: Topic) -> None:
        if len(self._topics) < MAX_TOPICS:
            self._topics[topic] = None
        self._wake.set()

    async def _tell(self) -> None:
        pause = PAUSE
        while True:
            await self._wake.wait()
            self._wake.clear()
            topics = list(self._topics)[:AT_ONCE]
            if not topics:
                continue
            for topic in topics:
                del self._topics[topic]
            try:
                await self.store.commit([self.letter(TOPIC, method, as_bytes(uri)) for method, uri in topics])
                pause = PAUSE
            except StoreError as error:
                log.warning("other processes do not hear of %d changes yet: %s", len(topics), error)
                for topic in topics:
                    self._announce(topic)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            if self._topics:
                self._wake.set()

    async def _beat(self) -> None:
        # Committed, not put: a store that is full must not forget who is alive.
        traces = [(self._life(self.name), self._alive_for), (self._trace(self.name), self._alive_for + LATELY)]
        await self.store.commit([Put(key, b"", seconds) for key, seconds in traces])

    async def _beats(self, begun: asyncio.Event) -> None:
        while True:
            try:
                await self._beat()
                self._unseen.over()
                begun.set()
                for work in self._each_beat:
                    await work()
            except StoreError as error:
                self._unseen.met(error)
            except Exception:
                log.exception("what a process does now and then could not be done")
            begun.set()
            await asyncio.sleep(self._alive_for / 4)

    def _life(self, name: str) -> str:
        return f"alive:{self.place}:{name}"

    def _trace(self, name: str) -> str:
        return f"known:{self.place}:{name}"

    def _inbox(self, name: str) -> str:
        return f"inbox:{self.place}:{name}"

    async def hear(self, value: bytes) -> None:
        """Hand a letter to whoever takes its kind."""
        try:
            letter = _read(value)
        except msgspec.DecodeError:
            log.warning("a letter in the store cannot be read; is there an older version at work?")
            return
        hear = self._hear.get(letter.kind)
        if hear is None or (letter.origin == self.name and letter.kind not in self._own):
            return
        if letter.beside:
            body = await self.store.take(letter.beside)
            if body is None:
                return
            letter = msgspec.structs.replace(letter, body=body, beside="")
        await hear(letter)


class Reader:
    """Reads one stream of letters."""

    def __init__(self, crew: Crew, stream: str) -> None:
        self._crew = crew
        self._stream = stream
        self._after: int | None = None
        self.begun = asyncio.Event()  # tried to begin, at least

    async def _begin(self) -> None:
        """Find the end of what was said before."""
        after = 0
        while entries := await self._crew.store.read(self._stream, after, AT_ONCE):
            after = entries[-1][0]
        self._after = after

    async def run(self) -> None:
        """Hear what is said, for ever."""
        pause = PAUSE
        while True:
            try:
                await self._next()
                self._crew.deaf.over()
                pause = PAUSE
            except StoreError as error:
                self._crew.deaf.met(error)
                self.begun.set()
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            except Exception:
                log.exception("a letter of another process could not be acted on")

    async def _next(self) -> None:
        if self._after is None:
            await self._begin()
            self.begun.set()
        store, after = self._crew.store, self._after or 0
        for position, value in await store.read(self._stream, after, AT_ONCE):
            self._after = position
            await self._crew.hear(value)
        if self._after == after:
            await store.wait(self._stream, after, WAIT)


def as_bytes(text: str) -> bytes:
    """Return any text as bytes, half surrogate pairs too: a letter that cannot be written would stop all others."""
    return text.encode(errors="surrogatepass")


def as_text(data: bytes) -> str:
    """Return what `as_bytes` was given."""
    return data.decode(errors="surrogatepass")


def is_name(text: str) -> bool:
    """Return whether `text` could be the name of a process: it may come from a client."""
    return len(text) == 2 * NAME and all(letter in "0123456789abcdef" for letter in text)
