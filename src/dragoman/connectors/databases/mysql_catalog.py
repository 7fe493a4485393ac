"""What MySQL and MariaDB tell of themselves, and which of their functions compute and nothing else."""

from __future__ import annotations

from typing import Any

from dragoman.connectors.databases.engine import MAX_TABLES, Column, Link, Table
from dragoman.connectors.databases.functions import PLAIN

# Privileges over the whole server that a read-only transaction does not stop.
POWERS = {
    "FILE": "reads and writes files of the server", "SUPER": "superuser", "PROCESS": "sees others' statements",
    "SHUTDOWN": "stops the server", "CREATE USER": "makes accounts", "RELOAD": "flushes the server",
    "READ_ONLY ADMIN": "lifts read-only", "CONNECTION ADMIN": "ends other sessions",
}  # fmt: skip

FUNCTIONS = PLAIN | frozenset({
    "add_months", "adddate", "addtime", "against", "any_value", "ascii", "bin", "binary", "bit_and", "bit_count",
    "bit_length", "bit_or", "bit_xor", "char", "chr", "coercibility", "collation", "conv", "crc32", "curdate",
    "curtime", "date_add", "date_format", "date_sub", "date_trunc", "datediff", "datetime", "day", "dayname",
    "dayofmonth", "dayofweek", "dayofyear", "decimal", "decode", "elt", "export_set", "field", "find_in_set", "format",
    "from_base64", "from_days", "from_unixtime", "get_format", "group_concat", "hex", "hour", "inet6_aton",
    "inet6_ntoa", "inet_aton", "inet_ntoa", "insert", "is_ipv4", "is_ipv6", "isnull", "json_array", "json_array_append",
    "json_array_insert", "json_arrayagg", "json_compact", "json_contains", "json_contains_path", "json_depth",
    "json_detailed", "json_exists", "json_extract", "json_insert", "json_keys", "json_length", "json_loose",
    "json_merge_patch", "json_merge_preserve", "json_object", "json_objectagg", "json_overlaps", "json_pretty",
    "json_query", "json_quote", "json_remove", "json_replace", "json_search", "json_set", "json_storage_size",
    "json_table", "json_type", "json_unquote", "json_valid", "json_value", "last_day", "lcase", "lengthb", "locate",
    "make_set", "makedate", "maketime", "match", "median", "microsecond", "mid", "minute", "mode", "month", "monthname",
    "months_between", "now", "nvl", "nvl2", "oct", "ord", "period_add", "period_diff", "quarter", "quote", "rand",
    "regexp_instr", "regexp_like", "regexp_replace", "regexp_substr", "sec_to_time", "second", "sha", "sha1", "sha2",
    "signed", "soundex", "space", "st_area", "st_asgeojson", "st_astext", "st_aswkt", "st_contains", "st_distance",
    "st_distance_sphere", "st_geomfromtext", "st_intersects", "st_within", "st_x", "st_y", "std", "str_to_date",
    "strcmp", "subdate", "substring_index", "subtime", "sysdate", "time_format", "time_to_sec", "timediff",
    "timestampadd", "timestampdiff", "to_base64", "to_char", "to_days", "to_seconds", "truncate", "ucase", "unhex",
    "unix_timestamp", "unsigned", "utc_date", "utc_time", "utc_timestamp", "uuid", "week", "weekday", "weekofyear",
    "weight_string", "year", "yearweek",
})  # fmt: skip

SCHEMA = """
SELECT (SELECT concat(count(*), '-', coalesce(max(create_time), '')) FROM information_schema.tables
        WHERE table_schema = %s),
       (SELECT concat(count(*), '-', coalesce(sum(crc32(concat(table_name, '.', column_name, column_type))), 0))
        FROM information_schema.columns WHERE table_schema = %s)
"""
STAMP = """
SELECT concat(count(*), '-', coalesce(max(update_time), ''), '-', coalesce(sum(table_rows), 0))
FROM information_schema.tables WHERE table_schema = %s
"""
# Whether a table's changes can be taken back, and by which foreign keys they change rows of others unseen.
TAKES_BACK = """
SELECT e.transactions = 'YES', t.engine FROM information_schema.tables t
JOIN information_schema.engines e ON e.engine = t.engine WHERE t.table_schema = %s AND t.table_name = %s
"""
FOLLOWING = """
SELECT table_name FROM information_schema.referential_constraints
WHERE unique_constraint_schema = %s AND referenced_table_name = %s
AND (CASE WHEN %s = 'delete' THEN delete_rule ELSE update_rule END) IN ('CASCADE', 'SET NULL', 'SET DEFAULT')
"""
STAMPS = """
SELECT table_name, concat(coalesce(update_time, ''), '-', coalesce(table_rows, 0))
FROM information_schema.tables WHERE table_schema = %s
"""
_TABLES = """
SELECT t.table_name, t.table_type, t.table_rows, left(t.table_comment, 300), v.view_definition
FROM information_schema.tables t
LEFT JOIN information_schema.views v ON v.table_schema = t.table_schema AND v.table_name = t.table_name
WHERE t.table_schema = %s ORDER BY t.table_name LIMIT %s
"""
_COLUMNS = """
SELECT table_name, column_name, column_type, is_nullable = 'NO', left(coalesce(column_default, ''), 100),
  left(column_comment, 200)
FROM information_schema.columns WHERE table_schema = %s ORDER BY table_name, ordinal_position
"""
_KEYS = """
SELECT table_name, constraint_name, column_name, ordinal_position, referenced_table_name, referenced_column_name
FROM information_schema.key_column_usage WHERE table_schema = %s
  AND (constraint_name = 'PRIMARY' OR referenced_table_schema = table_schema)
ORDER BY table_name, constraint_name, ordinal_position
"""
_INDEXES = """
SELECT table_name, index_name, non_unique, column_name FROM information_schema.statistics
WHERE table_schema = %s ORDER BY table_name, index_name, seq_in_index
"""


def read_tables(cursor: Any, database: str) -> dict[str, Table]:
    """Return the tables and views of one database that the account may read, by name, sorted."""
    keys: dict[tuple[str, str], int] = {}
    links: dict[str, dict[str, Link]] = {}
    for table, constraint, column, place, other, target in _all(cursor, _KEYS, database):
        if constraint == "PRIMARY":
            keys[table, column] = int(place)
        else:
            link = links.setdefault(table, {}).setdefault(constraint, Link(columns=[], table=other, targets=[]))
            link.columns.append(column)
            link.targets.append(target)
    columns: dict[str, list[Column]] = {}
    for table, name, kind, required, default, about in _all(cursor, _COLUMNS, database):
        key = keys.get((table, name), 0)
        column = Column(name=name, type=kind, required=bool(required), key=key, default=default, about=about)
        columns.setdefault(table, []).append(column)
    over: dict[str, dict[str, list[str]]] = {}
    unique: set[tuple[str, str]] = set()
    for table, index, repeated, column in _all(cursor, _INDEXES, database):
        over.setdefault(table, {}).setdefault(index, []).append(str(column))
        if not repeated:
            unique.add((table, index))
    found: dict[str, Table] = {}
    for name, kind, rows, about, definition in _all(cursor, _TABLES, database, MAX_TABLES):
        view = "VIEW" in str(kind)
        found[name] = Table(
            name=name, schema=database, kind="view" if view else "table", columns=columns.get(name, []),
            links=list(links.get(name, {}).values()), rows=-1 if view or rows is None else int(rows),
            indexes=[
                f"{'unique ' if (name, index) in unique else ''}({', '.join(names)})"
                for index, names in over.get(name, {}).items()
            ],
            definition=str(definition or ""), about="" if view else str(about or ""),
        )  # fmt: skip
    return found


def _all(cursor: Any, sql: str, *values: Any) -> list[Any]:
    cursor.execute(sql, values)
    return [tuple(v.decode() if isinstance(v, bytes) else v for v in row) for row in cursor.fetchall()]
