"""What the tools do that only some sources need: SQL, the history of items, programs of the owner's.

They are there only where a source can answer them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from dragoman.connectors.address import Address
from dragoman.connectors.answers import Answers, data, fitted, passage
from dragoman.connectors.catalogue import Catalogue
from dragoman.connectors.confirming import ARGUMENTS
from dragoman.connectors.envelope import (
    PAYLOAD,
    ROOM,
    Count,
    Plain,
    encoded,
    fitting,
    make_cursor,
    read_cursor,
    wrap,
)
from dragoman.connectors.extract.tables import markdown_table
from dragoman.connectors.source import Changing, Closing, Passage, Position, Program, Report, Rows, Runnable
from dragoman.connectors.untrusted import plain
from dragoman.connectors.view import View
from dragoman.errors import ToolError
from dragoman.protocol.validator import Validator
from dragoman.serving.nearest import nearest

MODES = ("log", "diff", "blame", "show")
_QUERY_PAGE = 1_000
CSV = "text/csv"


class MoreAnswers:
    """Query, history and run over one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._call = Answers(catalogue).call

    def query(self, sql: str, source: str, cursor: str, form: str = "rows") -> Plain:
        """Return a page of the rows that a statement gives, as rows, or as text in CSV or Markdown."""
        database = self._catalogue.queryable(source)
        view = self._catalogue.view(database)
        if form == "file":
            return _kept(database.keep(view, sql))
        call = self._call("query", database.name, sql.strip())
        start, stamp = read_cursor(call, cursor, tuple[Count, str]) if cursor else (0, "")
        rows = database.query(view, sql, start, _QUERY_PAGE, stamp)
        columns, page, kept = _page(rows)
        more = rows.more or kept < len(rows.rows)
        hint = "the database has changed since the first page: rows may repeat or be missing" if rows.changed else ""
        if not rows.rows and not start:
            hint = "no row matches"
        hint = "; ".join(filter(None, (hint, plain(rows.hint))))
        mark = make_cursor(call, [start + kept, stamp or database.stamp(view)]) if more else None
        body: Plain = {"columns": columns, "rows": page}
        if form != "rows":
            body = {
                "columns": columns,
                "text": _as_csv([columns, *page]) if form == "csv" else markdown_table([columns, *page]),
            }
        return wrap(mark, body, hint=hint)

    def history(self, uri: str, mode: str, revision: str, cursor: str) -> Plain:
        """Return how an item came to be, as much as fits."""
        if mode not in MODES:
            raise ToolError(f"mode is one of {', '.join(MODES)}, not {mode[:40]!r}")
        source, address = self._catalogue.historical(uri)
        view = self._catalogue.view(source)
        revision = revision.strip() or address.revision
        call = self._call("history", address.text(), mode, revision)
        position: Position | None = None
        if cursor:
            part, at, _, _ = read_cursor(call, cursor, tuple[Count, Count, tuple[Count, Count], tuple[Count, Count]])
            position = Position(part, at)
        return fitted(
            lambda room: passage(source.history(view, address, mode, revision, position, room), call, address)
        )

    def run(self, tool: str, arguments: Mapping[str, Any], report: Report, cancelled: Callable[[], bool]) -> Plain:
        """Run a program of the owner's, and return what came out."""
        source, program = self.program(tool)
        _check(program, arguments)
        found = source.run(self._catalogue.view(source), program.name, arguments, report, cancelled)
        if isinstance(found, Rows) and found.uri:
            return _kept(found)
        if isinstance(found, Rows):
            columns, page, kept = _page(found)
            cut = found.more or kept < len(found.rows)
            hint = plain(found.hint) or ("cut to fit: ask for less, or in another format" if cut else "")
            return wrap(None, {"columns": columns, "rows": page}, truncated=cut, hint=hint)
        answer = _whole(found)
        cut = found.following is not None or answer["truncated"]
        hint = f"cut to fit: fetch {found.uri} reads all of it" if cut else ""
        return {**answer, "truncated": cut} | ({"hint": hint} if hint else {})

    def changing(self, tool: str, arguments: Mapping[str, Any]) -> tuple[Changing, Program, View]:
        """Return who makes a change of that name, and for which view.  Raises ToolError."""
        source, program = self.program(tool)
        own = {**program.schema, "properties": {**program.schema.get("properties", {}), **ARGUMENTS}}
        _check(msgspec.structs.replace(program, schema=own), arguments)
        return source, program, self._catalogue.view(source)  # type: ignore[return-value]

    def program(self, name: str) -> tuple[Runnable, Program]:
        """Return the program of that name, and whose it is.  Raises ToolError."""
        bare = name.strip().partition("://")[2] or name.strip()
        bare = bare.replace("/queries/", "/", 1).removeprefix("queries/")  # as their addresses say it
        known: dict[str, tuple[Runnable, Program]] = {}
        named: dict[str, list[str]] = {}
        for source in self._catalogue.runnables():
            for program in source.programs(self._catalogue.view(source)):
                known[f"{source.name}/{program.name}"] = (source, program)
                named.setdefault(program.name, []).append(f"{source.name}/{program.name}")
        meant = named.get(bare, [bare])
        if len(meant) > 1:
            raise ToolError(f"there are several called {bare[:80]}: say which, one of {', '.join(meant)}")
        if meant[0] in known:
            return known[meant[0]]
        for source in self._catalogue.runnables():
            closed = source.closed(self._catalogue.view(source)) if isinstance(source, Closing) else []
            if bare.removeprefix(f"{source.name}/") in closed:
                raise ToolError(
                    f"{bare} changes things, and this server only reads; its owner can start it with "
                    f"--allow-write {source.name}"
                )
        short = [one if len(named[one]) == 1 else named[one][0] for one in named]
        raise ToolError(
            f"there is nothing to run called {name[:80]!r}{nearest(bare, short)}; tools here: "
            f"{', '.join(short[:30]) or 'none that you may run'}"
        )


def _check(program: Program, arguments: Mapping[str, Any]) -> None:
    """Raise ToolError, with the place and what would be right, for arguments that do not fit the program's schema."""
    value = dict(arguments)
    faults = Validator(program.schema, own=True, of_object=True).violations(value, msgspec.json.encode(value))
    if faults:
        raise ToolError(f"arguments of {program.name}: {'; '.join(map(str, faults[:5]))}")


def _kept(first: Rows) -> Plain:
    """Return what is told of a result that was kept whole."""
    columns, page, _ = _page(first)
    body: Plain = {"uri": first.uri, "mime_type": CSV, "total": first.total, "columns": columns, "rows": page}
    hint = f"only the first {first.total:,} rows were kept" if first.more else "rows shows the first; fetch reads all"
    return wrap(None, body, truncated=first.more, hint=hint)


def _page(rows: Rows) -> tuple[list[str], list[list[Any]], int]:
    """Return columns and as many rows as fit, all as data, and how many of the source's rows that are."""
    columns: list[str] = data(rows.columns)
    shown: list[list[Any]] = data(rows.rows)
    head = len(encoded(columns))
    kept = fitting(shown, PAYLOAD - head)
    page = shown[:kept]
    if kept == 1 and len(encoded(page[0])) > PAYLOAD - head:
        page = [_narrowed(page[0], PAYLOAD - head)]
    return columns, page, kept


def _whole(found: Passage) -> Plain:
    answer = passage(found, "", Address(scheme="", source=""))
    answer["next_cursor"] = None
    while len(encoded(answer)) > ROOM:
        answer["text"] = answer["text"][: len(answer["text"]) * 3 // 4]
        answer["truncated"] = True
    return answer


def _as_csv(rows: list[list[Any]]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue()


def _narrowed(row: list[Any], room: int) -> list[Any]:
    """Cut the values of a row that alone is too large."""
    each = max(room // max(len(row), 1) - 20, 1)
    return [value if len(str(value)) <= each else str(value)[:each] + "…" for value in row]
