"""The tables of procrastinate, in a schema of their own beside the store's, and two functions that fill them.

The schema's name says which tables it has: another version of procrastinate finds none, and makes its own. What
waited in the others is put in again by whoever looks after the queue, for the records of tasks say that it waits.
"""

from __future__ import annotations

import zlib

from procrastinate.schema import SchemaManager
from psycopg import AsyncConnection

from dragoman.errors import LocalError

TASK = "dragoman.task"  # what our jobs are called there
CLASS = 0x4451  # of the lock under which the tables are made
LONGEST = 63  # bytes of a name in PostgreSQL, which cuts longer ones

# A job's only argument is the id of its task. Names are resolved in the schema whatever the caller's path is.
FUNCTIONS = """
CREATE INDEX ON procrastinate_jobs ((args ->> 'task')) WHERE status = 'todo';

CREATE FUNCTION dragoman_put(_queue text, _tasks text[]) RETURNS boolean LANGUAGE plpgsql
SET search_path = {s}, pg_temp AS $$
BEGIN
  PERFORM procrastinate_defer_jobs_v1(ARRAY(
    SELECT ROW(_queue, '{t}', 0, NULL, NULL, jsonb_build_object('task', task), NULL)::procrastinate_job_to_defer_v1
    FROM unnest(_tasks) AS task));
  RETURN true;
END $$;

CREATE FUNCTION dragoman_put_missing(_queue text, _tasks text[]) RETURNS integer LANGUAGE plpgsql
SET search_path = {s}, pg_temp AS $$
DECLARE _missing text[];
BEGIN
  SELECT coalesce(array_agg(DISTINCT task), '{{}}') INTO _missing FROM unnest(_tasks) AS task
  WHERE NOT EXISTS (SELECT FROM procrastinate_jobs WHERE args ->> 'task' = task AND status = 'todo');
  PERFORM dragoman_put(_queue, _missing);
  RETURN cardinality(_missing);
END $$;
"""
THERE = (
    "SELECT 1 FROM pg_catalog.pg_proc JOIN pg_catalog.pg_namespace AS n ON n.oid = pronamespace"
    " WHERE nspname = %s AND proname = 'dragoman_put_missing'"
)


class QueueTables:
    """The tables beside the store's `schema`, and the statements on them. Raises LocalError for a name too long."""

    def __init__(self, schema: str) -> None:
        theirs = SchemaManager.get_schema()
        self.schema = f"{schema}_queue_{zlib.crc32((theirs + FUNCTIONS).encode()):08x}"
        if len(self.schema) > LONGEST:
            raise LocalError(f"the schema {schema!r} is too long for a queue beside it: use at most 48 characters")
        self._make = f"CREATE SCHEMA {self.schema}; SET LOCAL search_path TO {self.schema}; {theirs}" + (
            FUNCTIONS.format(s=self.schema, t=TASK)
        )
        self.put = f"{self.schema}.dragoman_put(%s::text, %s::text[])".encode()
        self.put_missing = f"SELECT {self.schema}.dragoman_put_missing(%s::text, %s::text[])".encode()
        self.alive = (
            f"SELECT EXISTS (SELECT FROM {self.schema}.procrastinate_workers"
            " WHERE id = %s::bigint AND last_heartbeat > now() - make_interval(secs => %s::float8))"
        ).encode()

    async def prepare(self, connection: AsyncConnection[tuple[object, ...]]) -> None:
        """Make the tables if they are missing. Raises psycopg.Error."""
        if await self._there(connection):
            return
        async with connection.transaction():
            # One process makes them, and the others find them made.
            await connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", (CLASS, zlib.crc32(b"queue") >> 1))
            if not await self._there(connection):
                await connection.execute(self._make.encode())

    async def _there(self, connection: AsyncConnection[tuple[object, ...]]) -> bool:
        return bool(await (await connection.execute(THERE, (self.schema,))).fetchall())
