"""Rows of cells as a Markdown table: the one writer all readers use.

Every row comes out on a line of its own with as many cells as the widest row has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def cell(value: object) -> str:
    """Return `value` on one line, with the column sign escaped."""
    text = "" if value is None else str(value)
    if "|" in text:
        text = text.replace("|", "\\|")
    return " ".join(text.split()) if "\n" in text or "\r" in text or "  " in text else text.strip()


def markdown_table(rows: Iterable[Sequence[object]]) -> str:
    """Return the rows as a table whose first row is the header; empty when there is no row."""
    table = [[cell(value) for value in row] for row in rows]
    if not table:
        return ""
    width = max(len(row) for row in table)
    lines = ["| " + " | ".join(row + [""] * (width - len(row))) + " |" for row in table]
    lines.insert(1, "|" + " --- |" * width)
    return "\n".join(lines) + "\n"


def trim(rows: Sequence[Sequence[object]]) -> list[list[object]]:
    """Return the rows without empty rows and without columns that are empty at the right."""
    kept = [list(row) for row in rows if any(value not in ("", None) for value in row)]
    width = max((1 + max(i for i, value in enumerate(row) if value not in ("", None)) for row in kept), default=0)
    return [row[:width] for row in kept]


def columns(rows: Sequence[Sequence[object]], limit: int = 200) -> str:
    """Return the header's names on one line, for the index."""
    return ", ".join(text for value in rows[0] if (text := cell(value)))[:limit] if rows else ""
