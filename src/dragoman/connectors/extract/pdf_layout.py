"""From a page's lines and where they stand to Markdown: which lines are headings, which are rows of a table.

Pure, so that it can be tested without a PDF.  Wrong guesses only cost looks: no word is ever dropped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from dragoman.connectors.extract.tables import markdown_table

_LARGER = 1.15  # times the body's size: a heading
_GAP = 0.9  # times the letter's size: wider than any blank between words of one cell
_MIN_ROWS = 2
MAX_HEADING = 100  # characters

Cell = tuple[float, float, str]


class Line(NamedTuple):
    """One line: its text, its letters' size, and the words' left and right edges where it may be a row."""

    text: str
    size: float
    words: Sequence[Cell]


def body_size(lines: Iterable[Line]) -> float:
    """Return the size that most of the text has, in the PDF's units; 0 when none is known."""
    weights: Counter[float] = Counter()
    for line in lines:
        weights[round(line.size, 1)] += len(line.text)
    weights.pop(0.0, None)
    return weights.most_common(1)[0][0] if weights else 0.0


def render(lines: Sequence[Line], body: float) -> str:
    """Return the page as Markdown: `#` before headings, tables as tables, the rest as it stands."""
    out: list[str] = []
    at = 0
    while at < len(lines):
        rows = _table_at(lines, at)
        if rows:
            out.append("\n" + markdown_table(rows))
            at += len(rows)
            continue
        line = lines[at]
        level = _level(line, body)
        out.append(f"\n{'#' * level} {line.text}\n" if level else _plain(line.text))
        at += 1
    return "".join(out).strip("\n") + "\n" if out else ""


def _plain(text: str) -> str:
    # A line that happens to start with # must not become a heading of the outline.
    return ("\\" + text if text.startswith("#") else text) + "\n"


def _level(line: Line, body: float) -> int:
    if not body or line.size < body * _LARGER or len(line.text) > MAX_HEADING or not any(map(str.isalpha, line.text)):
        return 0
    return 1 if line.size >= body * 1.6 else 2 if line.size >= body * 1.3 else 3


def _cells(line: Line) -> list[Cell]:
    """Join the words that stand close; what a wide gap sets apart is the next cell."""
    cells: list[Cell] = []
    wide = _GAP * (line.size if line.size > 2 else 10.0)
    for left, right, text in line.words:
        if cells and left - cells[-1][1] < wide:
            cells[-1] = (cells[-1][0], right, f"{cells[-1][2]} {text}")
        else:
            cells.append((left, right, text))
    return cells


def _table_at(lines: Sequence[Line], at: int) -> list[list[str]]:
    """Return the rows of the table that starts at line `at`, or nothing.

    Rows must follow each other, have two cells or more, and stand in the
    columns of the widest row.
    """
    found: list[list[Cell]] = []
    for line in lines[at:]:
        cells = _cells(line)
        if len(cells) < 2 or any(right < left for left, right, _ in cells):
            break
        found.append(cells)
    if len(found) < _MIN_ROWS:
        return []
    widest = max(found, key=len)
    spans = [(left, right) for left, right, _ in widest]
    rows: list[list[str]] = []
    for cells in found:
        row = _place(cells, spans)
        if row is None:
            break
        rows.append(row)
    return rows if len(rows) >= _MIN_ROWS else []


def _place(cells: Sequence[Cell], spans: Sequence[tuple[float, float]]) -> list[str] | None:
    """Put each cell into the column it stands in; None when two want the same one."""
    if len(cells) == len(spans):
        return [text for _, _, text in cells]
    row = [""] * len(spans)
    for left, right, text in cells:
        column = min(range(len(spans)), key=lambda i: _distance((left, right), spans[i]))
        if row[column]:
            return None
        row[column] = text
    return row


def _distance(cell: tuple[float, float], span: tuple[float, float]) -> float:
    """How far apart: columns are flush left, flush right or centred."""
    middle = abs(cell[0] + cell[1] - span[0] - span[1]) / 2
    return min(abs(cell[0] - span[0]), abs(cell[1] - span[1]), middle)
