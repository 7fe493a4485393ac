"""A document as data, whatever file it becomes: a title and a row of blocks.

Content modules build these; `company.writers` turns them into PDF, Word, HTML, Markdown or text by the path's ending.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True)
class Heading:
    """A section title; level 1 starts a new page in a PDF when `new_page` is set."""

    text: str
    level: int = 1
    new_page: bool = False


@dataclass(frozen=True)
class Text:
    """One paragraph."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list of points."""

    items: Sequence[str]


@dataclass(frozen=True)
class Table:
    """Rows of text under a header.  `widths` are relative column widths."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    widths: Sequence[int] = ()


@dataclass(frozen=True)
class Chart:
    """Horizontal bars, drawn in PDF only: the table beside it holds the same numbers."""

    bars: Sequence[tuple[str, int]]


Block = Heading | Text | Bullets | Table | Chart


@dataclass(frozen=True)
class Document:
    """One file to be.  `path` is relative to the documents folder; `written` also becomes the file's time."""

    path: str
    title: str
    written: date
    blocks: Sequence[Block]
    author: str = "Acme Industrial"
    facts: Sequence[tuple[str, str]] = field(default=())  # "Owner: ...", shown under the title


def money(cents: int) -> str:
    """Cents as dollars with both decimals: 1234567 is "$12,345.67"."""
    sign = "-" if cents < 0 else ""
    whole, rest = divmod(abs(cents), 100)
    return f"{sign}${whole:,}.{rest:02d}"


def percent(part: int, whole: int) -> str:
    """`part` of `whole` in percent with one decimal, "n/a" when there is no whole."""
    return f"{100 * part / whole:.1f}%" if whole else "n/a"


def change(now: int, before: int) -> str:
    """The change from `before` to `now` with its sign, "n/a" when there is nothing to compare with."""
    return f"{100 * (now - before) / before:+.1f}%" if before else "n/a"


def long_date(day: date) -> str:
    """2026-07-04 is "4 July 2026"."""
    return f"{day.day} {day:%B %Y}"
