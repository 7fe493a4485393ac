"""A folder of this machine as a tree: every step is opened from the folder above it, and no link is followed blindly.

What was opened is judged, not what a path meant a moment ago: whoever swaps a folder for a link while it is read gains
nothing.  Promise: no byte from outside the root.  Limit: systems with openat, so not Windows.
"""

from __future__ import annotations

import errno
import heapq
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from dragoman.connectors.folders.crawl import MARKED, MAX_DEPTH, PROFILE_MARKS, encodable, visible
from dragoman.connectors.trees import unsorted
from dragoman.connectors.trees.feed import Shape
from dragoman.connectors.trees.tree import LOCAL_SECONDS, Broken, Budget, Missing, Node, Scope, steps_of

_FILE = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_DIRECTORY", 0)
_MOST_RULES = 65_536  # bytes of one .gitignore
_HOPS = 8  # links to links
_FIRST, _MOST = 1_024, 200_000  # names of one folder that are held at once: the first time, and at all


class Ignoring(Protocol):
    """Rules by which files of a tree are left out; see `ignored`."""

    def leaves_out(self, path: str, folder: bool) -> bool: ...

    def names(self, path: str, folder: bool) -> bool: ...


class _Name(NamedTuple):
    name: str
    folder: bool
    link: bool


class _At(NamedTuple):
    """Where a walk is: the path, and what goes on behind it, which in large folders is another."""

    path: str
    place: str

    def step(self, name: str, place: str = "") -> _At:
        return _At(self.path + name, self.place + (place or name))


class LocalFile:
    """One open file of this machine."""

    def __init__(self, handle: int, node: Node) -> None:
        self._handle = handle
        self.node = node

    def at(self, start: int, length: int) -> bytes:
        parts: list[bytes] = []
        try:
            while length > 0 and (data := os.pread(self._handle, length, start)):
                parts.append(data)
                start += len(data)
                length -= len(data)
        except OSError as fault:
            raise Broken(str(fault.strerror)) from fault
        return b"".join(parts)

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


class Local:
    """Files below one folder, which stays open: another folder in its place is not served."""

    about = "files of a folder"
    seconds = LOCAL_SECONDS
    pause = 0.0

    def __init__(self, root: str, ignoring: Callable[[Callable[[str], str]], Ignoring] | None = None) -> None:
        """`ignoring` makes rules of what it is given to read files of them with."""
        self._root = os.path.realpath(root)
        self._handle = os.open(self._root, _FOLDER)
        self._shape = Shape(self._handle)
        self._ignoring = ignoring(self._rules) if ignoring else None

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def stamp(self) -> str:
        if self._handle < 0:
            raise Broken("it is not served any more")
        return self._shape.stamp()

    def open(self, path: str, scope: Scope) -> LocalFile:
        steps = steps_of(path)
        if not scope.sees(path) or self._ignored(path):
            raise Missing(path)
        for _ in range(_HOPS):
            found = self._leaf(steps)
            if isinstance(found, LocalFile):
                found.node = found.node._replace(path=path)
                return found
            steps = self._led(steps[:-1], found)
            # A link is no way around what the caller may not see: of the path that it leads to, as well.
            if not scope.view.sees("/".join(steps)) or self._ignored("/".join(steps)):
                break
        raise Missing(path)

    def files(self, prefix: str, after: str, scope: Scope, budget: Budget) -> Iterator[Node]:
        folder, _, start = prefix.rpartition("/")
        above = folder.split("/") if folder else []
        behind = after.split("/") if after else []
        behind = behind[len(above) :] if behind[: len(above)] == above else []
        try:
            handle = self._folder(steps_of(folder) if folder else [])
        except Missing:
            return
        if folder and self._ignored(folder, folder=True):
            os.close(handle)
            return
        at = f"{folder}/" if folder else ""
        try:
            yield from self._walk(handle, _At(at, at), start, behind, scope, budget)
        finally:
            os.close(handle)

    def _leaf(self, steps: Sequence[str]) -> LocalFile | str:
        """Open a file, or return what it leads to if it is a link."""
        above = self._folder(steps[:-1])
        name, path = steps[-1], "/".join(steps)
        try:
            mode = os.stat(name, dir_fd=above, follow_symlinks=False).st_mode
            if stat.S_ISLNK(mode):
                return os.readlink(name, dir_fd=above)
            if not stat.S_ISREG(mode):  # opening a pipe or a device may already do something
                raise Missing(path)
            handle = os.open(name, _FILE, dir_fd=above)
        except OSError as fault:
            if fault.errno in (errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ESTALE):
                raise Broken(str(fault.strerror)) from fault
            raise Missing(path) from fault
        finally:
            os.close(above)
        info = os.fstat(handle)
        if not stat.S_ISREG(info.st_mode):
            os.close(handle)
            raise Missing(path)
        return LocalFile(handle, Node(path, info.st_size, info.st_mtime_ns))

    def _folder(self, steps: Sequence[str]) -> int:
        """Open a folder, step by step from the root.  Raises Missing."""
        if self._handle < 0:
            raise Missing
        handle = os.dup(self._handle)
        try:
            _no_profile(handle)
            for step in steps:
                below = os.open(step, _FOLDER, dir_fd=handle)
                os.close(handle)
                handle = below
                _no_profile(handle)
        except OSError as fault:
            os.close(handle)
            raise Missing("/".join(steps)) from fault
        except Missing:
            os.close(handle)
            raise
        return handle

    def _ignored(self, path: str, *, folder: bool = False) -> bool:
        return self._ignoring is not None and self._ignoring.leaves_out(path, folder)

    def _rules(self, folder: str) -> str:
        """Return the text of a folder's .gitignore, "" where there is none that is a file."""
        try:
            above = self._folder(steps_of(folder) if folder else [])
        except Missing:
            return ""
        try:
            handle = os.open(".gitignore", _FILE, dir_fd=above)
        except OSError:
            return ""
        finally:
            os.close(above)
        try:
            return os.pread(handle, _MOST_RULES, 0).decode("utf-8", "replace")
        except OSError:
            return ""
        finally:
            os.close(handle)

    def _led(self, above: Sequence[str], target: str) -> list[str]:
        """Return the steps from the root that a link in the folder `above` leads to.  Raises Missing."""
        steps = list(above)
        if target.startswith("/"):
            if not target.startswith(f"{self._root.rstrip('/')}/"):
                raise Missing(target)
            steps, target = [], target[len(self._root.rstrip("/")) + 1 :]
        for step in target.split("/"):
            if step == "..":
                if not steps:
                    raise Missing(target)
                steps.pop()
            elif step not in ("", "."):
                steps.append(step)
        return steps_of("/".join(steps))

    def _walk(
        self, handle: int, at: _At, start: str, behind: Sequence[str], scope: Scope, budget: Budget
    ) -> Iterator[Node]:
        """Yield what is below an open folder, folders among it: by name, or in its own order if it is large."""
        place = unsorted.place_of(behind[0]) if behind else None
        if place is not None or (not behind and unsorted.large(handle)):
            yield from self._unsorted(handle, at, start, place or unsorted.Place(0), behind[1:], scope, budget)
            return
        floor, inside, size = (behind[0] if behind else ""), len(behind) > 1, _FIRST
        while True:
            names, more = _names(handle, start, floor, inside, size)
            for one in names:
                budget.visit()
                here = at.step(one.name)
                if one.folder:
                    yield from self._below(handle, here, behind[1:] if one.name == floor else [], scope, budget)
                elif scope.sees(here.path) and (node := self._node(handle, one, here, scope)):
                    yield node
                budget.last = here.place
            if not more:
                return
            floor, inside, size = more, False, min(size * 8, _MOST)

    def _unsorted(
        self,
        handle: int,
        at: _At,
        start: str,
        place: unsorted.Place,
        behind: Sequence[str],
        scope: Scope,
        budget: Budget,
    ) -> Iterator[Node]:
        """Yield what is below a large folder from a place on."""
        try:
            _no_profile(handle)
        except Missing:
            return
        if place.within and visible(place.within):
            yield from self._below(handle, at.step(place.within, place.text()), behind, scope, budget)
        try:
            for name, mode, after in unsorted.names(handle, place.behind):
                budget.visit()
                here = at.step(name, unsorted.Place(after).text())
                if name.startswith(start) and visible(name) and encodable(name):
                    if not mode:
                        mode = os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode
                    one = _Name(name, stat.S_ISDIR(mode), stat.S_ISLNK(mode))
                    if one.folder:
                        inside = at.step(name, unsorted.Place(after, name).text())
                        yield from self._below(handle, inside, [], scope, budget)
                    elif scope.sees(here.path) and (node := self._node(handle, one, here, scope)):
                        yield node
                budget.last = here.place
        except OSError as fault:
            raise Broken(f"the folder {at.path or '/'} could not be read further: {fault.strerror}") from fault

    def _below(self, above: int, at: _At, behind: Sequence[str], scope: Scope, budget: Budget) -> Iterator[Node]:
        if at.path.count("/") + 1 >= MAX_DEPTH or not scope.enters(at.path):
            return
        if self._ignoring is not None and self._ignoring.names(at.path, True):
            return
        try:
            handle = os.open(at.path.rpartition("/")[2], _FOLDER, dir_fd=above)
        except OSError:
            return  # gone, or not for us
        try:
            yield from self._walk(handle, _At(f"{at.path}/", f"{at.place}/"), "", behind, scope, budget)
        finally:
            os.close(handle)

    def _node(self, above: int, one: _Name, at: _At, scope: Scope) -> Node | None:
        if self._ignoring is not None and self._ignoring.names(at.path, False):
            return None
        place = at.place if at.place != at.path else ""
        try:
            if one.link:
                opened = self.open(at.path, scope)
                opened.close()
                return opened.node._replace(place=place)
            info = os.stat(one.name, dir_fd=above, follow_symlinks=False)
        except (OSError, Missing, Broken):
            return None
        return Node(at.path, info.st_size, info.st_mtime_ns, place) if stat.S_ISREG(info.st_mode) else None


def _names(handle: int, start: str, floor: str, inside: bool, most: int) -> tuple[list[_Name], str]:
    """Return the first `most` names of a folder behind `floor`, sorted, without those that are never served.

    Also the name behind which others follow, "" at the end. With `inside`, the
    floor itself is among them if it is a folder. Nothing where a browser or a
    mail program keeps its profile.
    """
    profile = False

    def behind(entries: Iterator[os.DirEntry[str]]) -> Iterator[tuple[str, os.DirEntry[str]]]:
        # All names of a large folder pass here for each page: what costs more is asked of those that are taken.
        nonlocal profile
        for entry in entries:
            name = entry.name
            if name.lower() in MARKED:
                profile = True
            if (name > floor or (inside and name == floor)) and name.startswith(start):
                yield name, entry

    try:
        # The same open folder is read several times: each reading needs a place in it of its own.
        again = os.open(".", _FOLDER, dir_fd=handle)
        try:
            with os.scandir(again) as entries:
                found = heapq.nsmallest(most, behind(entries))
                names = [
                    _Name(name, entry.is_dir(follow_symlinks=False), entry.is_symlink())
                    for name, entry in found
                    if visible(name) and encodable(name)
                ]
        finally:
            os.close(again)
    except OSError:
        return [], ""
    if profile:
        return [], ""
    return [one for one in names if one.folder or one.name != floor], (found[-1][0] if len(found) == most else "")


def _no_profile(handle: int) -> None:
    """Raise Missing for a folder that is a profile of a browser or a mail program."""
    for mark in PROFILE_MARKS:
        try:
            os.stat(mark, dir_fd=handle, follow_symlinks=False)
        except OSError:
            continue
        raise Missing(mark)
