"""All kinds of data, and the way from what stands on the command line or in dragoman.yaml to a source.

Everything that can be wrong with it is said at the start, in one sentence, not when the first question comes.
"""

from __future__ import annotations

import difflib
import itertools
import os
import re
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

from dragoman.connectors.code.kind import KIND as GIT
from dragoman.connectors.code.logs_kind import KIND as LOGS
from dragoman.connectors.databases.kind import KIND as DATABASE
from dragoman.connectors.folders.crawl import visible
from dragoman.connectors.folders.kind import KIND as DOCUMENTS
from dragoman.connectors.kind import Kind, Opening, scheme_of, slug
from dragoman.connectors.programs.kind import KIND as PROGRAMS
from dragoman.connectors.shaping import shaped
from dragoman.connectors.source import Source, SourceError
from dragoman.connectors.trees.kind import KIND as FILES
from dragoman.serving.nearest import nearest

# Asked in this order whether a text is theirs; a folder that nobody else claims holds documents.
KINDS: tuple[Kind, ...] = (PROGRAMS, GIT, LOGS, FILES, DATABASE, DOCUMENTS)
NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_NAMED = re.compile(r"([a-z][a-z0-9-]{0,31})=(.+)", re.DOTALL)


def forms() -> str:
    """Return, in words, what a source can be."""
    return ", ".join(form for kind in reversed(KINDS) for form in kind.forms)


def open_source(text: str, taken: Container[str], opening: Opening) -> Source:
    """Return the source that `text` names: PATH, an address such as sqlite:///PATH, or NAME=PATH.

    Its name is the given one or comes from the path, then with a number if it
    is in `taken`.  Raises SourceError, with what to do, when there is nothing
    to serve.
    """
    name, place = split(text, opening)
    if name and name in taken:
        raise SourceError(f"there are two sources named {name}: give one of them another name")
    path = existing(place, opening)
    for kind in KINDS:
        options = kind.claims(str(path) if path and not scheme_of(place)[0] else place, path)
        if options is not None:
            return _opened(kind, free(name or named(place, path), taken), options, opening)
    raise SourceError(_refusal(place, opening))


def open_options(kind: str, name: str, given: Mapping[str, Any], opening: Opening) -> Source:
    """Return the source that a mapping describes.  Raises SourceError for unknown kinds and keys, and wrong values."""
    known = next((one for one in KINDS if one.name == kind), None)
    if known is None:
        names = [one.name for one in KINDS]
        raise SourceError(f"there is no kind {kind!r}{nearest(kind, names)}; kinds are {', '.join(names)}")
    unknown = [key for key in given if key not in known.options.__struct_encode_fields__]
    if unknown:
        raise SourceError(
            f"{kind} takes no {unknown[0]!r}{nearest(unknown[0], known.options.__struct_encode_fields__)}"
        )
    try:
        options = shaped(given, known.options, "")
    except ValueError as fault:
        raise SourceError(str(fault)) from fault
    return _opened(known, name, options, opening)


def _opened(kind: Kind, name: str, options: Any, opening: Opening) -> Source:
    if name in opening.writable and not kind.writes:
        raise SourceError(f"{kind.name} cannot be written to: leave {name} out of --allow-write")
    return kind.open(name, options, opening)


def split(text: str, opening: Opening) -> tuple[str, str]:
    """Return the name that stands before a source's place, "" for none, and the place."""
    if existing(text, opening) is None and (named := _NAMED.fullmatch(text)):
        return named[1], named[2]
    return "", text


def named(place: str, path: Path | None) -> str:
    """Return the name of a source without one: of its path, or of the last part of its address."""
    if path is not None:
        return slug(path.name if path.is_dir() else path.stem)
    rest = scheme_of(place)[1] or os.path.realpath(os.path.expanduser(place.rpartition(":")[2]))
    if rest.rpartition("/")[2] in ("", ".", ".."):
        rest = os.path.realpath(rest)
    return slug(os.path.splitext(re.split(r"[?#]", rest)[0].rstrip("/").rpartition("/")[2])[0])


def free(name: str, taken: Container[str]) -> str:
    """Return the name, with a number behind it if it is taken."""
    return next(one for one in (name, *(f"{name}-{number}" for number in range(2, 10_000))) if one not in taken)


def existing(place: str, opening: Opening) -> Path | None:
    """Return the path that a text names, if there is something."""
    scheme, rest = scheme_of(place)
    if scheme not in ("", "file") or not place or "\x00" in place:
        return None
    path = opening.path(rest or place)
    return path if _there(path) else None


def _there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as fault:  # a folder on the way may not be looked into, or the name is longer than names may be
        raise SourceError(f"{str(path)[:200]} cannot be looked at: {fault.strerror}") from None


def _refusal(place: str, opening: Opening) -> str:
    scheme, rest = scheme_of(place)
    if scheme not in ("", "file"):
        return f"{scheme}:// is no kind of source that can be served yet; a source is {forms()}"
    if not place or "\x00" in place:
        return f"a source is {forms()}"
    path = opening.path(rest or place)
    if _there(path):
        return f"{place} is neither a file nor a folder; a source is {forms()}"
    name, equals, behind = place.partition("=")
    if equals and existing(behind, opening):
        return (
            f"{name!r} is no name of a source: they are of lower-case letters, digits and dashes, at most 32 of them, "
            f"as in {slug(name)}={behind}"
        )
    return f"there is nothing at {place}{_nearest(path)}"


def _nearest(path: Path) -> str:
    try:
        names = [name for name in itertools.islice(os.listdir(path.parent), 5_000) if visible(name)]
    except OSError:
        return ""
    near = difflib.get_close_matches(path.name, names, 1, 0.6)
    return f"; did you mean {path.parent / near[0]}?" if near else ""
