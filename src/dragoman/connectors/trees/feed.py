"""What changed in a tree: looked for while somebody listens, at the files listened to and at what tells of the rest.

A local look costs a stat for each folder, however many files there are; a distant tree is asked once a minute, and its
first files only.  Promise: bounded in files, folders and time.  Limit: what changes back between two looks is not seen.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import random
import threading
import time
from collections.abc import Callable, Sequence

from dragoman.connectors.folders.crawl import MAX_DEPTH, encodable, visible
from dragoman.connectors.trees.tree import Broken, Budget, Missing, Scope, Spent, Tree

MOST_HEEDED = 1_000  # files that are listened to; beyond that those that were named first are forgotten
DISTANT = 60.0  # seconds between two looks at a tree over a network
_FILES = 2_000  # of a distant tree, by which is judged whether files came or went
_SECONDS = 2.0  # of one look at the files that are listened to
_LONGEST = 600.0  # seconds until a tree that cannot be reached is asked again
_JITTER = 0.2  # of each pause, so that many servers do not ask at once
_FOLDERS = 20_000  # of a local tree
_NAMES = 100_000  # of one of them
_SCAN = 1.0  # seconds of one look for folders that are new


class Feed:
    """Looks at one tree, with `pause` seconds between two looks."""

    def __init__(self, tree: Tree) -> None:
        self.changed: Callable[[Sequence[str]], None] = _nobody
        self._tree = tree
        self._lock = threading.Lock()
        self._heeded: dict[str, str] = {}  # by address: the file's path
        self._known: dict[str, str] = {}  # by path: what it was like
        self._listed: str = ""
        self._next = 0.0
        self._failed = 0

    def heed(self, uri: str, path: str) -> None:
        """From now on look at this file as well."""
        with self._lock:
            self._heeded.pop(uri, None)
            self._heeded[uri] = path
            while len(self._heeded) > MOST_HEEDED:
                self._known.pop(self._heeded.pop(next(iter(self._heeded))), None)
        if not self._tree.pause and path not in self._known:
            try:
                self._known[path] = self._like(path)
            except Broken:
                pass  # looked at again later

    def look(self) -> None:
        """Look, unless that was done within the pause, and tell what changed."""
        later = time.monotonic() < self._next
        try:
            self._files(new=later)
            if later:
                return
            stamp = self._tree.stamp()
            if self._listed and stamp != self._listed:
                self.changed([])
            self._listed, self._failed = stamp, 0
        except Broken:
            self._failed += 1
        pause = min(self._tree.pause * 2**self._failed, _LONGEST) * random.uniform(1 - _JITTER, 1 + _JITTER)
        self._next = time.monotonic() + pause

    def _files(self, *, new: bool) -> None:
        """Look at the files that are listened to, or at those only that are new among them."""
        ends = time.monotonic() + max(_SECONDS, self._tree.seconds)
        with self._lock:
            heeded = list(self._heeded.items())
        now: dict[str, str] = {}
        for uri, path in heeded:
            if time.monotonic() > ends:
                break  # the others at the next look: those that were looked at go to the end
            if new and path in self._known:
                continue
            if path not in now:
                now[path] = self._like(path)
            with self._lock:
                if uri in self._heeded:
                    self._heeded[uri] = self._heeded.pop(uri)
            if self._known.get(path) not in (None, now[path]):
                self.changed([uri])
        self._known.update(now)

    def _like(self, path: str) -> str:
        """Return a text that changes when the file does.  Raises Broken."""
        try:
            opened = self._tree.open(path, Scope())
        except Missing:
            return "-"
        try:
            node = opened.node
            return f"{node.size} {node.mtime_ns} {node.tag}"
        finally:
            opened.close()


def first_files(tree: Tree) -> str:
    """Return a text that changes when files come, go or change among the first of a tree.  Raises Broken."""
    sum_ = hashlib.sha256()
    try:
        for node in itertools.islice(tree.files("", "", Scope(), Budget(tree.seconds, _FILES)), _FILES):
            sum_.update(f"{node.path}\x00{node.size} {node.mtime_ns} {node.tag}\n".encode())
    except Spent:
        pass
    return sum_.hexdigest()


class Shape:
    """The folders of a local tree and when each was changed: a folder is when a file comes or goes in it.

    They are looked for bit by bit, so that the first looks at a large tree take
    no longer than others.  Paths are asked from the root's handle; what a link
    in the place of a folder leads to could at most cost a notice too many.
    """

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._changed: dict[str, int] = {}
        self._waiting: dict[str, None] = {".": None}
        self._count = 0

    def stamp(self) -> str:
        """Return a text that changes when something came or went in a folder that is known.  Raises Broken."""
        for folder, before in list(self._changed.items()):
            now = self._when(folder)
            if now == before:
                continue
            self._count += 1
            self._waiting[folder] = None
            if now < 0:
                if folder == ".":
                    raise Broken("the folder is gone")
                del self._changed[folder], self._waiting[folder]
        ends = time.monotonic() + _SCAN
        while self._waiting and time.monotonic() < ends:
            folder = next(iter(self._waiting))
            del self._waiting[folder]
            self._enter(folder)
        return str(self._count)

    def _enter(self, folder: str) -> None:
        self._changed[folder] = self._when(folder)  # before it is read: what comes meanwhile is met at the next look
        if folder.count("/") + 1 >= MAX_DEPTH:
            return
        try:
            opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=self._handle)
        except OSError:
            return
        try:
            with os.scandir(opened) as entries:
                for entry in itertools.islice(entries, _NAMES):
                    if entry.is_dir(follow_symlinks=False) and visible(entry.name) and encodable(entry.name):
                        path = entry.name if folder == "." else f"{folder}/{entry.name}"
                        if path not in self._changed and len(self._changed) + len(self._waiting) < _FOLDERS:
                            self._waiting[path] = None
        except OSError:
            return
        finally:
            os.close(opened)

    def _when(self, folder: str) -> int:
        try:
            return os.stat(folder, dir_fd=self._handle, follow_symlinks=False).st_mtime_ns
        except OSError:
            return -1


def _nobody(_: Sequence[str]) -> None:
    """Before anyone wants to be told."""
