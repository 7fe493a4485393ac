"""CSV and TSV, shown as one Markdown table.

The delimiter is found by counting, since files named .csv hold semicolons as often as commas.
"""

from __future__ import annotations

import csv
import io

from dragoman.connectors.extract.document import MAX_CHARS, Draft, Part, Unreadable
from dragoman.connectors.extract.tables import columns, markdown_table, trim
from dragoman.connectors.extract.text import decode

_DELIMITERS = ",;\t|"
_MAX_FIELD = 1024 * 1024  # characters


def delimiter(text: str) -> str:
    """Return the sign that splits the first lines most evenly; a comma when none does."""
    lines = [line for line in text[:20_000].splitlines()[:20] if line.strip()]
    best, score = ",", (0, 0)
    for sign in _DELIMITERS:
        counts = [line.count(sign) for line in lines]
        common = max(set(counts), key=counts.count, default=0)
        if common and (counts.count(common), common) > score:
            best, score = sign, (counts.count(common), common)
    return best


def read_csv(data: bytes) -> Draft:
    """Read comma- or otherwise separated values; the first row is the header."""
    text = decode(data)
    notes: list[str] = []
    if len(text) > MAX_CHARS:
        text = text[: text.rfind("\n", 0, MAX_CHARS) + 1 or MAX_CHARS]
        notes.append(f"only the first {MAX_CHARS:,} characters are indexed")
    csv.field_size_limit(_MAX_FIELD)
    try:
        rows = trim(list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter(text))))
    except csv.Error as fault:
        raise Unreadable(f"not readable as CSV: {fault}") from fault
    return Draft(
        parts=[Part(text=markdown_table(rows), columns=columns(rows))],
        markdown=False,
        notes=notes,
        meta={"rows": str(max(len(rows) - 1, 0)), "columns": str(len(rows[0]) if rows else 0)},
    )
