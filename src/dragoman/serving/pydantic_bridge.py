"""Pydantic, when the user's annotations use it: their models and Field constraints decide, through a TypeAdapter.

Pydantic is found in `sys.modules`, never imported by us: who does not use it does not pay for it.
A parameter that contains pydantic anywhere is pydantic's as a whole; mixing it with msgspec Structs is refused.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from dragoman.serving.codec import parts
from dragoman.serving.faults import Fault, shorten

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_MODULES = ("pydantic", "pydantic_core", "annotated_types", "pydantic_extra_types", "pydantic_settings")


def _of_pydantic(item: Any) -> bool:
    kind = item if isinstance(item, type) else type(item)
    return kind.__module__.partition(".")[0] in _MODULES or hasattr(kind, "__get_pydantic_core_schema__")


def uses_pydantic(annotation: Any) -> bool:
    """Return whether anything in `annotation` is pydantic's: a model, a constraint, a type."""
    if "pydantic" not in sys.modules:
        return False
    return any(_of_pydantic(item) or hasattr(item, "__pydantic_validator__") for item in parts(annotation))


def is_field(default: Any) -> bool:
    """Return whether a default is `pydantic.Field(...)`."""
    return type(default).__name__ == "FieldInfo" and _of_pydantic(default)


def from_field(annotation: Any, field: Any, missing: Any) -> tuple[Any, Any]:
    """Return the annotation and the default that `name: annotation = Field(...)` means."""
    if field.is_required():
        return Annotated[annotation, field], missing
    default = field.get_default(call_default_factory=True)
    return Annotated[annotation, _without_default(field)], default


def default_in(annotation: Any, missing: Any) -> Any:
    """Return the default of a `Field(default=...)` in the metadata of an Annotated type, else `missing`."""
    for item in getattr(annotation, "__metadata__", ()):
        if is_field(item) and not item.is_required():
            return item.get_default(call_default_factory=True)
    return missing


def _without_default(field: Any) -> Any:
    """Return the constraints alone: with a default of its own the field would be put in the schema twice."""
    bare = sys.modules["pydantic"].Field(description=field.description, title=field.title)
    bare.metadata = list(field.metadata)
    bare.json_schema_extra = field.json_schema_extra
    bare.examples = field.examples
    return bare


def adapter_of(annotation: Any) -> TypeAdapter[Any]:
    """Return pydantic's codec for `annotation`. Raises TypeError saying why there is none."""
    pydantic = sys.modules["pydantic"]
    try:
        adapter: TypeAdapter[Any] = pydantic.TypeAdapter(annotation)
        adapter.json_schema()
    except Exception as error:
        raise TypeError(str(error).partition("\n")[0]) from error
    return adapter


def schema_of(adapter: TypeAdapter[Any], *, output: bool) -> dict[str, Any]:
    """Return the JSON Schema of what goes in or comes out, with its `$defs`."""
    schema = adapter.json_schema(mode="serialization" if output else "validation", by_alias=True)
    if "properties" in schema:
        schema.pop("title", None)
    return schema


def is_validation_error(error: Exception) -> bool:
    """Return whether `error` is pydantic's own."""
    return type(error).__name__ == "ValidationError" and _of_pydantic(error)


def faults_of(error: Any, path: str) -> list[Fault]:
    """Return the faults that pydantic found below `path`."""
    found: list[Fault] = []
    for item in error.errors(include_url=False, include_context=False):
        steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in item["loc"])
        if item["type"] == "missing":
            found.append(Fault(path + steps, "a value", "nothing", "it is required"))
            continue
        before, expects, expected = str(item["msg"]).partition("Input should be ")
        got = shorten(_text(item.get("input")))
        found.append(Fault(path + steps, expected if expects else "", got, "" if expects else before))
    return found


def _text(value: Any) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError):
        return repr(value)
