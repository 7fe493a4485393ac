"""A zip file as a tree, read where it lies: nothing is unpacked to disk, and no more to memory than is shown.

Names lead nowhere, since they are looked up and never joined to a path.  What the directory says of sizes is bounded
before it is read, and what comes out of a member while it is.  An archive within the archive is a file like others.
"""

from __future__ import annotations

import bisect
import calendar
import os
import stat
import struct
import threading
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from dragoman.connectors.extract.archive import MAX_RATIO
from dragoman.connectors.folders.crawl import MARKED, encodable
from dragoman.connectors.source import SourceError
from dragoman.connectors.trees.tree import LOCAL_SECONDS, Broken, Budget, Missing, Node, Scope, steps_of

MAX_MEMBERS = 200_000
MAX_DIRECTORY = 40_000_000  # bytes of the list at the archive's end
MAX_UNPACKED = 1_000_000_000  # bytes of one member, from its start, that are unpacked for one read
_FREE = 1_000_000  # below this much output a ratio says nothing
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_FAULTS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
    MemoryError,
)


class Member:
    """One member of an archive, open."""

    def __init__(self, stream: IO[bytes], node: Node, archive: int, was: tuple[int, ...]) -> None:
        """`archive` is the archive's handle, which stays the same file whatever its name becomes, `was` its state."""
        self._stream = stream
        self._archive = archive
        self._was = was
        self.node = node

    def at(self, start: int, length: int) -> bytes:
        length = max(min(length, self.node.size - start), 0)
        if start + length > MAX_UNPACKED:
            raise Broken(f"at most the first {MAX_UNPACKED:,} bytes of a file in an archive are read")
        try:
            self._stream.seek(start)
            data = self._stream.read(length)
            # Written over, it could hold at this place what is not served, such as another member.
            if _state(os.fstat(self._archive)) != self._was:
                raise Broken("the archive has changed while it was read; fetch it again")
            return data
        except _FAULTS as fault:
            raise Broken(f"it is damaged, or packed in a way that is not known ({type(fault).__name__})") from fault

    def close(self) -> None:
        self._stream.close()


class Zip:
    """The members of one zip file.  A file that is changed is read anew."""

    about = "files in a zip archive"
    seconds = LOCAL_SECONDS
    pause = 0.0

    def __init__(self, path: str) -> None:
        """Raises SourceError for what is no zip file, or one that is too large."""
        self._path = path
        self._lock = threading.Lock()
        self._was: tuple[int, ...] = ()
        self._zip: zipfile.ZipFile | None = None
        self._members: dict[str, zipfile.ZipInfo] = {}
        self._paths: list[str] = []
        try:
            self._current()
        except Broken as fault:
            raise SourceError(f"{path} cannot be served: {fault}") from fault

    def close(self) -> None:
        with self._lock:
            if self._zip is not None:
                self._zip.close()
            self._zip = None
            self._members, self._paths, self._was, self._path = {}, [], (), ""

    def files(self, prefix: str, after: str, scope: Scope, budget: Budget) -> Iterator[Node]:
        _, members, paths, _ = self._current()
        start = bisect.bisect_right(paths, after) if after >= prefix and after else bisect.bisect_left(paths, prefix)
        for at in range(start, len(paths)):
            path = paths[at]
            if not path.startswith(prefix):
                return
            budget.visit()
            if scope.sees(path):
                yield _node(path, members[path])
            budget.last = path

    def stamp(self) -> str:
        self._current()
        return str(self._was)

    def open(self, path: str, scope: Scope) -> Member:
        steps_of(path)
        archive, members, _, was = self._current()
        info = members.get(path)
        if info is None or not scope.sees(path):
            raise Missing(path)
        if info.flag_bits & 1:
            raise Broken("it is encrypted, and opens only with a password")
        if info.file_size > _FREE and info.file_size > MAX_RATIO * max(info.compress_size, 1):
            raise Broken(f"refused as a zip bomb: {info.file_size:,} bytes out of {info.compress_size:,}")
        try:
            assert archive.fp is not None
            return Member(archive.open(info), _node(path, info), archive.fp.fileno(), was)
        except _FAULTS as fault:
            raise Broken(f"it is damaged, or packed in a way that is not known ({type(fault).__name__})") from fault

    def _current(self) -> tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo], list[str], tuple[int, ...]]:
        """Return the archive as it is now, its members, their paths, and its state.  Raises Broken."""
        with self._lock:
            try:
                info = os.stat(self._path)
                now = _state(info)
                if self._zip is None or now != self._was:
                    self._read()
                    self._was = now
            except _FAULTS as fault:
                raise Broken(f"the zip file cannot be read ({type(fault).__name__})") from fault
            assert self._zip is not None
            return self._zip, self._members, self._paths, self._was

    def _read(self) -> None:
        with open(self._path, "rb") as stream:
            _check(stream)
        # The one before stays open for those who read in it, and closes when the last of them is done.
        archive = zipfile.ZipFile(self._path)
        if len(archive.infolist()) > MAX_MEMBERS:
            archive.close()
            raise Broken(_too_many(len(archive.infolist())))
        self._zip, self._members = archive, _served(archive.infolist())
        self._paths = sorted(self._members)


def _state(info: os.stat_result) -> tuple[int, ...]:
    return info.st_ino, info.st_size, info.st_mtime_ns


def _served(infos: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """Return the members that are served, by path: no folders, links, hidden files, secrets, nor names that lead out.

    A name that stands there twice could be read as either, and is neither.
    """
    found: dict[str, zipfile.ZipInfo] = {}
    twice: set[str] = set()
    profiles: set[str] = set()
    for info in infos:
        path = info.filename
        mode = stat.S_IFMT(info.external_attr >> 16)
        above, _, base = path.rpartition("/")
        if base.lower() in MARKED:
            profiles.add(above)
        if not path:  # nothing that could be asked for, and `is_dir` stumbles over it
            continue
        if info.is_dir() or mode not in (0, stat.S_IFREG) or path != info.orig_filename or not encodable(path):
            continue
        try:
            steps_of(path)
        except Missing:
            continue
        if path in found:
            twice.add(path)
        found[path] = info
    return {path: info for path, info in found.items() if path not in twice and not _within(path, profiles)}


def _within(path: str, folders: set[str]) -> bool:
    if not folders:
        return False
    steps = path.split("/")
    return any("/".join(steps[:end]) in folders for end in range(len(steps)))


def _node(path: str, info: zipfile.ZipInfo) -> Node:
    try:
        seconds = calendar.timegm((*info.date_time, 0, 0, 0)) if 1 <= info.date_time[1] <= 12 else 0
    except (ValueError, OverflowError):
        seconds = 0
    return Node(path, info.file_size, max(seconds, 0) * 1_000_000_000)


def _check(stream: IO[bytes]) -> None:
    """Raise Broken when the list at the end is longer than we read: zipfile would read all of it."""
    size = stream.seek(0, os.SEEK_END)
    tail_at = max(size - 65_535 - _END.size - _LOCATOR.size, 0)
    stream.seek(tail_at)
    tail = stream.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise Broken("it is no zip file, or cut off")
    end = _END.unpack_from(tail, at)
    members, directory = end[4], end[5]
    if at >= _LOCATOR.size and tail[at - _LOCATOR.size :].startswith(b"PK\x06\x07"):
        stream.seek(_LOCATOR.unpack_from(tail, at - _LOCATOR.size)[2])
        record = stream.read(_END_64.size)
        if len(record) == _END_64.size and record.startswith(b"PK\x06\x06"):
            end_64 = _END_64.unpack(record)
            members, directory = end_64[7], end_64[8]
    if members > MAX_MEMBERS or directory > MAX_DIRECTORY:
        raise Broken(_too_many(members))


def _too_many(members: int) -> str:
    return f"it says that it has {members:,} files; archives of at most {MAX_MEMBERS:,} are served: unpack it"
