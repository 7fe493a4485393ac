"""Asking the user by type: the schema of a form from a class, and the answer as an instance of it.

Promise: an accepted answer is checked against the type before the server sees it. Limit: pydantic only if the type is.
"""

from __future__ import annotations

import enum
import typing
from typing import Any

import msgspec

from dragoman.compat.models import Model
from dragoman.compat.questions import ElicitResult
from dragoman.serving.shapes import is_list, is_object


class AcceptedElicitation(Model):
    """The user filled in the form; `data` is what it holds."""

    data: Any = None
    action: str = "accept"


class DeclinedElicitation(Model):
    """The user said no."""

    data: Any = None
    action: str = "decline"


class CancelledElicitation(Model):
    """The user closed the form without an answer."""

    data: Any = None
    action: str = "cancel"


class AcceptedUrlElicitation(Model):
    """The user agreed to open the page."""

    action: str = "accept"


class _Result:
    """The type that stands for any of the three answers; subscripting it says of what."""

    def __class_getitem__(cls, item: Any) -> Any:
        return typing.Annotated[Any, cls, item]


ElicitationResult = _Result


class Form:
    """A form for a type: its JSON Schema, and the way from the answer back to the type."""

    def __init__(self, wanted: Any) -> None:
        self.wanted = _options(wanted)
        self.wrapped = False
        if self.wanted is None:
            self.schema: dict[str, Any] = {"type": "object", "properties": {}}
        elif hasattr(self.wanted, "model_json_schema"):
            self.schema = _without_titles(self.wanted.model_json_schema())
        else:
            self.schema = _schema_of(self.wanted)
            if self.schema.get("type") != "object":
                self.wrapped = True
                self.schema = {"type": "object", "properties": {"value": self.schema}, "required": ["value"]}

    def read(self, result: ElicitResult) -> Any:
        """Return how the question ended, as one of the three classes. Raises ValueError if it does not fit."""
        if result.action == "decline":
            return DeclinedElicitation()
        if result.action != "accept":
            return CancelledElicitation()
        content = result.content or {}
        if self.wanted is None:
            return AcceptedElicitation(data=content)
        if hasattr(self.wanted, "model_validate"):
            return AcceptedElicitation(data=self.wanted.model_validate(content))
        try:
            value = msgspec.convert(content["value"] if self.wrapped else content, self.wanted, strict=False)
        except (KeyError, msgspec.ValidationError) as fault:
            raise ValueError(f"the client's answer does not fit the form: {fault}") from fault
        return AcceptedElicitation(data=value)


def _options(wanted: Any) -> Any:
    """Return the type that `wanted` means: a list of texts, or a dictionary keyed by them, is a choice among them."""
    choices: list[Any] = list(wanted) if is_list(wanted) or is_object(wanted) else []
    if choices and all(isinstance(choice, str) for choice in choices):
        return typing.Literal[tuple(choices)]
    return wanted


def _schema_of(wanted: Any) -> dict[str, Any]:
    if isinstance(wanted, type) and issubclass(wanted, enum.Enum):
        return {"type": "string", "enum": [member.value for member in wanted]}
    schema, defs = msgspec.json.schema_components([wanted], ref_template="#/$defs/{name}")
    shown: dict[str, Any] = schema[0]
    if set(shown) == {"$ref"}:
        shown = defs[str(shown["$ref"]).rpartition("/")[2]]
    return _without_titles(shown)


def _without_titles(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != "title"}
