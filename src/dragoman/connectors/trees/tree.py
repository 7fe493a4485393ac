"""What a tree of files must answer, wherever the files are: walk from a place on, and open one.

A walk is in one order and can go on behind any path, so a page needs no walk from the start.  A `Budget` ends it in
time: what was found by then is an answer, and where it stopped is where the next call goes on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from dragoman.connectors.folders.crawl import MAX_DEPTH, encodable, visible
from dragoman.connectors.view import ALL, View, matches

LOCAL_SECONDS = 2.0
_ALWAYS = 1_000  # visits that a walk may make however late it is: each call gets on
_LOOK = 64  # visits between two looks at the clock


class Missing(Exception):
    """There is no such file here, or it is none that is served.  Says no more: which of them is nobody's business."""


class Broken(Exception):
    """The file is there and cannot be read now; the text says why."""


class Spent(Exception):
    """The walk took its time; `at` is the path behind which it goes on, "" for the start."""

    def __init__(self, at: str) -> None:
        super().__init__(at)
        self.at = at


class Node(NamedTuple):
    """One file: its path with slashes, its size in bytes, when it was changed, in nanoseconds; 0 for unknown.

    `place` is what a walk goes on behind after it where that is not its path,
    and `tag` the store's own word for what it holds now, where there is one.
    A size of -1 is not known before the file is opened.
    """

    path: str
    size: int
    mtime_ns: int
    place: str = ""
    tag: str = ""

    @property
    def day(self) -> str:
        """The day of its last change, as 2026-03-31; "" when unknown."""
        return time.strftime("%Y-%m-%d", time.gmtime(self.mtime_ns / 1e9)) if self.mtime_ns else ""

    @property
    def kind(self) -> str:
        """Its ending without the dot, in lower case; "file" when it has none."""
        name = self.path.rpartition("/")[2]
        return name.rpartition(".")[2].lower() if "." in name else "file"


class Scope(NamedTuple):
    """What of a tree one call is about: the caller's view and the globs that the call gave."""

    view: View = ALL
    patterns: tuple[str, ...] = ()

    def sees(self, path: str) -> bool:
        """Tell whether the file at this path is in it."""
        return self.view.sees(path) and all(matches(pattern, path) for pattern in self.patterns)

    def enters(self, folder: str) -> bool:
        """Tell whether a file below the folder may be in it."""
        return self.view.enters(folder) and all(View(allow=(pattern,)).enters(folder) for pattern in self.patterns)


class Budget:
    """How long a walk may take, in seconds, and how many files and folders it may look at."""

    def __init__(self, seconds: float = LOCAL_SECONDS, visits: int = 200_000) -> None:
        self.ends = time.monotonic() + seconds
        self.visited = 0
        self.last = ""
        self._visits = visits

    @property
    def over(self) -> bool:
        """True when the time has passed."""
        return time.monotonic() > self.ends

    def visit(self) -> None:
        """Count one file or folder.  Raises Spent, with the path of the last one that was done with."""
        self.visited += 1
        late = self.visited > _ALWAYS and self.visited % _LOOK == 0 and self.over
        if late or self.visited > self._visits:
            raise Spent(self.last)


class Opened(Protocol):
    """One file, open: whatever becomes of its name, this is what is read."""

    @property
    def node(self) -> Node:
        """What it is, as of when it was opened."""
        ...

    def at(self, start: int, length: int) -> bytes:
        """Return up to `length` bytes from `start` on, fewer only at the end.  Raises Broken."""
        ...

    def close(self) -> None:
        """Release it."""
        ...


class Tree(Protocol):
    """Files below one root."""

    @property
    def about(self) -> str:
        """One line: what this is."""
        ...

    @property
    def seconds(self) -> float:
        """How long a walk over it may take for one call."""
        ...

    @property
    def pause(self) -> float:
        """Seconds between two looks for changes, at least; 0 where a look costs next to nothing."""
        ...

    def stamp(self) -> str:
        """Return a text that changes when files come or go, as far as that can be told soon.  Raises Broken."""
        ...

    def files(self, prefix: str, after: str, scope: Scope, budget: Budget) -> Iterator[Node]:
        """Yield the files whose path starts with `prefix`, in the tree's order, from behind `after` on.

        `after` is a path, or a node's `place`.

        Raises Spent when the budget is, and Broken when the tree cannot be reached.
        """
        ...

    def open(self, path: str, scope: Scope) -> Opened:
        """Open the file at `path`.  Raises Missing for what a walk in that scope would not find, and Broken."""
        ...

    def close(self) -> None:
        """Release everything.  Safe to call twice."""
        ...


def steps_of(path: str) -> list[str]:
    """Return the steps of a path.  Raises Missing for one that leads elsewhere or through what is never served."""
    steps = path.split("/")
    if len(steps) > MAX_DEPTH or "\x00" in path or "\\" in path:
        raise Missing(path)
    if not all(step not in ("", ".", "..") and visible(step) for step in steps):
        raise Missing(path)
    return steps


def seen(path: str, scope: Scope) -> None:
    """Raise Missing for a path that is never served, or not to who asks."""
    steps_of(path)
    if not encodable(path) or not scope.sees(path):
        raise Missing(path)
