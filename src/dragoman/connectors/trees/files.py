"""A tree of files as a source: found by glob, searched by line, read by lines, bytes, pages and sheets.

Wherever the files are, what is served of them is judged here and in the tree: nothing hidden, no keys, no secrets, and
nothing that the caller's view does not show.  No index: what is told is what is there now.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from dragoman.connectors.address import Address, make
from dragoman.connectors.extract.document import Document, Unreadable
from dragoman.connectors.source import Blob, Entry, Hits, Listing, Passage, Position, Progress, Question, View
from dragoman.connectors.trees import previews
from dragoman.connectors.trees.converted import PARQUET, Documents, converts, cut, pictured
from dragoman.connectors.trees.feed import Feed
from dragoman.connectors.trees.finding import found
from dragoman.connectors.trees.reading import Taken, by_bytes, by_lines, is_text
from dragoman.connectors.trees.tree import Broken, Budget, Missing, Node, Opened, Scope, Spent, Tree
from dragoman.errors import ToolError
from dragoman.serving.nearest import nearest

_READ_SECONDS = 5.0  # for counting lines up to the one that was asked for
_NAMES = 2_000  # files among which the nearest is sought
_OVERVIEW = 20_000  # files and folders that a description counts
_SHOWN = 50
_SAMPLE = 5  # rows
_HEAD = 64_000  # bytes


class Files:
    """One tree of files under one name.  Takes the tree over: `close` closes it."""

    scheme = "file"

    def __init__(self, name: str, tree: Tree) -> None:
        self.name = name
        self.about = tree.about
        self._tree = tree
        self._documents = Documents()
        self._feed = Feed(tree)

    def start(self) -> None:
        """Nothing goes on behind: files are looked at when they are asked for."""

    def watch(self, changed: Callable[[Sequence[str]], None]) -> None:
        self._feed.changed = changed

    def heed(self, uri: str, path: str) -> None:
        self._feed.heed(uri, path)

    def look(self) -> None:
        self._feed.look()

    def close(self) -> None:
        self._documents.close()
        self._tree.close()

    def progress(self) -> Progress:
        return Progress(indexed=0, total=0)

    def search(self, view: View, question: Question, limit: int) -> Hits:
        """Find files by name, then lines that hold all the words; lines that hold the text, with `exact`."""
        with self._reached():
            return found(self._tree, self.name, view, question, limit)

    def items(self, view: View, prefix: str, after: str, limit: int, pattern: str = "") -> Listing:
        """Return files in the tree's order.  `total` counts only up to the next one: nobody counts a million for it."""
        entries: list[Entry] = []
        scope = Scope(view, (pattern,) if pattern else ())
        budget = Budget(self._tree.seconds)
        more, resume, hint = False, "", ""
        try:
            with self._reached():
                for node in self._tree.files(prefix, after, scope, budget):
                    if len(entries) == limit:
                        more = True
                        break
                    entries.append(self._entry(node))
        except Spent as spent:
            more, resume = True, spent.at or after
            hint = (
                f"looked at {budget.visited:,} files and folders, up to {_shown(spent.at)}: go on with next_cursor, or "
                "list a folder"
            )
        total = len(entries) + more
        if more and not hint:
            hint = "total counts only these and the next one; describe a folder for what is in it"
            if entries[-1].after:
                hint += "; so many files come in the order of their folder, not by name"
        elif not total and not after:
            hint = f"nothing below {self._uri(prefix)}" + (f" fits {pattern}; ** goes into folders" if pattern else "")
        return Listing(entries=entries, total=total, more=more, hint=hint, resume=resume, counted=not more)

    def describe(self, view: View, address: Address) -> dict[str, Any]:
        """Return what a file is, with a sample of a table; what a folder holds."""
        folder = address.path.rstrip("/")
        if not folder:
            return self._folder(view, "")
        try:
            opened = self._tree.open(folder, Scope(view))
        except Missing as missing:
            told = self._folder(view, folder)
            if told["files"] or told["folders"]:
                return told
            raise ToolError(self._unknown(view, folder)) from missing
        except Broken as fault:
            raise ToolError(f"{self._uri(folder)} cannot be read now: {fault}") from fault
        try:
            return self._file(opened)
        except Broken as fault:
            raise ToolError(f"{self._uri(folder)} cannot be read now: {fault}") from fault
        finally:
            opened.close()

    def fetch(self, view: View, address: Address, position: Position | None, room: int) -> Passage | Blob:
        """Return a file's text, or the picture that the address asks for."""
        with self._opened(view, address.path) as opened:
            path, node = address.path, opened.node
            try:
                if address.bytes == (0, 0) and (address.image or pictured(path)):
                    return self._picture(opened, address)
                taken, total = self._taken(opened, address, position, room)
            except Unreadable as fault:
                raise ToolError(
                    f"{self._uri(path)} cannot be read: {fault.reason}; its bytes can: #bytes=1-1000"
                ) from fault
        fragment = f"bytes={address.bytes[0]}-{min(address.bytes[1], node.size)}" if address.bytes != (0, 0) else ""
        return Passage(
            uri=self._uri(path, fragment), title=path, text=taken.text, range=taken.range, total=total,
            following=taken.following,
        )  # fmt: skip

    # --- reading ------------------------------------------------------------------------------------------------

    def _taken(self, opened: Opened, address: Address, position: Position | None, room: int) -> tuple[Taken, str]:
        size = f"{opened.node.size:,} bytes"
        if address.bytes != (0, 0):
            return by_bytes(opened, address.bytes, position, room), size
        if opened.node.kind == PARQUET:
            read = partial(self._documents.rows, opened)
            return previews.by_rows(read, address.lines, position, room), size
        if converts(address.path) or address.pages != (0, 0) or address.sheet:
            document = self._documents.document(opened)
            return cut(document, address, position, room), _extent(document)
        if not is_text(opened):
            raise ToolError(
                f"{self._uri(address.path)} is no text: {size} of something else; #bytes=1-1000 shows some of them"
            )
        return by_lines(opened, address.lines, position, room, Budget(_READ_SECONDS)), size

    def _picture(self, opened: Opened, address: Address) -> Blob:
        page = max(address.pages[0], 1)
        data, mime_type = self._documents.picture(opened, page)
        paged = address.path.lower().endswith(".pdf")
        uri = self._uri(address.path, f"page={page}&image" if paged else "")
        return Blob(uri=uri, title=address.path.rpartition("/")[2], data=data, mime_type=mime_type)

    @contextmanager
    def _opened(self, view: View, path: str) -> Generator[Opened, None, None]:
        try:
            opened = self._tree.open(path, Scope(view))
        except Missing as missing:
            raise ToolError(self._unknown(view, path)) from missing
        except Broken as fault:
            raise ToolError(f"{self._uri(path)} cannot be read now: {fault}") from fault
        try:
            yield opened
        except Broken as fault:
            raise ToolError(f"{self._uri(path)} cannot be read now: {fault}") from fault
        finally:
            opened.close()

    @contextmanager
    def _reached(self) -> Generator[None, None, None]:
        try:
            yield
        except Broken as fault:
            raise ToolError(f"{self.name} cannot be reached now: {fault}") from fault

    def _unknown(self, view: View, path: str) -> str:
        path = path.rstrip("/")
        above = path.rpartition("/")[0]
        names: list[str] = []
        try:
            nodes = self._tree.files(f"{above}/" if above else "", "", Scope(view), Budget(0.5, _NAMES))
            names += (node.path for node in nodes)
        except (Spent, Broken):
            pass  # those that were met are enough for a hint
        if any(name.startswith(f"{path}/") for name in names):
            return f"{self._uri(path)} is a folder: list it, and fetch a file from there"
        return f"there is no file at {self._uri(path)}{nearest(path, names)}; list shows what there is"

    # --- telling ------------------------------------------------------------------------------------------------

    def _entry(self, node: Node) -> Entry:
        uri = self._uri(node.path)
        return Entry(key=node.path, uri=uri, kind=node.kind, size=node.size, date=node.day, after=node.place)

    def _folder(self, view: View, folder: str) -> dict[str, Any]:
        prefix = f"{folder}/" if folder else ""
        folders: dict[str, int] = {}
        kinds: dict[str, int] = {}
        files, size, whole = 0, 0, True
        try:
            with self._reached():
                for node in self._tree.files(prefix, "", Scope(view), Budget(self._tree.seconds, _OVERVIEW)):
                    first, slash, _ = node.path.removeprefix(prefix).partition("/")
                    if slash:
                        folders[first] = folders.get(first, 0) + 1
                    kinds[node.kind] = kinds.get(node.kind, 0) + 1
                    files, size = files + 1, size + max(node.size, 0)
        except Spent:
            whole = False
        most = sorted(kinds, key=lambda kind: (-kinds[kind], kind))[:_SHOWN]
        shown = [f"{name}/ ({count:,} files)" for name, count in itertools.islice(folders.items(), _SHOWN)]
        return {
            "uri": self._uri(folder), "kind": self.about if not folder else "folder", "files": files, "size": size,
            "complete": whole, "folders": shown, "kinds": {kind: kinds[kind] for kind in most},
            "find_with": "list with a pattern, such as **/*.csv; search with exact=true looks into files",
        }  # fmt: skip

    def _file(self, opened: Opened) -> dict[str, Any]:
        node = opened.node
        told: dict[str, Any] = {"uri": self._uri(node.path), "kind": node.kind, "size": node.size, "date": node.day}
        if node.kind == PARQUET or (converts(node.path) and not pictured(node.path)):
            try:
                told |= self._sample(opened) if node.kind == PARQUET else _about(self._documents.document(opened))
            except Unreadable as fault:
                told["problem"] = fault.reason
        elif not is_text(opened):
            told["content"] = "an image" if pictured(node.path) else "no text; #bytes=1-1000 shows some of it"
        elif node.kind in ("csv", "tsv"):
            told |= previews.of_text(opened.at(0, _HEAD), whole=node.size <= _HEAD)
        return {key: value for key, value in told.items() if value not in ("", [], {})}

    def _sample(self, opened: Opened) -> dict[str, Any]:
        return previews.of_parquet(self._documents.rows(opened, 0, _SAMPLE))

    def _uri(self, path: str, fragment: str = "") -> str:
        return make(self.scheme, self.name, path, fragment)


def _shown(place: str) -> str:
    """Return a place without the steps that stand for places in large folders."""
    return "/".join(step for step in place.split("/") if not step.startswith("\x00"))[:200] or "there"


def _extent(document: Document) -> str:
    count = len(document.labels) or max((piece.part for piece in document.pieces), default=1)
    return f"{count:,} {document.unit}s" if document.unit else f"{document.lines:,} lines"


def _about(document: Document) -> dict[str, Any]:
    outline = [f"{'  ' * (one.level - 1)}{one.title} ({one.part})" for one in document.outline[:_SHOWN]]
    sample = document.pieces[0].text[:1_500] if document.unit == "sheet" and document.pieces else ""
    return {
        "title": document.title, "extent": _extent(document), "sheets": document.labels[:_SHOWN],
        "properties": document.meta, "outline": outline, "sample": sample, "notes": document.notes,
    }  # fmt: skip
