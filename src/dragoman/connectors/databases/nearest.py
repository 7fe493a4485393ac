"""Tables by the words in their names, for searches and for statements with a wrong name.

Only names that the caller may see, and no others.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from functools import partial

from dragoman.connectors.address import make
from dragoman.connectors.databases.access import Access, Sight
from dragoman.connectors.source import Hit, Hits, Question
from dragoman.connectors.view import matches

_WORD = re.compile(r"[^\W_]+")


def nearest(access: Access, kind: str, name: str, sql: str, whole: str) -> str:
    """Return the nearest names of tables, or of columns with their tables, and the call that shows the rest.

    `whole` is the database's address.
    """
    # Tables that the statement names come last, so that of columns with one name theirs are told.
    tables = sorted(access.shown.values(), key=lambda sight: sight.table.name.lower() in sql.lower())
    bare = name.rpartition(".")[2].strip("\"[]`'").lower()
    if kind == "table":
        names = {sight.table.name.lower(): sight.table.name for sight in tables}
    else:
        names = {column.lower(): f"{sight.table.name}.{column}" for sight in tables for column in sight.readable}
    near = [names[found] for found in difflib.get_close_matches(bare, names, 3, 0.5)]
    if not near:
        return f"call describe on {whole} for what there is"
    return f"nearest: {', '.join(near)}; call describe on {whole} for the rest"


def found_by_name(sights: Iterable[Sight], question: Question, limit: int, source: str) -> Hits:
    """Return the tables whose names, or whose columns' names, share words with the question, best first."""
    searched = f"{source}: names of tables and columns"
    if question.since or question.until:
        return Hits(hits=[], weight=0.0, searched=searched, hint=f"{source}: tables have no date; query them")
    words = {word.lower().rstrip("s") for word in _WORD.findall(question.text)}
    scored: list[tuple[int, str, Hit]] = []
    for sight in sights:
        if question.kind and question.kind not in sight.table.kind:
            continue
        if question.path and not matches(question.path, sight.table.name):
            continue
        score, hit = _hit(source, sight, words)
        if score:
            scored.append((-score, sight.table.name, hit))
    scored.sort(key=lambda item: item[:2])
    covered = {word for _, name, _ in scored[:1] for word in _words(name)} & words
    return Hits(
        hits=[partial(_same, hit) for _, _, hit in scored[:limit]],
        weight=len(covered) / len(words) if words else 0.0,
        searched=searched,
    )


def _hit(source: str, sight: Sight, words: set[str]) -> tuple[int, Hit]:
    name = sight.table.name
    matching = [column.name for column in sight.columns if _words(column.name) & words]
    text = ", ".join(column.name for column in sight.columns)[:300]
    where = f"table with columns {', '.join(matching)}" if matching else "table"
    hit = Hit(uri=make("db", source, name), title=f"{source}.{name}", where=where[:200], text=text)
    return 2 * len(_words(name) & words) + len(matching), hit


def _same(hit: Hit) -> Hit:
    return hit


def _words(name: str) -> set[str]:
    """Return the words in a name, singular: order_lines gives order and line, customerId gives customer and id."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return {word.lower().rstrip("s") for word in _WORD.findall(spaced)}
