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
from dragoman.connectors.databases.rules import Rules
from dragoman.connectors.databases.writing import Writer
from dragoman.connectors.source import Entry, Passage, Program, Rows
from dragoman.connectors.view import View
from dragoman.errors import ToolError

PLACE = "queries/"


class Queries:
    """The queries of one database; `read` asks the engine, with its faults in words."""

    def __init__(
        self,
        name: str,
        engine: Engine,
        rules: Rules,
        access: Callable[[View], Access],
        read: Callable[[Ask], Page],
        writer: Writer | None,
    ) -> None:
        self._name = name
        self._engine = engine
        self._rules = rules
        self._access = access
        self._read = read
        self._writer = writer
        made = {key: Named(key, query, engine.dialect, engine.style) for key, query in rules.queries.items()}
        self._named = {key: one for key, one in made.items() if not rules.queries[key].writes}

    def __bool__(self) -> bool:
        return bool(self._named) or self._writer is not None

    def programs(self, view: View) -> list[Program]:
        """Return what this caller may run: not what reads or changes something that it may not see."""
        # Who sees everything is not asked about: the engine may be away just now.
        found = [
            Program(name=named.name, about=named.about, schema=named.schema())
            for named in self._named.values()
            if view.everything or reads_only_shown(named.tree, self._access(view))
        ]
        return found + (self._writer.programs(view) if self._writer is not None else [])

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

    def run(self, view: View, tool: str, arguments: Mapping[str, Any]) -> Rows:
        """Run a query that reads, and return its first rows."""
        if tool not in self._named or tool not in {one.name for one in self.programs(view)}:
            raise ToolError(
                f"there is no query {tool[:80]!r} in {self._name}; describe {make('db', self._name)} lists them"
            )
        bound = self._named[tool].bound(arguments, self._rules.max_rows + 1)
        page = self._read(
            Ask(
                sql=bound.text, paged="" if self._engine.functions() is None else bound.page, parameters=bound.values,
                limit=self._rules.max_rows, seconds=self._rules.timeout,
            )
        )  # fmt: skip
        return Rows(columns=page.columns, rows=all_shown(page.rows), more=page.more)

    def _uri(self, name: str) -> str:
        return make("db", self._name, f"{PLACE}{name}")
