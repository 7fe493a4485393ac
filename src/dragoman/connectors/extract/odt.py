"""OpenDocument texts (.odt): headings, paragraphs, lists and tables, as Markdown.

Like Word files they keep no pages, so lines are the address inside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from dragoman.connectors.extract.archive import Archive
from dragoman.connectors.extract.document import Draft, Part, Unreadable
from dragoman.connectors.extract.office import attribute, local, parse_xml
from dragoman.connectors.extract.tables import markdown_table

_CONTENT, _META = "content.xml", "meta.xml"
_MAX_DEPTH = 40
_MAX_REPEAT = 200  # of one cell or row, which the file gives as a number
_LEFT_OUT = frozenset({"annotation", "tracked-changes", "note-citation", "sequence-decls", "forms"})
_META_NAMES = {
    "title": "title",
    "creator": "author",
    "subject": "subject",
    "creation-date": "created",
    "date": "modified",
}


def read_odt(data: bytes) -> Draft:
    """Read an OpenDocument text.  Raises Unreadable when it is corrupt, encrypted or a bomb."""
    archive = Archive(data)
    xml = archive.read(_CONTENT)
    if xml is None:
        raise Unreadable("corrupt: a zip file without an OpenDocument text in it")
    if b"manifest:encryption-data" in (archive.read("META-INF/manifest.xml") or b""):
        raise Unreadable("encrypted: it opens only with a password")
    body = next((node for node in parse_xml(xml, _CONTENT).iter() if local(node) == "text"), None)
    if body is None:
        raise Unreadable("corrupt: an OpenDocument text without a text")
    text = re.sub(r"\n{3,}", "\n\n", "".join(_blocks(body, 0, ""))).strip("\n")
    meta = _properties(archive.read(_META))
    return Draft(parts=[Part(text=text)], title=meta.pop("title", ""), meta=meta)


def _properties(xml: bytes | None) -> dict[str, str]:
    if xml is None:
        return {}
    found: dict[str, str] = {}
    for node in parse_xml(xml, _META).iter():
        name = _META_NAMES.get(local(node), "")
        if name and name not in found and node.text:
            found[name] = str(node.text).strip()[:500]
    return found


def _blocks(parent: Any, depth: int, mark: str) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        return
    for node in parent:
        name = local(node)
        if name == "h":
            level = attribute(node, "outline-level")
            if words := _words(node):
                yield f"\n{'#' * min(int(level) if level.isdigit() else 1, 6)} {words}\n\n"
        elif name == "p":
            if words := _words(node):
                plain = "\\" + words if words.startswith("#") else words
                yield f"{mark}{plain}\n" if mark else f"{plain}\n\n"
        elif name == "list":
            for item in node:
                yield from _blocks(item, depth + 1, f"{'  ' * (len(mark) // 2)}- ")
            yield "" if mark else "\n"
        elif name == "table":
            yield "\n" + markdown_table(_rows(node, 0)) + "\n"
        elif name not in _LEFT_OUT:
            yield from _blocks(node, depth + 1, mark)


def _rows(table: Any, depth: int) -> Iterator[list[str]]:
    for node in table:
        name = local(node)
        if name == "table-row":
            row: list[str] = []
            for cell in node:
                if local(cell) in ("table-cell", "covered-table-cell"):
                    text = " ".join("".join(_blocks(cell, depth + 1, "")).split())
                    row += [text] * (_times(cell, "number-columns-repeated") if text else 1)
            yield row
        elif name in ("table-header-rows", "table-rows", "table-row-group") and depth < _MAX_DEPTH:
            yield from _rows(node, depth + 1)


def _times(node: Any, name: str) -> int:
    said = attribute(node, name)
    return min(int(said), _MAX_REPEAT) if said.isdigit() else 1


def _words(node: Any) -> str:
    """Return a paragraph's text on one line, spaces and tabs that are elements included."""
    found: list[str] = []
    waiting: list[Any] = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            found.append(one)
            continue
        name = local(one)
        if one is not node and one.tail:
            waiting.append(one.tail)
        if name in ("s", "tab", "line-break"):
            found.append(" ")
        elif name not in _LEFT_OUT:
            waiting.extend(reversed(list(one)))
            found.append(one.text or "")
    return " ".join("".join(found).split())
