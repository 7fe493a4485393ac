"""What a SQL statement is, judged by its syntax tree: exactly one, and one that only reads.

The first of two guards; the engine's own stands behind it and would hold alone.  A statement that the parser does not
understand is refused.  `Statement.text` is written anew from the tree, so that what was judged is what runs: a comment
that an engine would execute, or an escape that it reads in its own way, is gone.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import re
from functools import lru_cache
from typing import Any, NamedTuple

from dragoman.errors import ToolError

EXTRA = "sql"
PACKAGE = "sqlglot"
MAX_SQL = 20_000  # characters
_MAX_NODES = 5_000
_REMEMBERED = 32

_READ_ONLY = "only reading is served here: one SELECT, WITH, VALUES or EXPLAIN statement"
_CHANGE = "taken is one INSERT, UPDATE or DELETE of one table"
# Everything else below a SELECT only names, joins, filters or computes.
_WRITES = (
    "Insert", "Update", "Delete", "Merge", "Create", "Drop", "Alter", "Command", "Into", "Pragma", "Attach", "Detach",
    "Lock", "Set", "Use", "Copy",
)  # fmt: skip
# Strings with escapes that parsers read differently, and variables, which a session keeps.
_ODD = {
    "ByteString": "E'...'",
    "SessionParameter": "a variable",
    "Parameter": "a variable",
    "Operator": "OPERATOR()",
    "ObjectIdentifier": "the type of an object's name",
}
_EXPLAIN = re.compile(r"EXPLAIN(?:\s+QUERY\s+PLAN)?\s+", re.IGNORECASE)


class Statement(NamedTuple):
    """One statement that reads: its tree, its text written from the tree, and whether only its plan is wanted."""

    tree: Any
    text: str
    explain: bool = False


def available() -> bool:
    """Tell whether the parser is installed."""
    return importlib.util.find_spec(PACKAGE) is not None


@lru_cache(maxsize=_REMEMBERED)
def check(sql: str) -> str:
    """Return a statement for SQLite without the blanks and semicolons around it.

    Raises ToolError, for the model to read, for anything but one statement
    that reads.
    """
    bare = _bare(sql)
    explained = _EXPLAIN.match(bare)
    _judged(bare[explained.end() :] if explained else bare, "sqlite")
    return bare


@lru_cache(maxsize=_REMEMBERED)
def read_statement(sql: str, dialect: str, *, placeholders: bool = False) -> Statement:
    """Return the statement, taken apart and written anew.

    `placeholders` lets `:name` through, for statements of the owner's making.
    The last few are remembered, as each page asks again: nobody may change a tree.
    Raises ToolError as `check` does.
    """
    bare = _bare(sql)
    explained = _EXPLAIN.match(bare)
    text = written(_judged(bare[explained.end() :] if explained else bare, dialect, placeholders), dialect)
    # Once more, so that the tree which is judged is the tree of the very text that runs.
    tree = _judged(text, dialect, placeholders)
    return Statement(tree, text, explained is not None)


def read_change(sql: str, dialect: str, *, placeholders: bool = False) -> Any:
    """Return the tree of one INSERT, UPDATE or DELETE; its text is for `written`.  Raises ToolError as `check` does."""
    text = written(_judged(_bare(sql), dialect, placeholders, change=True), dialect)
    return _judged(text, dialect, placeholders, change=True)


def expressions() -> Any:
    """Return the parser's module of node types."""
    return importlib.import_module(f"{PACKAGE}.expressions")


def parsed(sql: str, dialect: str) -> list[Any]:
    """Return the trees of the statements in a text.  Raises ToolError if it does not parse."""
    logging.getLogger(PACKAGE).setLevel(logging.ERROR)  # it warns of every statement that it will not take apart
    sqlglot: Any = importlib.import_module(PACKAGE)
    errors: Any = importlib.import_module(f"{PACKAGE}.errors")
    try:
        return [tree for tree in sqlglot.parse(sql, dialect=dialect) if tree is not None]
    except errors.SqlglotError as fault:
        raise ToolError(f"the statement does not parse: {_short(str(fault))}; {_READ_ONLY}") from fault
    except RecursionError as fault:
        raise ToolError("the statement is nested too deep") from fault


def written(tree: Any, dialect: str) -> str:
    """Return a tree as text, without comments."""
    errors: Any = importlib.import_module(f"{PACKAGE}.errors")
    try:
        return str(_spelled(tree, dialect).sql(dialect=dialect, comments=False))
    except (errors.SqlglotError, ValueError) as fault:
        raise ToolError(
            f"the statement cannot be taken apart: {_short(str(fault))}; write it in a plainer way"
        ) from fault
    except RecursionError as fault:
        raise ToolError("the statement is nested too deep") from fault


def _spelled(tree: Any, dialect: str) -> Any:
    """Return the tree with REGEXP as an operator, for MariaDB has no function of that name, and MySQL has both."""
    exp = expressions()
    if dialect != "mysql" or tree.find(exp.RegexpLike) is None:
        return tree

    def spelled(node: Any) -> Any:
        if not isinstance(node, exp.RegexpLike) or node.args.get("flag"):
            return node
        return exp.Var(this=f"({written(node.this, dialect)} REGEXP {written(node.expression, dialect)})")

    return tree.transform(spelled)


def _bare(sql: str) -> str:
    if len(sql) > MAX_SQL:
        raise ToolError(f"the statement has {len(sql):,} characters; at most {MAX_SQL:,} are taken")
    if not sql.isprintable() and any(ord(sign) < 32 and sign not in "\t\n\r\f" for sign in sql):
        raise ToolError("the statement holds control characters; write it as plain text")
    bare = sql.strip().rstrip(";").strip()
    if not bare:
        raise ToolError(f"sql is empty; {_READ_ONLY}")
    return bare


def _judged(sql: str, dialect: str, placeholders: bool = False, *, change: bool = False) -> Any:
    trees = parsed(sql, dialect)
    exp = expressions()
    taken = _CHANGE if change else _READ_ONLY
    if len(trees) != 1:
        raise ToolError(f"{len(trees)} statements were given; {taken}")
    tree = trees[0]
    kinds = (exp.Insert, exp.Update, exp.Delete) if change else (exp.Select, exp.SetOperation, exp.Values, exp.Subquery)
    if not isinstance(tree, kinds):
        raise ToolError(f"{sql.split(None, 1)[0].upper()[:40]} is refused; {taken}")
    forbidden = tuple(getattr(exp, name) for name in _WRITES if hasattr(exp, name))
    odd = tuple(getattr(exp, name) for name in _ODD if hasattr(exp, name))
    for count, node in enumerate(tree.walk()):
        if isinstance(node, forbidden) and not (change and node is tree):
            raise ToolError(f"{type(node).__name__.upper()} is refused, inside another statement as well; {taken}")
        if isinstance(node, exp.Placeholder) and not placeholders:
            raise ToolError("a placeholder has no value here: write the value itself into the statement")
        if isinstance(node, odd) and dialect != "sqlite":
            raise ToolError(f"{_ODD[type(node).__name__]} is refused: write a plain '...' or the name of a column")
        if count > _MAX_NODES:
            raise ToolError(f"the statement has more than {_MAX_NODES:,} parts; ask for less at once")
    return tree


def _short(text: str) -> str:
    # sqlglot underlines the place with terminal colours.
    return " ".join(text.replace("\x1b[4m", "").replace("\x1b[0m", "").split())[:200]
