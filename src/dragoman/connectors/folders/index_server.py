"""An index in PostgreSQL, by its full text: for folders that outgrow one machine, and servers that share them.

Each folder has a schema of its own.  Writers wait for each other, readers for nobody.  Needs PostgreSQL 13 or newer and
an account that may create schemas.  Limit: who shares an index has to see the same files under the same path.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Generator, Iterable, MutableMapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from dragoman.connectors.folders.index_file import KEPT, VERSION
from dragoman.connectors.folders.place import How, IndexGoneError, joined
from dragoman.connectors.folders.words import folded
from dragoman.connectors.source import SourceError
from dragoman.store.bounds import shown

CONNECT = 10  # seconds
STATEMENT = 60  # seconds for one statement of a reader
OWNERS = "dragoman"  # begins the names of schemas; `?schema=NAME` in the address changes it
_PREFIX = re.compile(r"[a-z][a-z0-9]{0,11}")
_POOL = 8
_FRESH = 5.0  # seconds after which a connection that waited is tried before it is lent

_SCHEMA = """
CREATE TABLE meta(key TEXT COLLATE "C" PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE file(
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, path TEXT COLLATE "C" NOT NULL UNIQUE, size BIGINT NOT NULL,
    mtime_ns BIGINT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', kind TEXT NOT NULL DEFAULT '',
    title TEXT NOT NULL DEFAULT '', unit TEXT NOT NULL DEFAULT '', parts INTEGER NOT NULL DEFAULT 0,
    lines INTEGER NOT NULL DEFAULT 0, day TEXT COLLATE "C" NOT NULL DEFAULT '', detail BYTEA);
CREATE INDEX file_state ON file(state);
CREATE TEXT SEARCH DICTIONARY stems (TEMPLATE = snowball, LANGUAGE = english);
CREATE TEXT SEARCH CONFIGURATION words (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION words ALTER MAPPING FOR asciiword, word, hword, hword_part WITH stems;
CREATE TABLE piece(
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, file BIGINT NOT NULL, part INTEGER NOT NULL,
    at INTEGER NOT NULL, line INTEGER NOT NULL, title TEXT NOT NULL, heading TEXT NOT NULL, body TEXT NOT NULL,
    words TSVECTOR NOT NULL, names TSVECTOR NOT NULL);
CREATE INDEX piece_file ON piece(file, part, at);
CREATE INDEX piece_words ON piece USING gin(words) WITH (fastupdate = off);
CREATE INDEX piece_names ON piece USING gin(names) WITH (fastupdate = off);
CREATE TABLE word(term TEXT COLLATE "C" PRIMARY KEY, back TEXT COLLATE "C" NOT NULL);
CREATE INDEX word_back ON word(back)
"""
_CUT = (psycopg.OperationalError, psycopg.InterfaceError)
_TAKEN = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedObject)
_VERSION = f"{VERSION}.1"
_CHANGED = (
    # From the time on, since numbers that begin again could be mistaken for those of tables that were taken away.
    "INSERT INTO meta(key, value) VALUES ('changes', (extract(epoch FROM now()) * 1000000)::bigint::text) "
    "ON CONFLICT(key) DO UPDATE SET value = (meta.value::bigint + 1)::text"
)
_INSERT = (
    "INSERT INTO piece(file, part, at, line, title, heading, body, words, names) VALUES (%s, %s, %s, %s, %s, %s, %s, "
    "to_tsvector('words', %s) || to_tsvector('words', %s) || to_tsvector('words', %s), "
    "to_tsvector('words', %s) || to_tsvector('words', %s))"
)


class ServerLink:
    """A connection that takes statements as SQLite does."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.since = time.monotonic()

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Any:
        """Run a statement."""
        return self.connection.execute(_marked(statement), values)

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]], /) -> None:
        """Run a statement for each row."""
        with self.connection.cursor() as cursor:
            cursor.executemany(_marked(statement), rows)

    @property
    def stands(self) -> bool:
        """Whether it can be used still."""
        if self.connection.closed:
            return False
        if time.monotonic() - self.since > _FRESH:
            try:
                self.connection.execute("SELECT 1")
            except psycopg.Error:
                return False
        return True


class ServerLease:
    """The right to index, which goes with the connection that holds it."""

    def __init__(self, place: IndexServer) -> None:
        self._place = place
        self._link: ServerLink | None = None

    def acquire(self) -> bool:
        """Take it; False while another process has it.  Raises IndexGoneError."""
        link = self._place.connect()
        row = link.execute("SELECT pg_try_advisory_lock(?)", (lock_of(self._place.schema, "lease"),)).fetchone()
        if row[0]:
            self._link = link
        else:
            link.connection.close()
        return bool(row[0])

    def release(self) -> None:
        """Give it up."""
        link, self._link = self._link, None
        if link is not None:
            link.connection.close()


class IndexServer:
    """One schema, a connection that writes and a few that read.  Any thread may call any method."""

    words = "piece p"
    piece = "p.id"
    walk = "p.id"
    order = "(p.id + 0)"  # else it would go through all pieces in their order, hoping to meet the words soon
    pieces = "piece p JOIN file f ON f.id = p.file"
    position = "strpos"

    def __init__(self, address: str, name: str) -> None:
        """Open the index `name` in the database at `address`, or make it.  Raises SourceError where that cannot be."""
        self._address, prefix = apart(address)
        self.schema = f"{prefix}_{name}"
        self.shown = shown(address)
        self._pool: list[ServerLink] = []
        self._pool_lock = threading.Lock()
        self._write_lock = threading.RLock()
        self._writer: ServerLink | None = None
        self._depth = 0
        self._closed = False
        self._kept: tuple[Any, dict[Any, Any]] = None, {}  # of which change, and what was found out since
        try:
            self._make()
        except (psycopg.Error, IndexGoneError) as fault:
            raise SourceError(f"the index cannot be kept in {self.shown}: {_told(fault.__cause__ or fault)}") from fault

    def _make(self) -> None:
        link = self.connect()
        try:
            (encoding,) = link.execute("SELECT current_setting('server_encoding')").fetchone()
            if encoding != "UTF8":
                raise SourceError(f"the index cannot be kept in {self.shown}: its encoding is {encoding}, not UTF8")
            with link.connection.transaction():
                link.execute("SELECT pg_advisory_xact_lock(?)", (lock_of(self.schema, "write"),))
                (there,) = link.execute("SELECT to_regclass('meta') IS NOT NULL").fetchone()
                made = link.execute("SELECT value FROM meta WHERE key = 'version'").fetchone() if there else None
                if made is None or made[0] != _VERSION:
                    named = sql.Identifier(self.schema)
                    link.connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(named))
                    link.connection.execute(sql.SQL("CREATE SCHEMA {}").format(named))
                    for statement in _SCHEMA.strip().split(";\n"):
                        link.execute(statement)
                    link.execute("INSERT INTO meta(key, value) VALUES ('version', ?)", (_VERSION,))
            self._pool.append(link)
        except BaseException:
            link.connection.close()
            raise

    def connect(self) -> ServerLink:
        """Return a connection of one's own.  Raises IndexGoneError."""
        try:
            connection = psycopg.connect(
                self._address, autocommit=True, connect_timeout=CONNECT, keepalives_idle=30, tcp_user_timeout=20_000
            )
            path = sql.SQL("SET search_path TO {}").format(sql.Identifier(self.schema))
            connection.execute(path)
            connection.execute("SELECT set_config('statement_timeout', %s, false)", (f"{STATEMENT}s",))
            # Short statements: compiling one takes longer than it does, and words are for the index to find.
            connection.execute("SET jit = off")
            connection.execute("SET enable_seqscan = off")
        except psycopg.Error as fault:
            raise self._gone(fault) from fault
        return ServerLink(connection)

    def lease(self) -> ServerLease:
        """Return the right to index, not yet taken."""
        return ServerLease(self)

    @contextmanager
    def reading(self) -> Generator[ServerLink, None, None]:
        """Lend a connection, for this thread alone.  Raises IndexGoneError."""
        with self._pool_lock:
            link = self._pool.pop() if self._pool else None
        if link is None or not link.stands:
            link = self.connect()
        try:
            with self._explained(link):
                yield link
        finally:
            link.since = time.monotonic()
            with self._pool_lock:
                if self._closed or link.connection.closed or len(self._pool) >= _POOL:
                    link.connection.close()
                else:
                    self._pool.append(link)

    @contextmanager
    def writing(self) -> Generator[ServerLink, None, None]:
        """One transaction: all of it happens or nothing, and nobody else writes meanwhile.  Raises IndexGoneError."""
        with self._write_lock:
            if self._depth and self._writer is not None:
                yield self._writer
                return
            if self._writer is None or not self._writer.stands:
                self._writer = self.connect()
            link = self._writer
            self._depth = 1
            try:
                with self._explained(link), link.connection.transaction():
                    link.execute("SELECT pg_advisory_xact_lock(?)", (lock_of(self.schema, "write"),))
                    yield link
                    link.execute(_CHANGED)
            finally:
                self._depth = 0
                link.since = time.monotonic()

    def close(self) -> None:
        """Release the connections.  Safe to call twice."""
        with self._pool_lock:
            self._closed = True
            pool, self._pool = self._pool, []
        with self._write_lock:
            writer, self._writer = self._writer, None
        for link in (*pool, *([writer] if writer else [])):
            link.connection.close()

    def expression(self, texts: Sequence[str], how: How = "all", *, named: bool = False) -> tuple[str, str]:
        """Return a condition for pieces with these words or phrases, and its value."""
        # Folded, a word has letters and digits only: nothing of it is syntax.
        found = ["(" + " <-> ".join(f"'{word}'" for word in folded(text).split()) + ")" for text in texts]
        # Names have an index of their own: that of words would look into each piece whether they stand in its title.
        return f"p.{'names' if named else 'words'} @@ to_tsquery('words', ?)", joined(found, how, " & ", " | ")

    def seen(self, link: Any, files: set[int]) -> tuple[str, tuple[Any, ...]]:
        """Return a condition for files with one of these numbers, and its values."""
        return "f.id = ANY(?)", (list(files),)

    def remembered(self, link: Any) -> MutableMapping[Any, Any]:
        """Return what is remembered until somebody writes, here or elsewhere: each transaction that does says so."""
        row = link.execute("SELECT value FROM meta WHERE key = 'changes'").fetchone()
        with self._pool_lock:
            if row != self._kept[0] or len(self._kept[1]) > KEPT:
                self._kept = row, {}
            return self._kept[1]

    def lower(self, link: Any, text: str) -> str:
        """Return the function that puts texts into lower case, as the database's locale has it."""
        return "lower"

    def add_pieces(self, link: Any, rows: Sequence[tuple[Any, ...]]) -> None:
        """Store pieces (file, part, at, line, title, heading, body) with their words."""
        with link.connection.cursor() as cursor:
            cursor.executemany(_INSERT, [_with_words(row) for row in rows])

    def take_words(self, link: Any, file: int) -> None:
        """Nothing: words go with their pieces."""

    @contextmanager
    def _explained(self, link: ServerLink) -> Generator[None, None, None]:
        """Say in words of ours that a connection was cut, or that the index was taken away."""
        try:
            yield
        except _CUT as fault:
            link.connection.close()
            raise self._gone(fault) from fault
        except _TAKEN as fault:
            raise self._made_again(fault) from fault

    def _made_again(self, fault: psycopg.Error) -> IndexGoneError:
        """Make the tables that somebody has taken away; what was in them is read again at the next walk."""
        try:
            self._make()
        except psycopg.Error as other:
            return self._gone(other)
        return IndexGoneError(f"the index in {self.shown} was taken away, and is made again: ask again in a moment")

    def _gone(self, fault: psycopg.Error) -> IndexGoneError:
        return IndexGoneError(f"the index in {self.shown} does not answer: {_told(fault)}; ask again in a moment")


class KeptThere(NamedTuple):
    """One index in a database: the source's name, how many files it knows, and its size in bytes."""

    name: str
    schema: str
    files: int
    size: int
    shown: str


def kept(address: str) -> list[KeptThere]:
    """Return the indexes in the database at `address`, by name.  Raises SourceError."""
    with _lent(address) as (connection, prefix):
        rows = connection.execute(
            "SELECT n.nspname, sum(pg_total_relation_size(c.oid))::bigint FROM pg_namespace n JOIN pg_class c "
            "ON c.relnamespace = n.oid AND c.relkind = 'r' WHERE n.nspname ~ %s GROUP BY 1 ORDER BY 1",
            (f"^{prefix}_.+_[0-9a-f]{{16}}$",),
        ).fetchall()
        found: list[KeptThere] = []
        for schema, size in rows:
            table = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, "file"))
            (files,) = connection.execute(table).fetchone() or (0,)
            found.append(KeptThere(schema[len(prefix) + 1 : -17], schema, files, size, shown(address)))
        return found


def purge(address: str, schemas: Sequence[str]) -> list[str]:
    """Take indexes away, all of them or none; return those that a server keeps up to date now.  Raises SourceError."""
    with _lent(address) as (connection, _), connection.transaction():
        busy = [
            schema
            for schema in schemas
            for what in ("lease", "write")
            if connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (lock_of(schema, what),)).fetchone()
            != (True,)
        ]
        for schema in () if busy else schemas:
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))
        return list(dict.fromkeys(busy))


@contextmanager
def _lent(address: str) -> Generator[tuple[psycopg.Connection[Any], str], None, None]:
    plain, prefix = apart(address)
    try:
        with psycopg.connect(plain, autocommit=True, connect_timeout=CONNECT) as connection:
            yield connection, prefix
    except psycopg.Error as fault:
        raise SourceError(f"the indexes in {shown(address)} cannot be seen: {_told(fault)}") from fault


def _with_words(row: tuple[Any, ...]) -> tuple[Any, ...]:
    title, heading, body = map(folded, row[4:])
    return (*row, title, heading, body, title, heading)


@lru_cache(maxsize=500)
def _marked(statement: str) -> Any:
    """Return a statement of ours with the marks that psycopg has for values."""
    return cast("Any", statement.replace("%", "%%").replace("?", "%s"))


def _told(fault: BaseException) -> str:
    return str(fault).strip().partition("\n")[0] or type(fault).__name__


def lock_of(schema: str, what: str) -> int:
    """Return the number of an advisory lock."""
    return int.from_bytes(hashlib.sha256(f"{schema}\x00{what}".encode()).digest()[:8], "big", signed=True)


def apart(address: str) -> tuple[str, str]:
    """Return the address without the option that is ours, and what names of schemas begin with.  Raises SourceError."""
    parts = urlsplit(address)
    options = parse_qsl(parts.query, keep_blank_values=True)
    prefix = next((value for key, value in options if key == "schema"), OWNERS)
    if not _PREFIX.fullmatch(prefix):
        raise SourceError(f"schema={prefix[:40]!r} of the index begins schemas' names: up to 12 letters a-z and digits")
    rest = urlencode([pair for pair in options if pair[0] != "schema"])
    return urlunsplit(parts._replace(query=rest)), prefix
