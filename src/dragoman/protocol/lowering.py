"""Making today's results fit for yesterday's clients.

A Floor says what a revision does not know; `lower` takes it out, or says it in
words that the revision has. Nothing of the original changes.
Source: the schema of each revision, field by field; requirements LEG-21, LEG-28, LEG-29.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, structs

from dragoman.wire.base import Wire
from dragoman.wire.content import AudioContent, ResourceLink, TextContent
from dragoman.wire.tools import CallToolResult, ListToolsResult, Tool, ToolAnnotations

# By the names of wire types: older revisions lack something of nearly all, and a program need not load all to say so.
Fields = Mapping[str, tuple[str, ...]]
OBJECT = memoryview(b"{")


class Floor(msgspec.Struct, frozen=True):
    """What one revision lacks: field names wherever they stand, fields by type, and kinds of content block.

    `content_whole` says that it has every kind of content with every field, so
    that the result of a call, the commonest of all, need not be searched.
    `plain_questions` says that forms have one mode and no choice of several,
    and messages to a model one block each (see `posing`).
    """

    names: frozenset[str] = frozenset()
    absent: Fields = {}
    blocks: frozenset[type] = frozenset()
    content_whole: bool = False
    plain_questions: bool = False


_HINTS = frozenset({"result_type", "ttl_ms", "cache_scope"})
_CONTENTS = ("AnyContents", "TextContents", "BlobContents")
_WITH_META = (*_CONTENTS, "TextContent", "ImageContent", "AudioContent", "EmbeddedResource")
_UNTITLED: Fields = {
    "Implementation": ("title", "website_url", "description"),
    "Tool": ("title", "output_schema", "meta", "execution"),
    "Resource": ("title", "meta"),
    "ResourceTemplate": ("title", "meta"),
    "Prompt": ("title", "meta"),
    "PromptArgument": ("title",),
    "CallToolResult": ("structured_content",),
    "ServerCapabilities": ("tasks", "extensions"),
    "SamplingMessage": ("meta",),
    **dict.fromkeys(_WITH_META, ("meta",)),
}

# Tasks left the core for an extension.
FLOOR_2026_07 = Floor(
    absent={"Tool": ("execution",), "ServerCapabilities": ("tasks",), "Elicit": ("elicitation_id",)}, content_whole=True
)
# Extensions came later, but those that are negotiated in `initialize` expect an answer there.
FLOOR_2025_11 = Floor(names=_HINTS, content_whole=True)
FLOOR_2025_06 = Floor(
    names=_HINTS | {"icons"},
    absent={
        "Implementation": ("website_url", "description"),
        "Tool": ("execution",),
        "ServerCapabilities": ("tasks", "extensions"),
        "SamplingMessage": ("meta",),
    },
    plain_questions=True,
)
FLOOR_2025_03 = Floor(
    names=_HINTS | {"icons", "last_modified"},
    absent=_UNTITLED,
    blocks=frozenset({ResourceLink}),
    plain_questions=True,
)
FLOOR_2024_11 = Floor(
    names=_HINTS | {"icons", "last_modified"},
    absent={
        **_UNTITLED,
        "Tool": ("annotations", *_UNTITLED["Tool"]),
        "ServerCapabilities": ("completions", *_UNTITLED["ServerCapabilities"]),
        "Progress": ("message",),
    },
    blocks=frozenset({ResourceLink, AudioContent}),
    plain_questions=True,
)


def trim(value: Any, floor: Floor) -> Any:
    """Return `value`, a wire struct, without what `floor` lacks at any depth; itself if it lacks nothing of it."""
    kind: type[Any] = value.__class__
    if kind in floor.blocks:
        return TextContent(text=_in_words(value))
    absent = floor.absent.get(kind.__name__, ())
    changes: dict[str, Any] = {}
    for name in value.__struct_fields__:
        item = getattr(value, name)
        if item is UNSET:
            continue
        if name in floor.names or name in absent:
            changes[name] = UNSET
        elif isinstance(item, Wire | list):
            kept = _trim_inner(item, floor)
            if kept is not item:
                changes[name] = kept
    return structs.replace(value, **changes) if changes else value


def _trim_inner(item: Any, floor: Floor) -> Any:
    if isinstance(item, Wire):
        return trim(item, floor)
    kept = [trim(each, floor) if isinstance(each, Wire) else each for each in item]
    return kept if any(new is not old for new, old in zip(kept, item, strict=True)) else item


def lower(result: Any, floor: Floor) -> Any:
    """Return a result as the revision of `floor` knows it: without `resultType`, hints and younger fields."""
    if isinstance(result, CallToolResult):
        return lower_call(result, floor)
    if isinstance(result, ListToolsResult):
        result = structs.replace(result, tools=[_tool(tool, floor) for tool in result.tools])
    return trim(result, floor)


def lower_call(result: CallToolResult, floor: Floor) -> CallToolResult:
    """Return what `lower` does for the result of a call."""
    structured = result.structured_content
    if structured is not UNSET and not _is_object(structured):
        result = structs.replace(result, structured_content={"result": structured})
    if floor.content_whole and result.result_type is UNSET:
        return result
    trimmed: CallToolResult = trim(result, floor)
    return trimmed


def _is_object(value: Any) -> bool:
    if isinstance(value, msgspec.Raw):
        return bytes(value).lstrip()[:1] == b"{"
    return isinstance(value, Mapping | msgspec.Struct) or hasattr(value, "__dataclass_fields__")


def _tool(tool: Tool, floor: Floor) -> Tool:
    absent = floor.absent.get("Tool", ())
    if "title" in absent and "annotations" not in absent and isinstance(tool.title, str):
        hints = tool.annotations if isinstance(tool.annotations, ToolAnnotations) else ToolAnnotations()
        if hints.title is UNSET:
            tool = structs.replace(tool, annotations=structs.replace(hints, title=tool.title))
    schema = tool.output_schema
    if isinstance(schema, dict) and schema.get("type") != "object":
        tool = structs.replace(tool, output_schema=_object_schema(schema))
    return tool


def _object_schema(schema: dict[str, Any]) -> Any:
    """Return `schema` for values that arrive wrapped, see lower_call: definition and result stay in step.

    UNSET if it allows objects as well as others: some of its values are wrapped
    then and some are not, so nothing can be promised.
    """
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if not isinstance(kinds, list) or "object" in kinds:
        return UNSET
    outer: dict[str, Any] = {key: schema[key] for key in ("$schema", "$defs") if key in schema}
    inner = {key: value for key, value in schema.items() if key not in outer}
    return {**outer, "type": "object", "properties": {"result": inner}, "required": ["result"]}


def _in_words(block: Any) -> str:
    if isinstance(block, ResourceLink):
        return f"[{block.name}]({block.uri})"
    if isinstance(block, AudioContent):
        return f"[audio, {block.mime_type}: this protocol version cannot carry it]"
    return f"[{type(block).__name__}: this protocol version cannot carry it]"
