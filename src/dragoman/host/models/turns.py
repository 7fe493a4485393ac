"""A conversation with a model, in no vendor's words: turns, tools on offer, what the model says and wants.

Data only. Promise: what a model wrote as arguments of a tool is kept as it came, so that a slip can be told to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol, TypeAlias

import msgspec


class Text(msgspec.Struct, frozen=True):
    """Words."""

    text: str


class Picture(msgspec.Struct, frozen=True):
    """An image: base64 and its MIME type."""

    data: str
    mime_type: str


class Wanted(msgspec.Struct, frozen=True):
    """The model wants a tool called; `arguments` is its JSON text, right or wrong."""

    id: str
    name: str
    arguments: str


class Given(msgspec.Struct, frozen=True):
    """What a tool gave, or why it was not called, for the `Wanted` with that id."""

    id: str
    name: str
    parts: tuple[Text | Picture, ...]
    failed: bool = False


Part: TypeAlias = Text | Picture | Wanted | Given


class Turn(msgspec.Struct, frozen=True):
    """One message of the conversation."""

    role: Literal["user", "assistant"]
    parts: tuple[Part, ...]


class Offer(msgspec.Struct, frozen=True):
    """A tool that the model may want."""

    name: str
    description: str
    schema: dict[str, Any]


class Usage(msgspec.Struct, frozen=True):
    """Tokens, as the endpoint counts them: read by the model, of these from its cache, and written by it."""

    read: int = 0
    cached: int = 0
    written: int = 0

    def plus(self, other: Usage) -> Usage:
        """Return the sum."""
        return Usage(self.read + other.read, self.cached + other.cached, self.written + other.written)


Stop: TypeAlias = Literal["end", "tools", "length", "refusal"]


class Reply(msgspec.Struct, frozen=True):
    """What a model gave. `stop` says why it ended: it was done, it wants tools, it had no more room, it refused."""

    parts: tuple[Text | Wanted, ...]
    stop: Stop
    usage: Usage = Usage()

    @property
    def text(self) -> str:
        """Its words."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def wanted(self) -> list[Wanted]:
        """The tools that it wants called."""
        return [part for part in self.parts if isinstance(part, Wanted)]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a model. `max_tokens` bounds what it writes; `stop` are texts that end it."""

    turns: Sequence[Turn]
    system: str = ""
    offers: Sequence[Offer] = ()
    max_tokens: int = 4096
    stop: Sequence[str] = ()
    temperature: float | None = None


class Reader(Protocol):
    """Takes an answer as it comes, event by event."""

    def feed(self, event: str, data: bytes) -> str:
        """Return the words that are new. Raises ModelError for an error of the endpoint's and for what is no answer."""
        ...

    def whole(self, data: bytes) -> str:
        """Take an answer that came in one piece. Raises ModelError."""
        ...

    def reply(self) -> Reply:
        """Return what came. Raises ModelError if that was cut off."""
        ...


class Dialect(Protocol):
    """How one kind of endpoint is spoken to."""

    path: str

    def headers(self, key: str) -> dict[str, str]:
        """Return the fields of the request, `key` included if there is one."""
        ...

    def body(self, model: str, request: Request) -> bytes:
        """Return the JSON of the request."""
        ...

    def reader(self) -> Reader:
        """Return what reads one answer."""
        ...

    def fault(self, data: bytes) -> str:
        """Return what an error's body says, in words."""
        ...
