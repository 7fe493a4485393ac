"""What servers have and give, laid out for people: lists, results, contents of resources, prompts.

Promise: whatever a server wrote is made visible before it is printed, and binary data is told of, never dumped.
"""

from __future__ import annotations

import binascii
import re
import textwrap
from base64 import b64decode
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET

from dragoman.cli.outcome import UsageError
from dragoman.cli.schemas import parameters
from dragoman.cli.terminal import Paper, one_line, size, visible
from dragoman.wire.content import (
    AnyContents,
    AudioContent,
    BlobContents,
    Content,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextContents,
)
from dragoman.wire.prompts import Prompt
from dragoman.wire.resources import Resource, ResourceTemplate
from dragoman.wire.tools import Tool

WIDTH = 100


def as_json(value: Any) -> str:
    """Return `value` as indented JSON, in the protocol's own names."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def tool(paper: Paper, item: Tool) -> None:
    """Print a tool: its name with parameters, and what it does."""
    paper.line(f"  {paper.strong(one_line(item.name))}({parameters(item.input_schema)})")
    _description(paper, item.description)


def resource(paper: Paper, item: Resource | ResourceTemplate) -> None:
    """Print a resource or a template: its URI, and what it is."""
    uri = item.uri if isinstance(item, Resource) else item.uri_template
    facts = [item.title or item.name, item.mime_type or "", size(item.size) if getattr(item, "size", UNSET) else ""]  # type: ignore[union-attr, arg-type]
    paper.line(f"  {paper.strong(one_line(uri))}  {paper.faint(one_line(', '.join(fact for fact in facts if fact)))}")
    _description(paper, item.description)


def prompt(paper: Paper, item: Prompt) -> None:
    """Print a prompt: its name with arguments, those that may be left out marked with `?`."""
    arguments = ", ".join(a.name if a.required is True else f"{a.name}?" for a in item.arguments or ())
    paper.line(f"  {paper.strong(one_line(item.name))}({one_line(arguments)})")
    _description(paper, item.description)


def _description(paper: Paper, text: Any) -> None:
    if not isinstance(text, str):
        return
    for number, paragraph in enumerate(re.split(r"\n\s*\n", visible(text).strip())):
        if number:
            paper.line()
        # A paragraph that is laid out, a list or a table, keeps its lines.
        laid_out = re.search(r"^(\s|[-*|#>`]|\d+[.)])", paragraph, re.MULTILINE)
        for part in paragraph.split("\n") if laid_out else [" ".join(paragraph.split())]:
            for line in textwrap.wrap(part, WIDTH - 6, replace_whitespace=False) or [""]:
                paper.line(f"      {line}".rstrip())


def content(paper: Paper, blocks: Iterable[Content]) -> None:
    """Print content blocks: text as it is, the rest told of."""
    for block in blocks:
        match block:
            case TextContent():
                paper.data(block.text)
            case ImageContent():
                paper.line(_binary("image", block.mime_type, block.data))
            case AudioContent():
                paper.line(_binary("audio", block.mime_type, block.data))
            case ResourceLink():
                paper.line(f"[resource {one_line(block.uri)}; dragoman read prints it]")
            case EmbeddedResource():
                contents(paper, [block.resource])


def contents(paper: Paper, parts: Iterable[AnyContents | TextContents | BlobContents]) -> None:
    """Print what a resource holds."""
    for part in parts:
        text, blob = getattr(part, "text", UNSET), getattr(part, "blob", UNSET)
        if isinstance(text, str):
            paper.data(text)
        elif isinstance(blob, str):
            paper.line(_binary("data", part.mime_type or "of no stated type", blob))


def _binary(kind: str, mime: str, data: str) -> str:
    return f"[{kind} {one_line(mime)} {size(len(data) * 3 // 4)}; use --json or --out FILE]"


def binaries(blocks: Iterable[Any]) -> list[bytes]:
    """Return the binary data among content blocks or resource contents. Raises UsageError if it is not base64."""
    found: list[str] = []
    for block in blocks:
        part = block.resource if isinstance(block, EmbeddedResource) else block
        data = part.data if isinstance(part, ImageContent | AudioContent) else getattr(part, "blob", UNSET)
        if isinstance(data, str):
            found.append(data)
    try:
        return [b64decode(data, validate=True) for data in found]
    except (binascii.Error, ValueError):
        raise UsageError("the server's binary data is not base64; --json shows what it sent") from None


def save(parts: Sequence[bytes], out: Path) -> list[Path]:
    """Write each part to a file: the first to `out`, the next to `out` with -2 before its ending, and so on.

    Returns the paths. Raises UsageError if one cannot be written.
    """
    written: list[Path] = []
    for number, part in enumerate(parts, 1):
        path = out if number == 1 else out.with_name(f"{out.stem}-{number}{out.suffix}")
        try:
            path.write_bytes(part)
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror or error}") from None
        written.append(path)
    return written
