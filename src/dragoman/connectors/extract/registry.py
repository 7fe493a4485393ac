"""Which reader takes which file: by its ending, checked against its first bytes.

A reader's module is loaded only when a file needs it, so that a missing package stops only its own format.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from typing import NamedTuple

from dragoman.connectors.extract.archive import OLE
from dragoman.connectors.extract.document import MAX_FILE_BYTES, Document, Draft, Unreadable
from dragoman.connectors.extract.pieces import finish

EXTRA = "docs"


class Format(NamedTuple):
    """One kind of file: the function that reads it and the package, if any, that this function needs."""

    kind: str
    reader: str
    package: str = ""
    signature: bytes = b""


_PDF = Format("pdf", "pdf:read_pdf", "pypdfium2", b"%PDF-")
_WORD = Format("docx", "docx:read_docx", "lxml", b"PK")
_SLIDES = Format("pptx", "pptx:read_pptx", "lxml", b"PK")
_BOOK = Format("xlsx", "sheets:read_sheets", "python_calamine")
_HTML = Format("html", "html:read_html", "selectolax")
_ODT = Format("odt", "odt:read_odt", "lxml", b"PK")
_RTF = Format("rtf", "rtf:read_rtf", "striprtf", b"{\\rtf")
_EPUB = Format("epub", "epub:read_epub", "lxml", b"PK")
_MAIL = Format("mail", "mail:read_mail")
_MBOX = Format("mbox", "mail:read_mbox", "", b"From ")
_IMAGE = Format("image", "pictures:read_image", "PIL")
_CSV = Format("csv", "tabular:read_csv")
_MARKDOWN = Format("markdown", "text:read_markdown")
_TEXT = Format("text", "text:read_text")

FORMATS: dict[str, Format] = {
    ".pdf": _PDF,
    **dict.fromkeys((".docx", ".docm"), _WORD),
    **dict.fromkeys((".pptx", ".pptm"), _SLIDES),
    **dict.fromkeys((".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"), _BOOK),
    **dict.fromkeys((".odt", ".ott"), _ODT),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff"), _IMAGE),
    ".rtf": _RTF,
    ".epub": _EPUB,
    ".eml": _MAIL,
    ".mbox": _MBOX,
    **dict.fromkeys((".html", ".htm", ".xhtml"), _HTML),
    **dict.fromkeys((".csv", ".tsv"), _CSV),
    **dict.fromkeys((".md", ".markdown"), _MARKDOWN),
    **dict.fromkeys((".txt", ".text", ".rst", ".adoc", ".org", ".log", ".tex", ".json", ".jsonl", ".xml"), _TEXT),
    **dict.fromkeys((".yaml", ".yml"), _TEXT),
}


# Files that are text by custom, and have no ending.
_BARE = frozenset(
    [
        "readme",
        "license",
        "licence",
        "copying",
        "copyright",
        "notice",
        "authors",
        "contributors",
        "news",
        "changelog",
        "changes",
        "history",
        "todo",
        "faq",
        "install",
        "thanks",
        "credits",
        "manifest",
    ]
)


def format_of(name: str) -> Format | None:
    """Return the format of a file of that name, None when there is no reader for it."""
    bare, ending = _named(name)
    return FORMATS.get(ending) if ending else _TEXT if bare in _BARE else None


def _named(name: str) -> tuple[str, str]:
    """Return the last step of a path and its ending, in lower case.  As pathlib does; that takes ten times as long."""
    bare = name.replace(os.sep, "/").rstrip("/").rpartition("/")[2].lower()
    at = bare.rfind(".")
    return bare, bare[at:] if 0 < at < len(bare) - 1 else ""


def missing_package(known: Format) -> str:
    """Return the package that `known` needs and that is not installed; empty when all is there."""
    return known.package if known.package and importlib.util.find_spec(known.package) is None else ""


def why_not(name: str, size: int) -> str:
    """Return why a file of that name and size, in bytes, is not even tried; empty when it is."""
    known = format_of(name)
    if known is None:
        return _unknown(_named(name)[1])
    if size > MAX_FILE_BYTES:
        return f"too large: {size:,} bytes, and the limit is {MAX_FILE_BYTES:,}"
    if missing := missing_package(known):
        return f'{known.kind} files need the package {missing}: pip install "dragoman[{EXTRA}]"'
    return ""


def _unknown(suffix: str) -> str:
    if suffix in (".db", ".sqlite", ".sqlite3"):
        return "a database: name it as a source of its own (dragoman serve FOLDER FILE.db)"
    if suffix in (".doc", ".ppt"):
        return f"the format of Office before 2007: save it as {suffix}x"
    return f"no reader for {suffix} files" if suffix else "no reader for files without an ending"


def picture(name: str, data: bytes, page: int) -> tuple[bytes, str]:
    """Return an image, or a page (from 1) of a PDF, small enough to be sent, and its media type.  Raises Unreadable."""
    known = format_of(name)
    if known not in (_IMAGE, _PDF):
        raise Unreadable(
            f"{known.kind if known else 'this'} has no pictures to show: only images and pages of a PDF are"
        )
    if missing := missing_package(_IMAGE):
        raise Unreadable(f'showing pictures needs the package {missing}: pip install "dragoman[{EXTRA}]"')
    show = importlib.import_module(f"{__package__}.pictures").picture
    try:
        made: tuple[bytes, str] = show(data, page)
    except (Unreadable, MemoryError):
        raise
    except Exception as fault:
        raise Unreadable(f"cannot be shown ({type(fault).__name__}: {str(fault)[:120]})") from fault
    return made


def convert(name: str, data: bytes) -> Document:
    """Return the document in `data`; the ending of `name` says what it is meant to be.

    Raises Unreadable with the reason for anything that cannot be read: any
    bytes may come in, and nothing else comes out but MemoryError.
    """
    if reason := why_not(name, len(data)):
        raise Unreadable(reason)
    if not data.strip():
        raise Unreadable("empty: the file has no content")
    known = format_of(name)
    assert known is not None
    if known.signature and known.signature not in data[:1024] and not data.startswith(OLE):
        raise Unreadable(f"corrupt: it does not start like a {known.kind} file")
    module, _, function = known.reader.partition(":")
    reader = getattr(importlib.import_module(f"{__package__}.{module}"), function)
    try:
        draft: Draft = reader(data, convert) if known in (_MAIL, _MBOX) else reader(data)
    except (Unreadable, MemoryError):
        raise
    except RecursionError as fault:
        raise Unreadable("refused: nested too deep") from fault
    except Exception as fault:
        # A reader's own failure, on a file made to cause one, must cost that file only.
        raise Unreadable(f"cannot be read ({type(fault).__name__}: {str(fault)[:120]})") from fault
    document = finish(draft, known.kind)
    if not document.pieces:
        raise Unreadable("empty: it holds no text")
    return document
