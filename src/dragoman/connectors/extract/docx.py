"""Word files (.docx): paragraphs, headings by their style, lists and tables, as Markdown.

Word keeps no pages in the file, so lines are the only address inside.  Deleted text, comments, headers and footers are
left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from dragoman.connectors.extract.archive import Archive
from dragoman.connectors.extract.document import Draft, Part, Unreadable
from dragoman.connectors.extract.office import attribute, descendants, local, parse_xml, properties
from dragoman.connectors.extract.tables import markdown_table

_BODY = "word/document.xml"
_HEADING = re.compile(r"heading (\d)")
_ENDS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_MAX_DEPTH = 8  # tables inside tables


def read_docx(data: bytes) -> Draft:
    """Read a Word file.  Raises Unreadable when it is corrupt, encrypted or a bomb."""
    archive = Archive(data)
    xml = archive.read(_BODY)
    if xml is None:
        raise Unreadable("corrupt: a zip file without a Word document in it")
    body = next((node for node in parse_xml(xml, _BODY) if local(node) == "body"), None)
    if body is None:
        raise Unreadable("corrupt: a Word document without a body")
    meta = properties(archive)
    text = "".join(_blocks(body, _styles(archive), 0))
    return Draft(parts=[Part(text=re.sub(r"\n{3,}", "\n\n", text).strip("\n"))], title=meta.pop("title", ""), meta=meta)


def _styles(archive: Archive) -> dict[str, int]:
    """Return the heading level of each style that has one; names are English whatever Word's language is."""
    data = archive.read("word/styles.xml")
    levels: dict[str, int] = {}
    for style in parse_xml(data, "word/styles.xml") if data else ():
        if local(style) != "style":
            continue
        for node in descendants(style):
            if local(node) == "name":
                name = attribute(node, "val").lower()
                if found := _HEADING.match(name):
                    levels[attribute(style, "styleId")] = int(found[1])
                elif name == "title":
                    levels[attribute(style, "styleId")] = 1
    return levels


def _blocks(parent: Any, styles: dict[str, int], depth: int) -> Iterator[str]:
    for node in parent:
        name = local(node)
        if name == "p":
            yield _paragraph(node, styles)
        elif name == "tbl":
            yield "\n" + markdown_table(_rows(node, styles, depth)) + "\n"
        elif name in ("sdt", "sdtContent", "ins", "customXml", "smartTag") and depth < _MAX_DEPTH:
            yield from _blocks(node, styles, depth + 1)


def _rows(table: Any, styles: dict[str, int], depth: int) -> Iterator[list[str]]:
    for row in table:
        if local(row) == "tr":
            cells = list(descendants(row, "tc", "trPr")) if depth >= _MAX_DEPTH else list(row)
            yield [" ".join(_cell(node, styles, depth)) for node in cells if local(node) == "tc"]


def _cell(cell: Any, styles: dict[str, int], depth: int) -> Iterator[str]:
    for node in descendants(cell):
        if local(node) == "p":
            yield _runs(node).strip()


def _paragraph(node: Any, styles: dict[str, int]) -> str:
    text = _runs(node).strip()
    if not text:
        return "\n"
    level, listed = 0, False
    properties_ = next((child for child in node if local(child) == "pPr"), None)
    for child in properties_ if properties_ is not None else ():
        if local(child) == "pStyle":
            level = styles.get(attribute(child, "val"), 0)
            listed = listed or attribute(child, "val").startswith("List")
        listed = listed or local(child) == "numPr"
    if level:
        return f"\n{'#' * min(level, 6)} {' '.join(text.split())}\n\n"
    if text.startswith("#"):
        text = "\\" + text
    return f"- {text}\n" if listed else f"{text}\n\n"


def _runs(paragraph: Any) -> str:
    # Fallback repeats, for old programs, what Choice has said already.
    found: list[str] = []
    for node in descendants(paragraph, "Fallback", "pPr", "rPr", "instrText", "delText"):
        name = local(node)
        found.append((node.text or "") if name == "t" else _ENDS.get(name, ""))
    return "".join(found)
