"""JSON of strangers that is no message: metadata, keys, tokens' claims, registrations, files of clients.

Refuses what `frames` refuses, for the same reason: what two readers could take for two things has been judged by one
of them only. Promise: no word of the text is in an error. Limit: the whole text is in memory, so callers bound it.
Source: RFC 8259, sections 4, 6 and 8.1; RFC 7515, section 10.12.
"""

from __future__ import annotations

import msgspec

from dragoman.errors import MalformedError
from dragoman.protocol.depth import MAX_DEPTH, count_members, too_deep
from dragoman.protocol.frames import encode

_decode = msgspec.json.Decoder().decode


def read_strict(data: bytes, what: str) -> object:
    """Return what JSON text says. Raises MalformedError that names `what`."""
    if too_deep(data):
        raise MalformedError(f"{what} is nested more than {MAX_DEPTH} levels deep")
    try:
        found: object = _decode(data)
        if count_members(data) == count_members(encode(found)):
            return found
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise MalformedError(f"{what} is not JSON: {error}") from None
    raise MalformedError(f"{what} has a name twice in one object")
