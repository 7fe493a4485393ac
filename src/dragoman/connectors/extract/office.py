"""The XML inside Word and PowerPoint files, parsed so that it cannot reach out or blow up.

No entities, no document type, no network, no nesting or text beyond the parser's own limits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lxml import etree

from dragoman.connectors.extract.archive import Archive
from dragoman.connectors.extract.document import Unreadable

_CORE = {
    "{http://purl.org/dc/elements/1.1/}title": "title",
    "{http://purl.org/dc/elements/1.1/}creator": "author",
    "{http://purl.org/dc/elements/1.1/}subject": "subject",
    "{http://purl.org/dc/terms/}created": "created",
    "{http://purl.org/dc/terms/}modified": "modified",
}


def parse_xml(data: bytes, name: str) -> Any:
    """Return the root element.

    Raises Unreadable for what is not well-formed and for any document type:
    Office never writes one, and entities are declared there.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as fault:
        raise Unreadable(f"corrupt: {name} inside the document is not well-formed") from fault
    info: Any = root.getroottree().docinfo
    if info.doctype:
        raise Unreadable(f"refused: {name} inside the document declares a document type, where entity bombs are hidden")
    return root


def properties(archive: Archive) -> dict[str, str]:
    """Return title, author, subject and days of creation and change, those that are given."""
    data = archive.read("docProps/core.xml")
    if data is None:
        return {}
    found: dict[str, str] = {}
    for element in parse_xml(data, "docProps/core.xml"):
        name = _CORE.get(str(element.tag))
        if name and element.text and element.text.strip():
            found[name] = element.text.strip()[:10] if name in ("created", "modified") else element.text.strip()
    return found


def local(element: Any) -> str:
    """Return the element's name without its namespace; empty for comments and the like."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: Any, name: str) -> str:
    """Return the attribute of that local name, whatever its namespace; empty when there is none."""
    for key, value in element.attrib.items():
        if key.rpartition("}")[2] == name:
            return str(value)
    return ""


def descendants(element: Any, *skipped: str) -> Iterator[Any]:
    """Yield the elements below in document order, leaving out those named in `skipped` with all they hold."""
    stack = list(reversed(element))
    while stack:
        node = stack.pop()
        if local(node) in skipped:
            continue
        yield node
        stack.extend(reversed(node))
