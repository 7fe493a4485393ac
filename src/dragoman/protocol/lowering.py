"""Making today's results fit for yesterday's clients.

A Floor says what a revision does not know; `lower` takes it out, or says it in
words that the revision has. Nothing is added, and nothing of the original changes.
Source: the changelogs of each revision; requirements LEG-21, LEG-28, LEG-29.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, structs

from dragoman.wire.base import Implementation
from dragoman.wire.content import (
    AnyContents,
    AudioContent,
    Content,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
)
from dragoman.wire.lifecycle import InitializeResult, ServerCapabilities
from dragoman.wire.notices import Progress
from dragoman.wire.prompts import (
    GetPromptResult,
    ListPromptsResult,
    Prompt,
    PromptArgument,
    PromptMessage,
)
from dragoman.wire.resources import (
    ListResourcesResult,
    ListTemplatesResult,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
)
from dragoman.wire.tools import CallToolResult, ListToolsResult, Tool

Fields = Mapping[type, tuple[str, ...]]


class Floor(msgspec.Struct, frozen=True):
    """What one revision lacks: fields by type, and kinds of content block."""

    absent: Fields
    blocks: frozenset[type] = frozenset()


_ICONS: Fields = dict.fromkeys((Implementation, Tool, Resource, ResourceTemplate, Prompt, ResourceLink), ("icons",))
_TITLES: Fields = {
    Implementation: ("title", "website_url", "icons"),
    Tool: ("title", "output_schema", "icons", "meta", "execution"),
    Resource: ("title", "icons", "meta"),
    ResourceTemplate: ("title", "icons", "meta"),
    Prompt: ("title", "icons", "meta"),
    PromptArgument: ("title",),
    CallToolResult: ("structured_content",),
    AnyContents: ("meta",),
    TextContent: ("meta",),
    ImageContent: ("meta",),
    AudioContent: ("meta",),
    EmbeddedResource: ("meta",),
}

FLOOR_2025_11 = Floor(absent={})
FLOOR_2025_06 = Floor(
    absent={
        **_ICONS,
        Implementation: ("icons", "website_url"),
        Tool: ("icons", "execution"),
        ServerCapabilities: ("tasks",),
    }
)
FLOOR_2025_03 = Floor(
    absent={**_TITLES, ServerCapabilities: ("tasks",)},
    blocks=frozenset({ResourceLink}),
)
FLOOR_2024_11 = Floor(
    absent={
        **_TITLES,
        Tool: ("annotations", "title", "output_schema", "icons", "meta", "execution"),
        ServerCapabilities: ("tasks", "completions"),
        Progress: ("message",),
    },
    blocks=frozenset({ResourceLink, AudioContent}),
)


def trim(value: Any, floor: Floor) -> Any:
    """Return `value` without the fields that `floor` lacks."""
    absent = floor.absent.get(type(value))
    return structs.replace(value, **dict.fromkeys(absent, UNSET)) if absent else value


def lower(result: Any, floor: Floor) -> Any:
    """Return a result as the revision of `floor` knows it: without `resultType`, hints and younger fields."""
    if isinstance(result, CallToolResult):
        return _call_result(result, floor)
    if isinstance(result, ListToolsResult):
        return structs.replace(result, tools=[_tool(tool, floor) for tool in result.tools], **_NO_HINTS)
    if isinstance(result, ListResourcesResult):
        return structs.replace(result, resources=[trim(item, floor) for item in result.resources], **_NO_HINTS)
    if isinstance(result, ListTemplatesResult):
        kept = [trim(item, floor) for item in result.resource_templates]
        return structs.replace(result, resource_templates=kept, **_NO_HINTS)
    if isinstance(result, ReadResourceResult):
        return structs.replace(result, contents=[trim(item, floor) for item in result.contents], **_NO_HINTS)
    if isinstance(result, ListPromptsResult):
        return structs.replace(result, prompts=[_prompt(item, floor) for item in result.prompts], **_NO_HINTS)
    if isinstance(result, GetPromptResult):
        return structs.replace(result, messages=[_message(item, floor) for item in result.messages], result_type=UNSET)
    if isinstance(result, InitializeResult):
        return structs.replace(
            result,
            capabilities=trim(result.capabilities, floor),
            server_info=trim(result.server_info, floor),
        )
    return result


_NO_HINTS: dict[str, Any] = {"result_type": UNSET, "ttl_ms": UNSET, "cache_scope": UNSET}


def _call_result(result: CallToolResult, floor: Floor) -> CallToolResult:
    result = trim(result, floor)
    structured = result.structured_content
    if structured is not UNSET and not _is_object(structured):
        result = structs.replace(result, structured_content={"result": structured})
    if floor.blocks or floor.absent:
        result = structs.replace(result, content=[_block(block, floor) for block in result.content])
    return result


def _is_object(value: Any) -> bool:
    if isinstance(value, msgspec.Raw):
        return bytes(value).lstrip()[:1] == b"{"
    return isinstance(value, dict | msgspec.Struct)


def _tool(tool: Tool, floor: Floor) -> Tool:
    tool = trim(tool, floor)
    schema = tool.output_schema
    if isinstance(schema, dict) and schema.get("type") != "object":
        # Its values arrive wrapped too, see _call_result: definition and result stay in step.
        defs: dict[str, Any] = {key: schema[key] for key in ("$schema", "$defs") if key in schema}
        inner = {key: value for key, value in schema.items() if key not in defs}
        wrapped = {**defs, "type": "object", "properties": {"result": inner}, "required": ["result"]}
        tool = structs.replace(tool, output_schema=wrapped)
    return tool


def _prompt(prompt: Prompt, floor: Floor) -> Prompt:
    prompt = trim(prompt, floor)
    if isinstance(prompt.arguments, list) and PromptArgument in floor.absent:
        prompt = structs.replace(prompt, arguments=[trim(item, floor) for item in prompt.arguments])
    return prompt


def _message(message: PromptMessage, floor: Floor) -> PromptMessage:
    return structs.replace(message, content=_block(message.content, floor))


def _block(block: Content, floor: Floor) -> Content:
    if type(block) in floor.blocks:
        return TextContent(text=_in_words(block))
    if isinstance(block, EmbeddedResource):
        block = structs.replace(block, resource=trim(block.resource, floor))
    trimmed: Content = trim(block, floor)
    return trimmed


def _in_words(block: Content) -> str:
    if isinstance(block, ResourceLink):
        return f"[{block.name}]({block.uri})"
    if isinstance(block, AudioContent):
        return f"[audio, {block.mime_type}: this protocol version cannot carry it]"
    return f"[{type(block).__name__}: this protocol version cannot carry it]"
