"""What the five tools do, without a server around them: arguments in, envelope out.

Every fault that the model can act on is a ToolError whose text says what to do next.
"""

from __future__ import annotations

from typing import Any

import msgspec

from dragoman.connectors.address import Address, BadAddress, Span, span
from dragoman.connectors.catalogue import MAX_HITS, Catalogue
from dragoman.connectors.envelope import (
    PAYLOAD,
    ROOM,
    Count,
    Plain,
    encoded,
    fitting,
    make_cursor,
    read_cursor,
    shortened,
    wrap,
)
from dragoman.connectors.source import Listing, Passage, Position, Source
from dragoman.errors import ToolError

MAX_PAGE = 100
DEFAULT_HITS = 10
_LIST_PAGE = 50
_QUERY_PAGE = 1_000
_MAX_QUERY = 2_000  # characters
_LEAST = 1_000  # characters of text, below which an answer is not cut any more


class Answers:
    """The five tools over one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def search(self, query: str, source: str, limit: int, cursor: str) -> Plain:
        """Return a page of hits, and what was searched."""
        if not query.strip():
            raise ToolError("query is empty: give the words to look for, or call list to see what there is")
        if len(query) > _MAX_QUERY:
            raise ToolError(f"query has {len(query):,} characters; at most {_MAX_QUERY:,}: give the words that matter")
        only = self._catalogue.find(source)[0].name if source else ""
        call = f"search\n{query}\n{only}"
        start = read_cursor(call, cursor, tuple[Count])[0] if cursor else 0
        limit = max(1, min(limit, MAX_PAGE))
        found = self._catalogue.search(query, MAX_HITS, only)
        total = len(found.hits)
        page: list[Plain] = [msgspec.to_builtins(show()) for show in found.hits[start : start + limit]]
        page = page[: fitting(page)]
        end = start + len(page)
        hint = found.hint
        if not total:
            hint = f"{hint}; try fewer or other words, or call list".lstrip("; ")
        elif total >= MAX_HITS:
            hint = f"{hint}; more than {total} results: add words to narrow it down".lstrip("; ")
        body = {"items": page, "total": total, "searched": found.searched}
        return wrap(make_cursor(call, [end]) if page and end < total else None, body, hint=hint)

    def fetch(self, uri: str, pages: str, lines: str, cursor: str) -> Plain:
        """Return text of one item: what was asked for, as much as fits."""
        source, address = self._catalogue.find(uri)
        if not address.path:
            raise ToolError(
                f"{address.text()} is a whole source: call list or search for what is in it, then fetch that"
            )
        call = f"fetch\n{address.text()}"
        position: Position | None = None
        if cursor:
            part, at, asked_pages, asked_lines = read_cursor(
                call, cursor, tuple[Count, Count, tuple[Count, Count], tuple[Count, Count]]
            )
            position = Position(part, at)
            address = msgspec.structs.replace(address, pages=asked_pages, lines=asked_lines, sheet="")
        else:
            chosen = {name: _span(name, text) for name, text in (("pages", pages), ("lines", lines)) if text.strip()}
            address = msgspec.structs.replace(address, **chosen)
            if address.sheet and "pages" in chosen:
                address = msgspec.structs.replace(address, sheet="")
        room = PAYLOAD
        while True:
            answer = _passage(source.fetch(address, position, room), call, address)
            size = len(encoded(answer))
            if size <= ROOM or room < _LEAST:
                return answer
            room = min(
                int(room * ROOM / size), room - _LEAST // 2
            )  # much of it was quotes and line ends, which cost two

    def list(self, uri: str, cursor: str) -> Plain:
        """Return a page of the items below an address; the sources when there is none."""
        if not uri.strip():
            entries = self._catalogue.overview()
            return wrap(None, {"items": entries, "total": len(entries)}, hint="list one of these for what is in it")
        source, address = self._catalogue.find(uri)
        call = f"list\n{address.text()}"
        after = read_cursor(call, cursor, tuple[str])[0] if cursor else ""
        listing = _below(source, address.path, after)
        items: list[Plain] = [msgspec.to_builtins(entry) for entry in listing.entries]
        keys = [item.pop("key") for item in items]
        kept = fitting(items)
        more = listing.more or kept < len(items)
        mark = make_cursor(call, [keys[kept - 1]]) if more and kept else None
        progress = source.progress()
        hint = listing.hint or ("" if progress.complete else progress.text())
        return wrap(mark, {"items": items[:kept], "total": listing.total}, hint=hint)

    def describe(self, uri: str) -> Plain:
        """Return what an item or a source is."""
        source, address = self._catalogue.find(uri)
        answer, cut = shortened(source.describe(address))
        return wrap(
            None, answer, truncated=cut, hint=f"cut to fit; list {address.text()} pages through all" if cut else ""
        )

    def query(self, sql: str, source: str, cursor: str) -> Plain:
        """Return a page of the rows that a statement gives."""
        database = self._catalogue.queryable(source)
        call = f"query\n{database.name}\n{sql.strip()}"
        start, stamp = read_cursor(call, cursor, tuple[Count, str]) if cursor else (0, "")
        rows = database.query(sql, start, _QUERY_PAGE, stamp)
        head = len(encoded(rows.columns))
        kept = fitting(rows.rows, PAYLOAD - head)
        page = rows.rows[:kept]
        if kept == 1 and len(encoded(page[0])) > PAYLOAD - head:
            page = [_narrowed(page[0], PAYLOAD - head)]
        more = rows.more or kept < len(rows.rows)
        hint = "the database has changed since the first page: rows may repeat or be missing" if rows.changed else ""
        if not rows.rows and not start:
            hint = "no row matches"
        mark = make_cursor(call, [start + kept, stamp or database.stamp()]) if more else None
        return wrap(mark, {"columns": rows.columns, "rows": page}, hint=hint)


def _span(name: str, text: str) -> Span:
    try:
        return span(text)
    except BadAddress as fault:
        raise ToolError(f"{name}: {fault}") from fault


def _passage(passage: Passage, call: str, address: Address) -> Plain:
    mark = None
    if (following := passage.following) is not None:
        # A sheet's name goes as its number, as the source understood it.
        pages = (following.part, following.part) if address.sheet else address.pages
        mark = make_cursor(call, [following.part, following.at, pages, address.lines])
    body = {
        "uri": passage.uri,
        "title": passage.title,
        "range": passage.range,
        "of": passage.total,
        "text": passage.text,
    }
    return wrap(mark, {key: value for key, value in body.items() if value or key == "text"})


def _below(source: Source, path: str, after: str) -> Listing:
    """Return the items in a folder; those whose names start so, when there is no such folder."""
    if path and not path.endswith("/"):
        inside = source.items(f"{path}/", after, _LIST_PAGE)
        if inside.total:
            return inside
    return source.items(path, after, _LIST_PAGE)


def _narrowed(row: list[Any], room: int) -> list[Any]:
    """Cut the values of a row that alone is too large."""
    each = max(room // max(len(row), 1) - 20, 1)
    return [value if len(str(value)) <= each else str(value)[:each] + "…" for value in row]
