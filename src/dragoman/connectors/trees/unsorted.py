"""A large folder in the order in which its filesystem keeps it, from any place on: sorting would read all names first.

The places are the kernel's own (`d_off` of getdents64): on the filesystems named below they stay what they are while
files come and go, as servers of NFS rely on.  Promise: a file that is there all the time is met once.
Limit: Linux with 64 bits, and those filesystems; elsewhere large folders are read in the order of names.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import stat
import struct
import sys
from collections.abc import Iterator
from typing import NamedTuple

LARGE = 10_000  # names of a folder that are sorted, at most, where there is a choice
_SMALL = 80_000  # bytes: a folder's own size below which it cannot have as many
_KNOWN = frozenset({0xEF53, 0x58465342, 0x9123683E})  # ext4, XFS, Btrfs: f_type of statfs(2)
_BATCH = 32_768  # bytes that are asked for at once
_HEAD = struct.Struct("=QqHB")  # of struct linux_dirent64: inode, offset of the next, length, type; then the name
_TYPES = {4: stat.S_IFDIR, 8: stat.S_IFREG, 10: stat.S_IFLNK}
_MARK = "\x00"  # no name of a file has it
_system = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" and sys.maxsize > 2**32 else None


class Met(NamedTuple):
    """One name: `mode` is its type as stat has it, 0 for unknown; `behind` is the place after it."""

    name: str
    mode: int
    behind: int


class Place(NamedTuple):
    """Where a walk through such a folder goes on: first `within`, a folder's name, if there is one, then `behind`."""

    behind: int
    within: str = ""

    def text(self) -> str:
        """Return it as one step of a path, which no file can have."""
        return f"{_MARK}{self.behind:x}" + (f":{self.within}" if self.within else "")


def place_of(step: str) -> Place | None:
    """Return the place that a step of a path stands for, None for a name."""
    if not step.startswith(_MARK):
        return None
    number, _, within = step[1:].partition(":")
    try:
        return Place(int(number, 16) & 0x7FFF_FFFF_FFFF_FFFF, within)
    except ValueError:
        return Place(0)


def large(handle: int) -> bool:
    """Tell whether an open folder has more names than are sorted, and can be read in its own order."""
    if _system is None or os.fstat(handle).st_size < _SMALL or not hasattr(_system, "getdents64"):
        return False
    told = ctypes.create_string_buffer(512)
    if _system.fstatfs(handle, told) or struct.unpack_from("=q", told.raw)[0] not in _KNOWN:
        return False
    again = _again(handle)
    try:
        with os.scandir(again) as entries:
            return next(itertools.islice(entries, LARGE, None), None) is not None
    finally:
        os.close(again)


def names(handle: int, behind: int) -> Iterator[Met]:
    """Yield what is in an open folder from a place on, 0 for the start.  Raises OSError, also for what is no place."""
    assert _system is not None
    again = _again(handle)
    try:
        os.lseek(again, behind, os.SEEK_SET)
        batch = ctypes.create_string_buffer(_BATCH)
        while count := _system.getdents64(again, batch, _BATCH):
            if count < 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))
            yield from _cut(batch.raw[:count])
    finally:
        os.close(again)


def _cut(raw: bytes) -> Iterator[Met]:
    at = 0
    while at < len(raw):
        _, behind, length, kind = _HEAD.unpack_from(raw, at)
        name = raw[at + _HEAD.size : raw.index(b"\x00", at + _HEAD.size)]
        if name not in (b".", b".."):
            yield Met(os.fsdecode(name), _TYPES.get(kind, 0) if kind in _TYPES or not kind else stat.S_IFIFO, behind)
        at += length


def _again(handle: int) -> int:
    """Open the same folder again: each reading needs a place in it of its own."""
    return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
