"""Rich text (.rtf): its words, without fonts, pictures and styles."""

from __future__ import annotations

import re
from typing import Any

from striprtf import striprtf

from dragoman.connectors.extract.document import Draft, Part, Unreadable

_BINARY = re.compile(rb"\\bin-?\d")
_INFO = re.compile(r"\{\\(title|author|subject) ([^{}\\]{1,500})\}")
_PICTURE = re.compile(rb"\{\\\*?\\?(?:shp)?pict\b[^{}]*(?:\{[^{}]*\}[^{}]*)*\}")


def read_rtf(data: bytes) -> Draft:
    """Read rich text.  Raises Unreadable for what does not start like it, or holds raw binary parts."""
    if not data.lstrip().startswith(b"{\\rtf"):
        raise Unreadable("corrupt: it does not start like rich text")
    if _BINARY.search(data):
        raise Unreadable("refused: rich text with raw binary parts")
    source = _PICTURE.sub(b"", data).decode("latin-1")
    reader: Any = striprtf  # untyped
    text = str(reader.rtf_to_text(source, errors="replace"))
    meta = {name: " ".join(value.split()) for name, value in _INFO.findall(source[:20_000])}
    lines = [line.rstrip() for line in text.replace("\r", "").split("\n")]
    joined = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
    return Draft(parts=[Part(text=joined)], title=meta.pop("title", ""), meta=meta, markdown=False)
