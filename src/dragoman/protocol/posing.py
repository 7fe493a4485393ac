"""Making today's questions fit for yesterday's clients.

What a revision can say in other words is said in those; what it cannot ask is
refused, since a form without a field would be another question.
Source: the schema of each revision, `ElicitRequest` and `CreateMessageRequest`; requirements ELIC-05, ELIC-18, LEG-22.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, structs

from dragoman.errors import RequestError
from dragoman.protocol.lowering import Floor, trim
from dragoman.wire.jsonrpc import INVALID_REQUEST
from dragoman.wire.questions import CreateMessage, Elicit, SamplingMessage


def pose(params: Any, floor: Floor) -> Any:
    """Return the parameters of a question as the revision of `floor` knows them.

    Raises RequestError for what it cannot ask.
    """
    if floor.plain_questions:
        if isinstance(params, Elicit):
            params = _plain_form(params)
        elif isinstance(params, CreateMessage):
            params = structs.replace(params, messages=[one for each in params.messages for one in _single(each)])
    return trim(params, floor)


def _plain_form(params: Elicit) -> Elicit:
    schema = params.requested_schema
    if schema is UNSET:
        raise RequestError(INVALID_REQUEST, "this call asks for a visit to a page, which its protocol version cannot")
    properties = {name: _plain_field(name, field) for name, field in schema.get("properties", {}).items()}
    return structs.replace(params, mode=UNSET, requested_schema={**schema, "properties": properties})


def _plain_field(name: str, field: dict[str, Any]) -> dict[str, Any]:
    if field.get("type") == "array":
        text = f"this call asks for several choices ({name!r}), which its protocol version cannot"
        raise RequestError(INVALID_REQUEST, text)
    options: list[dict[str, Any]] = field.get("oneOf", [])
    if not options:
        return field
    rest = {key: value for key, value in field.items() if key != "oneOf"}
    values = [option["const"] for option in options]
    return {**rest, "enum": values, "enumNames": [option.get("title", option["const"]) for option in options]}


def _single(message: SamplingMessage) -> list[SamplingMessage]:
    """Return a message of several blocks as messages of one each."""
    if not isinstance(message.content, list):
        return [message]
    return [structs.replace(message, content=block) for block in message.content]
