"""Decoders of JSON that are built when first used.

A decoder of a big type takes a millisecond to build, and a program speaks few of the protocol's methods: most would be
built for nothing, before its first line. Promise: after the first use, no more than the decoder itself is entered.
Limit: a type that cannot be decoded is found at its first use, not at import.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import msgspec

T = TypeVar("T")


class Decodes(Protocol):
    """What has a `decode` that may be set."""

    decode: Callable[[Any], Any]


class Decoding(Generic[T]):
    """Reads JSON as one `kind`: `decode(data)` returns it, or raises what msgspec's decoders do."""

    __slots__ = ("_kind", "decode")
    decode: Callable[[Any], T]

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind

    if not TYPE_CHECKING:  # or every attribute would be there for who checks types

        def __getattr__(self, name: str) -> Any:
            return built(self, name, self._kind)


def built(holder: Decodes, name: str, kind: Any) -> Any:
    """Give `holder` its `decode` of `kind`, and return it; for the `__getattr__` of what has one.

    Raises AttributeError if it is another attribute that is asked for, and TypeError for a kind that cannot be decoded.
    """
    # Only what is not there yet gets here. Two threads may both build it: either will do.
    if name != "decode":
        raise AttributeError(f"{type(holder).__name__!r} has no attribute {name!r}")
    holder.decode = msgspec.json.Decoder(kind).decode
    return holder.decode
