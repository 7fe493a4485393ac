"""What is sent to ask for suggestions, judged before it is sent: a server's answer would name no Python type.

Promise: what is returned is what `completion/complete` takes, whatever was given.
Source: schema.ts, `CompleteRequestParams`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from dragoman.errors import LocalError
from dragoman.wire.prompts import Complete

_REF = "ref is PromptReference(name=...) or ResourceReference(uri=...), both of dragoman.wire.prompts"


def completing(ref: object, argument: object, value: object, context: object) -> dict[str, Any]:
    """Return the parameters of `completion/complete`. Raises LocalError that says what to give instead."""
    params: dict[str, Any] = {"ref": ref, "argument": {"name": argument, "value": value}}
    if context:
        params["context"] = {"arguments": context}
    for name, given in (("argument", argument), ("value", value)):
        if not isinstance(given, str):
            what = "the name of the argument to complete" if name == "argument" else "what is typed of it so far"
            raise LocalError(f"{name} is {what}, a str and not {type(given).__name__}")
    try:
        msgspec.convert(msgspec.to_builtins(params), Complete)
    except (msgspec.ValidationError, TypeError) as error:
        if "$.ref" in str(error) or not isinstance(ref, msgspec.Struct):
            raise LocalError(f"{_REF}, and not {str(ref)[:100]!r}") from None
        raise LocalError("context has the arguments that are chosen already, a dict of names and strings") from None
    return params
