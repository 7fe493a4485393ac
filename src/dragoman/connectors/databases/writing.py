"""Changes of a database by `run`: a statement of the model's, or one of the owner's by its name, tried before.

There only where the owner allowed writing.  A change is tried in a transaction that is taken back, told with the number
of its rows, and done, once confirmed, only if it would still change just those.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from msgspec import structs

from dragoman.connectors.address import make
from dragoman.connectors.databases.access import Access, Sight
from dragoman.connectors.databases.changing import Wanted, judged, of_one_table, settable
from dragoman.connectors.databases.engine import BESIDE, Change, Engine, EngineFault, OutOfTime
from dragoman.connectors.databases.functions import judge_functions
from dragoman.connectors.databases.judge import reads_only_shown
from dragoman.connectors.databases.named import Named
from dragoman.connectors.databases.rules import Rules
from dragoman.connectors.databases.statement import read_change
from dragoman.connectors.source import Preview, Program, SourceError
from dragoman.connectors.view import ALL, View
from dragoman.errors import ToolError

CHANGE = "change"
CHECK = 2.0  # seconds for each query of the owner's when all is checked
_TELL = 2_000  # characters of a statement that is shown to whoever confirms it
_SQL = {"type": "string", "description": "one INSERT with named columns, UPDATE or DELETE, of one table"}


@contextmanager
def complaining(query: str, found: list[str]) -> Generator[None, None, None]:
    """Add to `found` what the engine does not know of what a query names, or that it cannot be run at all."""
    try:
        yield
    except ToolError as fault:
        found.append(f"queries.{query}: {fault.message}")
    except EngineFault as fault:
        if fault.missing:
            found.append(f"queries.{query}: {fault.text}")
    except OutOfTime:
        return  # it runs


class Writer:
    """The changes that one database takes.  `access` tells what a caller may see, `explained` puts faults in words."""

    def __init__(
        self,
        name: str,
        engine: Engine,
        rules: Rules,
        access: Callable[[View], Access],
        explained: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._name = name
        self._engine = engine
        self._rules = rules
        self._access = access
        self._explained = explained
        if CHANGE in rules.queries:
            raise SourceError(f"queries.{CHANGE} has the name under which statements are run; give it another")
        self._named = {
            key: Named(key, query, engine.dialect, engine.style) for key, query in rules.queries.items() if query.writes
        }

    def programs(self, view: View) -> list[Program]:
        """Return `change`, and the owner's own, but for those over what the caller may not see."""
        if not view.writes:
            return []
        about = (
            f"Change rows of {self._name}: one INSERT, UPDATE or DELETE of one table, at most "
            f"{self._rules.max_change:,} rows. It is tried first, and done once the user agrees."
        )
        schema = {"type": "object", "properties": {"sql": _SQL}, "required": ["sql"], "additionalProperties": False}
        free = [Program(name=CHANGE, about=about, schema=schema, read_only=False, tried=True)]
        return free * self._rules.statements + [
            Program(name=one.name, about=one.about, schema=one.schema(), read_only=False, tried=True)
            for one in self._named.values()
            if view.everything or reads_only_shown(one.tree, self._access(view))
        ]

    def preview(self, view: View, tool: str, arguments: Mapping[str, Any]) -> Preview:
        """Try it and take it back."""
        wanted, values, told = self._wanted(view, tool, arguments)
        with self._explained():
            rows = self._engine.change(self._change(view, wanted, values, None))
        rows = {name: count for name, count in rows.items() if count}
        count = ", ".join(_words(wanted.verb, number, name) for name, number in rows.items()) or "nothing changes"
        table = wanted.sight.table.name
        return Preview(text=f"{self._name}: {count}\n{told}", uri=make("db", self._name, table), rows=rows)

    def change(self, view: View, tool: str, arguments: Mapping[str, Any], wanted: Preview) -> None:
        """Do it, if it is still what was tried."""
        change, values, _ = self._wanted(view, tool, arguments)
        with self._explained():
            self._engine.change(self._change(view, change, values, wanted.rows))

    def complaints(self) -> list[str]:
        """Return what is wrong with the owner's changes themselves, each tried with NULL for its values."""
        found: list[str] = []
        for name, named in self._named.items():
            blank = named.blank()
            with complaining(name, found):
                one = of_one_table(named.tree, self._access(ALL), self._engine.dialect)
                one = one._replace(sql=blank.text, owners=True)
                self._engine.change(structs.replace(self._change(ALL, one, blank.values, None), seconds=CHECK))
        return found

    def settable(self, sight: Sight) -> list[str]:
        """Return the columns of a table that statements may set."""
        return settable(sight, self._rules.writable) if self._rules.statements else []

    def _wanted(self, view: View, tool: str, arguments: Mapping[str, Any]) -> tuple[Wanted, dict[str, Any], str]:
        if tool not in {one.name for one in self.programs(view)}:
            raise ToolError(
                f"there is no {tool[:80]!r} in {self._name}; describe {make('db', self._name)} tells what is"
            )
        access = self._access(view)
        if tool in self._named:
            # The owner's word: what is masked does not hold for it.
            bound = self._named[tool].bound_change(arguments)
            one = of_one_table(self._named[tool].tree, access, self._engine.dialect)
            told = ", ".join(f"{name}={value!s:.200}" for name, value in bound.values.items())
            return one._replace(sql=bound.text, owners=True), bound.values, f"{tool}({told})"
        tree = read_change(str(arguments["sql"]), self._engine.dialect)
        functions = self._engine.functions()
        if functions is not None:
            judge_functions(tree, self._engine.dialect, functions | self._rules.function_names)
        one = judged(tree, access, self._engine.dialect, self._rules.writable)
        told = one.sql if len(one.sql) <= _TELL else f"{one.sql[:_TELL]}… ({len(one.sql):,} characters)"
        return one, {}, told

    def _change(
        self, view: View, wanted: Wanted, values: Mapping[str, Any], expected: Mapping[str, int] | None
    ) -> Change:
        table = wanted.sight.table
        return Change(
            sql=wanted.sql, verb=wanted.verb, schema=table.schema, table=table.bare, name=table.name, parameters=values,
            seconds=self._rules.timeout, most=self._rules.max_change, expected=expected,
            closed=frozenset() if wanted.owners else self._access(view).closed_columns(),
        )  # fmt: skip


def _words(verb: str, count: int, table: str) -> str:
    rows = f"{count:,} row{'s' if count != 1 else ''} of {table}"
    return f"{rows}, by triggers or foreign keys" if table == BESIDE else f"{verb} {rows}"
