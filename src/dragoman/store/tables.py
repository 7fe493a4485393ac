"""The tables and functions of a store in PostgreSQL.

Whoever changes a key or appends to a stream holds its lock until the change can be seen. So a
stream's positions become visible in their order, and no reader passes one that comes later.
"""

from __future__ import annotations

import re
import zlib

from dragoman.errors import LocalError
from dragoman.store.connections import Connection

LAYOUT = 1  # counted up when the tables change
SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,40}")
CLASS = 0x4452  # of our advisory locks, whose names no other application shares

# Locks are taken in one order, so that two commits never wait for each other.
MAKE = """
CREATE SCHEMA IF NOT EXISTS {s};
CREATE TABLE {s}.kept (key text COLLATE "C" PRIMARY KEY, value bytea NOT NULL, until timestamptz NOT NULL);
CREATE INDEX ON {s}.kept (until);
CREATE TABLE {s}.streams (name text COLLATE "C" PRIMARY KEY, held integer NOT NULL, until timestamptz NOT NULL);
CREATE INDEX ON {s}.streams (until);
CREATE TABLE {s}.entries
  (stream text COLLATE "C", position bigint, value bytea NOT NULL, PRIMARY KEY (stream, position));
CREATE TABLE {s}.leases (key text COLLATE "C" PRIMARY KEY, owner text NOT NULL, until timestamptz NOT NULL);
CREATE INDEX ON {s}.leases (until);
CREATE SEQUENCE {s}.position;

CREATE FUNCTION {s}.put(_key text, _value bytea, _ttl float8) RETURNS void LANGUAGE sql AS $$
  INSERT INTO {s}.kept VALUES (_key, _value, clock_timestamp() + make_interval(secs => _ttl))
  ON CONFLICT (key) DO UPDATE SET value = excluded.value, until = excluded.until
$$;

CREATE FUNCTION {s}.append(_name text, _value bytea, _ttl float8, _most integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE _held integer; _surplus integer; _until timestamptz;
BEGIN
  SELECT held, until INTO _held, _until FROM {s}.streams WHERE name = _name;
  IF _until IS NULL THEN
    _held := 0; _surplus := 0;
  ELSIF _until <= clock_timestamp() THEN
    _surplus := _held;
  ELSE
    _surplus := greatest(_held + 1 - _most, 0);
  END IF;
  IF _surplus > 0 THEN
    DELETE FROM {s}.entries WHERE stream = _name AND position IN
      (SELECT position FROM {s}.entries WHERE stream = _name ORDER BY position LIMIT _surplus);
  END IF;
  INSERT INTO {s}.entries VALUES (_name, nextval('{s}.position'), _value);
  INSERT INTO {s}.streams VALUES (_name, _held + 1 - _surplus, clock_timestamp() + make_interval(secs => _ttl))
  ON CONFLICT (name) DO UPDATE SET held = excluded.held, until = excluded.until;
  PERFORM pg_notify('{s}_appended', _name);
END $$;

CREATE FUNCTION {s}.commit(_given text[], _there bytea[], _kinds text[], _names text[], _values bytea[],
                           _ttls float8[], _most integer[]) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE _lock integer;
BEGIN
  FOR _lock IN SELECT DISTINCT hashtext(named.name) AS lock FROM
    (SELECT 'value ' || given AS name FROM unnest(_given) AS given UNION ALL
     SELECT CASE kind WHEN 'append' THEN 'stream ' ELSE 'value ' END || changed
       FROM unnest(_kinds, _names) AS changes (kind, changed)) AS named ORDER BY lock
  LOOP
    PERFORM pg_advisory_xact_lock({c}, _lock);
  END LOOP;
  FOR _at IN 1 .. cardinality(_given) LOOP
    IF (SELECT value FROM {s}.kept WHERE key = _given[_at] AND until > clock_timestamp())
       IS DISTINCT FROM _there[_at] THEN RETURN false; END IF;
  END LOOP;
  FOR _at IN 1 .. cardinality(_names) LOOP
    IF _kinds[_at] = 'put' THEN
      PERFORM {s}.put(_names[_at], _values[_at], _ttls[_at]);
    ELSIF _kinds[_at] = 'drop' THEN
      DELETE FROM {s}.kept WHERE key = _names[_at];
    ELSE
      PERFORM {s}.append(_names[_at], _values[_at], _ttls[_at], _most[_at]);
    END IF;
  END LOOP;
  RETURN true;
END $$;

CREATE FUNCTION {s}.add(_key text, _value bytea, _ttl float8) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE _there bytea;
BEGIN
  PERFORM pg_advisory_xact_lock({c}, hashtext('value ' || _key));
  SELECT value INTO _there FROM {s}.kept WHERE key = _key AND until > clock_timestamp();
  IF NOT FOUND THEN PERFORM {s}.put(_key, _value, _ttl); END IF;
  RETURN _there;
END $$;

CREATE FUNCTION {s}.take(_key text) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE _there bytea;
BEGIN
  PERFORM pg_advisory_xact_lock({c}, hashtext('value ' || _key));
  DELETE FROM {s}.kept WHERE key = _key RETURNING CASE WHEN until > clock_timestamp() THEN value END INTO _there;
  RETURN _there;
END $$;

CREATE FUNCTION {s}.sweep() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE _over text[]; _rows integer; _more boolean;
BEGIN
  SELECT array_agg(name) INTO _over FROM (SELECT name FROM {s}.streams
    WHERE until <= clock_timestamp() AND pg_try_advisory_xact_lock({c}, hashtext('stream ' || name)) LIMIT 1000) AS s;
  -- Looked at again under the lock: somebody may have appended in between.
  SELECT array_agg(name) INTO _over FROM {s}.streams WHERE name = ANY (_over) AND until <= clock_timestamp();
  DELETE FROM {s}.entries WHERE stream = ANY (_over);
  DELETE FROM {s}.streams WHERE name = ANY (_over);
  _more := coalesce(cardinality(_over), 0) >= 1000;
  DELETE FROM {s}.kept WHERE key IN (SELECT key FROM {s}.kept
    WHERE until <= clock_timestamp() LIMIT 1000 FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS _rows = ROW_COUNT;
  _more := _more OR _rows >= 1000;
  DELETE FROM {s}.leases WHERE key IN (SELECT key FROM {s}.leases
    WHERE until <= clock_timestamp() LIMIT 1000 FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS _rows = ROW_COUNT;
  RETURN _more OR _rows >= 1000;
END $$;

CREATE TABLE {s}.layout_{n} ();
"""


STATEMENTS = (
    "SELECT value FROM {s}.kept WHERE key = %s::text AND until > clock_timestamp()",
    "SELECT {s}.add(%s::text, %s::bytea, %s::float8)",
    "SELECT {s}.take(%s::text)",
    "SELECT key FROM {s}.kept WHERE key >= %s::text AND key < %s::text AND until > clock_timestamp()"
    " ORDER BY key LIMIT %s::integer",
    "SELECT {s}.commit(%s::text[], %s::bytea[], %s::text[], %s::text[], %s::bytea[], %s::float8[], %s::integer[])",
    "SELECT position, value FROM {s}.streams JOIN {s}.entries ON stream = name"
    " WHERE name = %s::text AND position > %s::bigint AND until > clock_timestamp()"
    " ORDER BY position LIMIT %s::integer",
    "INSERT INTO {s}.leases AS held VALUES (%s::text, %s::text, clock_timestamp() + make_interval(secs => %s::float8))"
    " ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, until = excluded.until"
    " WHERE held.owner = excluded.owner OR held.until <= clock_timestamp() RETURNING 1",
    "DELETE FROM {s}.leases WHERE key = %s::text AND owner = %s::text RETURNING until > clock_timestamp()",
    "SELECT {s}.sweep()",
)
LAYOUTS = (
    "SELECT relname FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace AS n ON n.oid = relnamespace"
    " WHERE nspname = %s AND relname LIKE 'layout\\_%%' AND relkind = 'r'"
)


class Tables:
    """The statements of the store in `schema`."""

    def __init__(self, schema: str) -> None:
        if not SCHEMA.fullmatch(schema):
            raise LocalError(f"no schema {schema!r}: use small letters, digits and underscores, a letter first")
        self._schema = schema
        self._make = MAKE.format(s=schema, c=CLASS, n=LAYOUT).encode()
        self.get, self.add, self.take, self.keys, self.commit, self.read, self.lease, self.release, self.sweep = (
            statement.format(s=schema).encode() for statement in STATEMENTS
        )
        self.listen = f"LISTEN {schema}_appended".encode()

    def commit_and(self, also: bytes) -> bytes:
        """Return the statement that commits, and evaluates the expression `also` if that was done, in this order."""
        return b"SELECT CASE WHEN %b THEN (%b) ELSE false END" % (self.commit.removeprefix(b"SELECT "), also)

    async def prepare(self, connection: Connection) -> None:
        """Make the tables if they are missing. Raises LocalError if they are of another version of Dragoman."""
        if await self._there(connection):
            return
        async with connection.transaction():
            # One process makes them, and the others find them made.
            await connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", (CLASS, zlib.crc32(b"layout") >> 1))
            if not await self._there(connection):
                await connection.execute(self._make)

    async def _there(self, connection: Connection) -> bool:
        # Asked of the catalogue's rows: by its name a table that another process has just made may not be found.
        found = await (await connection.execute(LAYOUTS, (self._schema,))).fetchall()
        names = [str(name) for (name,) in found]
        if names and names != [f"layout_{LAYOUT}"]:
            raise LocalError(
                f"schema {self._schema} has the tables of {', '.join(names)}, and this Dragoman knows layout_{LAYOUT}:"
                " use another schema (postgresql://...?schema=NAME), or the version of Dragoman that made them"
            )
        return bool(names)
