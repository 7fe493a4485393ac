"""The process that reads files: `python -m dragoman.connectors.extract.worker`, started by `process` alone.

Takes a path per frame on stdin; before it a zero byte and a page's number where a picture is wanted, or a place and a
number of rows.  Answers with a document, a picture, rows or a reason on stdout.  Frames are a length and MessagePack.
It may not write a file, start a process, or grow over its memory limit, where the system knows such limits.
"""

from __future__ import annotations

import os
import stat
import struct
import sys
from typing import BinaryIO

import msgspec

from dragoman.connectors.extract.columnar import Table, read_rows
from dragoman.connectors.extract.document import MAX_FILE_BYTES, Document, Unreadable
from dragoman.connectors.extract.registry import convert, picture, why_not

if sys.platform != "win32":
    import resource

LENGTH = struct.Struct(">I")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one file: a document, a picture and its media type, or rows; or the reason why there is none."""

    document: Document | None = None
    picture: bytes = b""
    mime_type: str = ""
    table: Table | None = None
    reason: str = ""


def read_file(path: str, page: int | None = None) -> Answer:
    """Return the document in the file at `path`, or the picture of a page.

    Raises Unreadable.  A link in the last step is not followed and a pipe is
    not waited for: the file may have been swapped since it was found.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(path, flags)
    except OSError as fault:
        raise Unreadable(f"cannot be opened: {fault.strerror}") from fault
    with os.fdopen(handle, "rb") as stream:
        info = os.fstat(handle)
        if not stat.S_ISREG(info.st_mode):
            raise Unreadable("not a regular file")
        if reason := why_not(path, info.st_size):
            raise Unreadable(reason)
        try:
            name, data = os.path.basename(path), stream.read(info.st_size + 1)
            if len(data) > info.st_size:  # it grew; room for the largest file that there may be would cost each one
                data += stream.read(MAX_FILE_BYTES + 1 - len(data))
            if page is None:
                return Answer(document=convert(name, data))
            made, mime_type = picture(name, data, page)
            return Answer(picture=made, mime_type=mime_type)
        except OSError as fault:
            raise Unreadable(f"cannot be read: {fault.strerror}") from fault


def answer(request: str) -> Answer:
    """Return what came of a file; never raises."""
    page, zero, path = request.partition("\x00")
    start, comma, most = page.partition(",")
    try:
        if comma:  # the path is that of a copy, which nobody else can swap
            return Answer(table=read_rows(path, int(start), int(most)))
        return read_file(path, int(page)) if zero else read_file(request)
    except Unreadable as fault:
        return Answer(reason=fault.reason)
    except MemoryError:
        return Answer(reason="refused: reading it needs more memory than a file may have")


def confine(memory: int) -> None:
    """Take from this process what reading a file never needs.  `memory` is in bytes."""
    if sys.platform == "win32":  # the parent's time limit is what is left
        return
    os.nice(5)  # the server's answers come first
    wanted = {"RLIMIT_AS": memory, "RLIMIT_FSIZE": 0, "RLIMIT_CORE": 0, "RLIMIT_NPROC": 0}
    for name, limit in wanted.items():
        try:
            number = getattr(resource, name)
            hard = resource.getrlimit(number)[1]
            resource.setrlimit(number, (limit if hard < 0 else min(limit, hard), hard))
        except (AttributeError, ValueError, OSError):
            continue  # not every system knows every limit


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer every frame until the parent closes its end."""
    while len(head := requests.read(LENGTH.size)) == LENGTH.size:
        path = requests.read(LENGTH.unpack(head)[0]).decode("utf-8", "surrogateescape")
        data = msgspec.msgpack.encode(answer(path))
        answers.write(LENGTH.pack(len(data)) + data)
        answers.flush()


def main() -> None:
    # A library that prints must not break the frames: the real stdout is set aside.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    confine(int(sys.argv[1]))
    try:
        serve(sys.stdin.buffer, answers)
    except (BrokenPipeError, KeyboardInterrupt):
        pass  # the server has gone, and so do we


if __name__ == "__main__":
    main()
