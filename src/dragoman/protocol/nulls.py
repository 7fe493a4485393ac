"""Null where a peer means "absent": some languages write every optional member.

The protocol has no null there, so a message is read strictly first, and this is for those that did not pass.
What is the user's own data (arguments, settings) keeps its nulls.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from dragoman.wire.base import EMPTY, NULL

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
# Members in which a null is a value; `arguments` as a whole may be null, which its reader takes for none.
_DATA = frozenset({"arguments", "inputResponses", "experimental", "extensions"})


def without_nulls(raw: msgspec.Raw) -> msgspec.Raw | None:
    """Return parameters without members that are null, at any depth; None if there are none, or `raw` is no object."""
    if memoryview(raw) == NULL:
        return EMPTY
    try:
        members = {
            key: value if key in _DATA else msgspec.Raw(_encode(_present(msgspec.json.decode(value))))
            for key, value in _members(raw).items()
            if memoryview(value) != NULL
        }
        kept = msgspec.Raw(_encode(members))
        # Nothing was left out if it says what it said before; then the fault lies elsewhere.
        same = bool(msgspec.json.decode(kept) == msgspec.json.decode(raw))
    except (msgspec.DecodeError, msgspec.EncodeError, UnicodeError, RecursionError):
        return None
    return None if same else kept


def _present(value: Any) -> Any:
    if isinstance(value, dict):
        inner = cast("dict[str, Any]", value)
        return {k: v if k in _DATA else _present(v) for k, v in inner.items() if v is not None}
    return value
