"""What of a database is run by name: the owner's queries, and where it may be written to, its changes.

Each has an address, `db://NAME/queries/QUERY`, under which it is listed and described.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from dragoman.connectors.address import make
from dragoman.connectors.databases.access import Access
from dragoman.connectors.databases.cells import all_shown
from dragoman.connectors.databases.engine import Ask, Engine, Page
from dragoman.connectors.databases.judge import reads_only_shown
from dragoman.connectors.databases.named import Named
from dragoman.connectors.databases.results import MAX_ROWS as KEPT_ROWS
from dragoman.connectors.databases.results import as_csv
from dragoman.connectors.databases.rules import Rules
from dragoman.connectors.databases.writing import CHECK, Writer, complaining
from dragoman.connectors.extract.tables import markdown_table
from dragoman.connectors.source import Entry, Passage, Position, Program, Rows
from dragoman.connectors.view import View
from dragoman.errors import ToolError

PLACE = "queries/"
FORMAT = "format"
SHOWN = 20_000  # characters of text in an answer
_FORMATS = {
    "type": "string", "enum": ["rows", "csv", "table", "file"],
    "description": "file keeps the whole result for an hour at a uri that fetch reads",
}  # fmt: skip


class Queries:
    """The queries of one database; `read` asks the engine, with its faults in words."""

    def __init__(
        self,
        name: str,
        engine: Engine,
        rules: Rules,
        access: Callable[[View], Access],
        read: Callable[[Ask], Page],
        keep: Callable[[View, Page], Rows],
        writer: Writer | None,
    ) -> None:
        self._name = name
        self._engine = engine
        self._rules = rules
        self._access = access
        self._read = read
        self._keep = keep
        self._writer = writer
        made = {key: Named(key, query, engine.dialect, engine.style) for key, query in rules.queries.items()}
        self._named = {key: one for key, one in made.items() if not rules.queries[key].writes}

    def __bool__(self) -> bool:
        return bool(self._named) or self._writer is not None

    def programs(self, view: View) -> list[Program]:
        """Return what this caller may run: not what reads or changes something that it may not see."""
        # Who sees everything is not asked about: the engine may be away just now.
        found = [
            Program(name=named.name, about=named.about, schema=self._schema(named))
            for named in self._named.values()
            if view.everything or reads_only_shown(named.tree, self._access(view))
        ]
        return found + (self._writer.programs(view) if self._writer is not None else [])

    def complaints(self) -> list[str]:
        """Return what the engine does not know of what the queries name; what else fails depends on their values."""
        found = self._writer.complaints() if self._writer is not None else []
        for name, named in self._named.items():
            blank = named.blank()
            paged = "" if self._engine.functions() is None else blank.page
            ask = Ask(sql=blank.text, paged=paged, parameters=blank.values, limit=1, seconds=CHECK)
            with complaining(name, found):
                self._engine.read(ask)
        return found

    def closed(self, view: View) -> list[str]:
        """Return the owner's queries that change data where nobody allowed it."""
        if self._writer is not None or not view.everything:
            return []
        return [name for name, query in self._rules.queries.items() if query.writes]

    def entries(self, view: View) -> list[Entry]:
        """Return them as items."""
        if not self:
            return []
        return [
            Entry(key=f"{PLACE}{one.name}", uri=self._uri(one.name), title=one.about[:100], kind="query")
            for one in self.programs(view)
        ]

    def described(self, view: View, path: str) -> dict[str, Any] | None:
        """Return what the query at a path is and takes, None if there is none."""
        name = path.removeprefix(PLACE)
        found = (
            None if name == path or not self else next((one for one in self.programs(view) if one.name == name), None)
        )
        if found is None:
            return None
        said: dict[str, Any] = {
            "uri": self._uri(name), "kind": "query", "about": found.about, "arguments": found.schema,
            "run_with": f'run with tool="{self._name}/{name}"',
        }  # fmt: skip
        return said if found.read_only else {**said, "read_only": False}

    def fetched(self, view: View, path: str, room: int) -> Passage | None:
        """Return the same as text."""
        if (said := self.described(view, path)) is None:
            return None
        text = msgspec.json.format(msgspec.json.encode(said), indent=2).decode()
        return Passage(uri=said["uri"], title=path, text=text[:room])

    def _schema(self, named: Named) -> dict[str, Any]:
        """Return a query's arguments, and how it shall answer, unless it has a parameter of that name itself."""
        schema = named.schema()
        default = self._rules.queries[named.name].format
        return {**schema, "properties": {FORMAT: {**_FORMATS, "default": default}, **schema["properties"]}}

    def run(self, view: View, tool: str, arguments: Mapping[str, Any]) -> Rows | Passage:
        """Run a query that reads, and return its first rows, or all that can be kept as the text that is asked for."""
        if tool not in self._named or tool not in {one.name for one in self.programs(view)}:
            raise ToolError(
                f"there is no query {tool[:80]!r} in {self._name}; describe {make('db', self._name)} lists them"
            )
        query, given = self._rules.queries[tool], dict(arguments)
        form = query.format if FORMAT in query.parameters else str(given.pop(FORMAT, query.format))
        most = self._rules.max_rows if form == "rows" else KEPT_ROWS
        bound = self._named[tool].bound(given, most + 1)
        page = self._read(
            Ask(
                sql=bound.text, paged="" if self._engine.functions() is None else bound.page, parameters=bound.values,
                limit=most, seconds=self._rules.timeout,
            )
        )  # fmt: skip
        if form == "file":
            return self._keep(view, page)
        rows = all_shown(page.rows)
        if form == "rows":
            return Rows(columns=page.columns, rows=rows, more=page.more)
        return self._as_text(view, tool, form, page, rows)

    def _as_text(self, view: View, tool: str, form: str, page: Page, rows: list[list[Any]]) -> Passage:
        """Return rows as CSV or a table; what is too long for an answer is kept, and its beginning shown."""
        whole = (as_csv if form == "csv" else markdown_table)([page.columns, *rows])
        count = f"{len(rows):,} rows"
        if len(whole) <= SHOWN and not page.more:
            return Passage(uri=self._uri(tool), title=tool, text=whole, total=count)
        kept = self._keep(view, page)
        return Passage(uri=kept.uri, title=tool, text=whole[:SHOWN], total=count, following=Position(0, SHOWN))

    def _uri(self, name: str) -> str:
        return make("db", self._name, f"{PLACE}{name}")
