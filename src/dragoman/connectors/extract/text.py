"""Plain text and Markdown, in whatever encoding they come.

Promise: any bytes that are text are shown; bytes that are not are refused as binary.
"""

from __future__ import annotations

import codecs
import re

from dragoman.connectors.extract.document import Draft, Part, Unreadable

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What Python decodes, and no document is written in: some take the square of the length, some raise what is their own.
_NO_ENCODING = frozenset({"idna", "punycode", "undefined", "unicode-escape", "unicode_escape", "raw-unicode-escape"})
_FRONT_MATTER = re.compile(r"\A---\n(.{0,4000}?)\n(?:---|\.\.\.)\n", re.DOTALL)
_KEY_LINE = re.compile(r"^(title|date|author):[ \t]*+(.+)$", re.MULTILINE)
_SECRET = re.compile(r"-----BEGIN (?:[A-Z]+ ){0,3}PRIVATE KEY")


def decode(data: bytes, declared: str = "") -> str:
    """Return the text in `data`; `declared` is the encoding that the file names itself.

    A byte order mark wins, then the declaration, then UTF-8; what is left is
    read as Windows-1252, which takes nearly any byte.  Raises Unreadable for
    binary data and for files that hold a private key.
    """
    text = _decode(data, declared)
    if "\x00" in text[:65536]:
        raise Unreadable("binary data, not text")
    if _SECRET.search(text):
        raise Unreadable("not served: it holds a private key")
    return text


def _decode(data: bytes, declared: str) -> str:
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    for encoding in (declared, "utf-8"):
        try:
            if encoding and codecs.lookup(encoding).name not in _NO_ENCODING:
                return data.decode(encoding)
        except (ValueError, LookupError):  # the first also for a name with a NUL in it
            continue
    return data.decode("cp1252", "replace")


def read_text(data: bytes) -> Draft:
    """Read plain text: every line as it stands, no headings."""
    return Draft(parts=[Part(text=decode(data))], markdown=False)


def read_markdown(data: bytes) -> Draft:
    """Read Markdown as it stands; front matter gives title, date and author."""
    text = decode(data).replace("\r\n", "\n")
    front = _FRONT_MATTER.match(text)
    meta = {key: value.rstrip(" \t").strip("\"'") for key, value in _KEY_LINE.findall(front[1])} if front else {}
    return Draft(parts=[Part(text=text)], title=meta.pop("title", ""), meta=meta)
