"""Documents and pictures among the files: a copy of one goes to the process that converts, never its path.

A path could mean another file by the time that process opens it; and what lies in a bucket or a zip has none.
The last few documents are kept, so that their next page costs no second conversion.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
import threading
from typing import NamedTuple

import msgspec

from dragoman.connectors.address import Address
from dragoman.connectors.extract.columnar import MOST_ROWS, Table
from dragoman.connectors.extract.document import MAX_FILE_BYTES, Document, Unreadable
from dragoman.connectors.extract.process import Converter
from dragoman.connectors.extract.registry import format_of, why_not
from dragoman.connectors.source import Position
from dragoman.connectors.trees.reading import CHUNK, Taken
from dragoman.connectors.trees.tree import Node, Opened
from dragoman.errors import ToolError

_AS_THEY_STAND = ("text", "markdown", "csv", "html")  # formats that are read by their own lines
PARQUET = "parquet"
_KEPT = 8
_KEPT_CHARS = 4_000_000


class Part(NamedTuple):
    """One page, sheet, slide, chapter or message, from 1, and its text."""

    number: int
    text: str


def converts(path: str) -> bool:
    """Tell whether a file of that name is read as a document rather than by its bytes."""
    known = format_of(path)
    return known is not None and known.kind not in _AS_THEY_STAND


def pictured(path: str) -> bool:
    """Tell whether a file of that name is an image."""
    known = format_of(path)
    return known is not None and known.kind == "image"


class Documents:
    """Documents of one source, converted when they are asked for."""

    def __init__(self) -> None:
        self._converter = Converter()
        self._lock = threading.Lock()
        self._kept: dict[Node, Document] = {}
        self._table: tuple[Node | None, tuple[int, Table]] = None, (0, Table(columns=[], types=[], count=0, rows=[]))

    def close(self) -> None:
        """End the process that converts.  Safe to call twice."""
        self._converter.close()

    def document(self, opened: Opened) -> Document:
        """Return the document in an open file.  Raises Unreadable, and Broken."""
        with self._lock:
            if (known := self._kept.pop(opened.node, None)) is not None:
                self._kept[opened.node] = known
                return known
        with _Copy(opened) as path:
            document = self._converter.convert(path)
        if sum(len(piece.text) for piece in document.pieces) <= _KEPT_CHARS:
            with self._lock:
                self._kept[opened.node] = document
                while len(self._kept) > _KEPT:
                    del self._kept[next(iter(self._kept))]
        return document

    def picture(self, opened: Opened, page: int) -> tuple[bytes, str]:
        """Return an image, or a page of a PDF, and its media type.  Raises as `document` does."""
        with _Copy(opened) as path:
            return self._converter.picture(path, page)

    def rows(self, opened: Opened, start: int, most: int) -> Table:
        """Return rows of a Parquet file behind the first `start` ones.  Raises as `document` does."""
        if importlib.util.find_spec("duckdb") is None:
            raise Unreadable('Parquet files need the package duckdb: pip install "dragoman[tables]"')
        with self._lock:
            held, known = self._table
            if held == opened.node and start >= known[0] and start + most <= known[0] + len(known[1].rows):
                first = start - known[0]
                return msgspec.structs.replace(known[1], rows=known[1].rows[first : first + most])
        with _Copy(opened) as path:
            table = self._converter.rows(path, start, MOST_ROWS)
        with self._lock:
            self._table = opened.node, (start, table)
        return msgspec.structs.replace(table, rows=table.rows[:most])


class _Copy:
    """A copy of an open file, with its ending, in a folder that nobody else may enter."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> str:
        node = self._opened.node
        if node.kind == PARQUET:
            reason = f"too large: {node.size:,} bytes" if node.size > MAX_FILE_BYTES else ""
        else:
            reason = why_not(node.path, node.size)
        if reason:
            raise Unreadable(reason)
        self._folder = tempfile.TemporaryDirectory(prefix="dragoman-", ignore_cleanup_errors=True)
        base = node.path.rpartition("/")[2]
        path = os.path.join(self._folder.name, "file" + os.path.splitext(base)[1])
        at = 0
        try:
            with open(path, "xb") as stream:
                while at <= MAX_FILE_BYTES and (data := self._opened.at(at, CHUNK)):
                    at += stream.write(data)
        except BaseException:
            self._folder.cleanup()
            raise
        return path

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            self._folder.cleanup()


def parts_of(document: Document) -> list[Part]:
    """Return the document's parts with their whole texts."""
    texts: dict[int, list[str]] = {}
    for piece in document.pieces:
        texts.setdefault(piece.part, []).append(piece.text)
    return [Part(number, "".join(found)) for number, found in sorted(texts.items())]


def cut(document: Document, address: Address, position: Position | None, room: int) -> Taken:
    """Return what the address asks for of a document, as much as fits.  Raises ToolError for what it does not have."""
    unit, uri = document.unit, address.text()
    first, last = address.pages
    count = max(len(document.labels), max((piece.part for piece in document.pieces), default=1))
    if address.sheet:
        labels = [label.lower() for label in document.labels]
        if address.sheet.lower() not in labels:
            raise ToolError(f"no sheet {address.sheet!r} in {uri}; it has: {', '.join(document.labels[:50]) or 'none'}")
        first = last = labels.index(address.sheet.lower()) + 1
    if first and not unit:
        raise ToolError(f"{uri} has no pages; ask for lines, such as lines=1-100 of {document.lines:,}")
    if first > count:
        raise ToolError(f"{uri} has {count:,} {unit}s; there is no {unit} {first}")
    if address.lines != (0, 0) and unit and count > 1 and (not first or first != last):
        raise ToolError(f"lines count within one {unit}: name one as well, such as pages=1")
    out: list[str] = []
    shown: list[int] = []
    used = 0
    for number, text in parts_of(document):
        if (first and not first <= number <= last) or (position and number < position.part):
            continue
        text = _chosen(text, address)
        begin = position.at if position and number == position.part else 0
        piece = text[begin : begin + room - used]
        if begin + len(piece) < len(text):
            piece = piece[: piece.rfind("\n") + 1 or (len(piece) if not out else 0)]
            shown += [number] * bool(piece)
            return Taken("".join([*out, piece]), _said(unit, shown), Position(number, begin + len(piece)))
        out.append(piece)
        shown.append(number)
        used += len(piece)
    return Taken("".join(out), _said(unit, shown), None)


def _chosen(text: str, address: Address) -> str:
    first, last = address.lines
    return "".join(text.splitlines(keepends=True)[first - 1 : last]) if first else text


def _said(unit: str, shown: list[int]) -> str:
    if not unit or not shown:
        return ""
    return f"{unit} {shown[0]}" + (f"-{shown[-1]}" if shown[-1] > shown[0] else "")
