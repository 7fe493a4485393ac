"""The full-text index of one folder: an SQLite file with FTS5, private to the user, outside the folder.

Only a cache: what is lost with it is the time to make it again.
Text is stored once, as pieces; joined, they are the documents' text.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from dragoman.connectors.extract.document import Document, Heading
from dragoman.connectors.folders.crawl import Found
from dragoman.connectors.folders.index_file import IndexFile
from dragoman.connectors.folders.scope import OPEN, Scope

WAITING, READY, FAILED, SKIPPED = "waiting", "ready", "failed", "skipped"

_LAST = "\U0010ffff"  # sorts behind every letter: what starts with a prefix lies between it and it with this
_INDEXED = "title, heading, body"
_FILE = "id, path, size, mtime_ns, state, reason, kind, title, unit, parts, lines, day"


class File(NamedTuple):
    """What the index knows of one file, but for its text and its details.  `day` is year-month-day or empty."""

    id: int
    path: str
    size: int
    mtime_ns: int
    state: str
    reason: str
    kind: str
    title: str
    unit: str
    parts: int
    lines: int
    day: str


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """What `describe` shows beyond that."""

    labels: list[str] = []
    outline: list[Heading] = []
    meta: dict[str, str] = {}
    notes: list[str] = []


class Match(NamedTuple):
    """One piece that matches: where it stands, and FTS5's rank (the lower the better)."""

    piece: int
    file: int
    rank: float
    part: int
    line: int


class Stretch(NamedTuple):
    """A piece of text and where it starts in its part."""

    part: int
    at: int
    line: int
    text: str


class Index:
    """What is known of a folder's files.  Any thread may call any method; writes come one after the other."""

    def __init__(self, path: Path) -> None:
        """Open the index at `path`, or make it.  Raises OSError or sqlite3.Error where that cannot be."""
        self.path = path
        self._file = IndexFile(path)
        self._reader = self._file.reading
        self.writing = self._file.writing

    def close(self) -> None:
        """Release the files.  Safe to call twice."""
        self._file.close()

    # -- writing

    def known(self) -> dict[str, tuple[int, int, str]]:
        """Return size, time of last change and state of every file, by path."""
        with self._reader() as db:
            rows = db.execute("SELECT path, size, mtime_ns, state FROM file")
            return {path: (size, mtime, state) for path, size, mtime, state in rows}

    def expect(self, found: Iterable[Found], skipped: Mapping[str, str]) -> None:
        """Note files that are new or have changed; those in `skipped`, by path, will not be read, for that reason.

        What is known of a changed file stays until it is read again.
        """
        with self.writing() as db:
            for path, size, mtime in found:
                reason = skipped.get(path, "")
                state = SKIPPED if reason else WAITING
                db.execute(
                    "INSERT INTO file(path, size, mtime_ns, state, reason) VALUES (?, ?, ?, ?, ?) "
                    "ON CONFLICT(path) DO UPDATE SET size=excluded.size, mtime_ns=excluded.mtime_ns, "
                    "state=excluded.state, reason=excluded.reason",
                    (path, size, mtime, state, reason),
                )

    def forget(self, paths: Iterable[str]) -> None:
        """Take out files that are gone."""
        with self.writing() as db:
            for path in paths:
                row = db.execute("SELECT id FROM file WHERE path = ?", (path,)).fetchone()
                if row is not None:
                    _empty(db, row[0])
                    db.execute("DELETE FROM file WHERE id = ?", row)

    def store(self, found: Found, document: Document, day: str) -> None:
        """Put a document in the place of what was known of the file."""
        detail = Detail(labels=document.labels, outline=document.outline, meta=document.meta, notes=document.notes)
        parts = document.pieces[-1].part if document.pieces else 0
        words = f"{document.title} {found.path}"
        with self.writing() as db:
            number = self._upsert(db, found, READY, "")
            db.execute(
                "UPDATE file SET kind=?, title=?, unit=?, parts=?, lines=?, day=?, detail=? WHERE id=?",
                (
                    document.kind, document.title, document.unit, max(parts, len(document.labels)), document.lines, day,
                    msgspec.msgpack.encode(detail), number,
                ),
            )  # fmt: skip
            db.executemany(
                "INSERT INTO piece(file, part, at, line, title, heading, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    (number, piece.part, piece.at, piece.line, words, piece.heading, piece.text)
                    for piece in document.pieces
                ),
            )
            # In one go: a trigger on each row would make FTS5 write out its buffer row by row, six times slower.
            db.execute(
                f"INSERT INTO words(rowid, {_INDEXED}) SELECT id, {_INDEXED} FROM piece WHERE file = ?", (number,)
            )

    def fail(self, found: Found, reason: str) -> None:
        """Note that the file cannot be read; what was known of it goes."""
        with self.writing() as db:
            self._upsert(db, found, FAILED, reason)

    def _upsert(self, db: sqlite3.Connection, found: Found, state: str, reason: str) -> int:
        row = db.execute("SELECT id FROM file WHERE path = ?", (found.path,)).fetchone()
        if row is None:
            made = db.execute(
                "INSERT INTO file(path, size, mtime_ns, state, reason) VALUES (?, ?, ?, ?, ?)", (*found, state, reason)
            )
            return int(made.lastrowid or 0)
        _empty(db, row[0])
        db.execute(
            "UPDATE file SET size=?, mtime_ns=?, state=?, reason=? WHERE id=?",
            (found.size, found.mtime_ns, state, reason, row[0]),
        )
        return int(row[0])

    def note(self, key: str, value: str) -> None:
        """Remember a word about the index as a whole."""
        with self.writing() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    # -- reading

    def noted(self, key: str) -> str:
        """Return what `note` remembered, or nothing."""
        with self._reader() as db:
            row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
            return str(row[0]) if row else ""

    @contextmanager
    def _within(self, scope: Scope) -> Generator[sqlite3.Connection, None, None]:
        with self._reader() as db:
            scope.prepare(db)
            yield db

    def counts(self, scope: Scope = OPEN) -> dict[str, int]:
        """Return how many files are in each state."""
        with self._within(scope) as db:
            return dict(
                db.execute(f"SELECT state, count(*) FROM file f{scope.where('WHERE')} GROUP BY state", scope.values)
            )

    def kinds(self, scope: Scope = OPEN) -> dict[str, int]:
        """Return how many indexed files there are of each kind."""
        with self._within(scope) as db:
            return dict(
                db.execute(
                    f"SELECT kind, count(*) FROM file f WHERE state = ?{scope.where()} GROUP BY kind ORDER BY 2 DESC",
                    (READY, *scope.values),
                )
            )

    def waiting(self) -> list[Found]:
        """Return what is still to be read, the small files first, so that most are soon there."""
        with self._reader() as db:
            rows = db.execute("SELECT path, size, mtime_ns FROM file WHERE state = ? ORDER BY size, path", (WAITING,))
            return [Found(*row) for row in rows]

    def file(self, path: str) -> File | None:
        """Return what is known of the file at `path`."""
        with self._reader() as db:
            row = db.execute(f"SELECT {_FILE} FROM file WHERE path = ?", (path,)).fetchone()
            return File(*row) if row else None

    def detail(self, number: int) -> Detail:
        """Return labels, outline, properties and notes of a file."""
        with self._reader() as db:
            row = db.execute("SELECT detail FROM file WHERE id = ?", (number,)).fetchone()
            return msgspec.msgpack.decode(row[0], type=Detail) if row and row[0] else Detail()

    def files(self, prefix: str, after: str, limit: int, scope: Scope = OPEN) -> list[File]:
        """Return up to `limit` files whose path starts with `prefix` and sorts after `after`."""
        with self._within(scope) as db:
            rows = db.execute(
                f"SELECT {_FILE} FROM file f WHERE path > ? AND path >= ? AND path < ?{scope.where()} "
                "ORDER BY path LIMIT ?",
                (after, prefix, prefix + _LAST, *scope.values, limit),
            )
            return [File(*row) for row in rows]

    def count(self, prefix: str, scope: Scope = OPEN) -> int:
        """Return how many files there are below `prefix`."""
        with self._within(scope) as db:
            row = db.execute(
                f"SELECT count(*) FROM file f WHERE path >= ? AND path < ?{scope.where()}",
                (prefix, prefix + _LAST, *scope.values),
            ).fetchone()
            return int(row[0])

    def problems(self, state: str, limit: int, scope: Scope = OPEN) -> list[File]:
        """Return up to `limit` files in that state, by path."""
        with self._within(scope) as db:
            rows = db.execute(
                f"SELECT {_FILE} FROM file f WHERE state = ?{scope.where()} ORDER BY path LIMIT ?",
                (state, *scope.values, limit),
            )
            return [File(*row) for row in rows]

    def reasons(self, state: str, limit: int, scope: Scope = OPEN) -> list[tuple[str, int, str]]:
        """Return why files are in that state: reason, how many files, and one of them; the most frequent first."""
        with self._within(scope) as db:
            return db.execute(
                f"SELECT reason, count(*), min(path) FROM file f WHERE state = ?{scope.where()} "
                "GROUP BY reason ORDER BY 2 DESC LIMIT ?",
                (state, *scope.values, limit),
            ).fetchall()

    def match(self, expression: str, limit: int, scope: Scope = OPEN) -> list[Match]:
        """Return the `limit` best pieces for an FTS5 expression; the title counts most, then the heading."""
        if not scope.open:
            return self._match_within(expression, limit, scope)
        with self._reader() as db:
            rows = db.execute(
                "SELECT p.id, p.file, w.rank, p.part, p.line FROM (SELECT rowid, rank FROM words WHERE words MATCH ? "
                "AND rank MATCH 'bm25(5.0, 2.0, 1.0)' ORDER BY rank LIMIT ?) w JOIN piece p ON p.id = w.rowid "
                "ORDER BY w.rank, p.id",
                (expression, limit),
            )
            return [Match(*row) for row in rows]

    def _match_within(self, expression: str, limit: int, scope: Scope) -> list[Match]:
        with self._within(scope) as db:
            rows = db.execute(
                "SELECT p.id, p.file, w.rank, p.part, p.line FROM words w JOIN piece p ON p.id = w.rowid "
                "JOIN file f ON f.id = p.file WHERE words MATCH ? AND rank MATCH 'bm25(5.0, 2.0, 1.0)'"
                f"{scope.where()} ORDER BY w.rank, p.id LIMIT ?",
                (expression, *scope.values, limit),
            )
            return [Match(*row) for row in rows]

    def holding(self, text: str, limit: int, scope: Scope, exact_case: bool) -> list[Match]:
        """Return the first `limit` pieces that hold the text as it stands, by path and place."""
        found = "instr(p.body, ?)" if exact_case else "instr(lower(p.body), lower(?))"
        with self._within(scope) as db:
            rows = db.execute(
                f"SELECT p.id, p.file, 0.0, p.part, p.line FROM piece p JOIN file f ON f.id = p.file WHERE {found}"
                f"{scope.where()} ORDER BY f.path, p.part, p.at LIMIT ?",
                (text, *scope.values, limit),
            )
            return [Match(*row) for row in rows]

    def frequency(self, word: str, limit: int = 1_000_000, scope: Scope = OPEN) -> int:
        """Return how many pieces hold the word, counting no further than `limit`."""
        among = " JOIN piece p ON p.id = words.rowid JOIN file f ON f.id = p.file" if not scope.open else ""
        with self._within(scope) as db:
            row = db.execute(
                f"SELECT count(*) FROM (SELECT 1 FROM words{among} WHERE words MATCH ?{scope.where()} LIMIT ?)",
                ('"' + word.replace('"', '""') + '"', *scope.values, limit),
            ).fetchone()
            return int(row[0])

    def words_like(self, start: str, limit: int = 5_000) -> list[str]:
        """Return words of the index (their stems) that begin with `start`."""
        with self._reader() as db:
            rows = db.execute(
                "SELECT term FROM vocabulary WHERE term >= ? AND term < ? ORDER BY doc DESC LIMIT ?",
                (start, start + _LAST, limit),
            )
            return [row[0] for row in rows]

    def by_id(self, numbers: Iterable[int]) -> dict[int, File]:
        """Return files by their number."""
        with self._reader() as db:
            wanted = list(numbers)
            rows = db.execute(f"SELECT {_FILE} FROM file WHERE id IN ({','.join('?' * len(wanted))})", wanted)
            return {row[0]: File(*row) for row in rows}

    def piece(self, number: int) -> tuple[str, str]:
        """Return heading and text of one piece."""
        with self._reader() as db:
            row = db.execute("SELECT heading, body FROM piece WHERE id = ?", (number,)).fetchone()
            return (row[0], row[1]) if row else ("", "")

    def text(self, number: int, part: int, at: int, last_part: int) -> Iterator[Stretch]:
        """Yield a file's text from offset `at` of `part` to the end of `last_part`; the first may start before it."""
        with self._reader() as db:
            row = db.execute(
                "SELECT max(at) FROM piece WHERE file = ? AND part = ? AND at <= ?", (number, part, at)
            ).fetchone()
            rows = db.execute(
                "SELECT part, at, line, body FROM piece WHERE file = ? AND (part > ? OR part = ? AND at >= ?) "
                "AND part <= ? ORDER BY part, at",
                (number, part, part, row[0] or 0, last_part),
            )
            for row in rows:
                yield Stretch(*row)

    def offset_of_line(self, number: int, part: int, line: int) -> int:
        """Return the offset, in the part, of the last piece that starts before `line` or with it."""
        with self._reader() as db:
            row = db.execute(
                "SELECT min(at) FROM piece WHERE file = ? AND part = ? AND line = "
                "(SELECT max(line) FROM piece WHERE file = ? AND part = ? AND line <= ?)",
                (number, part, number, part, line),
            ).fetchone()
            return int(row[0] or 0)


def _empty(db: sqlite3.Connection, number: int) -> None:
    """Take a file's text out of the index; FTS5 is told what it was, since it keeps none of its own."""
    db.execute(
        f"INSERT INTO words(words, rowid, {_INDEXED}) SELECT 'delete', id, {_INDEXED} FROM piece WHERE file = ?",
        (number,),
    )
    db.execute("DELETE FROM piece WHERE file = ?", (number,))
