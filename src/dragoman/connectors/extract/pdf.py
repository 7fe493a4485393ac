"""PDF through PDFium: text page by page, headings by their size, tables by their gaps.

Modest on purpose: no model, no picture is read.  A file without a text layer is refused with that reason.
"""

from __future__ import annotations

import ctypes
import re
from typing import Any

import pypdfium2  # pyright: ignore[reportMissingTypeStubs]
import pypdfium2.raw  # pyright: ignore[reportMissingTypeStubs]

from dragoman.connectors.extract.document import Draft, Heading, Part, Unreadable
from dragoman.connectors.extract.pdf_layout import MAX_HEADING, Line, body_size, render

MAX_PAGES = 20_000
_META = {"Author": "author", "Subject": "subject", "CreationDate": "created", "ModDate": "modified"}
_DATE = re.compile(r"D:(\d{4})(\d\d)?(\d\d)?")
_WORD = re.compile(r"\S+")
_DIGIT = re.compile(r"[0-9]")
_PROSE = (
    0.52  # of the letters' size: the middle width of a letter in nine of ten lines of prose, and in no row of a table
)
_SAMPLES = 5  # long lines a page that are asked for their size: enough to know the body's
SCANNED = (
    "no text layer: its pages are pictures (a scan?); fetch shows one with #page=1&image behind the address; "
    "for its words, run text recognition (OCR) on it first"
)
_raw: Any = pypdfium2.raw


def read_pdf(data: bytes) -> Draft:
    """Read a PDF: one part a page.

    Raises Unreadable when it is corrupt, wants a password, or holds pictures only.
    """
    try:
        pdf: Any = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as fault:
        if "password" in str(fault).lower():
            raise Unreadable("encrypted: it opens only with a password") from fault
        raise Unreadable("corrupt: not a PDF that can be opened") from fault
    try:
        return _read(pdf)
    except pypdfium2.PdfiumError as fault:
        raise Unreadable("corrupt: a page of this PDF cannot be opened") from fault
    finally:
        pdf.close()


def _read(pdf: Any) -> Draft:
    count = min(len(pdf), MAX_PAGES)
    if not count:
        raise Unreadable("a PDF without a page")
    pages = [_page_lines(pdf, number) for number in range(count)]
    empty = [number for number, lines in enumerate(pages, 1) if not lines]
    if len(empty) == count:
        raise Unreadable(SCANNED)
    body = body_size(line for page in pages for line in page)
    notes = [f"pages without text: {_some(empty)}"] if empty else []
    if len(pdf) > MAX_PAGES:
        notes.append(f"only the first {MAX_PAGES:,} of {len(pdf):,} pages are indexed")
    meta = _metadata(pdf)
    return Draft(
        parts=[Part(text=render(page, body)) for page in pages],
        unit="page",
        title=_title(meta.pop("Title", "")),
        outline=_bookmarks(pdf),
        meta=meta,
        notes=notes,
    )


def _page_lines(pdf: Any, number: int) -> list[Line]:
    page = pdf[number]
    try:
        textpage = page.get_textpage()
        try:
            return _Reader(textpage).lines()
        finally:
            textpage.close()
    finally:
        page.close()


class _Reader:
    """One page's lines.  Geometry costs a call into C for each number, so it is asked for only where it can matter."""

    def __init__(self, textpage: Any) -> None:
        self._page = textpage.raw
        self._text: str = textpage.get_text_range()
        self._box = _raw.FS_RECTF()
        self._ref = ctypes.byref(self._box)
        # Letters beyond the basic plane count twice in PDFium: such a page goes without sizes and tables.
        self._exact = max(self._text, default="") <= "\uffff"
        self._same = textpage.count_chars() == len(self._text)

    def lines(self) -> list[Line]:
        raws = self._text.split("\n")
        rows = [_tabular(raw) for raw in raws]
        found: list[Line] = []
        at = samples = 0
        for number, raw in enumerate(raws):
            shown = raw.strip()
            if shown:
                short = len(shown) <= MAX_HEADING
                samples += not short
                size = self._size(at + raw.index(shown[0])) if short or samples < _SAMPLES else 0.0
                beside = any(rows[max(number - 1, 0) : number]) or any(rows[number + 1 : number + 2])
                found.append(Line(shown, size, self._cells(raw, at, size) if rows[number] and beside else ()))
            at += len(raw) + 1
        return found

    def _index(self, position: int) -> int:
        if self._same:
            return position
        return int(_raw.FPDFText_GetCharIndexFromTextIndex(self._page, position)) if self._exact else -1

    def _size(self, position: int) -> float:
        index = self._index(position)
        return float(_raw.FPDFText_GetFontSize(self._page, index)) if index >= 0 else 0.0

    def _cells(self, raw: str, at: int, size: float) -> list[tuple[float, float, str]]:
        """Return `(left, right, text)` of each word; none for prose, and where PDFium does not know."""
        words = list(_WORD.finditer(raw))
        if not self._exact or not 2 <= len(words) <= 40 or not self._stretched(words, at, size):
            return []
        box, ref, ask, page = self._box, self._ref, _raw.FPDFText_GetLooseCharBox, self._page
        place = self._index
        cells: list[tuple[float, float, str]] = []
        for word in words:
            start, end = word.span()
            if not ask(page, place(at + start), ref):
                return []
            left, right = box.left, box.right
            if end - start > 1:
                if not ask(page, place(at + end - 1), ref):
                    return []
                right = box.right
            cells.append((left, right, word[0]))
        return cells

    def _stretched(self, words: list[re.Match[str]], at: int, size: float) -> bool:
        """Tell whether the line is wider than its letters need: two numbers that spare those of every word."""
        first, end = words[0].start(), words[-1].end()
        if not _raw.FPDFText_GetLooseCharBox(self._page, self._index(at + first), self._ref):
            return False
        left = self._box.left
        if not _raw.FPDFText_GetLooseCharBox(self._page, self._index(at + end - 1), self._ref):
            return False
        return not size or self._box.right - left > _PROSE * size * (end - first)


def _tabular(raw: str) -> bool:
    """Tell whether a line may be a row of a table: short, or with numbers in it."""
    if " " not in raw.strip():
        return False
    if len(raw) < 60 and not raw.rstrip().endswith((".", ",", ";", ":")):
        return True
    digits = len(_DIGIT.findall(raw))
    return digits >= 3 and digits * 8 >= len(raw)


def _bookmarks(pdf: Any) -> list[Heading]:
    outline: list[Heading] = []
    try:
        for mark in pdf.get_toc(max_depth=6):
            target = mark.get_dest()
            index = target.get_index() if target is not None else None
            title = (mark.get_title() or "").strip()
            if index is not None and title:
                outline.append(Heading(mark.level + 1, title, index + 1, 1))
            if len(outline) >= 2_000:
                break
    except (pypdfium2.PdfiumError, UnicodeDecodeError):
        return []  # a broken outline is no reason to lose the text
    return outline


def _metadata(pdf: Any) -> dict[str, str]:
    try:
        found: dict[str, str] = pdf.get_metadata_dict(skip_empty=True)
    except (pypdfium2.PdfiumError, UnicodeDecodeError):
        return {}
    meta = {"Title": found.get("Title", "")}
    for key, name in _META.items():
        value = found.get(key, "")
        if key.endswith("Date"):
            day = _DATE.match(value)
            value = "-".join(part for part in day.groups() if part) if day else ""
        if value:
            meta[name] = value
    return meta


def _title(title: str) -> str:
    """Drop the titles that programs leave behind, such as "Microsoft Word - draft7.doc"."""
    title = title.strip()
    named_by_program = re.search(
        r"^(untitled|microsoft \w+ - )|\.(docx?|indd|tex|dvi|pdf|xlsx?)$", title, re.IGNORECASE
    )
    return "" if named_by_program else title


def _some(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:20]))
    return f"{shown} and {len(numbers) - 20} more" if len(numbers) > 20 else shown
