"""Git repositories as a kind of data."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

from dragoman.connectors.code.git import Git, GitError, available
from dragoman.connectors.code.repository import Repository
from dragoman.connectors.kind import Kind, Opening
from dragoman.connectors.source import Source, SourceError

_PREFIX = "git:"


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be said of a repository."""

    path: str


def _claims(text: str, _path: Path | None) -> Options | None:
    if not text.startswith(_PREFIX) or text.startswith(f"{_PREFIX}//"):
        return None
    return Options(path=text.removeprefix(_PREFIX))


def _open(name: str, options: Options, opening: Opening) -> Source:
    if sys.platform == "win32":
        raise SourceError("repositories cannot be served on Windows yet: git is ended with its group of processes")
    if not available():
        raise SourceError("serving a repository needs the git command, which is not on the PATH")
    folder = opening.path(options.path or ".")
    if not folder.is_dir():
        raise SourceError(f"there is no folder {options.path}")
    store = folder / ".git" if (folder / ".git").exists() else folder
    if store.is_file() or store.is_symlink():
        raise SourceError(f"{folder} keeps its history elsewhere (a work tree or a submodule): name that repository")
    _check_alternates(store)
    try:
        Git(folder).run("rev-parse", "--verify", "--quiet", "--end-of-options", "HEAD^{commit}")
    except GitError as fault:
        why = "has no commits yet" if (store / "HEAD").is_file() else "is no Git repository"
        raise SourceError(f"{folder} {why}") from fault
    return Repository(name, folder)


def _check_alternates(store: Path) -> None:
    """Raise SourceError for a repository that takes objects from outside: they may be somebody else's."""
    try:
        lines = (store / "objects" / "info" / "alternates").read_text("utf-8", "replace").splitlines()
    except OSError:
        return
    root = os.path.realpath(store)
    for line in filter(None, lines):
        place = os.path.realpath(os.path.join(root, "objects", line))
        if not place.startswith(f"{root}{os.sep}"):
            raise SourceError(
                f"{store} takes objects from {place}, outside of it: repack it on its own (git repack -a -d)"
            )


KIND = Kind(name="git", scheme="git", options=Options, main="path", claims=_claims, open=_open, forms=("git:FOLDER",))
