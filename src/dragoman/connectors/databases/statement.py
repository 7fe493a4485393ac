"""What a SQL statement is, judged by its syntax tree: exactly one, and one that only reads.

The first of two guards; the engine's own (`guarded`) stands behind it and would hold alone.  A statement that the
parser does not understand is refused.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
from typing import Any

from dragoman.errors import ToolError

EXTRA = "sql"
PACKAGE = "sqlglot"
MAX_SQL = 20_000  # characters

_READ_ONLY = "only reading is served here: one SELECT, WITH, VALUES or EXPLAIN statement"
# Everything else below a SELECT only names, joins, filters or computes.
_WRITES = (
    "Insert",
    "Update",
    "Delete",
    "Merge",
    "Create",
    "Drop",
    "Alter",
    "Command",
    "Into",
    "Pragma",
    "Attach",
    "Detach",
)


def available() -> bool:
    """Tell whether the parser is installed."""
    return importlib.util.find_spec(PACKAGE) is not None


def check(sql: str) -> str:
    """Return the statement without the blanks and semicolons around it.

    Raises ToolError, for the model to read, for anything but one statement
    that reads.
    """
    if len(sql) > MAX_SQL:
        raise ToolError(f"the statement has {len(sql):,} characters; at most {MAX_SQL:,} are taken")
    if "\x00" in sql or (not sql.isprintable() and any(ord(sign) < 32 and sign not in "\t\n\r\f" for sign in sql)):
        raise ToolError("the statement holds control characters; write it as plain text")
    bare = sql.strip().rstrip(";").strip()
    if not bare:
        raise ToolError(f"there is no statement; {_READ_ONLY}")
    explained, inner = _without_explain(bare)
    _judge(inner)
    return explained + inner


def _without_explain(sql: str) -> tuple[str, str]:
    """Cut EXPLAIN off: the parser does not know it, and what it explains must be judged."""
    words = sql.split(None, 3)
    if len(words) >= 4 and [word.upper() for word in words[:3]] == ["EXPLAIN", "QUERY", "PLAN"]:
        return "EXPLAIN QUERY PLAN ", words[3]
    words = sql.split(None, 1)
    if len(words) == 2 and words[0].upper() == "EXPLAIN":
        return "EXPLAIN ", words[1]
    return "", sql


def _judge(sql: str) -> None:
    logging.getLogger(PACKAGE).setLevel(logging.ERROR)  # it warns of every statement that it will not take apart
    sqlglot: Any = importlib.import_module(PACKAGE)
    exp: Any = importlib.import_module(f"{PACKAGE}.expressions")
    errors: Any = importlib.import_module(f"{PACKAGE}.errors")
    try:
        trees = [tree for tree in sqlglot.parse(sql, dialect="sqlite") if tree is not None]
    except errors.SqlglotError as fault:
        raise ToolError(f"the statement does not parse: {_short(str(fault))}; {_READ_ONLY}") from fault
    except RecursionError as fault:
        raise ToolError("the statement is nested too deep") from fault
    if len(trees) != 1:
        raise ToolError(f"{len(trees)} statements were given; {_READ_ONLY}")
    tree = trees[0]
    if not isinstance(tree, (exp.Select, exp.SetOperation, exp.Values, exp.Subquery)):
        raise ToolError(f"{sql.split(None, 1)[0].upper()[:40]} is refused; {_READ_ONLY}")
    forbidden = tuple(getattr(exp, name) for name in _WRITES if hasattr(exp, name))
    for node in tree.walk():
        if isinstance(node, forbidden):
            raise ToolError(f"{type(node).__name__.upper()} is refused, inside another statement as well; {_READ_ONLY}")


def _short(text: str) -> str:
    # sqlglot underlines the place with terminal colours.
    return " ".join(text.replace("\x1b[4m", "").replace("\x1b[0m", "").split())[:200]
