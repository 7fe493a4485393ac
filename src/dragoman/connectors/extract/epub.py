"""Books (.epub): the chapters in the order in which they are read, each a part, as Markdown.

What is encrypted or fetched from elsewhere is left out; nothing is fetched.
"""

from __future__ import annotations

import posixpath
from typing import Any
from urllib.parse import unquote

from dragoman.connectors.extract.archive import Archive
from dragoman.connectors.extract.document import Draft, Part, Unreadable
from dragoman.connectors.extract.html import read_html
from dragoman.connectors.extract.office import attribute, local, parse_xml

MAX_CHAPTERS = 5_000
_CONTAINER = "META-INF/container.xml"
_PAGES = frozenset({"application/xhtml+xml", "text/html", "application/x-dtbook+xml"})
_META = {"title": "title", "creator": "author", "date": "created", "language": "language", "publisher": "publisher"}


def read_epub(data: bytes) -> Draft:
    """Read a book.  Raises Unreadable when it is corrupt, protected or a bomb."""
    archive = Archive(data)
    if archive.read("META-INF/rights.xml") is not None:
        raise Unreadable("encrypted: it is protected against copying")
    container = archive.read(_CONTAINER)
    if container is None:
        raise Unreadable("corrupt: a zip file without a book in it")
    roots = [node for node in parse_xml(container, _CONTAINER).iter() if local(node) == "rootfile"]
    place = attribute(roots[0], "full-path") if roots else ""
    package = archive.read(place) if place else None
    if package is None:
        raise Unreadable("corrupt: a book without a table of its parts")
    root = parse_xml(package, place)
    meta, spine = _listed(root)
    parts: list[Part] = []
    notes: list[str] = []
    for href in spine[:MAX_CHAPTERS]:
        page = archive.read(posixpath.normpath(posixpath.join(posixpath.dirname(place), unquote(href))))
        if page is None:
            notes.append(f"a chapter is missing: {href[:100]}")
            continue
        draft = read_html(page)
        if draft.parts[0].text.strip():
            parts.append(Part(text=draft.parts[0].text, label=draft.title or f"chapter {len(parts) + 1}"))
    if not parts:
        raise Unreadable("empty: a book without text")
    return Draft(parts=parts, unit="chapter", title=meta.pop("title", ""), meta=meta, notes=notes[:20])


def _listed(root: Any) -> tuple[dict[str, str], list[str]]:
    """Return what the book says of itself, and its chapters' places in the order of reading."""
    meta: dict[str, str] = {}
    pages: dict[str, str] = {}
    order: list[str] = []
    for node in root.iter():
        name = local(node)
        if name == "item" and attribute(node, "media-type") in _PAGES:
            pages[attribute(node, "id")] = attribute(node, "href")
        elif name == "itemref":
            order.append(attribute(node, "idref"))
        elif name in _META and _META[name] not in meta and node.text:
            meta[_META[name]] = str(node.text).strip()[:500]
    return meta, [pages[one] for one in order if one in pages]
