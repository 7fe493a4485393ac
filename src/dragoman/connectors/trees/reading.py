"""Text of one open file, by lines or by bytes, without holding more of it than is shown.

Where reading goes on is a place in bytes, so the next stretch of a large file costs no more than the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from dragoman.connectors.address import Span
from dragoman.connectors.source import Position
from dragoman.connectors.trees.tree import Budget, Opened
from dragoman.errors import ToolError

CHUNK = 1_000_000  # bytes
_LOOKED = 8_000  # bytes by which a file is judged to be text
_ROW = 16  # bytes of one line of a dump
_ROW_ROOM = 80  # characters that it takes, at most


class Taken(NamedTuple):
    """A stretch: its text, what it is of the file ("lines 1-40"), and where the rest is."""

    text: str
    range: str
    following: Position | None


def is_text(opened: Opened) -> bool:
    """Tell whether the file is text in UTF-8 or another encoding of bytes: no zero byte near its start."""
    return b"\x00" not in opened.at(0, _LOOKED)


def by_lines(opened: Opened, asked: Span, position: Position | None, room: int, budget: Budget) -> Taken:
    """Return the lines from `asked` that fit; all from the start where it is (0, 0).

    Raises ToolError when there is no such line, or when it is too far in the
    file to be counted in time.
    """
    first, last = asked if asked != (0, 0) else (1, 10**12)
    if position is not None:
        number, at = max(position.part, 1), position.at
    else:
        number, at = _place(opened, first, budget)
    data = opened.at(at, max(4 * room, 64_000))
    ended = at + len(data) >= opened.node.size
    out: list[str] = []
    used, start, line = 0, number, number
    for raw in _split(data):
        if line > last:
            return Taken("".join(out), _lines(start, last), None)
        whole = raw.endswith(b"\n") or ended
        text = raw.decode("utf-8", "replace")
        if used + len(text) > room or not whole:
            if out:
                return Taken("".join(out), _lines(start, line - 1), Position(line, at))
            raw = _prefix(raw, room)
            return Taken(raw.decode("utf-8", "replace"), _lines(line, line), Position(line, at + len(raw)))
        out.append(text)
        used, at, line = used + len(text), at + len(raw), line + 1
    more = not ended and line <= last
    return Taken("".join(out), _lines(start, max(line - 1, start)), Position(line, at) if more else None)


def by_bytes(opened: Opened, asked: Span, position: Position | None, room: int) -> Taken:
    """Return the bytes from `asked`, counted from 1, that fit: as text, or as a dump where the file is no text."""
    at = position.at if position is not None else asked[0] - 1
    end = min(asked[1], opened.node.size)
    if at >= opened.node.size:
        raise ToolError(f"{opened.node.path} has {opened.node.size:,} bytes; there is no byte {at + 1:,}")
    dumped = not is_text(opened)
    most = max(room // _ROW_ROOM, 1) * _ROW if dumped else room
    data = opened.at(at, min(most + 4, end - at))
    data = data[:most] if dumped else _prefix(data, most)
    after = at + len(data)
    text = dump(data, at) if dumped else data.decode("utf-8", "replace")
    return Taken(text, f"bytes {at + 1:,}-{after:,}", Position(0, after) if after < end and data else None)


def chunks(opened: Opened, most: int) -> Iterator[tuple[int, str]]:
    """Yield the number of the first line and the text of stretches of whole lines, up to `most` bytes in all."""
    number, at, rest = 1, 0, b""
    while at < most and (data := opened.at(at, CHUNK)):
        at += len(data)
        held = rest + data
        cut = held.rfind(b"\n") + 1
        if len(data) < CHUNK or at >= most or (not cut and len(held) > 4 * CHUNK):
            cut = len(held)
        rest = held[cut:]
        if cut:
            text = held[:cut].decode("utf-8", "replace")
            yield number, text
            number += text.count("\n")


def dump(data: bytes, at: int) -> str:
    """Return bytes as lines of their place, their values and their signs."""
    rows: list[str] = []
    for start in range(0, len(data), _ROW):
        row = data[start : start + _ROW]
        signs = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        rows.append(f"{at + start:08x}  {row.hex(' '):<47}  {signs}\n")
    return "".join(rows)


def _place(opened: Opened, first: int, budget: Budget) -> tuple[int, int]:
    """Return the line `first` and where it begins."""
    number, at = 1, 0
    while number < first:
        data = opened.at(at, CHUNK)
        ends = data.count(b"\n")
        if not data:
            raise ToolError(f"{opened.node.path} has {number - 1:,} lines; there is no line {first:,}")
        if number + ends < first:
            number, at = number + ends, at + len(data)
            if number < first and at >= opened.node.size:
                number += not data.endswith(b"\n")
                at = opened.node.size
        else:
            found = -1
            for _ in range(first - number):
                found = data.index(b"\n", found + 1)
            number, at = first, at + found + 1
        if budget.over and number < first:
            raise ToolError(
                f"line {first:,} of {opened.node.path} is beyond what is counted in one call (line {number:,} is at "
                f"byte {at + 1:,}); read it by bytes, as in #bytes={at + 1}-{at + 10_000}"
            )
    if at >= opened.node.size and first > 1:
        raise ToolError(f"{opened.node.path} has {number - 1:,} lines; there is no line {first:,}")
    return number, at


def _split(data: bytes) -> list[bytes]:
    """Return the lines of data that ends lines with line feeds, whatever carriage returns it has."""
    lines = [line + b"\n" for line in data.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _prefix(raw: bytes, room: int) -> bytes:
    """Return as much of a line as fits, not ending within a character."""
    end = min(room, len(raw))
    back = end
    while 0 < back < len(raw) and end - back < 4 and raw[back] & 0xC0 == 0x80:
        back -= 1
    return raw[: back or end]


def _lines(first: int, last: int) -> str:
    return f"lines {first}-{last}" if last > first else f"line {first}"
