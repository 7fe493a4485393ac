"""JSON-RPC frames, from bytes and to bytes. The one decoder and the one encoder live here.

Refuses what is nested too deeply before any parser sees it, and what two readers could take for two things: a name
twice in one object, bytes that are no UTF-8, numbers that nobody can hold (RFC 8259, section 4, 6, 8.1).
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from dragoman.errors import MalformedError
from dragoman.protocol.depth import LONG, THICK, count_colons, count_members, count_sign, thinned, too_deep
from dragoman.wire.base import RequestId
from dragoman.wire.decoding import Decoding
from dragoman.wire.jsonrpc import INVALID_REQUEST, PARSE_ERROR, ErrorResponse, Failure, Frame, Notification, Response

MAX_DEPTH = 64  # levels of nesting
MAX_BATCH = 100  # messages in one array, handshake era only

encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Frame).decode
_decode_whole = msgspec.json.Decoder().decode
_decode_batch = msgspec.json.Decoder(list[msgspec.Raw]).decode


class _Loose(msgspec.Struct):
    id: Any = UNSET


_decode_loose = Decoding(_Loose)


def read_frame(data: bytes | msgspec.Raw) -> Frame:
    """Decode one JSON-RPC message.

    Raises MalformedError with code -32700 if `data` is not JSON, and -32600 if
    it is not a message, is nested more than 64 levels deep, or has a name twice
    in one object, wherever that is.
    """
    text = bytes(data) if isinstance(data, msgspec.Raw) else data
    # Long strings are read as a part of the whole, and where they are used: names and depth show without them.
    thin = thinned(text) if len(text) >= THICK else text
    # With no more brackets than levels nothing is too deep, as in nearly every message.
    if (len(thin) >= LONG or thin.count(b"{") + thin.count(b"[") > MAX_DEPTH) and too_deep(thin, MAX_DEPTH):
        raise MalformedError(f"JSON nested more than {MAX_DEPTH} levels deep", code=INVALID_REQUEST)
    try:
        # What stays raw in the frame is not looked into, and the decoder keeps the last of two members with one name:
        # a proxy or a policy in front might read the first. What the whole means, written again, has all its colons
        # (one per member, and those in strings), or a member was lost.
        frame, meant = _decode(text), _decode_whole(thin)
        # A long string is dear to write, and need not be: its colons are found in what was read as well.
        if len(thin) >= LONG and count_colons(meant) == count_sign(thin, b":") and b"\\u003" not in thin:
            return frame
        whole = encode(meant)
        if thin == whole:
            return frame  # as nearly every client writes: nothing between the members, and none lost
        if thin.count(b":") == whole.count(b":") and b"\\u003" not in thin:
            return frame
        if count_members(thin) == count_members(whole):
            return frame
        raise MalformedError("a name stands twice in one JSON object", code=INVALID_REQUEST)
    except msgspec.ValidationError as error:
        raise MalformedError(f"not a JSON-RPC 2.0 message: {error}", code=INVALID_REQUEST) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError(f"not valid JSON: {error}", code=PARSE_ERROR) from None


def read_batch(data: bytes) -> list[msgspec.Raw]:
    """Split a JSON array into its messages. Raises MalformedError if it is empty, too long or not JSON."""
    if too_deep(data, MAX_DEPTH):
        raise MalformedError(f"JSON nested more than {MAX_DEPTH} levels deep", code=INVALID_REQUEST)
    try:
        items = _decode_batch(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError(f"not valid JSON: {error}", code=PARSE_ERROR) from None
    if not 0 < len(items) <= MAX_BATCH:
        raise MalformedError(f"a batch holds 1 to {MAX_BATCH} messages, this one {len(items)}")
    return items


def id_of(data: bytes | msgspec.Raw) -> RequestId | msgspec.UnsetType:
    """Return the id of a message that is otherwise at fault, UNSET if it cannot be read (X-7)."""
    try:
        found = _decode_loose.decode(data).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return UNSET
    return found if isinstance(found, int | str) and not isinstance(found, bool) else UNSET


def write_result(request_id: RequestId, result: Any) -> bytes:
    """Return the bytes of a successful answer."""
    return encode(Response(request_id, result))


def write_failure(request_id: RequestId | msgspec.UnsetType, failure: Failure) -> bytes:
    """Return the bytes of an error answer."""
    return encode(ErrorResponse(id=request_id, error=failure))


def write_notice(notice: Notification) -> bytes:
    """Return the bytes of a notification."""
    return encode(notice)
