"""Cutting text into pieces for the index, and finding the headings on the way.

A piece ends at a heading, at a blank line or at a line, in that order of preference, and never
grows over MAX_PIECE characters: one long line is cut at a blank or, if it has none, anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dragoman.connectors.extract.document import MAX_CHARS, Document, Draft, Heading, Part, Piece

MAX_PIECE = 1_500  # characters; about 400 tokens, so that ten hits fit into any context
GOOD_PIECE = 1_000  # from here on the next blank line ends the piece
MIN_PIECE = 200  # a heading right after a heading does not start a piece of its own
MAX_OUTLINE = 2_000
MAX_TITLE = 200

_HEADING = re.compile(r"(#{1,6})[ \t]++(.+)")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_FENCE = re.compile(r"\s{0,3}(```|~~~)")
# Control characters, and the invisible "tag" letters that can carry text that no reader sees.
_NOISE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\U000e0000-\U000e007f]")


def clean(text: str) -> str:
    """Return `text` with plain newlines, no control characters and no half surrogates."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _NOISE.sub("", text.replace("\ufffe\n", ""))  # PDFium's sign for a hyphen at a line's end
    return text.encode("utf-8", "replace").decode("utf-8")


def finish(draft: Draft, kind: str) -> Document:
    """Return the document that `draft` makes: cleaned, bounded by MAX_CHARS and cut into pieces."""
    cutter = _Cutter(draft.markdown)
    notes = list(draft.notes)
    room = MAX_CHARS
    for number, part in enumerate(draft.parts, 1):
        text = clean(part.text)
        if len(text) > room:
            notes.append(f"only the first {MAX_CHARS:,} characters are indexed")
            cutter.add(number, part, text[:room])
            break
        room -= len(text)
        cutter.add(number, part, text)
    outline = draft.outline or cutter.outline
    first = next((heading.title for heading in cutter.outline if heading.level <= 2 and heading.part == 1), "")
    title = draft.title or first or (outline[0].title if outline else "")
    return Document(
        kind=kind,
        title=" ".join(clean(title).split())[:MAX_TITLE],
        unit=draft.unit,
        labels=[clean(part.label) for part in draft.parts] if any(part.label for part in draft.parts) else [],
        lines=cutter.lines,
        pieces=cutter.pieces,
        outline=outline[:MAX_OUTLINE],
        meta={key: clean(value)[:500] for key, value in draft.meta.items() if value},
        notes=notes,
    )


class _Cutter:
    """Keeps the path of headings across parts: a chapter goes on on the next page."""

    def __init__(self, markdown: bool) -> None:
        self.pieces: list[Piece] = []
        self.outline: list[Heading] = []
        self.lines = 0
        self._markdown = markdown
        self._path: list[tuple[int, str]] = []

    def add(self, number: int, part: Part, text: str) -> None:
        start = offset = first = 0
        fenced = False
        heading = self._where(part)
        for index, line in enumerate(_LINE.findall(text)):
            if _FENCE.match(line):
                fenced = not fenced
            found = _HEADING.match(line.rstrip("\n")) if self._markdown and not fenced else None
            size = offset - start
            full = size + len(line) > MAX_PIECE or (size >= GOOD_PIECE and not line.strip())
            if size and (full or (found and size >= MIN_PIECE)):
                self._emit(number, start, first, heading, text[start:offset])
                start, first = offset, index
            if found:
                self._enter(number, index + 1, len(found[1]), found[2].rstrip(" \t#") or found[2][0])
            if start == offset or (found and size < MIN_PIECE):
                heading = self._where(part)
            offset += len(line)
        if offset > start:
            self._emit(number, start, first, heading, text[start:offset])
        self.lines += text.count("\n") + (not text.endswith("\n") and bool(text))

    def _emit(self, part: int, at: int, line: int, heading: str, text: str) -> None:
        for offset, slice_ in _slices(text):
            self.pieces.append(Piece(part, at + offset, line + 1, heading, slice_))

    def _enter(self, part: int, line: int, level: int, title: str) -> None:
        self._path = [step for step in self._path if step[0] < level] + [(level, title[:MAX_TITLE])]
        if len(self.outline) < MAX_OUTLINE:
            self.outline.append(Heading(level, title[:MAX_TITLE], part, line))

    def _where(self, part: Part) -> str:
        return " > ".join([name for name in (part.label, *(title for _, title in self._path)) if name][-4:]) + (
            f" | {part.columns}" if part.columns else ""
        )


def _slices(text: str) -> Iterator[tuple[int, str]]:
    """Yield `(offset, text)`: the whole, or, for an over-long line, stretches of at most MAX_PIECE."""
    at = 0
    while len(text) - at > MAX_PIECE:
        cut = text.rfind(" ", at + GOOD_PIECE, at + MAX_PIECE) + 1 or at + MAX_PIECE
        yield at, text[at:cut]
        at = cut
    yield at, text[at:]
