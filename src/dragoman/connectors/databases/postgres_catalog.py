"""What PostgreSQL tells of itself: tables with keys and estimates, an account's powers, harmless functions.

Every question is one statement over the catalogue, so that a database of thousands of tables is described at once.
"""

from __future__ import annotations

from typing import Any

from dragoman.connectors.databases.engine import MAX_TABLES, Column, Link, Table

# What an account can do that a read-only transaction does not stop.
POWERS = """
SELECT current_user, array_remove(ARRAY[
  CASE WHEN r.rolsuper THEN 'superuser' END,
  CASE WHEN r.rolreplication THEN 'replication' END,
  CASE WHEN pg_has_role(r.oid, 'pg_read_server_files', 'USAGE') THEN 'reads files of the server' END,
  CASE WHEN pg_has_role(r.oid, 'pg_write_server_files', 'USAGE') THEN 'writes files of the server' END,
  CASE WHEN pg_has_role(r.oid, 'pg_execute_server_program', 'USAGE') THEN 'starts programs on the server' END,
  CASE WHEN pg_has_role(r.oid, 'pg_signal_backend', 'USAGE') THEN 'ends other sessions' END
], NULL) FROM pg_roles r WHERE r.rolname = current_user
"""

# PostgreSQL's own functions that are declared to change nothing, without those that read files, settings, the catalogue
# or statistics, run a statement given as text, read a table named as text, or hold locks. Those of extensions only if
# they are declared to depend on their arguments alone.
FUNCTIONS = r"""
SELECT DISTINCT lower(p.proname) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype, 'internal'::regtype)
  AND NOT 'internal'::regtype = ANY (p.proargtypes)
  AND ((n.nspname = 'pg_catalog' AND p.oid < 16384 AND (p.provolatile IN ('i', 's') OR p.prokind IN ('a', 'w')
        OR p.proname IN ('random', 'clock_timestamp', 'timeofday', 'gen_random_uuid'))
        AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e'))
    OR (p.provolatile = 'i' AND p.prolang IN (SELECT oid FROM pg_language WHERE lanname IN ('c', 'internal'))
        AND EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e'
                    AND d.classid = 'pg_proc'::regclass)))
  AND (p.proname !~ '^(pg_|lo_|loread|lowrite|binary_upgrade|has_|to_reg|reg|row_security|current_setting|set_config)'
    AND p.proname !~ '^(inet_client|inet_server|txid_|ts_stat|ts_rewrite|ts_debug|ts_parse|ts_token|query_to|table_to)'
    AND p.proname !~ '^(cursor_to|schema_to|database_to|col_desc|obj_desc|shobj_desc|currval|lastval|nextval|setval)'
    AND p.proname !~ '^(dblink|crosstab|connectby|xpath_table|brin_|gin_|gist_|currtid|format_type|acl|mxid|record_)'
    AND p.proname !~ '(_validator|_in|_out|_recv|_send|_handler|^makeaclitem|^satisfies_hash_partition|^querytree)$'
    OR p.proname IN ('pg_typeof', 'pg_size_pretty', 'pg_column_size'))
"""

# Counted by the server for each table; a second or so behind.
STAMP = """
SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) || '-' || count(*) FROM pg_stat_user_tables
"""

STAMPS = """
SELECT CASE WHEN schemaname = current_schema() THEN relname ELSE schemaname || '.' || relname END,
       n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables
"""

# Rows that this transaction has changed, in all tables: also by triggers and foreign keys.
CHANGED = "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint FROM pg_stat_xact_user_tables"

_TABLES = """
SELECT c.oid, n.nspname, c.relname, c.relkind, c.reltuples::bigint, n.nspname = current_schema(),
       CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) ELSE '' END,
       coalesce(left(obj_description(c.oid, 'pg_class'), 300), '')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
ORDER BY n.nspname, c.relname LIMIT %(most)s
"""
_COLUMNS = """
SELECT a.attrelid, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       coalesce(left(pg_get_expr(d.adbin, d.adrelid), 100), ''),
       coalesce(left(col_description(a.attrelid, a.attnum), 200), '')
FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = ANY (%(oids)s) AND a.attnum > 0 AND NOT a.attisdropped
  AND has_column_privilege(a.attrelid, a.attnum, 'SELECT')
ORDER BY a.attrelid, a.attnum
"""
_KEYS = """
SELECT k.conrelid, k.contype, coalesce(k.confrelid, 0),
  (SELECT array_agg(a.attname::text ORDER BY x.at) FROM unnest(k.conkey) WITH ORDINALITY x(n, at)
   JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = x.n),
  (SELECT array_agg(a.attname::text ORDER BY x.at) FROM unnest(k.confkey) WITH ORDINALITY x(n, at)
   JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = x.n)
FROM pg_constraint k WHERE k.conrelid = ANY (%(oids)s) AND k.contype IN ('p', 'f') ORDER BY k.oid
"""
_INDEXES = """
SELECT i.indrelid, i.indisunique,
  (SELECT string_agg(pg_get_indexdef(i.indexrelid, at::int, true), ', ' ORDER BY at)
   FROM generate_series(1, i.indnkeyatts) at)
FROM pg_index i WHERE i.indrelid = ANY (%(oids)s) AND i.indisvalid ORDER BY i.indexrelid
"""
_KIN = "SELECT inhrelid, inhparent FROM pg_inherits WHERE inhrelid = ANY (%(oids)s) OR inhparent = ANY (%(oids)s)"
_KINDS = {
    "r": "table", "p": "partitioned table", "v": "view", "m": "materialized view", "f": "foreign table",
}  # fmt: skip


def read_tables(cursor: Any) -> dict[str, Table]:
    """Return the tables and views that the account may read, by name, sorted."""
    cursor.execute(_TABLES, {"most": MAX_TABLES})
    listed = cursor.fetchall()
    names = {row[0]: row[2] if row[5] else f"{row[1]}.{row[2]}" for row in listed}
    values = {"oids": list(names)}
    keys: dict[int, list[str]] = {}
    links: dict[int, list[Link]] = {}
    for oid, kind, other, own, targets in _all(cursor, _KEYS, values):
        if kind == "p":
            keys[oid] = list(own or [])
        elif other in names:
            links.setdefault(oid, []).append(
                Link(columns=list(own or []), table=names[other], targets=list(targets or []))
            )
    columns: dict[int, list[Column]] = {}
    for oid, name, kind, required, default, about in _all(cursor, _COLUMNS, values):
        key = keys.get(oid, []).index(name) + 1 if name in keys.get(oid, []) else 0
        column = Column(name=name, type=kind, required=required, key=key, default=default, about=about)
        columns.setdefault(oid, []).append(column)
    indexes: dict[int, list[str]] = {}
    for oid, unique, over in _all(cursor, _INDEXES, values):
        indexes.setdefault(oid, []).append(f"{'unique ' if unique else ''}({over})")
    kin: dict[int, list[str]] = {}
    for child, parent in _all(cursor, _KIN, values):
        if child in names and parent in names:
            kin.setdefault(child, []).append(names[parent])
            kin.setdefault(parent, []).append(names[child])
    tables = [
        Table(
            name=names[oid], schema=schema, kind=_KINDS[_text(kind)], columns=columns.get(oid, []),
            links=links.get(oid, []), indexes=indexes.get(oid, []), rows=rows if _text(kind) not in "vf" else -1,
            definition=str(definition or "").rstrip().rstrip(";"), kin=kin.get(oid, []), about=about,
        )
        for oid, schema, _, kind, rows, _, definition, about in listed
    ]  # fmt: skip
    return {table.name: table for table in sorted(tables, key=lambda table: table.name)}


def _all(cursor: Any, sql: str, values: dict[str, Any]) -> list[Any]:
    cursor.execute(sql, values)
    return list(cursor.fetchall())


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
