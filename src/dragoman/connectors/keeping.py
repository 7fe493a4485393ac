"""What is kept of documents that were served: the indexes, in the user's cache directory or in a database.

Purging takes away index, lock and SQLite's side files.  Limit: blocks of the disk are not overwritten.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from dragoman.connectors.folders.kind import default_cache, server_at
from dragoman.connectors.source import SourceError
from dragoman.serving.nearest import nearest

_INDEX = re.compile(r"(.+)-[0-9a-f]{16}\.db")
_SIDES = ("-wal", "-shm", "-journal")


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One index: the source's name, what is in it in words, its size in bytes with side files, and where it lies."""

    name: str
    about: str
    size: int
    path: str

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON's values."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found


def kept(cache_dir: Path | None = None, *, index: str = "") -> list[Kept]:
    """Return the indexes, by name; with `index`, those in the database at that address.  Raises SourceError."""
    if index:
        return [
            Kept(name=one.name, about=_files_in(one.files), size=one.size, path=f"{one.shown}#{one.schema}")
            for one in server_at(index).kept(index)
        ]
    folder = (cache_dir or default_cache()) / "index"
    found: list[Kept] = []
    for path in sorted(folder.glob("*.db")):
        if (named := _INDEX.fullmatch(path.name)) and path.is_file():
            size = sum(one.stat().st_size for one in _files(path) if one.exists())
            found.append(Kept(name=named[1], about=_about(path), size=size, path=str(path)))
    return found


def purge(names: Sequence[str] | None, cache_dir: Path | None = None, *, index: str = "") -> list[Kept]:
    """Take away the indexes of these sources, all when None; return what was there.

    Raises SourceError for a name that has none, and for an index that a server
    uses now, before anything is taken away.
    """
    there = kept(cache_dir, index=index)
    known = sorted({one.name for one in there})
    for name in names or ():
        if name not in known:
            raise SourceError(f"there is no index of {name!r}{nearest(name, known)}")
    chosen = [one for one in there if names is None or one.name in names]
    if index:
        for one in server_at(index).purge(index, [one.path.partition("#")[2] for one in chosen]):
            raise SourceError(f"a server uses the index {one} now: stop it first")
        return chosen
    for one in chosen:
        if _in_use(Path(one.path)):
            raise SourceError(f"a server uses the index of {one.name} now: stop it first")
    for one in chosen:
        for file in _files(Path(one.path)):
            file.unlink(missing_ok=True)
    return chosen


def _files(path: Path) -> list[Path]:
    return [path, *(Path(f"{path}{side}") for side in _SIDES), path.with_suffix(".lock")]


def _about(path: Path) -> str:
    try:
        db = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True, timeout=0.5)
        try:
            (count,) = db.execute("SELECT count(*) FROM file").fetchone()
        finally:
            db.close()
    except sqlite3.Error as fault:
        return f"cannot be read ({fault})"
    return _files_in(count)


def _files_in(count: int) -> str:
    return f"{count:,} file{'s' if count != 1 else ''}"


def _in_use(path: Path) -> bool:
    """Tell whether a process holds the index's lock, which it has while it indexes, or writes to it."""
    for file in (path, path.with_suffix(".lock")):
        if not file.exists():
            continue
        db = sqlite3.connect(file, timeout=0, isolation_level=None)
        try:
            db.execute("BEGIN EXCLUSIVE")
            db.rollback()
        except sqlite3.OperationalError:
            return True
        except sqlite3.DatabaseError:
            continue  # damaged: nobody can use it
        finally:
            db.close()
    return False
