"""From an address of a database to the source that serves it: which engine, and whether it can be reached and guarded.

Whatever is wrong is said at the start, in one sentence, and never with a password in it.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sqlite3
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

from dragoman.connectors.databases.database import Database
from dragoman.connectors.databases.dialects import PACKAGES
from dragoman.connectors.databases.engine import Engine, EngineFault, OutOfTime
from dragoman.connectors.databases.guarded import trusted
from dragoman.connectors.databases.rules import Rules
from dragoman.connectors.databases.sqlite import Sqlite
from dragoman.connectors.databases.statement import EXTRA, available
from dragoman.connectors.source import SourceError

# Scheme of the address -> module and class of the engine, package and extra that it needs.
_ENGINES: dict[str, tuple[str, str, str, str]] = {
    "postgresql": ("postgres", "Postgres", "psycopg", "postgres"),
    "postgres": ("postgres", "Postgres", "psycopg", "postgres"),
    "mysql": ("mysql", "Mysql", "pymysql", "mysql"),
    "mariadb": ("mysql", "Mysql", "pymysql", "mysql"),
    "duckdb": ("duck", "Duck", "duckdb", "tables"),
}
_SQLALCHEMY = ("alchemy", "Alchemy", "sqlalchemy", "sqlalchemy")
_SCHEME = re.compile(r"([a-z][a-z0-9_]*)(\+[a-z0-9_]+)?://", re.IGNORECASE)


def is_address(place: str) -> bool:
    """Tell whether a text is the address of a database that an engine here is for, or may be by SQLAlchemy."""
    found = _SCHEME.match(place)
    return found is not None and (found[1].lower() in _ENGINES or found[1].lower() in PACKAGES or found[2] is not None)


def open_file(name: str, path: Path, rules: Rules | None = None, *, writable: bool = False) -> Database:
    """Return an SQLite file as a source.  Raises SourceError if it is none, or sqlglot is missing."""
    _need_parser(str(path))
    try:
        with trusted(path, 5.0) as db:
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except OutOfTime:
        pass  # large, but readable
    except sqlite3.Error as fault:
        # A lock passes; whoever asks while it lasts is told so.
        if "locked" not in str(fault):
            raise SourceError(f"{path} is not a database that can be opened: {fault}") from fault
    if writable and not os.access(path, os.W_OK):
        raise SourceError(f"{path} may not be written by this user: leave {name} out of --allow-write")
    database = Database(name, Sqlite(path), rules, writable=writable)
    try:
        database.check_rules()
    except (EngineFault, OutOfTime):
        pass  # locked or busy now, and said so to whoever asks
    return database


def open_address(name: str, address: str, rules: Rules | None = None, *, writable: bool = False) -> Database:
    """Return the database at an address such as postgresql://HOST/NAME as a source, asked once whether it answers.

    Raises SourceError when a package is missing, the database does not answer,
    or its account can do more than an account for reading should.
    """
    _need_parser(without_password(address))
    rules = rules or Rules()
    found = _SCHEME.match(address)
    if found is None:
        raise SourceError(f"{without_password(address)} is no address of a database, such as postgresql://HOST/NAME")
    module, made, package, extra = _ENGINES.get(found[1].lower(), _SQLALCHEMY) if not found[2] else _SQLALCHEMY
    if writable and (module == "alchemy" or Path(address.partition("://")[2]).is_dir()):
        what = "files of a folder are" if module == "duck" else "by way of SQLAlchemy a database is"
        raise SourceError(f"{what} only read: leave {name} out of --allow-write")
    if importlib.util.find_spec(package) is None:
        raise SourceError(f'{found[1].lower()}:// needs {package}: pip install "dragoman[{extra}]"')
    make: Callable[[str, Rules], Engine] = getattr(import_module(f"dragoman.connectors.databases.{module}"), made)
    told = without_password(address)
    try:
        database = Database(name, make(address, rules), rules, writable=writable)
    except (EngineFault, OutOfTime) as fault:
        raise SourceError(f"{told}: {fault}") from fault
    try:
        database.probe()
        database.check_rules()
    except (EngineFault, OutOfTime) as fault:
        database.close()
        raise SourceError(f"{told}: {fault}") from fault
    except SourceError:
        database.close()
        raise
    return database


def without_password(address: str) -> str:
    """Return an address as it may be told: without the password, and without what stands behind the question mark."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return f"{address.partition('://')[0]}://..."
    host = parts.netloc.rpartition("@")[2]
    user = parts.netloc.rpartition("@")[0].partition(":")[0]
    return f"{parts.scheme}://{user + '@' if user else ''}{host}{parts.path}"


def _need_parser(place: str) -> None:
    if not available():
        raise SourceError(f'serving the database {place} needs sqlglot: pip install "dragoman[{EXTRA}]"')
