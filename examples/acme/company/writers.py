"""Write a `Document` as the kind of file its path names.

The same document gives the same bytes each time: dates inside the files are the document's own, never today's.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from html import escape
from io import BytesIO
from pathlib import Path

import docx
from openpyxl import Workbook
from openpyxl.styles import Font

from company.documents import Bullets, Chart, Document, Heading, Table, Text
from company.pdf import render_pdf

Sheet = tuple[str, Sequence[Sequence[object]]]


def write(folder: Path, document: Document) -> int:
    """Write one document under `folder`; return its number of pages, 1 for formats without pages."""
    path = folder / document.path
    path.parent.mkdir(parents=True, exist_ok=True)
    pages = 1
    if path.suffix == ".pdf":
        data, pages = render_pdf(document)
        path.write_bytes(data)
    elif path.suffix == ".docx":
        path.write_bytes(_docx(document))
    else:
        render: dict[str, Callable[[Document], str]] = {".html": _html, ".md": _markdown, ".txt": _plain}
        path.write_text(render[path.suffix](document), encoding="utf-8", newline="\n")
    _date(path, document.written)
    return pages


def write_workbook(path: Path, title: str, written: date, sheets: Sequence[Sheet]) -> None:
    """Write an Excel file: each sheet is a name and its rows, the first of them the header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets:
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
        for cell in sheet[1]:
            cell.font = Font(bold=True)
        sheet.column_dimensions["A"].width = 34
    book.properties.title = title
    book.properties.creator = "Acme Industrial"
    moment = datetime.combine(written, time(12))
    book.properties.created = book.properties.modified = moment
    buffer = BytesIO()
    book.save(buffer)
    path.write_bytes(_settled(buffer.getvalue(), moment))
    _date(path, written)


def write_csv(path: Path, written: date, rows: Sequence[Sequence[object]]) -> None:
    """Write comma-separated values; fields with a comma or a quote are quoted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (",".join(_field(str(value)) for value in row) for row in rows)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    _date(path, written)


def _field(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\n') else text


def _date(path: Path, written: date) -> None:
    # The file's time is part of the truth: "latest" can be answered from it.
    stamp = datetime.combine(written, time(12), UTC).timestamp()
    os.utime(path, (stamp, stamp))


def _docx(document: Document) -> bytes:
    word = docx.Document()
    word.add_heading(document.title, level=0)
    for name, value in document.facts:
        word.add_paragraph(f"{name}: {value}")
    for block in document.blocks:
        match block:
            case Heading(text, level):
                word.add_heading(text, level=level)
            case Text(text):
                word.add_paragraph(text)
            case Bullets(items):
                for item in items:
                    word.add_paragraph(item, style="List Bullet")
            case Table(header, rows):
                _docx_table(word, [header, *rows])
            case Chart():
                pass
    moment = datetime.combine(document.written, time(12))
    about = word.core_properties
    about.title, about.author, about.comments = document.title, document.author, ""
    about.created = about.modified = moment
    buffer = BytesIO()
    word.save(buffer)
    return _settled(buffer.getvalue(), moment)


def _docx_table(word: docx.document.Document, rows: Sequence[Sequence[str]]) -> None:
    table = word.add_table(rows=len(rows), cols=len(rows[0]))
    table.style = "Light Grid Accent 1"
    # `table.cell` and `row.cells` lay the whole grid out again on each call.
    cells = iter(table._cells)
    for row in rows:
        for text in row:
            next(cells).text = text


def _settled(data: bytes, moment: datetime) -> bytes:
    """The same zip archive with every member dated `moment`, and openpyxl's date of saving taken back."""
    buffer = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            info = zipfile.ZipInfo(name, moment.timetuple()[:6])
            info.external_attr = 0o600 << 16
            body = old.read(name)
            if name == "docProps/core.xml":
                body = _dated(body, moment)
            new.writestr(info, body, zipfile.ZIP_DEFLATED, 6)
    return buffer.getvalue()


def _dated(core: bytes, moment: datetime) -> bytes:
    start = core.find(b">", core.find(b"<dcterms:modified")) + 1
    end = core.find(b"</dcterms:modified>")
    return core[:start] + f"{moment:%Y-%m-%dT%H:%M:%SZ}".encode() + core[end:] if end > 0 else core


def _html(document: Document) -> str:
    parts = [
        "<!DOCTYPE html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(document.title)}</title>',
        f'<meta name="author" content="{escape(document.author)}">',
        f'<meta name="date" content="{document.written}">',
        "<style>body{font-family:sans-serif;max-width:50em;margin:auto}td,th{padding:.3em .8em}</style></head><body>",
        '<nav><a href="index.html">Acme Industrial</a></nav>',
        f"<h1>{escape(document.title)}</h1>",
    ]
    parts += [f"<p><b>{escape(name)}:</b> {escape(value)}</p>" for name, value in document.facts]
    for block in document.blocks:
        match block:
            case Heading(text, level):
                parts.append(f"<h{level + 1}>{escape(text)}</h{level + 1}>")
            case Text(text):
                parts.append(f"<p>{escape(text)}</p>")
            case Bullets(items):
                parts.append("<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>")
            case Table(header, rows):
                parts.append(
                    "<table>" + _html_row(header, "th") + "".join(_html_row(r, "td") for r in rows) + "</table>"
                )
            case Chart():
                pass
    return "\n".join([*parts, "<footer>Acme Industrial</footer>", "</body></html>", ""])


def _html_row(cells: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>\n"


def _markdown(document: Document) -> str:
    parts = [f"# {document.title}"]
    if document.facts:
        parts.append("\n".join(f"- **{name}:** {value}" for name, value in document.facts))
    for block in document.blocks:
        match block:
            case Heading(text, level):
                parts.append(f"{'#' * (level + 1)} {text}")
            case Text(text):
                parts.append(text)
            case Bullets(items):
                parts.append("\n".join(f"- {item}" for item in items))
            case Table(header, rows):
                lines = [header, ["---"] * len(header), *rows]
                parts.append("\n".join("| " + " | ".join(line) + " |" for line in lines))
            case Chart():
                pass
    return "\n\n".join(parts) + "\n"


def _plain(document: Document) -> str:
    parts = [document.title.upper()]
    if document.facts:
        parts.append("\n".join(f"{name}: {value}" for name, value in document.facts))
    for block in document.blocks:
        match block:
            case Heading(text):
                parts.append(f"{text}\n{'-' * len(text)}")
            case Text(text):
                parts.append(text)
            case Bullets(items):
                parts.append("\n".join(f"* {item}" for item in items))
            case Table(header, rows):
                parts.append("\n".join("  ".join(row) for row in [header, *rows]))
            case Chart():
                pass
    return "\n\n".join(parts) + "\n"
