"""Which functions a statement calls, and whether those may be called: a list of what may, never of what may not.

A function can read files, call other machines, run a statement given as a string, or hold a lock: an engine's read-only
mode stops none of that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from dragoman.connectors.databases.statement import expressions, written
from dragoman.errors import ToolError

_CALL = re.compile(r'\s*(?:"((?:[^"]|"")+)"|`((?:[^`]|``)+)`|([A-Za-z_][\w$]*))\s*\(')
# Written like a call, but part of the language.
SYNTAX = frozenset({
    "all", "and", "any", "array", "between", "case", "cast", "coalesce", "convert", "date", "distinct", "else", "end",
    "exists", "extract", "filter", "greatest", "grouping", "if", "in", "interval", "least", "like", "lateral", "not",
    "nullif", "or", "overlay", "position", "row", "select", "some", "substring", "then", "time", "timestamp", "trim",
    "try_cast", "unnest", "values", "when", "xor",
})  # fmt: skip
# What every engine has, and what only computes: for engines that cannot be asked what their functions do.
PLAIN = frozenset({
    "abs", "acos", "asin", "atan", "atan2", "avg", "ceil", "ceiling", "char_length", "character_length", "concat",
    "concat_ws", "cos", "cot", "count", "cume_dist", "current_date", "current_time", "current_timestamp", "degrees",
    "dense_rank", "exp", "first_value", "floor", "ifnull", "iif", "initcap", "instr", "lag", "last_value", "lead",
    "left", "length", "ln", "localtime", "localtimestamp", "log", "log10", "log2", "lower", "lpad", "ltrim", "max",
    "md5", "min", "mod", "nth_value", "ntile", "octet_length", "percent_rank", "percentile_cont", "percentile_disc",
    "pi", "pow", "power", "radians", "rank", "repeat", "replace", "reverse", "right", "round", "row_number", "rpad",
    "rtrim", "sign", "sin", "sqrt", "stddev", "stddev_pop", "stddev_samp", "strpos", "substr", "sum", "tan", "trunc",
    "upper", "var_pop", "var_samp", "variance",
})  # fmt: skip


def called(tree: Any, dialect: str) -> Iterator[str]:
    """Yield the functions that a statement calls, in lower case, as the engine will see them.

    Raises ToolError for one that is called in another schema than the engine's own.
    """
    exp = expressions()
    for node in tree.walk():
        if isinstance(node, exp.Dot) and isinstance(node.expression, exp.Func):
            owner = node.this.name.lower() if isinstance(node.this, exp.Identifier) else ""
            if dialect != "duckdb" and owner != "pg_catalog":
                raise ToolError(f"functions are called without a schema before them: {written(node, dialect)[:80]}")
        if isinstance(node, exp.Anonymous):
            yield str(node.this if isinstance(node.this, str) else node.this.name).lower()
        elif isinstance(node, exp.Func) and (found := _CALL.match(written(node, dialect))):
            yield str(found[1] or found[2] or found[3]).lower()


def judge_functions(tree: Any, dialect: str, allowed: frozenset[str]) -> None:
    """Raise ToolError, with the nearest that may be called, for the first function that may not."""
    for name in called(tree, dialect):
        if name not in allowed and name not in SYNTAX:
            near = get_close_matches(name, allowed, 3, 0.75)
            hint = f"nearest: {', '.join(near)}" if near else "use plain SQL, or another of the engine's own functions"
            raise ToolError(
                f"the function {name[:60]} is not served: only those that are known to compute and nothing else; {hint}"
            )
