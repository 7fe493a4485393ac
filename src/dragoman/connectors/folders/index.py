"""The index of one folder: what is known of its files, their text, and which words are in it.

Only a cache: what is lost with it is the time to make it again.  Text is stored once, as pieces; joined, they are the
documents' text.  Where it is kept is a `Place`: SQLite's file, or a PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from dragoman.connectors.extract.document import Document, Heading
from dragoman.connectors.folders.crawl import Found
from dragoman.connectors.folders.index_file import IndexFile
from dragoman.connectors.folders.place import Lease, Link, Place
from dragoman.connectors.folders.scope import OPEN, Judged, Scope
from dragoman.connectors.folders.words import spellable

WAITING, READY, FAILED, SKIPPED = "waiting", "ready", "failed", "skipped"

_LAST = "\U0010ffff"  # sorts behind every letter: what starts with a prefix lies between it and it with this
_REMEMBERED = 100_000  # words that need not be noted again
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


class Stretch(NamedTuple):
    """A piece of text and where it starts in its part."""

    part: int
    at: int
    line: int
    text: str


class Within(NamedTuple):
    """A connection, and the condition on `file f` for what is in a scope, with its values; "" where all is."""

    db: Link
    condition: str
    values: tuple[Any, ...]


class Index:
    """What is known of a folder's files.  Any thread may call any method; writes come one after the other."""

    def __init__(self, place: Path | Place) -> None:
        """Open the index at `place`, a path for a file; it is made if there is none.

        Raises OSError, sqlite3.Error or psycopg.Error where that cannot be.
        """
        self.place: Place = IndexFile(place) if isinstance(place, Path) else place
        self._reader = self.place.reading
        self._judged = Judged()
        self._noted: set[str] = set()  # words that the table `word` has, as far as this process knows

    def close(self) -> None:
        """Release the files or connections.  Safe to call twice."""
        self.place.close()

    def lease(self) -> Lease:
        """Return the right to keep this index up to date, which one process has at a time."""
        return self.place.lease()

    # -- writing

    @contextmanager
    def writing(self) -> Generator[Link, None, None]:
        """One transaction, which others within it join: all of it happens or nothing."""
        try:
            with self.place.writing() as db:
                yield db
        except BaseException:
            self._noted.clear()  # what was noted in it is not
            raise

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
                    self._empty(db, row[0])
                    db.execute("DELETE FROM file WHERE id = ?", row)

    def store(self, found: Found, document: Document, day: str) -> None:
        """Put a document in the place of what was known of the file."""
        detail = Detail(labels=document.labels, outline=document.outline, meta=document.meta, notes=document.notes)
        parts = document.pieces[-1].part if document.pieces else 0
        words = f"{document.title} {found.path}"
        with self.writing() as db:
            number = self._emptied(db, found)
            db.execute(
                "UPDATE file SET size=?, mtime_ns=?, state=?, reason='', kind=?, title=?, unit=?, parts=?, lines=?, "
                "day=?, detail=? WHERE id=?",
                (
                    found.size, found.mtime_ns, READY, document.kind, document.title, document.unit,
                    max(parts, len(document.labels)), document.lines, day, msgspec.msgpack.encode(detail), number,
                ),
            )  # fmt: skip
            self.place.add_pieces(
                db,
                [
                    (number, piece.part, piece.at, piece.line, words, piece.heading, piece.text)
                    for piece in document.pieces
                ],
            )
            self._note_words(db, [words, *(f"{piece.heading} {piece.text}" for piece in document.pieces)])

    def _note_words(self, db: Link, texts: Iterable[str]) -> None:
        """Remember words for those who misspell them; one that is in no document any more is found out when asked."""
        fresh = spellable("\n".join(texts), self._noted)
        if fresh:
            db.executemany(
                "INSERT INTO word(term, back) VALUES (?, ?) ON CONFLICT DO NOTHING",
                [(word, word[::-1]) for word in sorted(fresh)],
            )
            if len(self._noted) < _REMEMBERED:
                self._noted |= fresh

    def _empty(self, db: Link, number: int) -> None:
        self.place.take_words(db, number)
        db.execute("DELETE FROM piece WHERE file = ?", (number,))

    def fail(self, found: Found, reason: str) -> None:
        """Note that the file cannot be read; what was known of it goes."""
        with self.writing() as db:
            number = self._emptied(db, found)
            db.execute(
                "UPDATE file SET size=?, mtime_ns=?, state=?, reason=? WHERE id=?",
                (found.size, found.mtime_ns, FAILED, reason, number),
            )

    def _emptied(self, db: Link, found: Found) -> int:
        """Return the file's number, new or known; of what was known, its pieces are gone."""
        there = "SELECT id, EXISTS (SELECT 1 FROM piece WHERE file = f.id) FROM file f WHERE path = ?"
        row = db.execute(there, (found.path,)).fetchone()
        if row is None:
            db.execute("INSERT INTO file(path, size, mtime_ns, state) VALUES (?, ?, ?, ?)", (*found, WAITING))
            row = db.execute(there, (found.path,)).fetchone()
        elif row[1]:
            self._empty(db, row[0])
        return int(row[0])

    def note(self, key: str, value: str) -> None:
        """Remember a word about the index as a whole."""
        with self.writing() as db:
            db.execute(
                "INSERT INTO meta(key, value) VALUES (?, ?) ON CONFLICT(key) DO UPDATE SET value=excluded.value",
                (key, value),
            )

    # -- reading

    def noted(self, key: str) -> str:
        """Return what `note` remembered, or nothing."""
        with self._reader() as db:
            row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
            return str(row[0]) if row else ""

    @contextmanager
    def within(self, scope: Scope) -> Generator[Within, None, None]:
        """Lend a connection, with the condition on `file f` that the scope is there, and its values."""
        with self._reader() as db:
            condition, values = scope.condition, scope.values
            if scope.judging:
                fresh = db.execute("SELECT id, path FROM file WHERE id > ?", (self._judged.judged_until(scope),))
                told, more = self.place.seen(db, self._judged.add(scope, fresh.fetchall()))
                condition, values = f"{condition} AND {told}" if condition else told, (*values, *more)
            yield Within(db, condition, values)

    def counts(self, scope: Scope = OPEN) -> dict[str, int]:
        """Return how many files are in each state."""
        with self.within(scope) as (db, condition, values):
            kept = self.place.remembered(db)
            if (scope.key, "") not in kept:
                kept[scope.key, ""] = db.execute(
                    f"SELECT state, count(*) FROM file f{_behind('WHERE', condition)} GROUP BY state", values
                ).fetchall()
            return dict(kept[scope.key, ""])

    def kinds(self, scope: Scope = OPEN) -> dict[str, int]:
        """Return how many indexed files there are of each kind."""
        with self.within(scope) as (db, condition, values):
            return dict(
                db.execute(
                    f"SELECT kind, count(*) FROM file f WHERE state = ?{_behind('AND', condition)} "
                    "GROUP BY kind ORDER BY 2 DESC, kind",
                    (READY, *values),
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
        with self.within(scope) as (db, condition, values):
            rows = db.execute(
                f"SELECT {_FILE} FROM file f WHERE path > ? AND path >= ? AND path < ?{_behind('AND', condition)} "
                "ORDER BY path LIMIT ?",
                (after, prefix, prefix + _LAST, *values, limit),
            )
            return [File(*row) for row in rows]

    def count(self, prefix: str, scope: Scope = OPEN) -> int:
        """Return how many files there are below `prefix`."""
        with self.within(scope) as (db, condition, values):
            row = db.execute(
                f"SELECT count(*) FROM file f WHERE path >= ? AND path < ?{_behind('AND', condition)}",
                (prefix, prefix + _LAST, *values),
            ).fetchone()
            return int(row[0])

    def problems(self, state: str, limit: int, scope: Scope = OPEN) -> list[File]:
        """Return up to `limit` files in that state, by path."""
        with self.within(scope) as (db, condition, values):
            rows = db.execute(
                f"SELECT {_FILE} FROM file f WHERE state = ?{_behind('AND', condition)} ORDER BY path LIMIT ?",
                (state, *values, limit),
            )
            return [File(*row) for row in rows]

    def reasons(self, state: str, limit: int, scope: Scope = OPEN) -> list[tuple[str, int, str]]:
        """Return why files are in that state: reason, how many files, and one of them; the most frequent first."""
        with self.within(scope) as (db, condition, values):
            return db.execute(
                f"SELECT reason, count(*), min(path) FROM file f WHERE state = ?{_behind('AND', condition)} "
                "GROUP BY reason ORDER BY 2 DESC LIMIT ?",
                (state, *values, limit),
            ).fetchall()

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


def _behind(joint: str, condition: str) -> str:
    return f" {joint} {condition}" if condition else ""
