"""What is attacked: a reader, documents that it takes, and what it may raise; and how to make one."""

from __future__ import annotations

import io
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from dragoman.configs.faults import UnreadableError
from dragoman.connectors.extract.document import Unreadable
from dragoman.errors import McpError
from dragoman.protocol.issuing import Denied

OURS = (McpError, Denied, Unreadable, UnreadableError)


class Target(NamedTuple):
    """`read` takes bytes, and raises one of `ours` for what it refuses."""

    read: Callable[[bytes], object]
    seeds: Sequence[bytes]
    ours: tuple[type[Exception], ...] = OURS


def text(read: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: read(data.decode("latin-1"))


def filed(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    """Return a reader of a file of that name."""

    def read_file(data: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(data)
            path.chmod(0o600)
            read(path)

    return read_file


def zipped(members: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def packed(name: str, data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def tried(target: Target, data: bytes) -> bool:
    """Say whether a reader takes these bytes. Raises whatever it should not have raised."""
    try:
        target.read(data)
    except target.ours:
        return False
    return True
