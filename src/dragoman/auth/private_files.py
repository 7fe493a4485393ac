"""Files that a program keeps for its user: replaced wholly or not at all, and read only if nobody else can.

Promise: whoever reads sees the old bytes or the new ones, and a file that is new has mode 0600 whatever the umask.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from dragoman.errors import LocalError

T = TypeVar("T")


def replace(
    path: Path, data: bytes, *, mode: int = 0o600, only_new: bool = False, look: Callable[[], object] | None = None
) -> None:
    """Put `data` in the place of a file. Raises OSError, and what `look` raises: it runs just before, to stop it.

    With `only_new`, a file that is there already stays.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if mode != 0o600:
            os.chmod(name, mode)
        if look is not None:
            look()
        if only_new:
            with suppress(FileExistsError):  # another process was first; its file counts
                os.link(name, path)
            os.unlink(name)
        else:
            os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def folder(path: Path) -> None:
    """Make a folder that only its owner can look into, if it is not there."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def write(path: Path, data: bytes, *, only_new: bool = False) -> None:
    """Write a file that only its owner can read. Raises LocalError."""
    try:
        replace(path, data, only_new=only_new)
    except OSError as error:
        raise LocalError(f"{path} cannot be written: {error.strerror or error}") from None


def own(path: Path, most: int, advice: str) -> bytes | None:
    """Return what a file of the user's holds, up to one byte more than `most`, None if there is none.

    Raises LocalError for one that others may write, with `advice`, and for one that cannot be read: what such a file
    approves or allows counts for nothing.
    """
    try:
        with path.open("rb") as opened:
            found = os.fstat(opened.fileno())
            data = opened.read(most + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LocalError(f"cannot read {str(path)!r}: {error.strerror or error}") from None
    if sys.platform != "win32" and (
        found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or found.st_uid not in (0, os.getuid())
    ):
        raise LocalError(f"others may write {str(path)!r}, so what it says counts for nothing; {advice}")
    return data


def own_json(path: Path, kind: type[T], most: int, advice: str) -> T | None:
    """Return what a file of the user's says, None if there is none.  Raises LocalError as `own`, and for bad JSON."""
    data = own(path, most, advice)
    try:
        return None if data is None else msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LocalError(f"{str(path)!r} cannot be read ({error}); {advice}") from None


def read(path: Path, most: int) -> bytes:
    """Return what a file holds, at most `most` bytes.

    Raises LocalError for one that others may read, FileNotFoundError if there is none.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(handle, "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if sys.platform != "win32" and (mode & 0o077 or not stat.S_ISREG(mode)):
            raise LocalError(
                f"{path} is open to others: chmod 600 it if nobody read it, else remove it and log in again"
            )
        return file.read(most)
