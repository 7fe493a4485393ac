"""Databases as a kind of data: files of SQLite and DuckDB, folders of CSV and Parquet, and servers by their address."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from dragoman.connectors.databases.opening import is_address, open_address, open_file, without_password
from dragoman.connectors.databases.rules import Rules
from dragoman.connectors.kind import Kind, Opening, scheme_of
from dragoman.connectors.source import Source, SourceError

_SQLITE = b"SQLite format 3\x00"
_ENDINGS = (".db", ".sqlite", ".sqlite3", ".db3")
_DUCKDB = ".duckdb"


class Options(Rules, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be said of a database: its rules, and `url`, an address or a path.

    An address is sqlite:///PATH, duckdb:///PATH (a file, or a folder of CSV,
    Parquet and JSON files), postgresql://..., mysql://..., or
    DIALECT+DRIVER://... for SQLAlchemy.
    """

    url: str


def _claims(text: str, path: Path | None) -> Options | None:
    if scheme_of(text)[0] in ("sqlite", "duckdb") or is_address(text):
        return Options(url=text)
    if path is None or not path.is_file():
        return None
    if path.suffix.lower() in (*_ENDINGS, _DUCKDB):
        return Options(url=text)
    try:
        with path.open("rb") as stream:
            return Options(url=text) if stream.read(len(_SQLITE)) == _SQLITE else None
    except OSError:
        return None


def _open(name: str, options: Options, opening: Opening) -> Source:
    scheme, rest = scheme_of(options.url)
    writable = name in opening.writable
    _check_writing(name, options, writable)
    if scheme not in ("", "sqlite", "duckdb", "file"):
        return open_address(name, options.url, options, writable=writable)
    # Three slashes and a relative path, four and an absolute one, as SQLAlchemy writes them.
    path = opening.path((rest[1:] if rest.startswith("/") else rest) if scheme else options.url)
    if not path.exists():
        hint = f"; for an absolute path write {scheme}:///{rest}" if scheme and Path(rest).exists() else ""
        raise SourceError(f"there is nothing at {without_password(options.url)}{hint}")
    if scheme == "duckdb" or path.suffix.lower() == _DUCKDB:
        return open_address(name, f"duckdb://{path}", options, writable=writable)
    if path.is_dir():
        raise SourceError(
            f"{path} is a folder: write duckdb:///{path} to serve its CSV, Parquet and JSON files as tables"
        )
    return _sqlite(name, path, options, said=bool(scheme), writable=writable)


def _check_writing(name: str, options: Options, writable: bool) -> None:
    """Raise SourceError where rules speak of writing that is not allowed, or allow nothing that could be written."""
    changes = [key for key, query in options.queries.items() if query.writes]
    if not writable and options.writable:
        raise SourceError(f"{name} says what is writable, and nothing is without --allow-write {name} (or allow_write)")
    if writable and not options.statements and not changes:
        raise SourceError(
            f"{name} may be written to, but statements: false leaves that to queries with writes: true, and it has none"
        )


def _sqlite(name: str, path: Path, options: Options, *, said: bool, writable: bool) -> Source:
    try:
        with path.open("rb") as stream:
            head = stream.read(len(_SQLITE))
    except OSError as fault:
        raise SourceError(f"{path} may not be read by this user") from fault
    if head != _SQLITE and not (said and not head):
        raise SourceError(f"{path} is {'empty' if not head else 'no SQLite file'}: there is no database in it")
    try:
        return open_file(name, path, options, writable=writable)
    except sqlite3.Error as fault:
        raise SourceError(f"{path} is not a database that can be opened: {fault}") from fault


KIND = Kind(
    name="database", scheme="db", options=Options, main="url", claims=_claims, open=_open,
    forms=("an SQLite or DuckDB file", "sqlite:///PATH", "duckdb:///FOLDER", "postgresql://...", "mysql://..."),
    writes=True,
)  # fmt: skip
