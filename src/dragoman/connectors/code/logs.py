"""A folder of build logs and test reports as a source: what went wrong comes first, the rest is read by lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from dragoman.connectors.address import Address, make
from dragoman.connectors.code import digest, junit
from dragoman.connectors.code.logs_lines import best_lines
from dragoman.connectors.code.repository import stretch
from dragoman.connectors.folders.crawl import Folder, Found, NotServed
from dragoman.connectors.source import (
    Entry,
    Hit,
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

MAX_FILE = 50_000_000  # bytes of one log; of longer ones the end
ENDINGS = (".log", ".txt", ".out", ".err", ".xml")
_LOOKED = 200  # files that a search reads, the newest first
_SEARCHED = 5_000_000  # bytes of each
_SECONDS = 3.0  # in all


class Logs:
    """A folder of logs under one name."""

    scheme = "logs"
    about = "build logs and test reports"

    def __init__(self, name: str, folder: Folder) -> None:
        self.name = name
        self._folder = folder

    def start(self) -> None:
        """Nothing goes on behind: logs are read when they are asked for."""

    def close(self) -> None:
        """Nothing is open between calls."""

    def progress(self) -> Progress:
        return Progress(indexed=0, total=0)

    def search(self, view: View, question: Question, limit: int) -> Hits:
        """Find the lines that hold most of the words, in the newest files first; with `exact`, the text as it is."""
        asked = [one for one in self._files(view) if self._asked(one, question)]
        files = sorted(asked, key=lambda one: -one.mtime_ns)
        looked: list[Found] = []
        texts = self._texts(files, looked)
        if question.exact:
            lines = (
                (one, at, line) for one, _, all_ in texts for at, line in enumerate(all_, 1) if question.text in line
            )
            hits = [self._hit(*line) for line in islice(lines, limit)]
            scores: list[float] = []
        else:
            found = best_lines(question.text, texts)[:limit]
            hits = [self._hit(line.of, line.number, line.text) for line in found]
            scores = [line.score for line in found]
        full = len(looked) < len(files) and len(hits) < limit
        hint = f"the newest {len(looked):,} of {len(files):,} files were searched" if full else ""
        return Hits(hits, 0.5, f"{self.name}: lines of logs, newest file first", hint, scores)

    def _texts(self, files: Sequence[Found], looked: list[Found]) -> Iterator[tuple[Found, str, list[str]]]:
        """Yield files with their names and lines, as many as there is time for, and note in `looked` which."""
        end = time.monotonic() + _SECONDS
        for one in files[:_LOOKED]:
            if time.monotonic() > end:
                return
            looked.append(one)
            text = self._read(one.path)[-_SEARCHED:].decode("utf-8", "replace")
            yield one, one.path, digest.plain_lines(text)

    def items(self, view: View, prefix: str, after: str, limit: int, pattern: str = "") -> Listing:
        files = sorted(
            one
            for one in self._files(view)
            if one.path.startswith(prefix) and (not pattern or matches(pattern, one.path))
        )
        rest = [one for one in files if one.path > after]
        entries = [
            Entry(key=one.path, uri=self._uri(one.path), kind=kind_of(one.path), size=one.size, date=_day(one))
            for one in rest[:limit]
        ]
        return Listing(entries=entries, total=len(files), more=len(rest) > limit)

    def describe(self, view: View, address: Address) -> dict[str, Any]:
        if not address.path:
            files = sorted(self._files(view), key=lambda one: -one.mtime_ns)
            newest = [f"{self._uri(one.path)} ({_day(one)})" for one in files[:10]]
            return {"uri": self._uri(""), "kind": self.about, "files": len(files), "newest": newest}
        one = self._file(view, address.path)
        told: dict[str, Any] = {
            "uri": self._uri(one.path),
            "kind": kind_of(one.path),
            "size": one.size,
            "date": _day(one),
        }
        report = self._report(one)
        if report is not None:
            return told | {"tests": report.tests, "failed": report.failures, "skipped": report.skipped}
        found = digest.digest_of(self._text(one))
        return told | {"lines": found.lines, "errors": found.errors, "warnings": found.warnings}

    def fetch(self, view: View, address: Address, position: Position | None, room: int) -> Passage:
        """Return the digest of a log or a report; its own lines where the address names some."""
        one = self._file(view, address.path)
        first, last = address.lines
        if first:
            lines = digest.plain_lines(self._text(one))
            chosen = "".join(f"{line}\n" for line in lines[first - 1 : last])
            said = f"lines {first}-{min(last, len(lines))}"
            return stretch(self._uri(one.path), one.path, chosen, position, room, said, len(lines))
        report = self._report(one)
        if report is not None:
            text = junit.as_text(report)
        else:
            text = digest.as_text(digest.digest_of(self._text(one)), self._uri(one.path))
        return stretch(self._uri(one.path), one.path, text, position, room, "what went wrong", text.count("\n"))

    # --- files --------------------------------------------------------------------------------------------------

    def _files(self, view: View) -> list[Found]:
        return [one for one in self._folder.walk() if one.path.lower().endswith(ENDINGS) and view.sees(one.path)]

    def _file(self, view: View, path: str) -> Found:
        try:
            place = Path(self._folder.locate(path)) if path.lower().endswith(ENDINGS) and view.sees(path) else None
            found = place.stat() if place else None
        except (NotServed, OSError):
            found = None
        if found is None:
            names = [one.path for one in self._files(view)]
            raise ToolError(f"there is no log {path[:200]!r}{nearest(path, names)}; list {self._uri('')} shows all")
        return Found(path, found.st_size, found.st_mtime_ns)

    def _read(self, path: str) -> bytes:
        try:
            with open(self._folder.locate(path), "rb") as stream:
                size = stream.seek(0, 2)
                stream.seek(max(size - MAX_FILE, 0))
                return stream.read(MAX_FILE)
        except (NotServed, OSError) as fault:
            raise ToolError(f"{path[:200]} cannot be read now") from fault

    def _text(self, one: Found) -> str:
        return self._read(one.path).decode("utf-8", "replace")

    def _report(self, one: Found) -> junit.Report | None:
        if not one.path.lower().endswith(".xml"):
            return None
        try:
            return junit.read_report(self._read(one.path))
        except junit.NoReport as fault:
            raise ToolError(f"{one.path} is no test report: {fault}; its lines can be read: #lines=1-100") from fault

    def _asked(self, one: Found, question: Question) -> bool:
        day = _day(one)
        kinds = not question.kind or question.kind == kind_of(one.path)
        days = (not question.since or day >= question.since) and (not question.until or day <= question.until)
        return kinds and days and (not question.path or matches(question.path, one.path))

    def _hit(self, one: Found, number: int, line: str) -> Callable[[], Hit]:
        uri = make(self.scheme, self.name, one.path, f"lines={max(number - 10, 1)}-{number + 30}")
        return lambda: Hit(uri=uri, title=one.path, where=f"line {number}", date=_day(one), text=line.strip()[:300])

    def _uri(self, path: str) -> str:
        return make(self.scheme, self.name, path)


def kind_of(path: str) -> str:
    """Return "report" for XML, else "log"."""
    return "report" if path.lower().endswith(".xml") else "log"


def _day(one: Found) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(one.mtime_ns / 1e9))
