"""What a callback gives for a form or a page, as the answer that goes to the server.

Defaults are filled in, and what does not fit the form is refused here, before the server sees it (ELIC-06, ELIC-19).
Source: specification, client/elicitation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from msgspec import UNSET

from dragoman.errors import LocalError
from dragoman.wire.questions import Elicit, ElicitResult

DECLINE = ElicitResult(action="decline")
ACCEPT = ElicitResult(action="accept")
_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "array": (list, tuple),
}


def elicited(question: Elicit, given: Any) -> ElicitResult:
    """Return the answer to a form: None declines, a mapping fills it in, one value fills in its only field.

    Raises LocalError for a field that is missing, unknown or of another type.
    """
    if given is None:
        return DECLINE
    schema = question.requested_schema if question.requested_schema is not UNSET else {}
    fields: dict[str, Any] = schema.get("properties") or {}
    if isinstance(given, ElicitResult):
        if given.action != "accept":
            return ElicitResult(action=given.action, meta=given.meta)
        content, meta = given.content or {}, given.meta
    elif not fields and isinstance(given, bool):
        content, meta = {}, UNSET
        if not given:
            return DECLINE
    else:
        content, meta = _content(question, fields, given), UNSET
    filled = {name: field["default"] for name, field in fields.items() if "default" in field}
    filled.update(content or {})
    _check(question, fields, schema.get("required") or [], filled)
    return ElicitResult(action="accept", content=filled, meta=meta)


def visited(question: Elicit, given: Any) -> ElicitResult:
    """Return the answer to a page to visit: True when the user agreed to open it, False or None when not (ELIC-07)."""
    if isinstance(given, ElicitResult):
        return ElicitResult(action=given.action, meta=given.meta)
    if given is None or given is False:
        return DECLINE
    if given is True:
        return ACCEPT
    raise LocalError(
        f"on_visit gave {type(given).__name__} for {_shown(question)}; give True, False or an ElicitResult"
    )


def _content(question: Elicit, fields: Mapping[str, Any], given: Any) -> dict[str, Any]:
    if isinstance(given, Mapping):
        return dict(cast("Mapping[str, Any]", given))
    if len(fields) == 1:
        return {next(iter(fields)): given}
    raise LocalError(
        f"the answer to {_shown(question)} is {type(given).__name__}; give a dict of its fields"
        f" ({', '.join(fields) or 'none'}), an ElicitResult, or None to decline"
    )


def _check(question: Elicit, fields: Mapping[str, Any], required: list[str], content: Mapping[str, Any]) -> None:
    lacking = [name for name in required if name not in content]
    if lacking:
        raise LocalError(f"the answer to {_shown(question)} lacks {', '.join(lacking)}, which the form requires")
    for name, value in content.items():
        complaint = _complaint(fields[name], value) if name in fields else "is no field of the form"
        if complaint:
            raise LocalError(f"the answer to {_shown(question)} does not fit: {name} {complaint}")


def _complaint(field: Mapping[str, Any], value: Any) -> str:
    """Say what is wrong with a value, "" if nothing that can be told without a validator."""
    kind = str(field.get("type", ""))
    wanted = _KINDS.get(kind)
    if wanted is not None and (not isinstance(value, wanted) or (isinstance(value, bool) and kind != "boolean")):
        return f"is {type(value).__name__}, not {kind}"
    items: Mapping[str, Any] = field.get("items") or {}
    choices = _choices(items if kind == "array" else field)
    chosen: list[Any] = list(cast("list[Any]", value)) if kind == "array" else [value]
    strange = [one for one in chosen if choices and one not in choices]
    return f"is {strange[0]!r}, not one of {', '.join(map(repr, choices))}" if strange else ""


def _choices(field: Mapping[str, Any]) -> list[Any]:
    titled: list[Mapping[str, Any]] = field.get("oneOf") or field.get("anyOf") or []
    return field.get("enum") or [option["const"] for option in titled if "const" in option]


def _shown(question: Elicit) -> str:
    return repr(question.message[:100])
