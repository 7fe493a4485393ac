"""What a tool gave, as a model gets it: words fenced and labelled, images, addresses; cut where it is too long.

Promise: nothing hidden reaches the model, and nothing in a result can pass for the end of it.
Limit: sound is named and not handed on; what is meant for the user only is left out.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import msgspec
from msgspec import UNSET

from dragoman.calling.results import CallResult
from dragoman.host.limits import HostLimits
from dragoman.host.models.turns import Picture, Text
from dragoman.protocol.plain import fenced, visible
from dragoman.wire.content import (
    AnyContents,
    AudioContent,
    Content,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
)
from dragoman.wire.tools import Tool

PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
MAX_SOURCES = 50  # of one result
MAX_DEPTH = 12
_PLACES = ("uri", "url")
_PAGING = ("cursor", "offset", "page", "start", "limit", "lines", "max_results")


class Outcome(NamedTuple):
    """What the model gets. `read` are the addresses of what is in it, `found` those that it names beside."""

    parts: tuple[Text | Picture, ...]
    text: str
    left: int
    read: tuple[str, ...]
    found: tuple[str, ...]

    @property
    def images(self) -> int:
        """How many images are in it."""
        return sum(isinstance(part, Picture) for part in self.parts)


def outcome(result: CallResult, server: str, tool: Tool, limits: HostLimits) -> Outcome:
    """Return what the model gets of a result."""
    blocks = [block for block in result.content if _for_model(block)]
    words = [text for block in blocks if (text := _words(block))]
    if result.has_structured and not any(isinstance(block, TextContent) for block in blocks):
        words.append(msgspec.json.format(msgspec.json.encode(result.structured), indent=1).decode())
    text = visible("\n".join(words)) or "(nothing)"
    left = max(0, len(text) - limits.result)
    if left:
        text = f"{text[: limits.result]}\n{_more(left, tool)}"
    pictures = [block for block in map(_picture, blocks) if block is not None and len(block.data) <= limits.image]
    read, found = _sources(result)
    label = f"{visible(server)}, tool {visible(tool.name)}"
    return Outcome((Text(fenced(text, label)), *pictures[: limits.images]), text, left, read, found)


def _for_model(block: Content) -> bool:
    """Say whether a block is for the model; what is marked as the user's own is not."""
    marked: Any = block.annotations
    return marked is UNSET or marked.audience is UNSET or not marked.audience or "assistant" in marked.audience


def _words(block: Content) -> str:
    if isinstance(block, TextContent):
        return block.text
    if isinstance(block, AudioContent):
        return f"(sound, {block.mime_type}, which you cannot hear)"
    if isinstance(block, ImageContent):
        return "" if block.mime_type in PICTURES else f"(an image of type {block.mime_type}, which you cannot see)"
    if isinstance(block, ResourceLink):
        told = [block.uri, *(word for word in (block.title, block.description, block.mime_type) if word)]
        return f"resource {' - '.join(map(str, told))}"
    return contents(block.resource)


def contents(part: AnyContents) -> str:
    """Return the words of a resource, under its address."""
    if isinstance(part.text, str):
        return f"resource {part.uri}\n{part.text}"
    if part.mime_type in PICTURES:
        return f"resource {part.uri} (an image)"
    return f"resource {part.uri} ({part.mime_type or 'data'}, which you cannot read)"


def _picture(block: Content) -> Picture | None:
    if isinstance(block, ImageContent):
        return Picture(block.data, block.mime_type) if block.mime_type in PICTURES else None
    return picture_of(block.resource) if isinstance(block, EmbeddedResource) else None


def picture_of(part: AnyContents) -> Picture | None:
    """Return the image that a resource is, None for another."""
    if isinstance(part.blob, str) and isinstance(part.mime_type, str) and part.mime_type in PICTURES:
        return Picture(part.blob, part.mime_type)
    return None


def _more(left: int, tool: Tool) -> str:
    known: Any = tool.input_schema.get("properties")
    ways = [name for name in _PAGING if isinstance(known, dict) and name in known]
    how = f"ask for the rest by {' or '.join(ways)}" if ways else "ask for less at once"
    return f"(cut here: {left:,} more characters; {how})"


def _sources(result: CallResult) -> tuple[tuple[str, ...], tuple[str, ...]]:
    read: dict[str, None] = {}
    found: dict[str, None] = {}
    for block in result.content:
        if isinstance(block, EmbeddedResource):
            read[block.resource.uri] = None
        elif isinstance(block, ResourceLink):
            found[block.uri] = None
    said: Any = result.structured
    if isinstance(said, dict):
        whole = cast("dict[str, Any]", said)
        read.update((place, None) for key in _PLACES if isinstance(place := whole.get(key), str))
        _gather(whole, found, MAX_DEPTH)
    beside = [visible(one) for one in found if one not in read]
    return tuple(map(visible, read))[:MAX_SOURCES], tuple(beside)[:MAX_SOURCES]


def _gather(value: Any, found: dict[str, None], depth: int) -> None:
    if not depth or len(found) >= 2 * MAX_SOURCES:
        return
    if isinstance(value, dict):
        for key, item in cast("dict[str, Any]", value).items():
            if key in _PLACES and isinstance(item, str) and "://" in item:
                found[item] = None
            elif isinstance(item, dict | list):
                _gather(item, found, depth - 1)
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            _gather(item, found, depth - 1)
