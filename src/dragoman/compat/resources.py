"""Resources as objects, to be handed to `add_resource`: text, bytes, files, folders, functions.

Promise: what is read is read when the resource is read. Limit: files are read whole.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from pathlib import Path
from typing import Any

from dragoman.compat.models import Model
from dragoman.serving.shapes import is_list

_TEXTUAL = ("text/", "application/json", "application/xml")


class Resource(Model):
    """A resource; subclasses say what `read` returns: text, bytes, or a value that becomes JSON."""

    uri: str
    name: str | None = None
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None
    icons: Any = None
    annotations: Any = None
    meta: Any = None
    tags: Any = None

    async def read(self) -> Any:
        """Return what the resource holds."""
        raise NotImplementedError(f"{type(self).__name__} has no read()")


class TextResource(Resource):
    """A resource that is a text."""

    text: str

    async def read(self) -> str:
        """Return the text."""
        return str(self.text)


class BinaryResource(Resource):
    """A resource that is some bytes."""

    data: bytes

    async def read(self) -> bytes:
        """Return the bytes."""
        return bytes(self.data)


class FileResource(Resource):
    """A resource that is a file, as text if its MIME type is one of text."""

    path: Any
    is_binary: bool | None = None

    async def read(self) -> str | bytes:
        """Return what the file holds. Raises OSError when it cannot be read."""
        return await asyncio.to_thread(self._load)

    def _load(self) -> str | bytes:
        file = Path(self.path)
        binary = self.is_binary
        if binary is None:
            binary = self.mime_type is not None and not self.mime_type.startswith(_TEXTUAL)
        return file.read_bytes() if binary else file.read_text("utf-8-sig")


class DirectoryResource(Resource):
    """A resource that lists the files of a folder, as JSON."""

    path: Any
    recursive: bool = False
    pattern: str | None = None

    async def read(self) -> str:
        """Return the relative paths as JSON. Raises OSError when the folder cannot be read."""
        return await asyncio.to_thread(self._list)

    def _list(self) -> str:
        root = Path(self.path)
        found = root.rglob(self.pattern or "*") if self.recursive else root.glob(self.pattern or "*")
        return json.dumps({"files": sorted(str(file.relative_to(root)) for file in found if file.is_file())}, indent=2)


class FunctionResource(Resource):
    """A resource that a function makes."""

    fn: Any

    async def read(self) -> Any:
        """Return what the function returns."""
        value = self.fn()
        return await value if inspect.isawaitable(value) else value


class ResourceContent(Model):
    """One piece of what a resource holds, as `fastmcp.resources.ResourceContent`."""

    content: Any
    mime_type: str | None = None
    meta: Any = None

    def __init__(self, content: Any = None, mime_type: str | None = None, meta: Any = None) -> None:
        super().__init__(content=content, mime_type=mime_type, meta=meta)


class ResourceResult(Model):
    """What a resource holds, spelled out, as `fastmcp.resources.ResourceResult`."""

    contents: Any
    meta: Any = None

    def __init__(self, contents: Any = None, meta: Any = None) -> None:
        pieces: list[Any] = contents if is_list(contents) else [contents]
        shown = [piece if isinstance(piece, ResourceContent) else ResourceContent(piece) for piece in pieces]
        super().__init__(contents=shown, meta=meta)
