"""What a reader of files gives back: text in parts, then the same text cut into pieces for the index.

Readers write Markdown, so that headings and tables look alike whatever the file was.
The pieces of a part, joined, are exactly the part's text: nothing is stored twice.
"""

from __future__ import annotations

import msgspec

MAX_FILE_BYTES = 100 * 1024 * 1024
MAX_CHARS = 20_000_000  # of text per file; what lies beyond is not indexed, and a note says so


class Unreadable(Exception):
    """This file cannot be read; `reason` is one sentence for the user and goes into the index."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One page, sheet or slide; a text without pages is one part.

    `columns` names the columns of a table that fills the part: a hit far down
    would not show them otherwise.
    """

    text: str
    label: str = ""
    columns: str = ""


class Heading(msgspec.Struct, frozen=True, array_like=True):
    """One line of the outline: `level` counts from 1, `part` and `line` say where it stands."""

    level: int
    title: str
    part: int
    line: int


class Draft(msgspec.Struct, kw_only=True):
    """What a reader found.  `unit` is "page", "sheet" or "slide", or empty where only lines count.

    `markdown` says whether a line that starts with # is a heading.  An outline
    given here (a PDF's bookmarks) wins over the headings found in the text.
    """

    parts: list[Part]
    unit: str = ""
    title: str = ""
    markdown: bool = True
    outline: list[Heading] = []
    meta: dict[str, str] = {}
    notes: list[str] = []


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """A stretch of one part, small enough to be one search result.

    `part` and `line` count from 1; `at` is the offset in the part, in
    characters; `heading` is the path of headings above it.
    """

    part: int
    at: int
    line: int
    heading: str
    text: str


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A file, ready for the index."""

    kind: str
    title: str
    unit: str
    labels: list[str]
    lines: int
    pieces: list[Piece]
    outline: list[Heading]
    meta: dict[str, str]
    notes: list[str]
