"""What strangers send, looked at with care: a member that is missing or of another type is as good as not there.

Pure functions over decoded JSON. Limit: an answer that is no JSON object at all is an error.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from dragoman.errors import ModelError

MAX_CALLS = 128  # tools that a model may want at once
_SAID = 500  # characters of an error of the endpoint's that are shown


def decoded(data: bytes) -> dict[str, Any]:
    """Return a JSON object. Raises ModelError."""
    try:
        found: Any = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(f"the model's endpoint sent what is not JSON: {error}", again=True) from None
    if not isinstance(found, dict):
        raise ModelError(f"the model's endpoint sent {type(found).__name__} where a JSON object was due")
    return cast("dict[str, Any]", found)


def arguments_of(text: str) -> dict[str, Any]:
    """Return the object that a model's arguments are, an empty one if they are none: that is told in their result.

    Some endpoints answer nothing any more once a conversation holds arguments that are not JSON.
    """
    try:
        return mapping(msgspec.json.decode(text or "{}"))
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return {}


def mapping(value: Any) -> dict[str, Any]:
    """Return `value` if it is an object, else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def sequence(value: Any) -> list[Any]:
    """Return `value` if it is a list, else an empty one."""
    return cast("list[object]", value) if isinstance(value, list) else []


def text_of(value: Any) -> str:
    """Return `value` if it is a text, else an empty one."""
    return value if isinstance(value, str) else ""


def integer(value: Any) -> int:
    """Return `value` if it is a count, else 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def fault_of(data: bytes) -> str:
    """Return what an error's body says: `{"error": {"message": ...}}` of both kinds, or its first words."""
    try:
        found = mapping(msgspec.json.decode(data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return " ".join(data[:_SAID].decode(errors="replace").split())
    said = found.get("error")
    words = said if isinstance(said, str) else text_of(mapping(said).get("message")) or text_of(found.get("message"))
    return " ".join(words.split())[:_SAID] or data[:_SAID].decode(errors="replace")
