"""Lay a `Document` out as a PDF: outline, running header, numbered pages, tables and bar charts.

Core fonts only, so nothing is embedded and a page costs a few milliseconds; text is Latin-1.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time

from fpdf import FPDF

from company.documents import Bullets, Chart, Document, Heading, Table, Text

WIDTH = 170  # mm between the margins of an A4 page
LINE = 5.2
ROW = 6.4


class Sheet(FPDF):
    """A page with the company's header and footer."""

    def __init__(self, document: Document) -> None:
        super().__init__()
        self.document = document
        self.set_margins(20, 22, 20)
        self.set_auto_page_break(True, 20)
        self.set_title(document.title)
        self.set_author(document.author)
        self.set_creation_date(datetime.combine(document.written, time(12), UTC))
        self.set_producer("Acme Industrial")

    def header(self) -> None:
        if self.page_no() > 1:
            self.set_font("Helvetica", "I", 8)
            self.set_y(10)
            self.cell(WIDTH, 6, f"Acme Industrial - {self.document.title}", border="B")
            self.set_y(22)

    def footer(self) -> None:
        self.set_y(-14)
        self.set_font("Helvetica", "I", 8)
        self.cell(WIDTH, 6, f"Page {self.page_no()} of {{nb}}", align="C")


def render_pdf(document: Document) -> tuple[bytes, int]:
    """Return the file's bytes and its number of pages."""
    sheet = Sheet(document)
    sheet.add_page()
    sheet.set_font("Helvetica", "B", 20)
    sheet.multi_cell(WIDTH, 10, document.title, align="L", new_x="LMARGIN", new_y="NEXT")
    sheet.set_font("Helvetica", "", 10)
    for name, value in document.facts:
        sheet.multi_cell(WIDTH, LINE, f"{name}: {value}", align="L", new_x="LMARGIN", new_y="NEXT")
    sheet.ln(4)
    for block in document.blocks:
        match block:
            case Heading(text, level, new_page):
                _heading(sheet, text, level, new_page)
            case Text(text):
                _paragraph(sheet, text)
            case Bullets(items):
                for item in items:
                    _paragraph(sheet, f"-  {item}", gap=0.8)
                sheet.ln(2)
            case Table():
                _table(sheet, block)
            case Chart(bars):
                _chart(sheet, bars)
    return bytes(sheet.output()), sheet.pages_count


def _heading(sheet: Sheet, text: str, level: int, new_page: bool) -> None:
    if new_page or sheet.get_y() > 245:
        sheet.add_page()
    sheet.set_font("Helvetica", "B", 15 if level == 1 else 12)
    sheet.start_section(text, level=level - 1)
    sheet.cell(WIDTH, 9, text, new_x="LMARGIN", new_y="NEXT")
    sheet.ln(1)


def _paragraph(sheet: Sheet, text: str, gap: float = 2.5) -> None:
    sheet.set_font("Helvetica", "", 10)
    for line in _wrap(sheet, text, WIDTH):
        sheet.cell(WIDTH, LINE, line, new_x="LMARGIN", new_y="NEXT")
    sheet.ln(gap)


def _table(sheet: Sheet, table: Table) -> None:
    shares = table.widths or [2] + [1] * (len(table.header) - 1)
    widths = [WIDTH * share / sum(shares) for share in shares]
    if sheet.get_y() > 235:
        sheet.add_page()
    # A column of figures is set right, its header too.
    aligns = ["R" if all(_is_figure(row[column]) for row in table.rows) else "L" for column in range(len(widths))]
    _row(sheet, table.header, widths, aligns, "B")
    for row in table.rows:
        if sheet.get_y() > 262:
            sheet.add_page()
            _row(sheet, table.header, widths, aligns, "B")
        _row(sheet, row, widths, aligns, "")
    sheet.ln(4)


def _row(sheet: Sheet, cells: Sequence[str], widths: Sequence[float], aligns: Sequence[str], style: str) -> None:
    sheet.set_font("Helvetica", style, 9)
    wrapped = [_wrap(sheet, text, width - 3) for text, width in zip(cells, widths, strict=True)]
    height = ROW * max(map(len, wrapped))
    left, top = sheet.l_margin, sheet.get_y()
    for lines, width, align in zip(wrapped, widths, aligns, strict=True):
        for number, line in enumerate(lines):
            sheet.set_xy(left, top + ROW * number)
            sheet.cell(width, ROW, line, align=align)
        left += width
    sheet.line(sheet.l_margin, top + height, sheet.l_margin + WIDTH, top + height)
    sheet.set_xy(sheet.l_margin, top + height)


def _is_figure(text: str) -> bool:
    return text == "n/a" or (text[:1] in "$+-0123456789" and all(c in "$+-0123456789.,%" for c in text))


def _chart(sheet: Sheet, bars: Sequence[tuple[str, int]]) -> None:
    if sheet.get_y() + 8 * len(bars) > 265:
        sheet.add_page()
    sheet.set_font("Helvetica", "", 9)
    sheet.set_fill_color(70, 110, 160)
    most = max(value for _, value in bars) or 1
    for name, value in bars:
        top = sheet.get_y()
        sheet.cell(48, 7, name)
        sheet.rect(sheet.l_margin + 50, top + 1.5, max(0.3, 118 * value / most), 4, style="F")
        sheet.set_xy(sheet.l_margin, top + 7)
    sheet.ln(4)


def _wrap(sheet: Sheet, text: str, width: float) -> list[str]:
    """Cut `text` into lines no wider than `width` mm.  fpdf's own `multi_cell` needs twenty times as long."""
    space = sheet.get_string_width(" ")
    limit = width - 2 * sheet.c_margin
    lines: list[list[str]] = [[]]
    used = 0.0
    for word in text.split():
        size = sheet.get_string_width(word)
        if lines[-1] and used + space + size > limit:
            lines.append([])
            used = 0.0
        used += size + (space if lines[-1] else 0)
        lines[-1].append(word)
    return [" ".join(line) for line in lines]
