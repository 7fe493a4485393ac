"""Content blocks: what tools and prompts hand to a model, and resource contents.

Binary data is base64 text on the wire; whoever makes a block encodes it.
Source: specification, server/tools "Tool Result", server/resources "Resource Contents".
"""

from __future__ import annotations

from typing import Any, TypeAlias

from msgspec import UNSET, field

from dragoman.wire.base import Annotations, Icon, Meta, Opt, Wire


class TextContents(Wire, frozen=True, kw_only=True):
    """What a resource holds, as text."""

    uri: str
    text: str
    mime_type: Opt[str] = UNSET
    meta: Opt[Meta] = field(name="_meta", default=UNSET)


class BlobContents(Wire, frozen=True, kw_only=True):
    """What a resource holds, as base64."""

    uri: str
    blob: str
    mime_type: Opt[str] = UNSET
    meta: Opt[Meta] = field(name="_meta", default=UNSET)


class AnyContents(Wire, frozen=True, kw_only=True):
    """Either of the two, as a reader meets them: just one of `text` and `blob` is there."""

    uri: str
    text: Opt[str] = UNSET
    blob: Opt[str] = UNSET
    mime_type: Opt[str] = UNSET
    meta: Opt[Meta] = field(name="_meta", default=UNSET)


class TextContent(Wire, frozen=True, kw_only=True, tag_field="type", tag="text"):
    """Text for the model."""

    text: str
    annotations: Opt[Annotations] = UNSET
    meta: Opt[Meta] = field(name="_meta", default=UNSET)


class ImageContent(Wire, frozen=True, kw_only=True, tag_field="type", tag="image"):
    """An image: base64 and its MIME type."""

    data: str
    mime_type: str
    annotations: Opt[Annotations] = UNSET
    meta: Opt[Meta] = field(name="_meta", default=UNSET)


class AudioContent(Wire, frozen=True, kw_only=True, tag_field="type", tag="audio"):
    """Sound: base64 and its MIME type."""

    data: str
    mime_type: str
    annotations: Opt[Annotations] = UNSET
    meta: Opt[Meta] = field(name="_meta", default=UNSET)


class ResourceLink(Wire, frozen=True, kw_only=True, tag_field="type", tag="resource_link"):
    """A pointer to a resource; it need not be in `resources/list` (RES-11)."""

    uri: str
    name: str
    title: Opt[str] = UNSET
    description: Opt[str] = UNSET
    mime_type: Opt[str] = UNSET
    size: Opt[int] = UNSET
    icons: Opt[list[Icon]] = UNSET
    annotations: Opt[Annotations] = UNSET
    meta: Opt[Meta] = field(name="_meta", default=UNSET)


class EmbeddedResource(Wire, frozen=True, kw_only=True, tag_field="type", tag="resource"):
    """A resource, contents and all."""

    resource: AnyContents
    annotations: Opt[Annotations] = UNSET
    meta: Opt[Meta] = field(name="_meta", default=UNSET)


class ToolUse(Wire, frozen=True, kw_only=True, tag_field="type", tag="tool_use"):
    """In sampling: the model wants a tool called."""

    id: str
    name: str
    input: dict[str, Any]
    meta: Opt[Meta] = field(name="_meta", default=UNSET)


class ToolUseResult(Wire, frozen=True, kw_only=True, tag_field="type", tag="tool_result"):
    """In sampling: what the tool gave."""

    tool_use_id: str
    content: list[Content]
    structured_content: Any = UNSET
    is_error: Opt[bool] = UNSET
    meta: Opt[Meta] = field(name="_meta", default=UNSET)


Content: TypeAlias = TextContent | ImageContent | AudioContent | ResourceLink | EmbeddedResource
SamplingContent: TypeAlias = TextContent | ImageContent | AudioContent | ToolUse | ToolUseResult
Contents: TypeAlias = TextContents | BlobContents | AnyContents
