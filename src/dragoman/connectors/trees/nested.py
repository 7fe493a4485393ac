"""The walk over trees of which one can only ask what is in a folder: in order of names, from behind any path on.

Promise: each folder is asked about once, and none that the walk does not enter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from dragoman.connectors.folders.crawl import MARKED, MAX_DEPTH, encodable, visible
from dragoman.connectors.trees.tree import Budget, Missing, Node, Scope, steps_of

MOST_NAMES = 100_000  # of one folder


class Listed(NamedTuple):
    """One name: whether it is a folder, its size in bytes (-1 for unknown), when it was changed (0 for unknown)."""

    name: str
    folder: bool
    size: int = -1
    mtime_ns: int = 0


# What is in a folder, "" or a path that ends with a slash, by name.  Raises Missing where there is no such folder.
Names: TypeAlias = Callable[[str], Sequence[Listed]]


def walk(names: Names, prefix: str, after: str, scope: Scope, budget: Budget) -> Iterator[Node]:
    """Yield the files whose path starts with `prefix`, as `Tree.files` does; nothing where there is no such folder."""
    folder, _, start = prefix.rpartition("/")
    above = folder.split("/") if folder else []
    behind = after.split("/") if after else []
    behind = behind[len(above) :] if behind[: len(above)] == above else []
    try:
        if folder:
            steps_of(folder)
        yield from _walk(names, f"{folder}/" if folder else "", start, behind, scope, budget)
    except Missing:
        return


def _walk(names: Names, at: str, start: str, behind: Sequence[str], scope: Scope, budget: Budget) -> Iterator[Node]:
    floor, inside = (behind[0] if behind else ""), len(behind) > 1
    found = names(at)
    if any(one.name.lower() in MARKED for one in found):
        return  # a profile of a browser or a mail program
    for one in found:
        if not one.name.startswith(start) or one.name < floor or (one.name == floor and not inside):
            continue
        if not servable(one.name):
            continue
        budget.visit()
        path = at + one.name
        if one.folder:
            if path.count("/") + 1 < MAX_DEPTH and scope.enters(path):
                try:
                    yield from _walk(names, f"{path}/", "", behind[1:] if one.name == floor else (), scope, budget)
                except Missing:
                    pass  # listed above, and gone or not for us: no reason to end the walk
        elif one.name != floor and scope.sees(path):
            yield Node(path, one.size, one.mtime_ns)
        budget.last = path


def servable(name: str) -> bool:
    """Tell whether a name that a server told is one, and of what may be served."""
    return visible(name) and encodable(name) and not any(sign in name for sign in "/\\\x00")
