"""What is in a call, as plain data and as models."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from dragoman.compat.questions import CreateMessageResult, ElicitResult, ListRootsResult
from dragoman.protocol.exchange import Call
from dragoman.serving.lifecycle import CustomParams
from dragoman.serving.shapes import is_object


def params_of(call: Call) -> dict[str, Any]:
    """Return the parameters of a call as plain data, without `_meta`."""
    raw = call.params.raw if isinstance(call.params, CustomParams) else msgspec.json.encode(call.params)
    plain: dict[str, Any] = msgspec.json.decode(raw)
    plain.pop("_meta", None)
    return plain


def headers_of(call: Call) -> dict[str, str]:
    """Return the HTTP headers of a call, names in lower case; none on stdio."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in call.headers.items()}


def answers(call: Call) -> dict[str, Any] | None:
    """Return the answers that a client sent with a call made again, as models; None on the first."""
    given: Any = getattr(call.params, "input_responses", UNSET)
    if given is UNSET:
        return None
    return {key: _answer(msgspec.json.decode(value)) for key, value in given.items()}


def _answer(value: Any) -> Any:
    """Return an input response as the model that it is, told by its members."""
    if is_object(value):
        for model, member in ((ElicitResult, "action"), (ListRootsResult, "roots"), (CreateMessageResult, "content")):
            if member in value:
                return model(**value)
    return value
