"""PowerPoint files (.pptx): one part a slide, its title as a heading, its tables as Markdown, its notes below.

Pictures and charts are left out.
"""

from __future__ import annotations

import posixpath
from typing import Any

from dragoman.connectors.extract.archive import Archive
from dragoman.connectors.extract.document import Draft, Part, Unreadable
from dragoman.connectors.extract.office import attribute, descendants, local, parse_xml, properties
from dragoman.connectors.extract.tables import markdown_table

_DECK = "ppt/presentation.xml"
_MAX_SLIDES = 5_000


def read_pptx(data: bytes) -> Draft:
    """Read a presentation in the order of its slides.  Raises Unreadable when it is corrupt, encrypted or a bomb."""
    archive = Archive(data)
    deck = archive.read(_DECK)
    if deck is None:
        raise Unreadable("corrupt: a zip file without a presentation in it")
    targets = _relations(archive, _DECK)
    order = [targets.get(attribute_id(node), "") for node in parse_xml(deck, _DECK).iter() if local(node) == "sldId"]
    names = [name for name in order if name][:_MAX_SLIDES]
    if not names:
        raise Unreadable("a presentation without a slide")
    meta = properties(archive)
    return Draft(
        parts=[Part(text=_slide(archive, name)) for name in names], unit="slide", title=meta.pop("title", ""), meta=meta
    )


def attribute_id(node: Any) -> str:
    """Return the relation's id: `r:id` has a namespace, and the plain `id` beside it is something else."""
    return next((str(value) for key, value in node.attrib.items() if key.endswith("}id")), "")


def _relations(archive: Archive, name: str) -> dict[str, str]:
    folder, file = posixpath.split(name)
    data = archive.read(f"{folder}/_rels/{file}.rels")
    found: dict[str, str] = {}
    for node in parse_xml(data, f"{file}.rels") if data else ():
        target = posixpath.normpath(posixpath.join(folder, attribute(node, "Target")))
        found[attribute(node, "Id")] = target.lstrip("/")
    return found


def _slide(archive: Archive, name: str) -> str:
    data = archive.read(name)
    if data is None:
        return ""
    text = _shapes(parse_xml(data, name))
    for target in _relations(archive, name).values():
        notes = archive.read(target) if "/notesSlides/" in target else None
        if notes:
            spoken = _shapes(parse_xml(notes, target), notes=True).strip()
            text += f"\nNotes: {spoken}\n" if spoken else ""
    return text


def _shapes(root: Any, notes: bool = False) -> str:
    out: list[str] = []
    for shape in descendants(root, "Fallback"):
        if local(shape) == "sp":
            kind = next((attribute(node, "type") for node in descendants(shape) if local(node) == "ph"), "")
            if kind in ("sldNum", "dt", "ftr", "hdr", "sldImg"):
                continue
            lines = [line for line in _paragraphs(shape) if line]
            if kind in ("title", "ctrTitle") and lines and not notes:
                lines = [f"# {' '.join(lines)}", ""]
            out.extend(lines)
        elif local(shape) == "tbl":
            rows = [
                [" ".join(_paragraphs(cell)) for cell in row if local(cell) == "tc"]
                for row in shape
                if local(row) == "tr"
            ]
            out.append("\n" + markdown_table(rows))
    return "\n".join(out) + "\n" if out else ""


def _paragraphs(shape: Any) -> list[str]:
    return [
        "".join(
            (node.text or "") if local(node) == "t" else "\n" if local(node) == "br" else "" for node in descendants(p)
        )
        for p in descendants(shape, "tbl")
        if local(p) == "p"
    ]
