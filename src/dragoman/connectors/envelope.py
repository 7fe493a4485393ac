"""One shape for every answer, and one guard of its size.

`truncated` and `next_cursor` come first, so that even a client that cuts the answer again keeps them.  Answers are cut
before they are encoded: what goes out is always whole JSON.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from dragoman.errors import ToolError

MAX_TOKENS = 8_000
CHARS_PER_TOKEN = 4
ROOM = MAX_TOKENS * CHARS_PER_TOKEN  # characters of one encoded answer
_FRAME = 1_500  # of them for everything but the items or the text
PAYLOAD = ROOM - _FRAME
_MAX_CURSOR = 1_000
_CHECK = 8  # bytes

Plain = dict[str, Any]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000_000)]


def encoded(value: Any) -> str:
    """Return the value as JSON text, as it goes out."""
    return msgspec.json.encode(value).decode()


def make_cursor(call: str, values: Sequence[Any]) -> str:
    """Return an opaque mark from which `call` (the tool and what it was asked) goes on.

    The sum in it guards against mix-ups, not against forgery: a cursor opens
    nothing that the same arguments would not.
    """
    body = msgspec.json.encode(list(values))
    return base64.urlsafe_b64encode(_sum(call, body) + body).decode().rstrip("=")


def read_cursor(call: str, cursor: str, shape: Any) -> Any:
    """Return the values that `make_cursor` was given for the same call, as `shape`.

    Raises ToolError for a cursor of another call and for what is none.
    """
    try:
        if len(cursor) > _MAX_CURSOR:
            raise ValueError("too long")
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        if data[:_CHECK] != _sum(call, data[_CHECK:]):
            raise ValueError("another call's")
        return msgspec.json.decode(data[_CHECK:], type=shape)
    except (ValueError, binascii.Error, msgspec.DecodeError) as fault:
        raise ToolError(
            "this cursor does not belong to this call: repeat the call that gave it with the same arguments, "
            "or leave cursor out to start again"
        ) from fault


def fitting(items: Sequence[Any], room: int = PAYLOAD) -> int:
    """Return how many of the first items fit into `room` characters of JSON; at least one, if there is one."""
    used = 0
    for count, item in enumerate(items):
        used += len(msgspec.json.encode(item)) + 1
        if used > room and count:
            return count
    return len(items)


def shortened(answer: Plain, room: int = PAYLOAD) -> tuple[Plain, bool]:
    """Return the answer with its longest lists and texts cut until it fits, and whether anything was cut."""
    cut = False
    while len(encoded(answer)) > room:
        name = max(answer, key=lambda key: len(encoded(answer[key])))
        if not isinstance(answer[name], list | str) or len(answer[name]) < 2:
            return {name: str(answer[name])[: room // 4]}, True
        answer = {**answer, name: answer[name][: len(answer[name]) * 3 // 4]}
        cut = True
    return answer, cut


def wrap(next_cursor: str | None, body: Plain, *, truncated: bool | None = None, hint: str = "") -> Plain:
    """Return the answer: `truncated`, `next_cursor`, then `body`, then the hint if there is one."""
    head: Plain = {"truncated": next_cursor is not None if truncated is None else truncated, "next_cursor": next_cursor}
    return {**head, **body, **({"hint": hint} if hint else {})}


def _sum(call: str, body: bytes) -> bytes:
    return hashlib.blake2b(
        body, digest_size=_CHECK, key=hashlib.blake2b(call.encode(), digest_size=32).digest()
    ).digest()
