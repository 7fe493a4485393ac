"""What servers ask of the user and of the model: handed on with the server's name, one at a time, within bounds.

Promise: a model that is asked for a server gets that server's words and nothing of the conversation or of others.
Limit: what the user types into a form goes to the server that asked, whoever that really is.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from dragoman.app.settings import ClientSettings
from dragoman.errors import DeclinedError, RequestError
from dragoman.host.audit import Audit
from dragoman.host.limits import HostLimits
from dragoman.host.models.asking import Model
from dragoman.host.models.turns import Picture, Request, Text, Turn
from dragoman.host.person import Person
from dragoman.protocol.plain import visible
from dragoman.wire.content import ImageContent, TextContent
from dragoman.wire.jsonrpc import INVALID_PARAMS
from dragoman.wire.questions import CreateMessage, CreateMessageResult, Elicit, SamplingMessage

_STOPS = {"end": "endTurn", "length": "maxTokens", "refusal": "endTurn", "tools": "endTurn"}


class Questions:
    """Answers what servers ask, for all servers of a host."""

    def __init__(self, person: Person | None, model: Model, audit: Audit, limits: HostLimits) -> None:
        self._person, self._model, self._audit, self._limits = person, model, audit, limits
        self._one = asyncio.Lock()
        self._asked: Counter[str] = Counter()
        self._sampled: Counter[str] = Counter()
        self._running: dict[str, set[asyncio.Timeout]] = {}

    def settings(self, server: str, roots: Sequence[Any]) -> ClientSettings:
        """Return the callbacks of the client of one server: without anybody to ask, none of those that ask."""
        given: ClientSettings = {"roots": list(roots)} if roots else {}
        if self._person is None:
            return given
        person = self._person

        async def elicit(question: Elicit) -> Any:
            async with self._turn(server, "form", visible(question.message)):
                return await person.form(server, question)

        async def visit(question: Elicit) -> bool:
            address = question.url if isinstance(question.url, str) else ""
            async with self._turn(server, "page", urlsplit(address).netloc):
                return await person.visit(server, question)

        async def sample(request: CreateMessage) -> CreateMessageResult:
            return await self._sample(server, person, request)

        return {**given, "on_elicit": elicit, "on_visit": visit, "on_sample": sample}

    def begin(self) -> None:
        """A new question of the user's: servers may ask as often as at first."""
        self._asked.clear()
        self._sampled.clear()

    @contextmanager
    def patiently(self, server: str, bound: asyncio.Timeout) -> Generator[None]:
        """While this lasts, the time that the user takes for a question of `server` does not count in `bound`."""
        running = self._running.setdefault(server, set())
        running.add(bound)
        try:
            yield
        finally:
            running.discard(bound)

    def _turn(self, server: str, kind: str, about: str) -> _Turn:
        self._asked[server] += 1
        if self._asked[server] > self._limits.questions:
            self._audit.noted("question", server=server, kind=kind, about=about, answered=False)
            raise DeclinedError(f"{server} has asked {self._limits.questions} questions, which is the most", "decline")
        self._audit.noted("question", server=server, kind=kind, about=about, answered=True)
        return _Turn(self._one, self._running.get(server, set()))

    async def _sample(self, server: str, person: Person, request: CreateMessage) -> CreateMessageResult:
        turns = [_turn_of(message) for message in request.messages]
        self._sampled[server] += 1
        spent = self._sampled[server] > self._limits.samplings
        allowed = False
        if not spent:
            async with self._turn(server, "sampling", f"{len(turns)} messages"):
                allowed = await person.sample(server, request, self._model.shown)
        self._audit.noted("sampling", server=server, allowed=allowed)
        if not allowed:
            raise DeclinedError("the user did not let the model be asked", "decline")
        # No more than it brought along: whatever `includeContext` says, nothing of the conversation is added.
        asked = Request(
            turns=turns,
            system=request.system_prompt if isinstance(request.system_prompt, str) else "",
            max_tokens=max(1, min(request.max_tokens, self._limits.sampling)),
            stop=request.stop_sequences if isinstance(request.stop_sequences, list) else (),
            temperature=request.temperature if isinstance(request.temperature, float | int) else None,
        )
        place: Any = "hosted" if self._model.hosted else "local"
        size = sum(len(part.text) for turn in turns for part in turn.parts if isinstance(part, Text))
        self._audit.sent(model=self._model.shown, place=place, items=[f"{server}/sampling"], size=size)
        reply = await self._model.complete(asked)
        return CreateMessageResult(
            role="assistant", content=TextContent(text=reply.text), model=self._model.shown,
            stop_reason=_STOPS[reply.stop],
        )  # fmt: skip


class _Turn:
    """One question at a time; the clocks of its server's calls stand still."""

    def __init__(self, one: asyncio.Lock, running: set[asyncio.Timeout]) -> None:
        self._one, self._running = one, running
        self._left: dict[asyncio.Timeout, float] = {}

    async def __aenter__(self) -> None:
        now = asyncio.get_running_loop().time()
        for bound in list(self._running):
            due = bound.when()
            if due is not None:
                self._left[bound] = due - now
                bound.reschedule(None)
        try:
            await self._one.acquire()
        except BaseException:
            self._resume()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._one.release()
        self._resume()

    def _resume(self) -> None:
        now = asyncio.get_running_loop().time()
        for bound, left in self._left.items():
            if bound in self._running:
                bound.reschedule(now + left)


def _turn_of(message: SamplingMessage) -> Turn:
    blocks: list[Any] = message.content if isinstance(message.content, list) else [message.content]
    parts: list[Text | Picture] = []
    for block in blocks:
        if isinstance(block, TextContent):
            parts.append(Text(block.text))
        elif isinstance(block, ImageContent):
            parts.append(Picture(block.data, block.mime_type))
        else:
            raise RequestError(INVALID_PARAMS, f"this model takes text and images, not {type(block).__name__}")
    return Turn(message.role, tuple(parts))
