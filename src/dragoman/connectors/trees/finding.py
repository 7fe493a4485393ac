"""Search in a tree: names first, then lines, until the time of the call is over; then it says how far it came.

There is no index: what is found is what is there now.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Generator
from contextlib import closing

from dragoman.connectors.address import make
from dragoman.connectors.source import Hit, Hits, Question, View
from dragoman.connectors.trees.converted import converts
from dragoman.connectors.trees.reading import chunks, is_text
from dragoman.connectors.trees.tree import Broken, Budget, Missing, Node, Scope, Spent, Tree

SEARCH_SECONDS = 5.0
_MOST_VISITS = 200_000  # files and folders of one search
_MOST_BYTES = 20_000_000  # of one file
_PER_FILE = 20  # lines
_SHOWN = 300  # characters of one line
_CONTEXT = 2  # lines before and after


def found(tree: Tree, name: str, view: View, question: Question, limit: int) -> Hits:
    """Return files by their names, then lines that hold all the words; with `exact`, lines that hold the text.

    Lower-case letters of an exact text stand for both.
    """
    text = question.text.strip()
    words = [text] if question.exact else text.split()
    flags = re.IGNORECASE if not question.exact or text == text.lower() else re.NOFLAG
    terms = [re.compile(re.escape(word.strip('"')), flags) for word in words[:12] if word.strip('"')]
    scope = Scope(view, (question.path,) if question.path else ())
    budget = Budget(max(SEARCH_SECONDS, tree.seconds), _MOST_VISITS)
    named: list[Callable[[], Hit]] = []
    lines: list[Callable[[], Hit]] = []
    read, stopped = 0, False
    try:
        for node in tree.files("", "", scope, budget):
            if not _asked(node, question):
                continue
            if not question.exact and terms and all(term.search(node.path) for term in terms):
                named.append(_file(name, node))
            if len(lines) < limit and not converts(node.path):
                read += 1
                most = min(limit - len(lines), _PER_FILE)
                with closing(_lines(tree, name, scope, node, terms, budget)) as here:
                    lines += itertools.islice(here, most)
            if len(named) >= limit or (question.exact and len(lines) >= limit):
                break
            if budget.over:
                raise Spent(node.path)
    except Spent:
        stopped = True
    hint = (
        f"{name}: the search ended after {budget.visited:,} files and folders; name a folder in source to look there"
        if stopped
        else ""
    )
    searched = f"{name}: names and lines of {read:,} files as they are now; documents by their names"
    return Hits((named + lines)[:limit], 0.6, searched, hint)


def _asked(node: Node, question: Question) -> bool:
    if question.kind and question.kind != node.kind:
        return False
    day = node.day
    return (not question.since or day >= question.since) and (not question.until or "" < day <= question.until)


def _file(name: str, node: Node) -> Callable[[], Hit]:
    uri = make("file", name, node.path)
    size = f"{node.size:,} bytes" if node.size >= 0 else ""
    return lambda: Hit(uri=uri, title=node.path, where="name", date=node.day, text=size)


def _lines(
    tree: Tree, name: str, scope: Scope, node: Node, terms: list[re.Pattern[str]], budget: Budget
) -> Generator[Callable[[], Hit], None, None]:
    """Yield the lines of one file that hold all the terms, with those around them, as long as there is time."""
    try:
        opened = tree.open(node.path, scope)
    except (Missing, Broken):
        return
    try:
        if not terms or not is_text(opened):
            return
        for first, text in chunks(opened, _MOST_BYTES):
            if budget.over:
                return
            if not all(term.search(text) for term in terms):
                continue
            rows = text.split("\n")
            for at, row in enumerate(rows):
                if all(term.search(row) for term in terms):
                    around = rows[max(at - _CONTEXT, 0) : at + _CONTEXT + 1]
                    yield _line(name, node, first + at, around)
    except Broken:
        return
    finally:
        opened.close()


def _line(name: str, node: Node, number: int, around: list[str]) -> Callable[[], Hit]:
    uri = make("file", name, node.path, f"lines={max(number - 10, 1)}-{number + 20}")
    text = "\n".join(row.rstrip("\r")[:_SHOWN] for row in around)
    return lambda: Hit(uri=uri, title=node.path, where=f"line {number}", date=node.day, text=text.strip("\n"))
