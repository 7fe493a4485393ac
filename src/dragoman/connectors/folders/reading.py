"""Cutting a passage out of an indexed document: by pages, by lines, or from where the last passage stopped.

A passage ends at a line where there is one, so that the next one starts at one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from dragoman.connectors.address import Span
from dragoman.connectors.folders.index import File, Index, Stretch
from dragoman.connectors.source import Position


class Wanted(NamedTuple):
    """The parts and lines asked for; (0, 0) for all of them.  Lines count within the first part."""

    parts: Span
    lines: Span = (0, 0)


class Cut(NamedTuple):
    """Text, the parts and lines it covers, and where the rest starts."""

    text: str
    parts: Span
    lines: Span
    following: Position | None


def cut(index: Index, file: File, wanted: Wanted, position: Position | None, room: int) -> Cut:
    """Return at most about `room` characters of what is wanted, from `position` on.

    Pages after the first start with a line that names them.
    """
    first, last = wanted.parts if wanted.parts != (0, 0) else (1, max(file.parts, 1))
    start = position or Position(first, 0)
    if wanted.lines != (0, 0):
        return _lines(index, file, first, wanted.lines, position, room)
    out: list[str] = []
    used = 0
    part, line = start.part, 0
    for stretch in _from(index, file, start, last):
        head = f"[{file.unit} {stretch.part}]\n" if file.unit and (not out or stretch.part != part) else ""
        head = "\n" + head if head and out else head
        line = line or stretch.line
        part = stretch.part
        space = room - used - len(head)
        if len(stretch.text) > space:
            piece = _fitting(stretch.text, space, must=not out)
            if piece:
                out.append(head + piece)
            at = stretch.at + len(piece)
            return Cut("".join(out), (start.part, part), (line, 0), Position(part, at))
        out.append(head + stretch.text)
        used += len(head) + len(stretch.text)
    return Cut("".join(out), (start.part, part), (line, 0), None)


def _from(index: Index, file: File, start: Position, last: int) -> Iterator[Stretch]:
    for stretch in index.text(file.id, start.part, start.at, last):
        skip = start.at - stretch.at if stretch.part == start.part else 0
        if skip < len(stretch.text):
            skip = max(skip, 0)
            line = stretch.line + stretch.text.count("\n", 0, skip)
            yield Stretch(stretch.part, stretch.at + skip, line, stretch.text[skip:])


def _fitting(text: str, space: int, must: bool) -> str:
    """Return the whole lines that fit; when not even one does, and something must be given, a part of the line."""
    if space <= 0 and not must:
        return ""
    end = text.rfind("\n", 0, max(space, 1)) + 1
    if not end and must:
        end = text.rfind(" ", max(space, 1) // 2, max(space, 1)) + 1 or max(space, 1)
    return text[:end]


def _lines(index: Index, file: File, part: int, lines: Span, position: Position | None, room: int) -> Cut:
    first, last = lines
    at = position.at if position else index.offset_of_line(file.id, part, first)
    out: list[str] = []
    used, shown, start = 0, 0, 0
    for stretch in _from(index, file, Position(part, at), part):
        number, offset = stretch.line, stretch.at
        for line in stretch.text.splitlines(keepends=True):
            if number > last:
                return Cut("".join(out), (part, part), (start, shown), None)
            if number >= first:
                if used + len(line) > room:
                    piece = _fitting(line, room - used, must=not out)
                    out.append(piece)
                    return Cut(
                        "".join(out), (part, part), (start, shown or number), Position(part, offset + len(piece))
                    )
                out.append(line)
                used += len(line)
                start, shown = start or number, number
            offset += len(line)
            number += line.endswith("\n")
    return Cut("".join(out), (part, part), (start, shown), None)
