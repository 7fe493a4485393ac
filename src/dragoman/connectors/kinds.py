"""From what stands on the command line to a source: a folder, a file, or an address of a database.

Everything that can be wrong with it is said at the start, in one sentence, not when the first question comes.
"""

from __future__ import annotations

import difflib
import hashlib
import itertools
import os
import re
import sqlite3
import sys
from collections.abc import Container
from pathlib import Path

from dragoman.connectors.crawl import Folder, visible
from dragoman.connectors.databases.database import Database
from dragoman.connectors.databases.guarded import OutOfTime, trusted
from dragoman.connectors.databases.statement import EXTRA as SQL_EXTRA
from dragoman.connectors.databases.statement import available
from dragoman.connectors.documents import Documents
from dragoman.connectors.extract.registry import EXTRA, FORMATS, format_of, missing_package, why_not
from dragoman.connectors.index import Index
from dragoman.connectors.source import Source, SourceError

_SQLITE = b"SQLite format 3\x00"
_DATABASE_ENDINGS = (".db", ".sqlite", ".sqlite3", ".db3")
_NAMED = re.compile(r"([a-z][a-z0-9-]{0,31})=(.+)", re.DOTALL)
_URL = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+)://(.*)", re.DOTALL)
_LOOK_AT = 10_000  # files, at most, to find one that can be read
_KINDS = "a folder of documents, a document, an SQLite file, or sqlite:///PATH"


def open_source(text: str, taken: Container[str], cache_dir: Path | None) -> Source:
    """Return the source that `text` names: PATH, sqlite:///PATH or NAME=PATH.

    Its name is the given one or comes from the path; a number sets it apart
    from those in `taken`.  Raises SourceError, with what to do, when there is
    nothing to serve.
    """
    name, place = "", text
    if not os.path.exists(text) and (named := _NAMED.fullmatch(text)):
        name, place = named.groups()
    path = _path(place)
    name = _free(name or _slug(path), taken)
    if path.is_dir():
        return _folder(name, path, cache_dir)
    if not path.is_file():
        raise SourceError(f"{place} is neither a file nor a folder; a source is {_KINDS}")
    with _readable(path).open("rb") as stream:
        head = stream.read(16)
    if head == _SQLITE or (path.suffix.lower() in _DATABASE_ENDINGS and place.startswith("sqlite:")):
        return _database(name, path)
    if path.suffix.lower() in _DATABASE_ENDINGS:
        raise SourceError(f"{path} is {'empty' if not head else 'no SQLite file'}: there is no database in it")
    return _document(name, path, cache_dir)


def default_cache() -> Path:
    """Return the folder for indexes in the user's cache directory, as each system has it."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or os.path.expanduser("~\\AppData\\Local")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Caches")
    else:
        given = os.environ.get("XDG_CACHE_HOME", "")
        base = given if os.path.isabs(given) else os.path.expanduser("~/.cache")
    return Path(base) / "dragoman"


def _path(place: str) -> Path:
    url = _URL.fullmatch(place)
    if url and url[1].lower() == "sqlite":
        rest = url[2]
        # Three slashes and a relative path, four and an absolute one, as SQLAlchemy writes them.
        place = rest[1:] if rest.startswith("/") else rest
    elif url and url[1].lower() == "file":
        place = url[2]
    elif url:
        raise SourceError(f"{url[1]}:// is no kind of source that can be served yet; a source is {_KINDS}")
    if "\x00" in place or not place:
        raise SourceError(f"a source is {_KINDS}")
    path = Path(os.path.realpath(os.path.expanduser(place)))
    if not path.exists():
        raise SourceError(f"there is nothing at {place}{_nearest(path)}")
    return path


def _nearest(path: Path) -> str:
    try:
        names = [name for name in itertools.islice(os.listdir(path.parent), 5_000) if visible(name)]
    except OSError:
        return ""
    near = difflib.get_close_matches(path.name, names, 1, 0.6)
    return f"; did you mean {path.parent / near[0]}?" if near else ""


def _readable(path: Path) -> Path:
    if not os.access(path, os.R_OK):
        raise SourceError(f"{path} may not be read by this user")
    return path


def _slug(path: Path) -> str:
    name = path.name if path.is_dir() else path.stem
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:32].strip("-") or "data"


def _free(name: str, taken: Container[str]) -> str:
    return next(free for free in (name, *(f"{name}-{number}" for number in range(2, 10_000))) if free not in taken)


def _folder(name: str, path: Path, cache_dir: Path | None) -> Source:
    folder = Folder(_readable(path))
    files = 0
    missing: set[str] = set()
    for found in itertools.islice(folder.walk(), _LOOK_AT):
        files += 1
        if not why_not(found.path, found.size):
            return Documents(name, folder, _index(name, folder, cache_dir))
        known = format_of(found.path)
        if known is not None and (package := missing_package(known)):
            missing.add(package)
    if missing:
        raise SourceError(f'reading {path} needs {", ".join(sorted(missing))}: pip install "dragoman[{EXTRA}]"')
    if files:
        raise SourceError(f"none of the {files:,} files in {path} can be read; documents end in {_endings()}")
    left = folder.left
    hidden = f" ({left.hidden:,} hidden or secret files and {left.links:,} links are not served)"
    raise SourceError(
        f"{path} holds no file that can be served{hidden if left.hidden or left.links else ': it is empty'}"
    )


def _document(name: str, path: Path, cache_dir: Path | None) -> Source:
    if not visible(path.name):
        raise SourceError(f"{path.name} is hidden or a secret by its name, and not served")
    if format_of(path.name) is None:
        raise SourceError(f"no reader for {path.name}; a source is {_KINDS}; documents end in {_endings()}")
    if reason := why_not(path.name, path.stat().st_size):
        raise SourceError(f"{path} cannot be served: {reason}")
    folder = Folder(path.parent, only=path.name)
    return Documents(name, folder, _index(name, folder, cache_dir))


def _database(name: str, path: Path) -> Source:
    if not available():
        raise SourceError(f'serving the database {path} needs sqlglot: pip install "dragoman[{SQL_EXTRA}]"')
    try:
        with trusted(path, 5.0) as db:
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except OutOfTime:
        pass  # large, but readable
    except sqlite3.Error as fault:
        # A lock passes; whoever asks while it lasts is told so.
        if "locked" not in str(fault):
            raise SourceError(f"{path} is not a database that can be opened: {fault}") from fault
    return Database(name, path)


def _index(name: str, folder: Folder, cache_dir: Path | None) -> Index:
    place = Path(os.path.realpath(cache_dir or default_cache())) / "index"
    if (
        not folder.only
        and place.is_relative_to(folder.root)
        and all(map(visible, place.relative_to(folder.root).parts))
    ):
        raise SourceError(
            f"the index must not lie inside the folder it is made from: {place}; give another cache directory"
        )
    key = hashlib.sha256(f"{folder.root}\x00{folder.only}".encode("utf-8", "surrogateescape")).hexdigest()[:16]
    try:
        return Index(place / f"{name}-{key}.db")
    except (OSError, sqlite3.Error) as fault:
        raise SourceError(
            f"the index cannot be kept in {place}: {fault}; set XDG_CACHE_HOME to a folder that can be written to"
        ) from fault


def _endings() -> str:
    return ", ".join(sorted(FORMATS))
