"""Streamable HTTP without the sockets: what a POST means, and in which era.

Bytes and headers in, a Post out; who may speak and how the answer travels is the
transport's business.
Source: specification, basic/transports/streamable-http; X-3, X-4, X-11.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import UNSET

from dragoman.errors import RequestError
from dragoman.protocol.envelope import VERSION_HEADER, Methods, read_params, unsupported
from dragoman.protocol.eras import HANDSHAKE, HEADERLESS, STATELESS, Era
from dragoman.protocol.exchange import Headers, meta_of
from dragoman.protocol.frames import read_frame
from dragoman.wire.jsonrpc import Frame

SESSION_HEADER = b"mcp-session-id"
# Clients say one of a handful of values in a header, with every request: each is judged once.
_REMEMBERED = 64
Kind = Literal["request", "notification", "response"]


class Post(msgspec.Struct, frozen=True):
    """One message of a POST body. `era` is None for the stateless era, which judges for itself.

    `fault` is what is wrong with the parameters; other faults may come first.
    """

    frame: Frame
    kind: Kind
    params: Any
    fault: RequestError | None
    era: Era | None


def read_post(body: bytes | msgspec.Raw, headers: Headers, methods: Methods) -> Post:
    """Return what one message of a POST means.

    Raises MalformedError if it is no JSON-RPC message, and RequestError if its
    version is one that nobody speaks.
    """
    frame = read_frame(body)
    if frame.method is UNSET:
        return Post(frame, "response", None, None, named_era(headers.get(VERSION_HEADER)))
    if frame.id is UNSET:
        return Post(frame, "notification", None, None, named_era(headers.get(VERSION_HEADER)))
    params, fault = read_params(frame, methods)
    # The envelope in the body wins over the headers.
    era = None if meta_of(params).protocol_version is not UNSET else named_era(headers.get(VERSION_HEADER))
    return Post(frame, "request", params, fault, era)


@lru_cache(_REMEMBERED)
def named_era(stated: bytes | None) -> Era | None:
    """Return the handshake era that an MCP-Protocol-Version header names, None for the stateless era.

    No version is the oldest era that HTTP knows (X-11). Raises RequestError for one that nobody speaks.
    """
    if stated is None:
        return HEADERLESS
    version = stated.decode("latin-1").strip()
    if version in STATELESS:
        return None
    era = HANDSHAKE.get(version)
    if era is None:
        raise unsupported(version)
    return era


_REFUSES = re.compile(rb";\s*[qQ]=0(?:\.0*)?\s*$").search


class Accepted(NamedTuple):
    """Which of the two forms of an answer a client takes, and whether it named the stream before the other."""

    json: bool
    stream: bool
    stream_first: bool = False


@lru_cache(_REMEMBERED)
def accepted(accept: bytes | None) -> Accepted:
    """Return what an Accept header says; without one, a client takes anything (RFC 9110, 12.5.1)."""
    if accept is None:
        return Accepted(True, True)
    ranges = {item.split(b";", 1)[0].strip().lower() for item in accept.split(b",") if not _REFUSES(item)}
    anything = b"*/*" in ranges
    json = anything or b"application/json" in ranges or b"application/*" in ranges
    first = accept.lower().find(b"text/event-stream"), accept.lower().find(b"application/json")
    return Accepted(json, anything or b"text/event-stream" in ranges or b"text/*" in ranges, 0 <= first[0] < first[1])


@lru_cache(_REMEMBERED)
def is_json(content_type: bytes | None) -> bool:
    """Say whether the body is declared as JSON. Nothing else is taken: a web page can post other types unasked."""
    return content_type is not None and content_type.split(b";", 1)[0].strip().lower() == b"application/json"
