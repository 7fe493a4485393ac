"""From the bytes of dragoman.yaml to Settings.  What is wrong is said with its place and the nearest that is right.

Promise: a file that others can write is refused, since whoever writes it decides what is served.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from dragoman.connectors.settings.shape import Settings
from dragoman.connectors.source import SourceError
from dragoman.serving.nearest import nearest

FILE = "dragoman.yaml"
MAX_BYTES = 256 * 1024
EXTRA = "yaml"
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")


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
    except msgspec.DecodeError as fault:
        raise ValueError(f"it is no JSON: {fault}") from fault
    found: Settings = checked(said, Settings, "")
    return found


def checked(said: Any, shape: Any, where: str) -> Any:
    """Return a value as its shape.  Raises ValueError that names the place, and the nearest key for an unknown one."""
    try:
        return msgspec.convert(said, shape)
    except msgspec.ValidationError as fault:
        text, _, place = str(fault).partition(" - at `")
        path = ".".join(filter(None, (where, place.rstrip("`").removeprefix("$").removeprefix("."))))
        if unknown := _UNKNOWN.match(text):
            text = f"there is no key {unknown[1]!r}{nearest(unknown[1], _keys_at(shape, place))}"
        # msgspec writes [...] for a key of a mapping, whose name is then looked for in what was said.
        raise ValueError(f"{_named(path, said, where, shape)}: {text}" if path else text) from fault


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


def _keys_at(shape: Any, place: str) -> list[str]:
    """Return the keys that there are at a place of a shape."""
    for step in re.findall(r"\.(\w+)|\[", place.rstrip("`").removeprefix("$")):
        if step and isinstance(shape, type) and issubclass(shape, msgspec.Struct):
            shape = get_type_hints(shape)[step]
        elif get_origin(shape) is not None:
            shape = get_args(shape)[-1]
    if isinstance(shape, type) and issubclass(shape, msgspec.Struct):
        return list(shape.__struct_encode_fields__)
    return []


def _named(path: str, said: Any, where: str, shape: Any) -> str:
    """Return the path with the names of the keys that `[...]` stands for, as far as they can be told."""
    if "[...]" not in path:
        return path
    before, _, after = path.partition("[...]")
    found = said
    for step in before.removeprefix(where).split("."):
        if step and isinstance(found, Mapping):
            found = found.get(step)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if not isinstance(found, Mapping):
        return path
    hints = get_type_hints(shape) if isinstance(shape, type) else {}
    declared = hints.get(before.rpartition(".")[2])
    one = get_args(declared)[-1] if declared is not None and get_args(declared) else Any
    for name, value in found.items():  # pyright: ignore[reportUnknownVariableType]
        try:
            msgspec.convert(value, one)
        except msgspec.ValidationError:
            return f"{before}.{name}{after}"
    return path
