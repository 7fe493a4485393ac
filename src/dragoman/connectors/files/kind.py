"""Trees of files as a kind of data: folders and zip files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

from dragoman.connectors.files.files import Files
from dragoman.connectors.files.local import Local
from dragoman.connectors.files.tree import Tree
from dragoman.connectors.kind import Kind, Opening
from dragoman.connectors.source import Source, SourceError

_PREFIX = "files:"


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be said of files."""

    path: str


def _claims(text: str, _path: Path | None) -> Options | None:
    if text.startswith(_PREFIX) and not text.startswith(f"{_PREFIX}//"):
        return Options(path=text.removeprefix(_PREFIX) or ".")
    return None


def _open(name: str, options: Options, opening: Opening) -> Source:
    return Files(name, _tree(options, opening))


def _tree(options: Options, opening: Opening) -> Tree:
    path = opening.path(options.path)
    if not path.exists():
        raise SourceError(f"there is nothing at {options.path}")
    if not os.access(path, os.R_OK):
        raise SourceError(f"{path} may not be read by this user")
    if not path.is_dir():
        raise SourceError(f"{path} is no folder; a file of its own is served without files: before it")
    if sys.platform == "win32" or os.open not in os.supports_dir_fd:
        raise SourceError("trees of files cannot be served on this system yet: it has no openat; serve documents")
    return Local(str(path))


KIND = Kind(
    name="files", scheme="file", options=Options, main="path", claims=_claims, open=_open, forms=("files:FOLDER",)
)
