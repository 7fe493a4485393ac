"""A database as a source: tables are its items, and it answers SQL that reads, as far as its caller may see.

What is the same for every engine stands here; what differs stands behind the port `engine`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from dragoman.connectors.address import Address, make
from dragoman.connectors.databases.access import Access, Sight, access_to, as_columns, as_line, mask_fits
from dragoman.connectors.databases.cells import all_shown, column_in_words, rows_that_fit, shown
from dragoman.connectors.databases.engine import NOT_SAID, Ask, Engine, EngineFault, Gate, OutOfTime, Page, Table
from dragoman.connectors.databases.functions import judge_functions
from dragoman.connectors.databases.gate import judge_cost
from dragoman.connectors.databases.judge import judge, judge_plan, why_not
from dragoman.connectors.databases.nearest import found_by_name, nearest
from dragoman.connectors.databases.ordering import unordered
from dragoman.connectors.databases.paging import at_most, cheap, paged
from dragoman.connectors.databases.polling import Poll
from dragoman.connectors.databases.queries import PLACE, Queries
from dragoman.connectors.databases.results import MAX_ROWS as KEPT_ROWS
from dragoman.connectors.databases.results import Result, Results
from dragoman.connectors.databases.rules import Rules
from dragoman.connectors.databases.statement import Statement, check, expressions, read_statement, written
from dragoman.connectors.databases.writing import CHANGE, Writer
from dragoman.connectors.extract.tables import markdown_table
from dragoman.connectors.source import (
    Entry,
    Hits,
    Listing,
    Passage,
    Position,
    Preview,
    Program,
    Progress,
    Question,
    Report,
    Rows,
    SourceError,
)
from dragoman.connectors.view import View, matches
from dragoman.errors import ToolError

MAX_ROWS = 1_000  # one page
MAX_SKIP = 10_000_000  # rows before the page
_VIEWS = 32  # callers' views whose access is remembered


class Database:
    """One database under one name, with its owner's rules."""

    scheme = "db"
    programs: Callable[[View], list[Program]]
    run: Callable[[View, str, Mapping[str, Any], Report, Callable[[], bool]], Rows | Passage]
    preview: Callable[[View, str, Mapping[str, Any]], Preview]
    change: Callable[[View, str, Mapping[str, Any], Preview], None]

    def __init__(self, name: str, engine: Engine, rules: Rules | None = None, *, writable: bool = False) -> None:
        self.name = name
        self.rules = rules or Rules()
        self._engine = engine
        self._lock = threading.Lock()
        self._known: tuple[str, dict[str, Table]] = ("", {})
        self._seen: dict[tuple[tuple[str, ...], tuple[str, ...]], Access] = {}
        self._results = Results()
        self._poll: Poll | None = None
        self._writer = writer = Writer(name, engine, self.rules, self.access, self._explained) if writable else None
        self._queries = Queries(name, engine, self.rules, self.access, self._read, self._keep, writer)
        if self._queries:
            # Only then: what has no queries has nothing to run.
            self.programs = self._queries.programs
            self.run = self._run
        if writer is not None:
            self.preview, self.change = writer.preview, writer.change

    @property
    def about(self) -> str:
        return self._engine.about

    def probe(self) -> None:
        """Ask the engine once for its tables.  Raises EngineFault and OutOfTime."""
        with self._lock:
            self._known = (self._engine.schema_stamp(), self._engine.tables())

    def check_rules(self) -> None:
        """Raise SourceError for a mask that fits no column: a word spelled wrong would mask nothing."""
        with self._lock:
            tables = self._known[1] or self._engine.tables()
        for pattern in self.rules.writable:
            if not any(mask_fits(f"{pattern}{end}", table) for end in ("", ".*") for table in tables.values()):
                raise SourceError(f"writable {pattern!r} fits no table or column of {self.name}")
        for pattern in self.rules.mask:
            if not any(mask_fits(pattern, table) for table in tables.values()):
                raise SourceError(f"mask {pattern!r} fits no column of {self.name}: masks are written table.column")

    def watch(self, changed: Callable[[Sequence[str]], None]) -> None:
        """Pass on, once started, the addresses of tables that have changed."""
        if self.rules.poll:
            self._poll = Poll(self._stamps, lambda names: changed(list(map(self._uri, names))), self.rules.poll)

    def start(self) -> None:
        """Begin to look for changes; else nothing goes on behind, for the engine's own data are the index."""
        if self._poll is not None:
            self._poll.start()

    def close(self) -> None:
        if self._poll is not None:
            self._poll.close()
        self._engine.close()

    def _stamps(self) -> Mapping[str, str]:
        with self._explained():
            return self._engine.stamps()

    def progress(self) -> Progress:
        return Progress(indexed=0, total=0)

    def stamp(self, view: View) -> str:
        with self._explained():
            return self._engine.stamp()

    def tables(self, view: View) -> list[str]:
        return list(self.access(view).shown)

    def search(self, view: View, question: Question, limit: int) -> Hits:
        """Find tables and columns by name: what stands in the rows is for `query`."""
        return found_by_name(self.access(view).shown.values(), question, limit, self.name)

    def items(self, view: View, prefix: str, after: str, limit: int, pattern: str = "") -> Listing:
        entries = [
            Entry(key=name, uri=self._uri(name), kind=sight.table.kind, extent=sight.table.rows_in_words())
            for name, sight in self.access(view).shown.items()
        ]
        entries = sorted([*entries, *self._queries.entries(view)], key=lambda entry: entry.key)
        entries = [one for one in entries if one.key.startswith(prefix) and (not pattern or matches(pattern, one.key))]
        rest = [one for one in entries if one.key > after]
        return Listing(entries=rest[:limit], total=len(entries), more=len(rest) > limit)

    def describe(self, view: View, address: Address) -> dict[str, Any]:
        access = self.access(view)
        if result := self._result(view, address.path):
            return {"uri": self._uri(address.path), "kind": "result", "rows": result.rows, "size": len(result.text)}
        if query := self._queries.described(view, address.path):
            return query
        if not address.path:
            queries = [f"{PLACE}{query.name}: {query.about}" for query in self._run_by_name(view)]
            closed = self.closed(view)
            tables = [as_line(sight) for sight in access.shown.values()]
            return {
                "uri": self._uri(""),
                "kind": self.about,
                "dialect": self.about.split()[0],
                "tables": tables,
                "tables_total": len(tables),
                **({"queries": queries} if queries else {}),
                **({"not_served": f"{', '.join(closed)}: they change data"} if closed else {}),
            }
        sight = self._table(access, address.path)
        table = sight.table
        links = [
            f"{', '.join(link.columns)} -> {link.table}({', '.join(link.targets)})"
            for link in table.links
            if access.table(link.table) and not self._hides(sight, link.columns)
        ]
        found: dict[str, Any] = {
            "uri": self._uri(table.name), "kind": table.kind, "about": table.about, "rows": table.rows_in_words(),
            "columns": as_columns(sight, column_in_words), "foreign_keys": links,
            "indexes": [index for index in table.indexes if not self._hides(sight, _WORDS_IN.findall(index))],
            "samples": self._samples(sight, access) if self.rules.samples else [],
            "read_with": f'query with source="{self.name}", or fetch {self._uri(table.name)}',
        }  # fmt: skip
        if names := self._writer.settable(sight) if self._writer is not None and view.writes else []:
            found["change_with"] = f'run with tool="{self.name}/{CHANGE}"; columns to set: {", ".join(names)}'
        if sight.whole:
            found["read_with"] = f"nothing: {sight.reason}"
        return {key: value for key, value in found.items() if value not in ("", [])}

    def _hides(self, sight: Sight, names: Sequence[str]) -> bool:
        visible = {column.name for column in sight.columns}
        return any(name in {c.name for c in sight.table.columns} - visible for name in names)

    def _samples(self, sight: Sight, access: Access) -> list[str]:
        """Return a few rows of the columns that may be read: only where the owner's rules say so."""
        if sight.whole or not sight.readable:
            return []
        page = self._read(Ask(sql=self._select(sight, access), limit=3, seconds=1.0))
        return [
            ", ".join(f"{name}={str(shown(v))[:60]}" for name, v in zip(page.columns, r, strict=True))
            for r in page.rows
        ]

    def fetch(self, view: View, address: Address, position: Position | None, room: int) -> Passage:
        """Return rows of a table, as they lie in it, as Markdown: the columns that may be read."""
        if result := self._result(view, address.path):
            at = min(position.at if position else 0, len(result.text))
            text = result.text[at : at + room]
            following = Position(0, at + room) if at + room < len(result.text) else None
            return Passage(
                uri=self._uri(address.path), title="a result, as CSV", text=text, total=f"{result.rows:,} rows",
                range=f"characters {at + 1}-{at + len(text)}", following=following, mime_type="text/csv",
            )  # fmt: skip
        if query := self._queries.fetched(view, address.path, room):
            return query
        access = self.access(view)
        sight = self._table(access, address.path)
        table = sight.table
        if sight.whole or not sight.readable:
            raise ToolError(f"{table.name} may not be read: {sight.reason or 'all its columns are masked'}")
        first = position.part if position else max(address.lines[0], 1)
        last = address.lines[1] or MAX_SKIP
        limit = min(self.rules.max_rows, last - first + 1)
        ask = Ask(sql=self._select(sight, access), start=first - 1, limit=limit, seconds=self.rules.timeout)
        page = self._read(ask)
        rows = all_shown(page.rows)
        kept = rows_that_fit(page.columns, rows, room)
        end = first + len(kept) - 1
        more = (page.more or len(kept) < len(rows)) and end < last
        return Passage(
            uri=self._uri(table.name), title=f"{self.name}.{table.name}", text=markdown_table([page.columns, *kept]),
            range=f"rows {first}-{end}" if kept else "no rows", total=table.rows_in_words(),
            following=Position(end + 1, 0) if more else None,
        )  # fmt: skip

    def query(self, view: View, sql: str, start: int, limit: int, stamp: str) -> Rows:
        """Return a page of what a statement gives; `changed` says that the data are not those of the first page."""
        if start > MAX_SKIP:
            raise ToolError(f"only the first {MAX_SKIP:,} rows can be paged through; narrow the statement with WHERE")
        self._guarded(view)
        access = self.access(view)
        before = self.stamp(view) if stamp else ""
        page = self.judged_page(access, sql, start, min(limit, self.rules.max_rows))
        return Rows(
            columns=page.columns,
            rows=all_shown(page.rows),
            more=page.more,
            changed=bool(stamp) and NOT_SAID not in (stamp, before) and before != stamp,
        )

    def keep(self, view: View, sql: str) -> Rows:
        """Keep a statement's whole result, as far as it may be, for an hour and for this caller."""
        self._guarded(view)
        return self._keep(view, self.judged_page(self.access(view), sql, 0, KEPT_ROWS))

    def _keep(self, view: View, page: Page) -> Rows:
        rows = all_shown(page.rows)
        result = self._results.keep(view.who, page.columns, rows, page.more)
        uri = self._uri(f"{_RESULTS}{result.number}.csv")
        return Rows(columns=page.columns, rows=rows[:5], more=result.cut, uri=uri, total=result.rows)

    def _result(self, view: View, path: str) -> Result | None:
        if not path.startswith(_RESULTS):
            return None
        found = self._results.find(view.who, path.removeprefix(_RESULTS).removesuffix(".csv"))
        if found is None:
            raise ToolError(f"there is no result {path[:80]} any more: run the statement again, with format file")
        return found

    def _guarded(self, view: View) -> None:
        if not self._engine.guarded:
            told = ", ".join(query.name for query in self._run_by_name(view)) or "there are none"
            raise ToolError(f"only the owner's own queries are served of {self.name}, by run: {told}")

    def judged_page(self, access: Access, sql: str, start: int, limit: int) -> Page:
        """Return rows of a statement by a stranger, after all that must be asked about it has been asked."""
        functions = self._engine.functions()
        if functions is None and not access.restricted:
            # This engine holds alone: its own dialect may say more than the parser could write anew.
            return self._read(Ask(sql=check(sql), start=start, limit=limit, seconds=self.rules.timeout), sql, access)
        statement = read_statement(sql, self._engine.dialect)
        if functions is not None:
            judge_functions(statement.tree, self._engine.dialect, functions | self.rules.function_names)
        judge(statement.tree, access)
        if statement.explain:
            judge_plan(statement.tree, access)
            with self._explained(sql, access):
                page = self._engine.explain(statement.text, self.rules.timeout)
            return Page(page.columns, page.rows[start : start + limit], len(page.rows) > start + limit)
        return self.run_statement(statement, access, start, limit)

    def run_statement(self, statement: Statement, access: Access, start: int, limit: int, **values: Any) -> Page:
        """Return rows of a statement that has been judged, if the engine expects it to be cheap enough."""
        tree, hidden = unordered(statement.tree, access, self._engine.dialect) if access.restricted else (None, False)
        if hidden:
            statement = Statement(tree, written(tree, self._engine.dialect))
        text = "" if self._engine.functions() is None else paged(statement.tree, self._engine.dialect, start, limit + 1)
        ask = Ask(
            sql=statement.text, paged=text, parameters=values, start=start, limit=limit, seconds=self.rules.timeout,
            closed=access.closed_columns() if access.restricted else frozenset(), unordered=hidden,
        )  # fmt: skip
        bound = self.rules.max_read or self._engine.much
        asks = not cheap(statement.tree) and at_most(statement.tree, access.rows) > bound
        gate = partial(judge_cost, bound=bound, access=access) if asks else None
        return self._read(ask, statement.text, access, gate)

    def complaints(self) -> list[str]:
        """Return what is wrong with the owner's queries, by asking the engine."""
        return self._queries.complaints()

    def closed(self, view: View) -> list[str]:
        """Return what would be run by name, were writing allowed."""
        return self._queries.closed(view)

    def _run_by_name(self, view: View) -> list[Program]:
        return self._queries.programs(view) if self._queries else []

    def _run(
        self, view: View, tool: str, arguments: Mapping[str, Any], report: Report, cancelled: Callable[[], bool]
    ) -> Rows | Passage:
        """Run one of the owner's queries."""
        return self._queries.run(view, tool, arguments)

    def _read(self, ask: Ask, sql: str = "", access: Access | None = None, gate: Gate | None = None) -> Page:
        with self._explained(sql, access):
            return self._engine.read(ask, gate)

    def _select(self, sight: Sight, access: Access) -> str:
        exp = expressions()
        columns = [exp.column(name, quoted=True) for name in sight.readable]
        parts = [exp.to_identifier(sight.table.bare, quoted=True)]
        parts += [exp.to_identifier(sight.table.schema, quoted=True)] if sight.table.schema else []
        table = exp.Table(**dict(zip(("this", "db"), parts, strict=False)))
        tree, _ = unordered(exp.select(*columns).from_(table), access, self._engine.dialect)
        return written(tree, self._engine.dialect)

    @contextmanager
    def _explained(self, sql: str = "", access: Access | None = None) -> Generator[None, None, None]:
        """Turn the engine's faults into sentences that say what to do."""
        try:
            yield
        except OutOfTime as fault:
            raise ToolError(
                f"the statement was stopped after {self.rules.timeout:g} seconds; filter by an indexed column "
                "(describe shows them), aggregate less, or add LIMIT"
            ) from fault
        except EngineFault as fault:
            text = fault.text
            if fault.missing in ("table", "column") and access is not None:
                text = f"{text}; {nearest(access, fault.missing, fault.name, sql, self._uri(''))}"
            raise ToolError(f"{self.name}: {text}") from fault

    def _table(self, access: Access, name: str) -> Sight:
        found = access.table(name)
        if found is None:
            raise ToolError(
                f"there is no table {name[:80]!r} in {self.name}; {nearest(access, 'table', name, '', self._uri(''))}"
            )
        return found

    def access(self, view: View) -> Access:
        """Return what of the database the caller may see."""
        with self._explained():
            stamp = self._engine.schema_stamp()
            with self._lock:
                if self._known[0] != stamp or not self._known[1]:
                    self._known = (stamp, self._engine.tables())
                    self._seen.clear()
                tables = self._known[1]
                found = self._seen.get((view.allow, view.deny))
        if found is None:
            clean: Callable[[Table, Access], str] = partial(why_not, dialect=self._engine.dialect)
            found = access_to(tables, (view, self.rules.view), self.rules.mask, clean)
            with self._lock:
                if len(self._seen) >= _VIEWS:
                    self._seen.clear()
                self._seen[view.allow, view.deny] = found
        return found

    def _uri(self, table: str) -> str:
        return make(self.scheme, self.name, table)


_RESULTS = "results/"
_WORDS_IN = re.compile(r"[\w$]+")
