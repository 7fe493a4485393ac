"""A folder of documents, or one document, as a source.

Answers from the index, which an indexer keeps behind; a file that has changed, or whose turn has not come, is read when
it is asked for.  An address is judged by the folder, as every file of the walk was, before anything is opened.
"""

from __future__ import annotations

import difflib
import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

import msgspec

from dragoman.connectors.address import Address, make
from dragoman.connectors.extract.document import Unreadable
from dragoman.connectors.extract.registry import format_of, why_not
from dragoman.connectors.folders.crawl import Folder, Found, NotServed
from dragoman.connectors.folders.index import FAILED, READY, SKIPPED, WAITING, File, Index
from dragoman.connectors.folders.indexer import Indexer
from dragoman.connectors.folders.matching import Match, Matching
from dragoman.connectors.folders.query import EXCERPT, Query, excerpt, lines_with, understand
from dragoman.connectors.folders.ranking import Ranked, rank
from dragoman.connectors.folders.reading import Wanted, cut
from dragoman.connectors.folders.scope import Scope, scope_of
from dragoman.connectors.source import Blob, Entry, Hit, Hits, Listing, Passage, Position, Progress, Question, View
from dragoman.errors import ToolError

_PATIENCE = 1.0  # seconds that the very first requests wait for a small folder to be indexed
_MAX_PROBLEMS = 50
_MAX_OUTLINE = 150
_NAMES = 5_000  # paths among which the nearest is sought


class Documents:
    """Documents under one name.  Takes the index over: `close` closes it."""

    scheme = "docs"

    def __init__(self, name: str, folder: Folder, index: Index) -> None:
        self.name = name
        self.indexer = Indexer(folder, index)
        self._folder = folder
        self._index = index
        self._patient_until = float("inf")

    @property
    def about(self) -> str:
        return _documents(self._index.kinds())

    def watch(self, changed: Callable[[Sequence[str]], None]) -> None:
        """Tell `changed` of addresses whose documents changed, when the folder is looked through (see `look`)."""
        self.indexer.changed = lambda paths: changed([self._uri(path) for path in paths])

    def look(self) -> None:
        """Look the folder through, unless that was done a moment ago: somebody listens."""
        self.indexer.look_again()

    def start(self) -> None:
        if self._patient_until == float("inf"):
            self._patient_until = time.monotonic() + _PATIENCE
        self.indexer.start()

    def close(self) -> None:
        self.indexer.close()
        self._index.close()

    def progress(self) -> Progress:
        return self.indexer.progress()

    def search(self, view: View, question: Question, limit: int) -> Hits:
        self._settle()
        asked = understand(question.text)
        scope = scope_of(view, question)
        if question.exact:
            return self._exactly(view, question, scope, limit)
        ranked = rank(self._index, asked, limit, scope)
        progress = self._told(view)
        hits: dict[tuple[int, int, int], Callable[[], Hit]] = {}  # several pieces of one page are one result
        scores: dict[tuple[int, int, int], float] = {}
        for match in ranked.matches:
            file = ranked.files[match.file]
            place = (match.file, match.part, 0 if file.unit in ("page", "slide", "chapter", "message") else match.line)
            hits.setdefault(place, partial(self._hit, match, file, ranked))
            scores.setdefault(place, match.score)
        return Hits(
            hits=list(hits.values()),
            searched=f"{self.name}: {progress.text()}",
            hint=_hint(ranked, asked, progress, self.name),
            scores=list(scores.values()),
        )

    def _exactly(self, view: View, question: Question, scope: Scope, limit: int) -> Hits:
        """Return the lines that hold the text as it stands; lower-case letters stand for both."""
        text = question.text.strip()
        exact_case = text != text.lower()
        found = Matching(self._index, scope).standing(text, limit, exact_case=exact_case, more=EXCERPT)
        files = self._index.by_id({one.file for one in found})
        hits: dict[tuple[int, int, int], Callable[[], Hit]] = {}
        for one in found:
            if (file := files.get(one.file)) is not None:
                for line, shown in lines_with(text, one.body, exact_case):
                    match = Match(one.piece, one.file, 0.0, one.part, one.line + line)
                    hits.setdefault((one.file, one.part, match.line), partial(self._line_hit, match, file, shown))
        return Hits(hits=list(hits.values())[:limit], searched=f"{self.name}: {self._told(view).text()}")

    def _line_hit(self, match: Match, file: File, shown: str) -> Hit:
        return self._shown(match, file, self._index.piece(match.piece)[0], shown)

    def _told(self, view: View) -> Progress:
        """Return how far the index is, as far as the caller may know: in numbers of what it sees."""
        whole = self.progress()
        if view.everything:
            return whole
        counts = self._index.counts(scope_of(view))
        ready, waiting, failed = (counts.get(state, 0) for state in (READY, WAITING, FAILED))
        return Progress(indexed=ready, total=ready + waiting + failed, failed=failed, complete=whole.complete)

    def items(self, view: View, prefix: str, after: str, limit: int, pattern: str = "") -> Listing:
        self._settle()
        scope = scope_of(view, pattern=pattern)
        files = self._index.files(prefix, after, limit + 1, scope)
        total = self._index.count(prefix, scope)
        hint = ""
        if not total:
            hint = f"nothing below {self._uri(prefix)}" if prefix else "no file that is served"
            hint += f" fits {pattern}; * stays within a folder, ** does not" if pattern else ""
        return Listing(
            entries=[self._entry(file) for file in files[:limit]], total=total, more=len(files) > limit, hint=hint
        )

    def describe(self, view: View, address: Address) -> dict[str, Any]:
        if not address.path:
            return self._overview(view)
        file = self._file(view, address.path)
        detail = self._index.detail(file.id)
        outline = [
            f"{'  ' * (level - 1)}{title} ({file.unit + ' ' + str(part) if file.unit else 'line ' + str(line)})"
            for level, title, part, line in map(msgspec.structs.astuple, detail.outline[:_MAX_OUTLINE])
        ]
        found: dict[str, Any] = {
            "uri": self._uri(file.path), "title": _title(file), "kind": file.kind, "size": file.size,
            "extent": _extent(file), "date": file.day, "properties": detail.meta, "sheets": detail.labels,
            "notes": detail.notes, "outline": outline, "outline_entries": len(detail.outline),
            "read_with": self._examples(file, detail.labels),
        }  # fmt: skip
        return {key: value for key, value in found.items() if value not in ("", [], {}, 0)}

    def fetch(self, view: View, address: Address, position: Position | None, room: int) -> Passage | Blob:
        """Return text of a document; the picture of an image, and of a page where the address asks for one."""
        if address.image:
            return self._picture(view, address)
        file = self._file(view, address.path)
        if file.kind == "image":
            return self._picture(view, address)
        wanted = self._wanted(file, address)
        taken = cut(self._index, file, wanted, position, room)
        unit = file.unit or "line"
        if file.unit:
            shown = f"{unit} {taken.parts[0]}" + (f"-{taken.parts[1]}" if taken.parts[1] > taken.parts[0] else "")
            if wanted.lines != (0, 0):
                shown += f", lines {taken.lines[0]}-{taken.lines[1]}"
        else:
            last = taken.lines[1] or max(taken.lines[0], taken.lines[0] + len(taken.text.splitlines()) - 1)
            shown = f"lines {taken.lines[0]}-{last}"
        return Passage(
            uri=self._uri(file.path), title=_title(file), text=taken.text, range=shown, total=_extent(file),
            following=taken.following,
        )  # fmt: skip

    def _picture(self, view: View, address: Address) -> Blob:
        page = max(address.pages[0], 1)
        if not view.sees(address.path):
            raise ToolError(self._unknown(view, address.path))
        try:
            data, mime_type = self.indexer.picture(address.path, page)
        except NotServed as fault:
            raise ToolError(self._unknown(view, address.path)) from fault
        except Unreadable as fault:
            raise ToolError(f"{self._uri(address.path)} cannot be shown: {fault.reason}") from fault
        title = address.path.rpartition("/")[2]
        paged = address.path.lower().endswith(".pdf")
        uri = self._uri(address.path, f"page={page}&image" if paged else "")
        return Blob(uri=uri, title=f"{title}, page {page}" if paged else title, data=data, mime_type=mime_type)

    def _settle(self) -> None:
        """See that the index is looked after; wait a moment, but only right after the start."""
        self.indexer.look_again()
        self.start()
        left = self._patient_until - time.monotonic()
        if left > 0:
            self.indexer.wait_idle(left)

    def _uri(self, path: str, fragment: str = "") -> str:
        return make(self.scheme, self.name, path, fragment)

    def _file(self, view: View, path: str) -> File:
        """Return the file at `path`, read and up to date.  Raises ToolError for what is not served or not readable."""
        self.indexer.look_again()
        if not path:
            raise ToolError(
                f"{self._uri('')} is the whole source; list it, or search it, and fetch an address from there"
            )
        if not view.sees(path):
            raise ToolError(self._unknown(view, path))
        try:
            info = os.stat(self._folder.locate(path))
        except (NotServed, OSError) as fault:
            raise ToolError(self._unknown(view, path)) from fault
        found = Found(path, info.st_size, info.st_mtime_ns)
        file = self._index.file(path)
        if reason := why_not(path, found.size):
            raise ToolError(f"{self._uri(path)} cannot be read: {reason}")
        if file is None or (file.size, file.mtime_ns) != found[1:] or file.state in (WAITING, SKIPPED):
            self.indexer.read_now(found)
            file = self._index.file(path)
        if file is None:
            raise ToolError(self._unknown(view, path))
        if file.state == FAILED:
            raise ToolError(f"{self._uri(path)} cannot be read: {file.reason}")
        return file

    def _unknown(self, view: View, path: str) -> str:
        names = [file.path for file in self._index.files("", "", _NAMES, scope_of(view))]
        near = difflib.get_close_matches(path, names, 3, 0.5)
        advice = "nearest: " + ", ".join(map(self._uri, near)) if near else f"list {self._uri('')} to see what there is"
        return f"there is no document at {self._uri(path)}; {advice}"

    def _wanted(self, file: File, address: Address) -> Wanted:
        parts = address.pages
        if address.sheet:
            labels = self._index.detail(file.id).labels
            lowered = [label.lower() for label in labels]
            if address.sheet.lower() not in lowered:
                raise ToolError(
                    f"no sheet {address.sheet!r} in {self._uri(file.path)}; it has: {', '.join(labels[:50]) or 'none'}"
                )
            number = lowered.index(address.sheet.lower()) + 1
            parts = (number, number)
        if parts != (0, 0) and not file.unit:
            raise ToolError(
                f"{self._uri(file.path)} has no pages; ask for lines, such as lines=1-100 of {file.lines:,}"
            )
        if parts[0] > max(file.parts, 1):
            raise ToolError(f"{self._uri(file.path)} has {_extent(file)}; there is no {file.unit} {parts[0]}")
        lines = address.lines
        several = file.parts > 1 and (parts == (0, 0) or parts[0] != parts[1])
        if lines != (0, 0) and file.unit and several:
            raise ToolError(f"lines count within one {file.unit}: name one as well, such as pages=1")
        if not file.unit and lines[0] > max(file.lines, 1):
            raise ToolError(f"{self._uri(file.path)} has {_extent(file)}; there is no line {lines[0]:,}")
        return Wanted((parts[0], min(parts[1], max(file.parts, 1))) if parts != (0, 0) else parts, lines)

    def _hit(self, match: Match, file: File, ranked: Ranked) -> Hit:
        piece = ranked.pieces[match.piece]
        return self._shown(match, file, piece.heading, excerpt(piece.body, ranked.query))

    def _shown(self, match: Match, file: File, heading: str, text: str) -> Hit:
        if file.unit:
            where, fragment = f"{file.unit} {match.part}", f"{file.unit}={match.part}"
            if file.unit == "sheet":
                label = "".join(self._index.detail(file.id).labels[match.part - 1 : match.part])
                where, fragment = f"sheet {label}, line {match.line}", f"sheet={quote(label, safe='')}"
                fragment += f"&lines={match.line}-" if match.line > 1 else ""
        else:
            where, fragment = f"line {match.line}", f"lines={match.line}-"
        if heading and file.unit != "sheet":
            where += f": {heading}"
        return Hit(
            uri=self._uri(file.path, fragment), title=_title(file), where=where[:200], date=file.day, text=text
        )  # fmt: skip

    def _entry(self, file: File) -> Entry:
        known = format_of(file.path)
        return Entry(
            key=file.path, uri=self._uri(file.path), title=file.title, kind=file.kind or (known.kind if known else ""),
            size=file.size, extent=_extent(file), date=file.day,
            problem="not read yet" if file.state == WAITING and not file.kind else file.reason,
        )  # fmt: skip

    def _overview(self, view: View) -> dict[str, Any]:
        self._settle()
        scope = scope_of(view)
        counts = self._index.counts(scope)
        failed = self._index.problems(FAILED, _MAX_PROBLEMS, scope)
        skipped = self._index.reasons(SKIPPED, _MAX_PROBLEMS, scope)
        found: dict[str, Any] = {
            "uri": self._uri(""), "kind": _documents(self._index.kinds(scope)), "progress": self._told(view).text(),
            "kinds": self._index.kinds(scope),
            "unreadable": [f"{file.path}: {file.reason}" for file in failed], "unreadable_total": counts.get(FAILED, 0),
            "not_indexed": [_skipped(*row) for row in skipped],
            "not_indexed_total": counts.get(SKIPPED, 0),
            "left_out": self.indexer.left() if view.everything else "",
        }  # fmt: skip
        return {key: value for key, value in found.items() if value not in ("", [], {}, 0)}

    def _examples(self, file: File, labels: list[str]) -> str:
        if file.unit == "sheet" and labels:
            return f"fetch {self._uri(file.path, 'sheet=' + quote(labels[0], safe=''))}"
        last = min(3, max(file.parts, 1))
        return f'fetch with pages="1-{last}"' if file.unit else f'fetch with lines="1-{min(100, max(file.lines, 1))}"'


def _documents(counted: dict[str, int]) -> str:
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in counted.items())
    return f"documents ({kinds})" if kinds else "documents"


def _skipped(reason: str, count: int, path: str) -> str:
    return f"{path}{f' and {count - 1:,} more' if count > 1 else ''}: {reason}"


def _title(file: File) -> str:
    return file.title or file.path.rpartition("/")[2]


def _extent(file: File) -> str:
    if file.unit:
        return f"{file.parts:,} {file.unit}{'s' if file.parts != 1 else ''}"
    return f"{file.lines:,} line{'s' if file.lines != 1 else ''}" if file.lines else ""


def _hint(ranked: Ranked, query: Query, progress: Progress, name: str) -> str:
    """Say what was not as asked: words that are nowhere, nothing found, or more to come."""
    said = [
        f'"{word}" is in no document' + (f'; "{like}" was taken instead' if like else "")
        for word, like in ranked.replaced.items()
    ]
    if not ranked.matches:
        asked = " ".join(query.terms + query.phrases)
        said.append(f"nothing found in the {progress.indexed:,} documents of {name} for {asked!r}")
    elif not ranked.all_words and len(query.terms) > 1:
        said.append("no passage holds all the words")
    if not progress.complete:
        said.append("not all is indexed yet: search again in a moment")
    return "; ".join(said)
