"""What the tools that find and read do, without a server around them: arguments in, envelope out.

Every fault that the model can act on is a ToolError whose text says what to do next.  All texts go out as data (see
`untrusted`).  Limit: one caller's; `Catalogue.seen_by` gives each its own.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

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
from dragoman.connectors.source import MAX_BLOB, Blob, Historical, Listing, Passage, Position, Question, Source
from dragoman.connectors.untrusted import cleaned, plain
from dragoman.connectors.view import View, complaint_about
from dragoman.errors import ToolError

MAX_PAGE = 100
DEFAULT_HITS = 10
_LIST_PAGE = 50
_MAX_QUERY = 2_000  # characters
_LEAST = 1_000  # characters of text, below which an answer is not cut any more
T = TypeVar("T")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class Filters(NamedTuple):
    """What narrows a search down, as the model gave it."""

    source: str = ""  # a source, a folder of it, or a glob of paths
    kind: str = ""
    dates: str = ""  # "2026", or "2026-01..2026-03"
    exact: bool = False


class Answers:
    """Search, fetch, list and describe over one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def search(self, query: str, filters: Filters, limit: int, cursor: str) -> Plain:
        """Return a page of hits, and what was searched."""
        if not query.strip():
            raise ToolError("query is empty: give the words to look for, or call list to see what there is")
        if len(query) > _MAX_QUERY:
            raise ToolError(f"query has {len(query):,} characters; at most {_MAX_QUERY:,}: give the words that matter")
        only, question = self._question(query, filters)
        call = self.call("search", query, only, *map(str, msgspec.structs.astuple(question)[1:]))
        start = read_cursor(call, cursor, tuple[Count])[0] if cursor else 0
        limit = max(1, min(limit, MAX_PAGE))
        found = self.catalogue.search(question, MAX_HITS, only)
        total = len(found.hits)
        page: list[Plain] = [msgspec.to_builtins(show()) for show in found.hits[start : start + limit]]
        page = data(page)
        page = page[: fitting(page)]
        end = start + len(page)
        hint = found.hint
        if not total:
            more = " or drop a filter" if any(filters) else ""
            hint = f"{hint}; try fewer or other words{more}, or call list".lstrip("; ")
        elif total >= MAX_HITS:
            hint = f"{hint}; more than {total} results: add words to narrow it down".lstrip("; ")
        body = {"items": page, "total": total, "searched": found.searched}
        return wrap(make_cursor(call, [end]) if page and end < total else None, body, hint=plain(hint))

    def fetch(self, uri: str, pages: str, lines: str, cursor: str) -> Plain | Blob:
        """Return text of one item, what was asked for, as much as fits; or its picture."""
        source, address = self.catalogue.find(uri)
        view = self.catalogue.view(source)
        if not address.path and not address.revision:
            raise ToolError(
                f"{address.text()} is a whole source: call list or search for what is in it, then fetch that"
            )
        call = self.call("fetch", address.text())
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

        def make(room: int) -> Plain | Blob:
            found = source.fetch(view, address, position, room)
            return _checked(found) if isinstance(found, Blob) else passage(found, call, address)

        return fitted(make)

    def list(self, uri: str, cursor: str, pattern: str = "") -> Plain:
        """Return a page of the items below an address; the sources when there is none."""
        pattern = pattern.strip()
        if pattern and (complaint := complaint_about(pattern)):
            raise ToolError(f"pattern: {complaint}; examples: *.pdf, reports/**, **/*2024*")
        if not uri.strip() and not (pattern and len(self.catalogue.sources) == 1):
            if pattern:
                raise ToolError("pattern needs uri: say in which source to look, as in list(uri) without it shows")
            entries = data(self.catalogue.overview())
            return wrap(None, {"items": entries, "total": len(entries)}, hint="list one of these for what is in it")
        source, address = self.catalogue.find(uri.strip() or next(iter(self.catalogue.sources)))
        call = self.call("list", address.text(), pattern)
        after = read_cursor(call, cursor, tuple[str])[0] if cursor else ""
        listing = _below(source, self.catalogue.view(source), address, after, pattern)
        keys = [entry.after or entry.key for entry in listing.entries]
        items: list[Plain] = data([msgspec.to_builtins(entry) for entry in listing.entries])
        for item in items:
            del item["key"]
            item.pop("after", None)
        kept = fitting(items)
        more = listing.more or kept < len(items)
        last = keys[kept - 1] if kept and (kept < len(items) or not listing.resume) else listing.resume
        mark = make_cursor(call, [last]) if more and last else None
        progress = source.progress()
        hint = listing.hint or ("" if progress.complete else progress.text())
        return wrap(mark, {"items": items[:kept], "total": listing.total}, hint=plain(hint))

    def describe(self, uri: str) -> Plain:
        """Return what an item or a source is."""
        source, address = self.catalogue.find(uri)
        answer, cut = shortened(data(source.describe(self.catalogue.view(source), address)))
        return wrap(
            None, answer, truncated=cut, hint=f"cut to fit; list {address.text()} pages through all" if cut else ""
        )

    def call(self, *said: str) -> str:
        """Return what a cursor is good for: this call of this caller."""
        return "\n".join((self.catalogue.who, *said) if self.catalogue.who else said)

    def _question(self, query: str, filters: Filters) -> tuple[str, Question]:
        """Return the only source to search, if one was named, and what is asked of it."""
        only, path = self._place(filters.source.strip())
        if path and (complaint := complaint_about(path)):
            raise ToolError(f"source: {complaint}")
        first, dots, last = filters.dates.partition("..")
        since, until = _day(first, end=False), _day(last if dots else first, end=True)
        if since and until and since > until:
            raise ToolError(f"dates go backwards: {since} comes after {until}")
        kind = filters.kind.strip().lower().lstrip(".")
        return only, Question(text=query, kind=kind, path=path, since=since, until=until, exact=filters.exact)

    def _place(self, text: str) -> tuple[str, str]:
        """Return the source that a text names, "" for all, and the path within it."""
        if "://" in text:
            found, address = self.catalogue.find(text)
            return found.name, address.path.strip("/")
        first, _, rest = text.strip("/").partition("/")
        if first in self.catalogue.sources:
            return first, rest
        # A word alone may be a source's name with a slip in it, which must not be taken for "all of them".
        if first and not rest and not re.search(r"[*?\[.]", first) and not self._anywhere(first):
            raise ToolError(f"source: no source or folder {first!r} here; {self.catalogue.advice(first)}")
        return "", text.strip("/")

    def _anywhere(self, name: str) -> bool:
        """Say whether a source has an item or a folder of that name, or still may: it is not indexed yet."""
        for source in self.catalogue.sources.values():
            view = self.catalogue.view(source)
            inside, first = (source.items(view, prefix, "", 1) for prefix in (f"{name}/", name))
            if inside.entries or inside.resume or any(entry.key == name for entry in first.entries):
                return True
            if not source.progress().complete:
                return True
        return False


def data(value: Any) -> Any:
    """Return what a source said as data: nothing hidden or active in it."""
    return cleaned(value, encoded(value))


def fitted(make: Callable[[int], T]) -> T:
    """Return what `make` makes of so many characters of text that it fits into an answer."""
    room = PAYLOAD
    while True:
        answer = make(room)
        # A picture is bounded by itself.
        size = 0 if isinstance(answer, Blob) else len(encoded(answer))
        if size <= ROOM or room < _LEAST:
            return answer
        # Much of it was quotes and line ends, which cost two.
        room = min(int(room * ROOM / size), room - _LEAST // 2)


def passage(found: Passage, call: str, address: Address) -> Plain:
    """Return the envelope of a stretch of text."""
    mark = None
    if (following := found.following) is not None:
        # A sheet's name goes as its number, as the source understood it.
        pages = (following.part, following.part) if address.sheet else address.pages
        mark = make_cursor(call, [following.part, following.at, pages, address.lines])
    body = {
        "uri": found.uri,
        "title": plain(found.title),
        "range": found.range,
        "of": found.total,
        "text": plain(found.text),
    }
    return wrap(mark, {key: value for key, value in body.items() if value or key == "text"})


def _span(name: str, text: str) -> Span:
    try:
        return span(text)
    except BadAddress as fault:
        raise ToolError(f"{name}: {fault}") from fault


def _day(text: str, *, end: bool) -> str:
    """Return a day as it is, a year or month as its first day, or its last.  Raises ToolError."""
    text = text.strip()
    if not text:
        return ""
    full = text + {4: "-01-01", 7: "-01"}.get(len(text), "")
    try:
        found = datetime.date.fromisoformat(full) if _DAY.fullmatch(full) else None
    except ValueError:
        found = None
    if found is None or found.year >= datetime.MAXYEAR:
        raise ToolError(
            f"dates are a year, month or day, or two of them, as in 2026 or 2026-01..2026-03, not {text[:40]!r}"
        )
    if end and len(text) < len(full):
        following = found.replace(year=found.year + 1) if len(text) == 4 else found + datetime.timedelta(days=31)
        found = following.replace(day=1) - datetime.timedelta(days=1)
    return found.isoformat()


def _checked(blob: Blob) -> Blob:
    if len(blob.data) > MAX_BLOB:
        raise ToolError(
            f"{blob.uri} has {len(blob.data):,} bytes, and an answer holds at most {MAX_BLOB:,}; describe it instead"
        )
    return blob


def _below(source: Source, view: View, address: Address, after: str, pattern: str) -> Listing:
    """Return the items in a folder; those whose names start so, when there is no such folder."""

    def items(prefix: str) -> Listing:
        if address.revision and isinstance(source, Historical):
            return source.items_at(view, address.revision, prefix, after, _LIST_PAGE, pattern)
        return source.items(view, prefix, after, _LIST_PAGE, pattern)

    if address.path and not address.path.endswith("/"):
        inside = items(f"{address.path}/")
        if inside.total or inside.resume:
            return inside
    return items(address.path)
