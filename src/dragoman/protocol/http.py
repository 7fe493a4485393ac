"""Streamable HTTP without the sockets: what a POST means, and in which era.

Bytes and headers in, a Post out; who may speak and how the answer travels is the
transport's business.
Source: specification, basic/transports/streamable-http; X-3, X-4, X-11.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET

from dragoman.errors import RequestError
from dragoman.protocol.envelope import VERSION_HEADER, Methods, is_modern, read_params, unsupported
from dragoman.protocol.eras import HANDSHAKE, HEADERLESS, STATELESS, Era
from dragoman.protocol.exchange import Headers, meta_of
from dragoman.protocol.frames import read_frame
from dragoman.wire.jsonrpc import Frame

SESSION_HEADER = b"mcp-session-id"
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
    handshake: bool


def read_post(body: bytes | msgspec.Raw, headers: Headers, methods: Methods) -> Post:
    """Return what one message of a POST means.

    Raises MalformedError if it is no JSON-RPC message, and RequestError if its
    version is one that nobody speaks.
    """
    frame = read_frame(body)
    if frame.method is UNSET:
        return Post(frame, "response", None, None, *_spoken(headers, False))
    if frame.id is UNSET:
        return Post(frame, "notification", None, None, *_spoken(headers, False))
    params, fault = read_params(frame, methods)
    return Post(frame, "request", params, fault, *_spoken(headers, is_modern(meta_of(params))))


def _spoken(headers: Headers, modern_body: bool) -> tuple[Era | None, bool]:
    """Return the era that the headers name and whether it begins with a handshake.

    The envelope in the body wins (X-3); no version anywhere is the oldest era
    that HTTP knows (X-11).
    """
    if modern_body:
        return None, False
    stated = headers.get(VERSION_HEADER)
    if stated is None:
        return HEADERLESS, True
    version = stated.decode("latin-1").strip()
    if version in STATELESS:
        return None, False
    era = HANDSHAKE.get(version)
    if era is None:
        raise unsupported(version)
    return era, True


def wants_stream(headers: Headers) -> bool:
    """Say whether the client takes `text/event-stream`; without Accept it takes anything (RFC 9110, 12.5.1)."""
    accept = headers.get(b"accept")
    return accept is None or b"text/event-stream" in accept or b"*/*" in accept or b"text/*" in accept


def wants_json(headers: Headers) -> bool:
    """Say whether the client takes `application/json`."""
    accept = headers.get(b"accept")
    return accept is None or b"application/json" in accept or b"*/*" in accept or b"application/*" in accept


def is_json(headers: Headers) -> bool:
    """Say whether the body is declared as JSON. Nothing else is taken: a web page can post other types unasked."""
    kind = headers.get(b"content-type", b"")
    return kind == b"application/json" or kind.split(b";", 1)[0].strip().lower() == b"application/json"
