"""What a kind of data is: how it is named on a command line and in dragoman.yaml, and how it becomes a source.

A room has one file `kind` with a `KIND`, and `kinds` one line for it.  Promise: everything that can be wrong with a
source is said when it is opened, in one sentence, not when the first question comes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from dragoman.connectors.source import Source, SourceError

_URL = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+)://(.*)", re.DOTALL)


# Shown a command before it runs: what it is for, its words, its folder.  Raises SourceError for one that may not.
Approve: TypeAlias = Callable[[str, tuple[str, ...], Path], None]


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """What all sources of one server are opened with.

    `base` is the folder that relative paths start from, the working directory
    when None; `writable` has the names of sources that may be written to.
    `parted` says that callers see different parts of this source: what leads
    from one part to another, such as a link, is then not served.
    `approve` is shown each command, before a source would ever start it, as
    (what it is for, argv, working directory): it raises SourceError for one
    that may not run. `index` is the address of a database that keeps indexes,
    empty for files in `cache_dir`.
    """

    cache_dir: Path | None = None
    base: Path | None = None
    writable: tuple[str, ...] = ()
    parted: bool = False
    approve: Approve | None = None
    index: str = ""

    def path(self, text: str) -> Path:
        """Return the path that a text names, absolute and free of links; it may not exist.  Raises SourceError."""
        if "\x00" in text or not text:
            raise SourceError(f"{text!r} is no path")
        return Path(os.path.realpath((self.base or Path()) / os.path.expanduser(text)))


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of data.

    `options` is a msgspec.Struct with `forbid_unknown_fields` whose fields are
    what dragoman.yaml and the Python function may say; `main` is the field that
    a bare text fills ("path", "url"). `claims` takes a text of the command line
    and the path that it is, None where there is no such file, and returns
    options if the text is of this kind, else None. `open` takes the source's
    name, the options and the opening. `forms` say how it is named, for errors.
    """

    name: str
    scheme: str
    options: type[msgspec.Struct]
    main: str
    claims: Callable[[str, Path | None], Any]
    open: Callable[[str, Any, Opening], Source]
    forms: tuple[str, ...]
    writes: bool = False  # whether --allow-write means something for it


def scheme_of(text: str) -> tuple[str, str]:
    """Return the scheme of an address in lower case and what stands behind ://, two empty texts for a path."""
    found = _URL.fullmatch(text)
    return (found[1].lower(), found[2]) if found else ("", "")


def slug(text: str) -> str:
    """Return a source's name made of any text: lower-case letters, digits and dashes, at most 32."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:32].strip("-") or "data"
