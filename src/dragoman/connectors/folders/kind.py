"""Documents as a kind of data: folders of them, and single ones."""

from __future__ import annotations

import hashlib
import itertools
import os
import sqlite3
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from dragoman.connectors.extract.registry import EXTRA, FORMATS, format_of, missing_package, why_not
from dragoman.connectors.folders.crawl import Folder, visible
from dragoman.connectors.folders.documents import Documents
from dragoman.connectors.folders.index import Index
from dragoman.connectors.kind import Kind, Opening, scheme_of
from dragoman.connectors.source import Source, SourceError
from dragoman.store.bounds import shown

_LOOK_AT = 10_000  # files, at most, to find one that can be read


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be said of documents."""

    path: str


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


def _claims(text: str, path: Path | None) -> Options | None:
    return None if path is None else Options(path=text)


def _open(name: str, options: Options, opening: Opening) -> Source:
    path = opening.path(options.path)
    if path.is_dir():
        return _folder(name, path, opening)
    if not path.is_file():
        raise SourceError(f"{options.path} is neither a file nor a folder; {_FORMS}")
    return _document(name, path, opening)


def _folder(name: str, path: Path, opening: Opening) -> Source:
    folder = Folder(_readable(path), links=not opening.parted)
    files = 0
    missing: set[str] = set()
    for found in itertools.islice(folder.walk(), _LOOK_AT):
        files += 1
        if not why_not(found.path, found.size):
            return Documents(name, folder, _index(name, folder, opening))
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


def _document(name: str, path: Path, opening: Opening) -> Source:
    _readable(path)
    if not visible(path.name):
        raise SourceError(f"{path.name} is hidden or a secret by its name, and not served")
    if format_of(path.name) is None:
        raise SourceError(f"no reader for {path.name}; {_FORMS}; documents end in {_endings()}")
    if reason := why_not(path.name, path.stat().st_size):
        raise SourceError(f"{path} cannot be served: {reason}")
    folder = Folder(path.parent, only=path.name)
    return Documents(name, folder, _index(name, folder, opening))


def _readable(path: Path) -> Path:
    if not os.access(path, os.R_OK):
        raise SourceError(f"{path} may not be read by this user")
    return path


def _index(name: str, folder: Folder, opening: Opening) -> Index:
    # Without links there is less in it: what an index with links holds must not be found in it.
    what = f"{folder.root}\x00{folder.only}" + ("" if folder.links else "\x00parted")
    key = hashlib.sha256(what.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    if opening.index:
        return Index(server_at(opening.index).IndexServer(opening.index, f"{name}_{key}"))
    place = Path(os.path.realpath(opening.cache_dir or default_cache())) / "index"
    if (
        not folder.only
        and place.is_relative_to(folder.root)
        and all(map(visible, place.relative_to(folder.root).parts))
    ):
        raise SourceError(
            f"the index must not lie inside the folder it is made from: {place}; give another cache directory"
        )
    try:
        return Index(place / f"{name}-{key}.db")
    except (OSError, sqlite3.Error) as fault:
        raise SourceError(
            f"the index cannot be kept in {place}: {fault}; set XDG_CACHE_HOME to a folder that can be written to"
        ) from fault


def server_at(address: str) -> Any:
    """Return the module for indexes in the database at an address.  Raises SourceError if there is none for it."""
    scheme = scheme_of(address)[0]
    if scheme not in ("postgresql", "postgres"):
        raise SourceError(
            f"no index at {shown(address)!r}: one is kept in postgresql://HOST/DATABASE, or in files without an address"
        )
    if find_spec("psycopg") is None:
        raise SourceError('an index in PostgreSQL needs psycopg: pip install "dragoman[postgres]"')
    return import_module("dragoman.connectors.folders.index_server")


def _endings() -> str:
    return ", ".join(sorted(FORMATS))


_FORMS = "a source of documents is a folder or a file"
KIND = Kind(
    name="documents", scheme="docs", options=Options, main="path", claims=_claims, open=_open,
    forms=("a folder of documents", "a document"),
)  # fmt: skip
