"""Image, Audio and File as servers written for other packages make them: from a path or from bytes.

Promise: the MIME type is guessed just as those packages do, by format, then by suffix. Limit: files are read whole.
"""

from __future__ import annotations

import base64
import mimetypes
from pathlib import Path
from typing import Any, ClassVar

from dragoman.compat.types import (
    AudioContent,
    BlobResourceContents,
    EmbeddedResource,
    ImageContent,
    TextResourceContents,
)


class _Media:
    kind: ClassVar[str] = "application"
    default: ClassVar[str] = "application/octet-stream"
    by_suffix: ClassVar[dict[str, str]] = {}

    def __init__(
        self,
        path: str | Path | None = None,
        data: bytes | None = None,
        format: str | None = None,
        annotations: Any = None,
    ) -> None:
        if (path is None) == (data is None):
            raise ValueError(f"{type(self).__name__} takes either path or data, and not both")
        self.path = Path(path) if path is not None else None
        self.data = data
        self.annotations = annotations
        self._format = format
        self._mime_type = self._guess()

    def _guess(self) -> str:
        if self._format:
            return f"{self.kind}/{self._format.lower()}"
        if self.path is not None:
            return self.by_suffix.get(self.path.suffix.lower(), "application/octet-stream")
        return self.default

    def _bytes(self) -> bytes:
        return self.data if self.data is not None else self.path.read_bytes() if self.path is not None else b""

    def _base64(self) -> str:
        return base64.b64encode(self._bytes()).decode()


class Image(_Media):
    """An image for a tool to return: `path` or `data`, and a `format` such as "png"."""

    kind = "image"
    default = "image/png"
    by_suffix: ClassVar[dict[str, str]] = {
        ".png": "image/png",
        ".jpg": "image/jpeg",
        ".jpeg": "image/jpeg",
        ".gif": "image/gif",
        ".webp": "image/webp",
        ".svg": "image/svg+xml",
    }

    def to_image_content(self, mime_type: str | None = None, annotations: Any = None) -> ImageContent:
        """Return the image as a content block. Raises OSError when the file cannot be read."""
        notes = annotations or self.annotations
        return ImageContent(data=self._base64(), mime_type=mime_type or self._mime_type, annotations=notes)

    def to_data_uri(self, mime_type: str | None = None) -> str:
        """Return the image as a `data:` URI."""
        return f"data:{mime_type or self._mime_type};base64,{self._base64()}"


class Audio(_Media):
    """Sound for a tool to return: `path` or `data`, and a `format` such as "wav"."""

    kind = "audio"
    default = "audio/wav"
    by_suffix: ClassVar[dict[str, str]] = {
        ".wav": "audio/wav",
        ".mp3": "audio/mpeg",
        ".ogg": "audio/ogg",
        ".flac": "audio/flac",
        ".aac": "audio/aac",
        ".m4a": "audio/mp4",
    }

    def to_audio_content(self, mime_type: str | None = None, annotations: Any = None) -> AudioContent:
        """Return the sound as a content block. Raises OSError when the file cannot be read."""
        notes = annotations or self.annotations
        return AudioContent(data=self._base64(), mime_type=mime_type or self._mime_type, annotations=notes)


class File(_Media):
    """A file for a tool to return, as an embedded resource named by `name` or its path."""

    def __init__(
        self,
        path: str | Path | None = None,
        data: bytes | None = None,
        format: str | None = None,
        name: str | None = None,
        annotations: Any = None,
    ) -> None:
        super().__init__(path, data, format, annotations)
        self._name = name

    def _guess(self) -> str:
        if self._format:
            kind = "text" if self._format.lower() in ("plain", "txt", "text", "csv", "html", "markdown") else self.kind
            return f"{kind}/{'plain' if self._format.lower() in ('txt', 'text') else self._format.lower()}"
        guessed = mimetypes.guess_type(self.path.name)[0] if self.path is not None else None
        return guessed or self.default

    def to_resource_content(self, mime_type: str | None = None, annotations: Any = None) -> EmbeddedResource:
        """Return the file as an embedded resource. Raises OSError when the file cannot be read."""
        raw, kind = self._bytes(), mime_type or self._mime_type
        if self._name is not None or self.path is None:
            suffix = kind.split("/")[1].split("+")[0]
            uri = f"file:///{self._name or 'resource'}.{suffix}"
        else:
            uri = self.path.resolve().as_uri()
        contents: TextResourceContents | BlobResourceContents
        if kind.startswith("text/"):
            contents = TextResourceContents(uri=uri, mime_type=kind, text=raw.decode("utf-8", "replace"))
        else:
            contents = BlobResourceContents(uri=uri, mime_type=kind, blob=base64.b64encode(raw).decode())
        return EmbeddedResource(resource=contents, annotations=annotations or self.annotations)
