"""Which paths of a repository are served, and how git's lists of them are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from dragoman.connectors.folders.crawl import secret
from dragoman.connectors.source import View

MAX_PATH = 1_000


class Blob(NamedTuple):
    """One file of a tree: `link` if it is a symbolic link, whose text is its target."""

    path: str
    hash: str
    size: int
    link: bool


def shown(view: View, path: str) -> bool:
    """Tell whether a path of a repository exists for the caller: nothing that holds secrets by its name does."""
    return len(path) <= MAX_PATH and not any(map(secret, path.split("/"))) and view.sees(path)


def blobs(listed: bytes) -> Iterator[Blob]:
    """Yield the files in the output of `ls-tree -r -l -z`; submodules, and names that are no UTF-8, are left out."""
    for record in listed.split(b"\0"):
        head, tab, name = record.partition(b"\t")
        parts = head.split()
        if not tab or len(parts) != 4 or parts[1] != b"blob":
            continue
        try:
            blob = Blob(name.decode(), parts[2].decode(), int(parts[3]), parts[0] == b"120000")
        except ValueError:
            continue
        yield blob
