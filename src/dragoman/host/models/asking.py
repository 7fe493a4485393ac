"""A model at an address: asked, and asked again where that may help.

Promise: asking again waits as long as the endpoint says, and no longer than the caller allows; a model does nothing by
itself, so an answer that was cut off may be had anew. Limit: what was shown of the one that was cut off stays shown.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Self

import msgspec

from dragoman.errors import ClosedError, DeadlineError, MalformedError, ModelError, TransportError
from dragoman.host.models.turns import Dialect, Reader, Reply, Request
from dragoman.protocol.moments import seconds_of
from dragoman.protocol.sse import EventReader
from dragoman.transport.http_settings import HttpSettings
from dragoman.transport.streamed import Post, Streamed

EVENTS = "text/event-stream"
MAX_BYTES = 32 * 1024 * 1024  # of one answer, in all its pieces
_FAULT_BYTES = 64 * 1024
_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_ADVICE = {
    400: "the endpoint cannot take this; does the model know tools, and images if there are any?",
    401: "the key is missing or wrong",
    403: "the key does not allow this",
    404: "is the model's name right, and is it there?",
    413: "the conversation is too long",
}


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long a model is waited for, in seconds, and how often it is asked.

    `quiet` bounds the time between two pieces of an answer, `answer` a whole one; `wait` is the longest that is waited
    for an endpoint that says when to come again.
    """

    tries: int = 4
    quiet: float = 120.0
    answer: float = 600.0
    wait: float = 60.0
    first: float = 0.5


class Model:
    """A model that can be asked. `hosted` says that what it is told leaves this machine."""

    def __init__(
        self,
        name: str,
        url: str,
        dialect: Dialect,
        *,
        shown: str = "",
        key: str = "",
        hosted: bool = True,
        patience: Patience | None = None,
    ) -> None:
        """`url` is that of the interface (`http://127.0.0.1:11434/v1`), `name` the model's there, `shown` ours."""
        self.name, self.shown, self.hosted = name, shown or name, hosted
        self._dialect, self._key = dialect, key
        self._patience = patience or Patience()
        self._post = Post(url.rstrip("/") + dialect.path, HttpSettings(max_bytes=MAX_BYTES))

    def __repr__(self) -> str:
        return f"<Model {self.shown} at {self._post.where}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def complete(
        self,
        request: Request,
        on_text: Callable[[str], None] | None = None,
        on_again: Callable[[ModelError, float], None] | None = None,
    ) -> Reply:
        """Return what the model gives; `on_text` gets its words as they come.

        `on_again` hears why the model is asked once more, and after how many seconds: its words begin anew then.
        Raises ModelError for what the endpoint refuses or breaks off, TransportError when it cannot be reached.
        """
        body = self._dialect.body(self.name, request)
        tries = 0
        while True:
            tries += 1
            try:
                return await self._once(body, on_text or _nobody)
            except ModelError as error:
                pause = max(error.after, self._pause(tries))
                if not error.again or tries >= self._patience.tries or pause > self._patience.wait:
                    raise
                if on_again is not None:
                    on_again(error, pause)
            await asyncio.sleep(pause)

    def _pause(self, tries: int) -> float:
        return self._patience.first * 2.0 ** (tries - 1) * random.uniform(0.8, 1.2)

    async def _once(self, body: bytes, on_text: Callable[[str], None]) -> Reply:
        headers = {"content-type": "application/json", "accept": f"{EVENTS}, application/json"}
        reader = self._dialect.reader()
        answered = False
        try:
            async with (
                asyncio.timeout(self._patience.answer),
                self._post.send(body, {**headers, **self._dialect.headers(self._key)}) as answer,
            ):
                answered = True
                if answer.status != 200:
                    raise await self._refusal(answer)
                await self._read(answer, reader, on_text)
        except TimeoutError:
            raise DeadlineError(f"{self.shown} took longer than {self._patience.answer:g} s") from None
        except TransportError as error:
            # A kept connection may have been closed meanwhile: that is no reason to give up.
            if not (answered or isinstance(error, ClosedError)):
                raise
            raise ModelError(f"the answer of {self.shown} was cut off: {error}", again=True) from None
        return reader.reply()

    async def _read(self, answer: Streamed, reader: Reader, on_text: Callable[[str], None]) -> None:
        if not answer.headers.get("content-type", "").startswith(EVENTS):
            on_text(reader.whole(await self._all(answer, MAX_BYTES)))
            return
        events, chunks = EventReader(MAX_BYTES), aiter(answer.chunks)
        while True:
            try:
                async with asyncio.timeout(self._patience.quiet):
                    chunk = await anext(chunks, b"")
                found = events.feed(chunk)
            except TimeoutError:
                said = f"{self.shown} said nothing for {self._patience.quiet:g} s"
                raise ModelError(said, again=True) from None
            except MalformedError as error:
                raise ModelError(f"{self.shown}: {error}") from None
            for event in found:
                if words := reader.feed(event.event, event.data):
                    on_text(words)
            if not chunk:
                return

    async def _all(self, answer: Streamed, most: int) -> bytes:
        held = bytearray()
        async for chunk in answer.chunks:
            held += chunk
            if len(held) > most:
                break
        return bytes(held)

    async def _refusal(self, answer: Streamed) -> ModelError:
        status = answer.status
        said = self._dialect.fault(await self._all(answer, _FAULT_BYTES))
        words = ": ".join(filter(None, [f"{self.shown} answered HTTP {status}", said]))
        advice = _ADVICE.get(status, "")
        after = seconds_of(answer.headers.get("retry-after", ""), datetime.now(UTC))
        if after > self._patience.wait:
            advice = f"it says to come again in {after:.0f} s, and {self._patience.wait:g} s is the longest waited"
        return ModelError(
            f"{words} ({advice})" if advice else words, status=status, again=status in _AGAIN, after=after
        )

    async def close(self) -> None:
        """Close its connections."""
        await self._post.close()


def _nobody(words: str) -> None:
    """Nobody looks on."""
