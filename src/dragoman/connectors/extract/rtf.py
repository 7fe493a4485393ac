"""Rich text (.rtf): its words, without fonts, pictures, styles and addresses of links.

Read by striprtf, some of whose expressions take the square or the cube of the length: what these look for is changed
before, so that they find it within an entry, or not at all.
"""

from __future__ import annotations

import re
from typing import Any

from striprtf import striprtf

from dragoman.connectors.extract.document import Draft, Part, Unreadable

_BINARY = re.compile(rb"\\bin-?\d")
_INFO = re.compile(r"\{\\(title|author|subject) ([^{}\\]{1,500})\}")
_FIELD = re.compile(rb"(\\field)\{", re.IGNORECASE)
_BRACE = re.compile(r"[{}]")
_LONG_ENTRY = re.compile(r"[^;]{1000}")
_PICTURE = re.compile(rb"\{\\\*?\\?(?:shp)?pict\b[^{}]*(?:\{[^{}]*\}[^{}]*)*\}")


def read_rtf(data: bytes) -> Draft:
    """Read rich text.  Raises Unreadable for what does not start like it, or holds raw binary parts."""
    if not data.lstrip().startswith(b"{\\rtf"):
        raise Unreadable("corrupt: it does not start like rich text")
    if _BINARY.search(data):
        raise Unreadable("refused: rich text with raw binary parts")
    # A blank behind a word belongs to the word, and hides fields from the expression for links.
    source = _by_entry(_FIELD.sub(rb"\1 {", _PICTURE.sub(b"", data)).decode("latin-1"))
    reader: Any = striprtf  # untyped
    text = str(reader.rtf_to_text(source, errors="replace"))
    meta = {name: " ".join(value.split()) for name, value in _INFO.findall(source[:20_000])}
    lines = [line.rstrip() for line in text.replace("\r", "").split("\n")]
    joined = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
    return Draft(parts=[Part(text=joined)], title=meta.pop("title", ""), meta=meta, markdown=False)


def _by_entry(source: str) -> str:
    """Return rich text with each font of its table on a line of its own; without the table if one is endless."""
    start = source.find("\\fonttbl")
    if start < 0:
        return source
    depth, end = 1, len(source)
    for brace in _BRACE.finditer(source, start):
        depth += 1 if brace[0] == "{" else -1
        if not depth:
            end = brace.start()
            break
    fonts = source[start:end]
    return source[:start] + ("" if _LONG_ENTRY.search(fonts) else fonts.replace(";", ";\n")) + source[end:]
