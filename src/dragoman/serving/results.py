"""What functions may return besides plain values: images, audio, files, and explicit results.

A value that is none of these becomes JSON text.  Bytes become base64 here and nowhere else.
Files are read when the result is made, not before, and at most 64 MiB of each.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

import msgspec
from msgspec import UNSET

from dragoman.errors import LocalError
from dragoman.serving.codec import encoder
from dragoman.serving.shapes import is_sequence
from dragoman.wire.base import Annotations, Meta, Opt
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

__all__ = ["Audio", "File", "Image", "ResourceLink", "ToolResult", "content_of"]

MAX_FILE = 64 * 1024 * 1024  # bytes

Source: TypeAlias = bytes | bytearray | memoryview | str | os.PathLike[str]

_TYPES = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp",
    "svg": "image/svg+xml", "bmp": "image/bmp", "tiff": "image/tiff", "avif": "image/avif", "wav": "audio/wav",
    "mp3": "audio/mpeg", "ogg": "audio/ogg", "flac": "audio/flac", "m4a": "audio/mp4", "aac": "audio/aac",
    "pdf": "application/pdf", "json": "application/json", "xml": "application/xml", "zip": "application/zip",
    "txt": "text/plain", "md": "text/markdown", "csv": "text/csv", "html": "text/html", "py": "text/x-python",
    "yaml": "application/yaml", "toml": "application/toml",
}  # fmt: skip
_STARTS = [
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"ID3", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"%PDF-", "application/pdf"),
]
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
_TEXTUAL = frozenset({"application/json", "application/xml", "application/yaml", "application/toml", "image/svg+xml"})


def sniff(data: bytes) -> str:
    """Return the MIME type that the first bytes of `data` tell, or an empty string."""
    if data[:4] == b"RIFF":
        return _RIFF.get(data[8:12], "")
    return next((kind for start, kind in _STARTS if data.startswith(start)), "")


def type_of_name(name: str) -> str:
    """Return the MIME type that the end of a file's name tells, or an empty string."""
    return _TYPES.get(name.rpartition(".")[2].lower(), "") if "." in name else ""


@dataclass(slots=True, init=False)
class _Media:
    """Bytes, or the path of a file that holds them, and what they are."""

    data: bytes | None
    path: Path | None
    mime_type: str
    annotations: Opt[Annotations]

    def __init__(
        self,
        source: Source | None = None,
        *,
        data: bytes | bytearray | memoryview | None = None,
        path: str | os.PathLike[str] | None = None,
        format: str | None = None,
        mime_type: str | None = None,
        annotations: Opt[Annotations] = UNSET,
    ) -> None:
        if isinstance(source, bytes | bytearray | memoryview):
            data = source
        elif source is not None:
            path = source
        if (data is None) == (path is None):
            raise LocalError(f"{type(self).__name__} takes either bytes or a path, exactly one of them")
        self.data = None if data is None else bytes(data)
        self.path = None if path is None else Path(path)
        self.mime_type = mime_type or self._type_of(format)
        self.annotations = annotations

    def _type_of(self, format: str | None) -> str:
        if format:
            name = format.lower().lstrip(".")
            return name if "/" in name else _TYPES.get(name, f"{self._family()}/{name}")
        return _TYPES.get(self.path.suffix[1:].lower(), "") if self.path else ""

    def _family(self) -> str:
        return "application"

    def read(self) -> tuple[bytes, str]:
        """Return the bytes and their MIME type.

        Blocks while a file is read. Raises LocalError when the file is missing,
        unreadable or over 64 MiB, or when nothing tells the MIME type.
        """
        data = self.data if self.data is not None else self._load()
        kind = self.mime_type or sniff(data) or self._fallback()
        if not kind:
            raise LocalError(f"nothing tells the type of this {type(self).__name__}; give it format= or mime_type=")
        return data, kind

    def _fallback(self) -> str:
        return ""

    def _load(self) -> bytes:
        assert self.path is not None
        try:
            with self.path.open("rb") as file:
                data = file.read(MAX_FILE + 1)
        except OSError as error:
            reason = error.strerror or str(error)
            raise LocalError(f"cannot read {self.path} for {type(self).__name__}: {reason}") from error
        if len(data) > MAX_FILE:
            raise LocalError(f"{self.path} is over {MAX_FILE} bytes; return a ResourceLink to it")
        return data


class Image(_Media):
    """An image: `Image(data)`, `Image("chart.png")`; `format="png"` or `mime_type=` where nothing else tells."""

    __slots__ = ()

    def _family(self) -> str:
        return "image"

    def content(self) -> ImageContent:
        """Return the block for the wire. Raises LocalError as `read` does."""
        data, kind = self.read()
        return ImageContent(data=_base64(data), mime_type=kind, annotations=self.annotations)


class Audio(_Media):
    """Sound: `Audio(data, format="wav")`, `Audio("hello.mp3")`."""

    __slots__ = ()

    def _family(self) -> str:
        return "audio"

    def content(self) -> AudioContent:
        """Return the block for the wire. Raises LocalError as `read` does."""
        data, kind = self.read()
        return AudioContent(data=_base64(data), mime_type=kind, annotations=self.annotations)


class File(_Media):
    """A file, embedded in the result; `uri` names it, by default `file:///` and its name without the folders."""

    __slots__ = ("uri",)

    def __init__(self, source: Source | None = None, *, uri: str = "", name: str = "", **how: Any) -> None:
        super().__init__(source, **how)
        self.uri = uri or f"file:///{quote(name or (self.path.name if self.path else 'data'))}"

    def _fallback(self) -> str:
        return "application/octet-stream"

    def content(self) -> EmbeddedResource:
        """Return the block for the wire, as text where the bytes are text. Raises LocalError as `read` does."""
        data, kind = self.read()
        return EmbeddedResource(resource=contents_of(data, self.uri, kind), annotations=self.annotations)


@dataclass(slots=True)
class ToolResult:
    """A result in the function's own words: nothing is wrapped or derived.

    It is checked against an output schema written by hand, and no other.

    `content` is anything that `content_of` takes; None means the JSON of
    `structured`, or nothing. `structured` may be any JSON value, null included.
    """

    content: Any = None
    structured: Any = UNSET
    meta: Meta | None = None
    is_error: bool = False


_BLOCKS = (TextContent, ImageContent, AudioContent, ResourceLink, EmbeddedResource)
_CONTENTS = (TextContents, BlobContents, AnyContents)
BLOCK_TYPES: tuple[type, ...] = (*_BLOCKS, *_CONTENTS, _Media)


def is_block(value: Any) -> bool:
    """Return whether `value` is content by itself, not data."""
    return isinstance(value, BLOCK_TYPES)


def content_of(value: Any) -> list[Content]:
    """Return `value` as content blocks: each item of a list by itself, strings as text, other data as JSON text.

    Blocks while files are read. Raises LocalError when a file cannot be read, and
    TypeError when something has no JSON form.
    """
    if value is None:
        return []
    if is_sequence(value):
        return [block_of(item) for item in value]
    return [block_of(value)]


def block_of(value: Any) -> Content:
    """Return one value as one content block."""
    if isinstance(value, str):
        return TextContent(text=value)
    if isinstance(value, _BLOCKS):
        return value
    if isinstance(value, Image | Audio | File):
        return value.content()
    if isinstance(value, AnyContents):
        return EmbeddedResource(resource=value)
    if isinstance(value, TextContents | BlobContents):
        return EmbeddedResource(resource=AnyContents(**msgspec.structs.asdict(value)))
    return TextContent(text=encoder.encode(value).decode())


def contents_of(data: bytes, uri: str, mime_type: str) -> AnyContents:
    """Return what a resource holds: text where `mime_type` says so and the bytes are UTF-8, else base64."""
    base = mime_type.partition(";")[0].strip().lower()
    if base.startswith("text/") or base in _TEXTUAL or base.endswith(("+json", "+xml")):
        try:
            return AnyContents(uri=uri, text=data.decode(), mime_type=mime_type)
        except UnicodeDecodeError:
            pass
    return AnyContents(uri=uri, blob=_base64(data), mime_type=mime_type)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
