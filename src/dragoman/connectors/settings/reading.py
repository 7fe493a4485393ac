"""From the bytes of dragoman.yaml to Settings.  What is wrong is said with its place and the nearest that is right.

Promise: a file that others can write is refused, since whoever writes it decides what is served.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from dragoman.connectors.settings.shape import Settings
from dragoman.connectors.shaping import shaped
from dragoman.connectors.source import SourceError

FILE = "dragoman.yaml"
MAX_BYTES = 256 * 1024
EXTRA = "yaml"


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it was read: where it lies, what it says, and the digest of its bytes."""

    path: Path
    settings: Settings
    digest: str

    @property
    def folder(self) -> Path:
        """Where relative paths start from."""
        return self.path.parent


def read_settings(path: Path) -> Read:
    """Return what the file says.  Raises SourceError, with file and place, for whatever is wrong with it."""
    path = Path(os.path.abspath(path))
    data = _bytes(path)
    try:
        return Read(path=path, settings=settings_of(data, path.suffix == ".json"), digest=digest_of(data))
    except ValueError as fault:
        raise SourceError(f"{path}: {fault}") from fault


def digest_of(data: bytes) -> str:
    """Return the digest of a file's bytes."""
    return hashlib.sha256(data).hexdigest()


def settings_of(data: bytes, json: bool = False) -> Settings:
    """Return what the text of a file says.  Raises ValueError with the place of the fault."""
    try:
        said: Any = msgspec.json.decode(data) if json else _yaml(data)
    except (msgspec.DecodeError, RecursionError) as fault:
        raise ValueError(f"it is no JSON: {fault}") from fault
    found: Settings = shaped(said, Settings, "")
    return found


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            found = os.fstat(stream.fileno())
            data = stream.read(MAX_BYTES + 1)
    except OSError as fault:
        raise SourceError(f"{path} cannot be read: {fault.strerror or fault}") from fault
    if sys.platform != "win32":
        _judge(path, found)
        _judge(path.parent, os.stat(path.parent))
    if len(data) > MAX_BYTES:
        raise SourceError(f"{path} has more than {MAX_BYTES:,} bytes")
    return data


def _judge(path: Path, found: os.stat_result) -> None:
    """Raise SourceError for what others can change: it says which commands run, and what is shown to whom."""
    if found.st_uid not in (os.getuid(), 0):
        raise SourceError(f"{path} belongs to another user, who could change it; take a copy of your own")
    loose = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    sticky = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
    if loose and not sticky:
        raise SourceError(f"others can write {path}, and so decide what is served: chmod go-w {path}")


def _yaml(data: bytes) -> dict[str, Any]:
    if find_spec("yaml") is None:
        raise ValueError(f'reading it needs PyYAML: pip install "dragoman[{EXTRA}]", or write it as dragoman.json')
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise ValueError("it is not UTF-8") from fault
    try:
        found: dict[str, Any] = import_module("dragoman.protocol.front_matter").read_mapping(text)
    except ValueError as fault:
        raise ValueError(str(fault).replace("its front matter", "it")) from fault
    return found
