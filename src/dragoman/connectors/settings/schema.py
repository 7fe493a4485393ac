"""The JSON Schema of dragoman.yaml, for editors: made of the types that read the file, so that it cannot differ."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import msgspec

from dragoman.connectors.kinds import KINDS
from dragoman.connectors.settings.shape import Access, Settings


def schema() -> dict[str, Any]:
    """Return the schema of the whole file, in 2020-12."""
    found, defs = _of(Settings, "")
    access, more = _of(Access, "")
    defs |= more
    kinds: list[dict[str, Any]] = []
    programs: Any = {}
    for kind in KINDS:
        own, more = _of(kind.options, f"{kind.name}-")
        defs |= more
        properties = {"kind": {"const": kind.name}, **access["properties"], **own["properties"]}
        required = [*own.get("required", []), *(["kind"] if kind.name != "documents" else [])]
        kinds.append({"type": "object", "properties": properties, "required": required, "additionalProperties": False})
        if kind.name == "programs":
            programs = own["properties"]["tools"]["additionalProperties"]
    # Loaded here only: it brings the judges of tokens.
    auth, more = _of(import_module("dragoman.app.protection").AuthSettings, "auth-")
    defs |= more
    properties = found["properties"]
    properties["sources"]["additionalProperties"] = {"anyOf": [{"type": "string"}, *kinds]}
    properties["tools"]["additionalProperties"] = programs
    properties["auth"] = auth
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found, "$defs": defs}


def _of(shape: type, prefix: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a type's own schema, and those that it names, whose names begin with the prefix."""
    (reference,), named = msgspec.json.schema_components([shape], ref_template=f"#/$defs/{prefix}{{name}}")
    defs = {f"{prefix}{name}": value for name, value in named.items()}
    own: dict[str, Any] = defs.pop(reference["$ref"].removeprefix("#/$defs/"))
    return own, defs
