"""A Git repository as a source: the tree at a revision, commits, differences, and who wrote which line.

Only committed files: what lies in the work tree is for `documents` and `files`.  Text goes out as it is, never quoted
as JSON; long answers come in stretches.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from dragoman.connectors.address import Address, make
from dragoman.connectors.code.finding import found_commits, found_lines
from dragoman.connectors.code.git import Git, GitError, NoRevisionError
from dragoman.connectors.code.history import blame, diff, log, show
from dragoman.connectors.code.paths import Blob, blobs, shown
from dragoman.connectors.source import (
    Entry,
    Hits,
    Listing,
    Passage,
    Position,
    Progress,
    Question,
    View,
)
from dragoman.connectors.view import matches
from dragoman.errors import ToolError
from dragoman.serving.nearest import nearest

MAX_FILES = 500_000  # of one tree
MAX_FILE = 5_000_000  # bytes of one file that is shown
_REFS = 50
_TREES = 4  # kept at hand
T = TypeVar("T")


class Repository:
    """One repository under one name."""

    scheme = "git"
    about = "Git repository"

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._git = Git(folder)
        self._lock = threading.Lock()
        self._trees: dict[str, list[Blob]] = {}

    def start(self) -> None:
        """Nothing goes on behind: the repository's own files are the index."""

    def close(self) -> None:
        """Nothing is open between calls."""

    def progress(self) -> Progress:
        return Progress(indexed=0, total=0)

    def search(self, view: View, question: Question, limit: int) -> Hits:
        """Find lines of the newest commit's files; commits by their messages where `kind` is "commit"."""
        if question.kind == "commit":
            return found_commits(self._git, self.name, view, question, limit)
        return found_lines(self._git, self.name, view, question, limit)

    def items(self, view: View, prefix: str, after: str, limit: int, pattern: str = "") -> Listing:
        """Return files of the newest commit."""
        return self.items_at(view, "", prefix, after, limit, pattern)

    def items_at(self, view: View, revision: str, prefix: str, after: str, limit: int, pattern: str = "") -> Listing:
        """Return files of a revision, of the newest commit when it is empty."""
        files = [
            one
            for one in self._tree(self._resolve(view, revision or "HEAD"))
            if one.path.startswith(prefix) and shown(view, one.path) and (not pattern or matches(pattern, one.path))
        ]
        start = bisect_right([one.path for one in files], after) if after else 0
        page = files[start : start + limit]
        entries = [
            Entry(key=one.path, uri=self._uri(one.path, revision), kind="link" if one.link else "file", size=one.size)
            for one in page
        ]
        return Listing(entries=entries, total=len(files), more=len(files) > start + limit)

    def describe(self, view: View, address: Address) -> dict[str, Any]:
        commit = self._resolve(view, address.revision)
        if not address.path:
            return self._overview(view, commit)
        file = self._file(view, commit, address.path)
        last = log(self._git, view, commit, file.path, 0, 1)[0]
        return {
            "uri": self._uri(file.path, address.revision), "kind": "link" if file.link else "file", "size": file.size,
            "last_change": last.rstrip("\n"), "history_with": "history: log, diff, blame or show of this uri",
        }  # fmt: skip

    def fetch(self, view: View, address: Address, position: Position | None, room: int) -> Passage:
        """Return a file at a revision; a commit where there is no path; a difference where the revision is "a..b"."""
        if ".." in address.revision:
            return self.history(view, address, "diff", address.revision, position, room)
        if not address.path:
            return self.history(view, address, "show", address.revision, position, room)
        commit = self._resolve(view, address.revision)
        file = self._file(view, commit, address.path)
        if file.size > MAX_FILE:
            raise ToolError(f"{file.path} has {file.size:,} bytes; at most {MAX_FILE:,} are shown")
        data = self._git.run("cat-file", "blob", file.hash)
        if b"\0" in data[:8_000]:
            raise ToolError(f"{file.path} is no text: {file.size:,} bytes of something else")
        lines = data.decode("utf-8", "replace").splitlines(keepends=True)
        first, last = address.lines
        chosen = "".join(lines[first - 1 : last] if first else lines)
        said = f"lines {first}-{min(last, len(lines))}" if first else ""
        return stretch(self._uri(file.path, address.revision), file.path, chosen, position, room, said, len(lines))

    def history(
        self, view: View, address: Address, mode: str, revision: str, position: Position | None, room: int
    ) -> Passage:
        """Return log, diff, blame or show; see `code.history` for their forms."""
        uri, title = self._uri(address.path, revision), f"{mode} {address.path or self.name}"
        try:
            if mode == "log":
                return self._logged(view, address, revision, position, room)
            if mode == "diff":
                first, second = self._named(view, self._git.two, revision)
                self._known(view, address.path, first, second)
                text = diff(self._git, self.name, view, first, second, revision, address.path)
            elif mode == "blame":
                commit = self._resolve(view, revision)
                if not address.path:
                    raise ToolError("blame needs a file: give its uri")
                file = self._file(view, commit, address.path)
                text = blame(self._git, commit, file.path, address.lines)
            else:
                text = show(self._git, self.name, view, self._resolve(view, revision))
        except GitError as fault:
            raise ToolError(f"git says: {fault}") from fault
        return stretch(uri, title, text, position, room, "", text.count("\n"))

    def _logged(self, view: View, address: Address, revision: str, position: Position | None, room: int) -> Passage:
        commit = self._resolve(view, revision)
        skip = position.part if position else 0
        text, taken, more = "", 0, False
        for line in (found := log(self._git, view, commit, address.path, skip, max(room // 60, 1) + 1)):
            if len(text) + len(line) > room and text:
                more = True
                break
            text, taken = text + line, taken + 1
        more = more or len(found) > max(room // 60, 1)
        if not text and address.path:
            self._known(view, address.path, commit)
            text = f"no commit touches {address.path[:200]}\n"
        return Passage(
            uri=self._uri(address.path, revision), title=f"log {address.path or self.name}", text=text[:room],
            range=f"commits {skip + 1}-{skip + taken}" if taken else "",
            following=Position(skip + taken, 0) if more else None,
        )  # fmt: skip

    # --- finding ------------------------------------------------------------------------------------------------

    def _tree(self, commit: str) -> list[Blob]:
        with self._lock:
            if (known := self._trees.get(commit)) is not None:
                return known
        files = sorted(blobs(self._git.run("ls-tree", "-r", "-l", "-z", "--full-tree", commit, most=100_000_000)))
        if len(files) > MAX_FILES:
            raise ToolError(f"the tree has {len(files):,} files; at most {MAX_FILES:,} are served")
        with self._lock:
            while len(self._trees) >= _TREES:
                del self._trees[next(iter(self._trees))]
            self._trees[commit] = files
        return files

    def _file(self, view: View, commit: str, path: str) -> Blob:
        files = self._tree(commit)
        at = bisect_right(files, path, key=lambda one: one.path) - 1
        if at >= 0 and files[at].path == path and shown(view, path):
            return files[at]
        base = path.rpartition("/")[2].lower()
        open_ = [one.path for one in files if shown(view, one.path)]
        near = [one for one in open_ if base and base in one.lower()][:200] or open_
        raise ToolError(
            f"there is no file {path[:200]!r} at that revision{nearest(path, near)}; list shows what there is"
        )

    def _known(self, view: View, path: str, *commits: str) -> None:
        """Raise ToolError for a path that none of the commits has, as a file or a folder, for this caller."""
        if path:
            for commit in commits:
                if any(
                    (one.path == path or one.path.startswith(f"{path.rstrip('/')}/")) and shown(view, one.path)
                    for one in (self._tree(commit) if self._is_commit(commit) else ())
                ):
                    return
            self._file(view, commits[-1], path)

    def _is_commit(self, name: str) -> bool:
        return self._git.run("cat-file", "-t", name).strip() == b"commit"

    def _overview(self, view: View, commit: str) -> dict[str, Any]:
        files = [one for one in self._tree(commit) if shown(view, one.path)]
        told: dict[str, Any] = {
            "uri": self._uri(""), "kind": self.about, "commit": commit[:12], "files": len(files),
            "size": sum(one.size for one in files),
            "folders": sorted({one.path.partition("/")[0] + "/" for one in files if "/" in one.path})[:50],
            "newest": "".join(log(self._git, view, commit, "", 0, 5)).splitlines(),
        }  # fmt: skip
        if view.everything:
            told["branches_and_tags"] = self._refs()
            told["commits"] = int(self._git.run("rev-list", "--count", commit))
        return told

    def _refs(self) -> list[str]:
        words = ("--sort=-creatordate", "--format=%(refname:short)", "refs/heads", "refs/tags")
        return self._git.run("for-each-ref", f"--count={_REFS}", *words).decode("utf-8", "replace").split()

    def _resolve(self, view: View, revision: str) -> str:
        return self._named(view, self._git.resolve, revision)

    def _named(self, view: View, find: Callable[[str], T], revision: str) -> T:
        """Return what `find` finds for a revision; its error tells the nearest to whoever sees all names."""
        try:
            return find(revision)
        except NoRevisionError as fault:
            if not view.everything:
                raise
            raise NoRevisionError(fault.revision, nearest(fault.revision, self._refs())) from fault

    def _uri(self, path: str, revision: str = "") -> str:
        return make(self.scheme, self.name, path, revision=revision)


def stretch(uri: str, title: str, text: str, position: Position | None, room: int, said: str, lines: int) -> Passage:
    """Return as much of a text as fits, from where the last stretch ended."""
    begin = position.at if position else 0
    end = begin + room
    if end < len(text):
        end = max(text.rfind("\n", begin, end) + 1, begin + room // 2)
    return Passage(
        uri=uri, title=title, text=text[begin:end], range=said, total=f"{lines:,} lines",
        following=Position(0, end) if end < len(text) else None,
    )  # fmt: skip
