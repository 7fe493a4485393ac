"""Spreadsheets (.xlsx, .xlsb, .xls, .ods) through calamine: one part a sheet, each a Markdown table.

Values are those the file holds; formulas are not computed again.
"""

from __future__ import annotations

import datetime
import io
from typing import Any

import python_calamine

from dragoman.connectors.extract.archive import OLE, Archive
from dragoman.connectors.extract.document import MAX_CHARS, Draft, Part, Unreadable
from dragoman.connectors.extract.tables import columns, markdown_table, trim

_MAX_SHEETS = 1_000


def read_sheets(data: bytes) -> Draft:
    """Read a workbook.  Raises Unreadable when it is corrupt, encrypted or a bomb."""
    if not data.startswith(OLE):
        Archive(data)  # refuses bombs before calamine unpacks them
    try:
        book: Any = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        names: list[str] = book.sheet_names
        parts, notes = _sheets(book, names[:_MAX_SHEETS])
    except python_calamine.PasswordError as fault:
        raise Unreadable("encrypted: it opens only with a password") from fault
    except (python_calamine.CalamineError, OSError, ValueError) as fault:
        raise Unreadable(f"corrupt: not a workbook that can be opened ({str(fault)[:100]})") from fault
    return Draft(parts=parts, unit="sheet", markdown=False, notes=notes, meta={"sheets": ", ".join(names[:50])})


def _sheets(book: Any, names: list[str]) -> tuple[list[Part], list[str]]:
    parts: list[Part] = []
    notes: list[str] = []
    size = 0
    for name in names:
        try:
            rows = trim([[_value(value) for value in row] for row in book.get_sheet_by_name(name).to_python()])
        except python_calamine.CalamineError as fault:
            notes.append(f"sheet {name} cannot be read: {str(fault)[:100]}")
            rows = []
        text = markdown_table(rows)
        parts.append(Part(text=text, label=name, columns=columns(rows)))
        size += len(text)
        if size > MAX_CHARS:
            break
    return parts, notes


def _value(value: object) -> object:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)  # Excel knows no integers: 12 is stored as 12.0
    if isinstance(value, float):
        return round(value, 12)  # 0.1 + 0.2 is shown as 0.3 by Excel as well
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return value
