"""Queries of the owner's, by name: statements with typed parameters, bound by the driver, never written into the text.

They are the owner's word: masks do not hold for them.  But a caller who may not see a table that one reads may not see
the query either.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from dragoman.connectors.databases.paging import paged
from dragoman.connectors.databases.rules import Parameter, Query
from dragoman.connectors.databases.statement import expressions, read_change, read_statement, written
from dragoman.connectors.source import SourceError
from dragoman.errors import ToolError

# By which sign a driver knows a parameter, and how that sign is written where it is meant as it stands.
_ESCAPES = {"%({})s": ("%", "%%"), "\\:{}": (":", "\\:")}
_MARK = re.compile(r"dragoman_value_(\w+?)_here")


class Bound(NamedTuple):
    """One page of a named query for a driver: its texts, with the driver's own marks in them, and values for those."""

    text: str
    page: str
    values: dict[str, Any]


class Named:
    """One query of the owner's, read once, when the source is opened."""

    def __init__(self, name: str, query: Query, dialect: str, style: str) -> None:
        self.name = name
        self.about = query.about or f"the owner's query {name}"
        self._parameters = query.parameters
        self.writes = query.writes
        self._dialect = dialect
        self._style = style
        try:
            if query.writes:
                self.tree = read_change(query.sql, dialect, placeholders=True)
            else:
                self.tree = read_statement(query.sql, dialect, placeholders=True).tree
        except ToolError as fault:
            raise SourceError(f"queries.{name}: {fault.message}") from fault
        exp = expressions()
        said = {str(node.name) for node in self.tree.find_all(exp.Placeholder)}
        if unknown := said ^ set(query.parameters):
            one = min(unknown)
            where = "its SQL but not its parameters" if one in said else "its parameters but not its SQL"
            raise SourceError(f"queries.{name}: {one or '?'} stands in {where}; parameters are written :name")

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the arguments."""
        return {
            "type": "object",
            "properties": {name: _schema(parameter) for name, parameter in self._parameters.items()},
            "required": [name for name, parameter in self._parameters.items() if _needed(parameter)],
            "additionalProperties": False,
        }

    def bound(self, arguments: Mapping[str, Any], limit: int) -> Bound:
        """Return the query with values.  Raises ToolError, naming the argument, for one that does not fit."""
        values = self._values(arguments)
        tree = self._marked()
        text, page = written(tree, self._dialect), paged(tree, self._dialect, 0, limit)
        return Bound(self._styled(text), self._styled(page), values)

    def bound_change(self, arguments: Mapping[str, Any]) -> Bound:
        """Return the same of a query that changes rows, which has no pages."""
        values = self._values(arguments)
        return Bound(self._styled(written(self._marked(), self._dialect)), "", values)

    def blank(self) -> Bound:
        """Return the query for one row, all values NULL: to see whether the engine knows what it names."""
        tree = self._marked()
        page = "" if self.writes else paged(tree, self._dialect, 0, 1)
        return Bound(self._styled(written(tree, self._dialect)), self._styled(page), dict.fromkeys(self._parameters))

    def _values(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        for name in arguments:
            if name not in self._parameters:
                raise ToolError(
                    f"{self.name} takes no {name[:60]!r}; it takes {', '.join(self._parameters) or 'nothing'}"
                )
        values: dict[str, Any] = {}
        for name, parameter in self._parameters.items():
            if name not in arguments and _needed(parameter):
                raise ToolError(f"{self.name} needs {name}: {parameter.about or parameter.type}")
            values[name] = _value(self.name, name, parameter, arguments.get(name, parameter.default))
        return values

    def _marked(self) -> Any:
        """Return the tree with a mark for each parameter, which no writer of SQL will quote."""
        exp = expressions()

        def marked(node: Any) -> Any:
            return exp.Var(this=f"dragoman_value_{node.name}_here") if isinstance(node, exp.Placeholder) else node

        return self.tree.transform(marked)

    def _styled(self, text: str) -> str:
        if self._parameters and self._style in _ESCAPES:
            text = text.replace(*_ESCAPES[self._style])
        return _MARK.sub(lambda found: self._style.removeprefix("\\").format(found[1]), text)


def _schema(parameter: Parameter) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "string" if parameter.type == "date" else parameter.type}
    found |= {"format": "date"} if parameter.type == "date" else {}
    found |= {"description": parameter.about} if parameter.about else {}
    found |= {"enum": parameter.choices} if parameter.choices else {}
    found |= {"minimum": parameter.minimum} if parameter.minimum is not None else {}
    found |= {"maximum": parameter.maximum} if parameter.maximum is not None else {}
    found |= {"maxLength": parameter.max_length} if parameter.type == "string" else {}
    found |= {"default": parameter.default} if parameter.default is not None else {}
    return found


def _needed(parameter: Parameter) -> bool:
    """Say whether a caller has to give it: what has a default need not be given."""
    return parameter.required and parameter.default is None


_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "date": (str,),
}  # fmt: skip


def _value(query: str, name: str, parameter: Parameter, value: Any) -> Any:
    if value is None and not parameter.required:
        return None
    fits = isinstance(value, _TYPES[parameter.type])
    if not fits or (isinstance(value, bool) and parameter.type != "boolean"):
        raise ToolError(f"{name} of {query} is of type {parameter.type}, not {type(value).__name__}")
    if parameter.choices and value not in parameter.choices:
        raise ToolError(
            f"{name} of {query} is one of {', '.join(map(str, parameter.choices))}, not {str(value)[:60]!r}"
        )
    if isinstance(value, str) and len(value) > parameter.max_length:
        raise ToolError(f"{name} of {query} has at most {parameter.max_length} characters")
    if isinstance(value, int | float) and parameter.minimum is not None and value < parameter.minimum:
        raise ToolError(f"{name} of {query} is at least {parameter.minimum}")
    if isinstance(value, int | float) and parameter.maximum is not None and value > parameter.maximum:
        raise ToolError(f"{name} of {query} is at most {parameter.maximum}")
    if isinstance(value, str) and parameter.type == "date":
        try:
            return datetime.date.fromisoformat(value)
        except ValueError as fault:
            raise ToolError(f"{name} of {query} is a date as in year-month-day, not {value[:40]!r}") from fault
    return value
