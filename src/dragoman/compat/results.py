"""What functions written for other packages return, turned into Dragoman's wire types.

Promise: content blocks, media and whole results pass through as they are. Limit: plain values are left to the server
underneath, which knows the schema that was promised for them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, cast

import msgspec
from msgspec import UNSET

from dragoman.compat.media import Audio, File, Image
from dragoman.compat.models import Model, snake, to_wire
from dragoman.compat.types import CallToolResult
from dragoman.serving.shapes import is_object, is_sequence
from dragoman.wire import content as blocks
from dragoman.wire import prompts, tools

_BLOCKS: dict[str, type[msgspec.Struct]] = {
    "text": blocks.TextContent,
    "image": blocks.ImageContent,
    "audio": blocks.AudioContent,
    "resource": blocks.EmbeddedResource,
    "resource_link": blocks.ResourceLink,
}


class ToolResult:
    """A tool's result spelled out, as `fastmcp.tools.ToolResult`: content, structured content and metadata."""

    def __init__(
        self,
        content: Any = None,
        structured_content: Any = None,
        meta: dict[str, Any] | None = None,
        is_error: bool | None = None,
    ) -> None:
        if content is None and structured_content is None:
            raise ValueError("ToolResult needs content or structured_content")
        self.structured_content = plain(structured_content)
        self.content = content_of(structured_content if content is None else content)
        self.meta = meta
        self.is_error = is_error


def plain(value: Any) -> Any:
    """Return `value` as data that JSON knows: models, dataclasses and their kin become dictionaries."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True)
    if is_object(value):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in cast(Iterable[Any], value)]
    return msgspec.to_builtins(value, str_keys=True, enc_hook=_describe)


def _describe(value: Any) -> Any:
    """What JSON does not know: a plain object gives its attributes, anything else its text."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True)
    return str(value)


def text_of(value: Any) -> str:
    """Return the text of a value: itself when it is text, else JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(plain(value), indent=2, ensure_ascii=False)


def is_special(value: Any) -> bool:
    """Say whether `value` is, or holds on its first level, what only this room can turn into content."""
    if is_sequence(value):
        return any(is_special(item) for item in value)
    return isinstance(value, Model | Image | Audio | File | ToolResult)


def block(value: Any) -> Any:
    """Return one wire content block for one value."""
    if isinstance(value, Image):
        value = value.to_image_content()
    elif isinstance(value, Audio):
        value = value.to_audio_content()
    elif isinstance(value, File):
        value = value.to_resource_content()
    if isinstance(value, Model):
        kind = _BLOCKS.get(getattr(value, "type", "")) if "type" in type(value).__fields__ else None
        if kind is not None:
            return to_wire(value, kind)
    if isinstance(value, tuple(_BLOCKS.values())):
        return value
    return blocks.TextContent(text=text_of(value))


def content_of(value: Any) -> list[Any]:
    """Return the content blocks of a value: a list holding blocks or media gives one for each item."""
    if value is None:
        return []
    if is_sequence(value) and is_special(value):
        return [block(item) for item in value]
    return [block(value)]


def tool_result(value: Any) -> tools.CallToolResult | None:
    """Return the wire result that a special value spells out, or None for a plain value."""
    if isinstance(value, CallToolResult):
        return tools.CallToolResult(
            content=[block(item) for item in value.content],
            structured_content=UNSET if value.structured_content is None else plain(value.structured_content),
            is_error=UNSET if value.is_error is None else value.is_error,
            meta=value.meta or UNSET,
        )
    if isinstance(value, ToolResult):
        return tools.CallToolResult(
            content=[block(item) for item in value.content],
            structured_content=UNSET if value.structured_content is None else value.structured_content,
            is_error=UNSET if value.is_error is None else value.is_error,
            meta=value.meta or UNSET,
        )
    if is_special(value):
        return tools.CallToolResult(content=content_of(value))
    return None


def unstructured(value: Any) -> tools.CallToolResult:
    """Return a wire result of content only: for tools that promised no structure."""
    if is_sequence(value):  # each item is a block of its own, as in the packages this stands for
        return tools.CallToolResult(content=[item for part in value for item in unstructured(part).content])
    return tool_result(value) or tools.CallToolResult(content=content_of(value))


def whole(content: list[Any], structured: Any) -> tools.CallToolResult:
    """Return a wire result of both kinds of content; None means that there is no structured content."""
    return tools.CallToolResult(content=content, structured_content=UNSET if structured is None else plain(structured))


def by_looks(value: Any) -> Any:
    """Return a value of which nothing was promised: a list as one block for each item, the rest as it is."""
    if isinstance(value, list | tuple):
        return unstructured(value)
    return tool_result(value) or value


def messages(value: Any) -> list[prompts.PromptMessage]:
    """Return prompt messages for what a prompt function returned: text, messages, blocks, or a list of them."""
    items: Iterable[Any] = value if is_sequence(value) else [value]
    return [_message(item) for item in items]


def _message(value: Any) -> prompts.PromptMessage:
    if isinstance(value, prompts.PromptMessage):
        return value
    if is_object(value):
        role, content = value.get("role", "user"), value.get("content", "")
        if is_object(content):
            return msgspec.convert({"role": role, "content": content}, prompts.PromptMessage)
        return prompts.PromptMessage(role=role, content=block(content))
    if hasattr(value, "role") and hasattr(value, "content"):
        return prompts.PromptMessage(role=value.role, content=block(value.content))
    return prompts.PromptMessage(role="user", content=block(value))


__all__ = [
    "ToolResult",
    "block",
    "by_looks",
    "content_of",
    "messages",
    "plain",
    "snake",
    "text_of",
    "tool_result",
    "unstructured",
    "whole",
]
