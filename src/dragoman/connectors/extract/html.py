"""HTML as Markdown: headings, lists, tables and text; scripts, styles and addresses of links are left out.

Walks without recursion, so that a page nested 50,000 deep is read like any other.
"""

from __future__ import annotations

import re
from typing import Any

from selectolax.lexbor import LexborHTMLParser

from dragoman.connectors.extract.document import Draft, Part
from dragoman.connectors.extract.tables import markdown_table, trim
from dragoman.connectors.extract.text import decode

_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([A-Za-z0-9_\-]{1,40})", re.IGNORECASE)
_SKIPPED = frozenset({"script", "style", "noscript", "template", "svg", "nav", "head", "iframe", "object", "select"})
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "br",
        "caption",
        "dd",
        "details",
        "dialog",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "header",
        "hr",
        "html",
        "legend",
        "li",
        "main",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
    ]
)
_APART = frozenset({"p", "ul", "ol", "pre", "blockquote", "dl"})  # a blank line follows
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_MAX_ROWS = 100_000


def read_html(data: bytes) -> Draft:
    """Read a page.  The encoding is the byte order mark's, the page's own or UTF-8."""
    charset = _CHARSET.search(data[:4096])
    tree: Any = LexborHTMLParser(decode(data, charset[1].decode("ascii") if charset else ""))
    writer = _Writer()
    if tree.body is not None:
        writer.walk(tree.body)
    title = tree.css_first("title")
    author = tree.css_first('meta[name="author"]')
    return Draft(
        parts=[Part(text=writer.text())],
        title=" ".join(title.text().split()) if title is not None else "",
        meta={"author": author.attributes.get("content") or ""} if author is not None else {},
    )


class _Writer:
    def __init__(self) -> None:
        self._out: list[str] = []
        self._fresh = True  # at the start of a line
        self._preformatted = 0

    def text(self) -> str:
        return re.sub(r"\n{3,}", "\n\n", "".join(self._out)).strip("\n") + "\n" if self._out else ""

    def walk(self, root: Any) -> None:
        node, inside = root, [root.tag]
        while inside:
            child = node.child if self._enter(node) else None
            if child is not None:
                node = child
                inside.append(node.tag)
                continue
            # Up until a node has a sibling: leaving each on the way.
            while inside:
                self._leave(inside.pop())
                if not inside:
                    return
                following = node.next
                if following is not None:
                    node = following
                    inside.append(node.tag)
                    break
                node = node.parent

    def _enter(self, node: Any) -> bool:
        """Write what the node starts with; tell whether its children are to be visited."""
        tag: str = node.tag
        if tag == "-text":
            self._words(node.text_content or "")
            return False
        if tag in _SKIPPED or tag.startswith(("-", "_")):
            return False
        if tag in _HEADINGS:
            title = " ".join(node.text().split())
            if title:
                self._line(f"\n{'#' * _HEADINGS[tag]} {title}\n")
            return False
        if tag == "table" and node.css_first("table table") is None:
            self._line("\n" + markdown_table(_rows(node)) + "\n")
            return False
        if tag in _BLOCKS:
            self._break()
        if tag == "li":
            self._out.append("- ")
        if tag == "pre":
            self._preformatted += 1
            self._out.append("```\n")  # a comment in code must not become a heading
        return True

    def _leave(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._break()
        if tag == "pre":
            self._preformatted -= 1
            self._out.append("```\n")
        if tag in _APART:
            self._out.append("\n")

    def _words(self, text: str) -> None:
        if not self._preformatted:
            words = " ".join(text.split())
            if not words:
                text = " " if text and not self._fresh else ""
            else:
                before = "" if self._fresh or not text[0].isspace() else " "
                text = before + words + (" " if text[-1].isspace() else "")
        if text:
            # Only h1 to h6 make headings: a text that starts with # is no heading.
            escaped = self._fresh and text.startswith("#") and not self._preformatted
            self._out.append("\\" + text if escaped else text)
            self._fresh = text.endswith("\n")

    def _break(self) -> None:
        if not self._fresh:
            self._out.append("\n")
            self._fresh = True

    def _line(self, text: str) -> None:
        self._break()
        self._out.append(text)


def _rows(table: Any) -> list[list[object]]:
    rows = [[node.text(separator=" ") for node in row.css("td, th")] for row in table.css("tr")[:_MAX_ROWS]]
    return trim([list(row) for row in rows])
