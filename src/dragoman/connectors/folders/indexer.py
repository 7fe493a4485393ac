"""The thread that keeps an index up to date: walk, compare, read what is new, forget what is gone.

One process at a time indexes a folder; another one that serves the same folder waits and reads the same index.
Ends within moments of `close`, in the middle of a file if need be: the next start goes on from there.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from dragoman.connectors.extract.document import Document, Unreadable
from dragoman.connectors.extract.process import Converter
from dragoman.connectors.extract.registry import why_not
from dragoman.connectors.folders.crawl import Folder, Found, NotServed
from dragoman.connectors.folders.dates import day_of
from dragoman.connectors.folders.index import FAILED, READY, SKIPPED, WAITING, Index
from dragoman.connectors.folders.place import IndexGoneError
from dragoman.connectors.source import Progress

RESCAN = 5.0  # seconds, at least, between two walks over the same folder
_SLOWEST = 20.0  # times as long as the last walk took: walking may take a twentieth of the time
_AGAIN = 3.0  # seconds until an index that did not answer is asked again
_POLL = 0.5  # seconds between two looks whether another process is done
_BATCH, _BATCH_SECONDS = 500, 0.3  # files written into the index together, and how long the first of them may wait
_BATCH_BYTES = 16 * 1024 * 1024  # of such files: two batches are in memory, one being read and one being written
_SCANNED, _LEFT = "scanned", "left"
_log = logging.getLogger("dragoman.connectors")


def day_for(path: str, document: Document) -> str:
    """Return the day that a document speaks for; see `dates`."""
    meta = document.meta
    stem = Path(path).stem
    return day_of(document.title, stem, meta.get("date", ""), meta.get("modified", ""), meta.get("created", ""))


class Indexer:
    """Keeps `index` up to date with `folder` from `start` to `close`."""

    def __init__(self, folder: Folder, index: Index) -> None:
        self._folder = folder
        self._index = index
        self._converter = Converter()
        self._urgent = Converter()  # for a file that a caller waits for, while the other is busy
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._walked = threading.Event()
        self._idle = threading.Event()
        self._next_walk = 0.0
        self.changed: Callable[[Sequence[str]], None] = _nobody  # told paths that changed; none: some came or went
        self._pause = RESCAN  # seconds until a walk may follow the last one

    def start(self) -> None:
        """Begin to index.  Returns at once; safe to call twice."""
        with self._lock:
            if self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(target=self._run, name="dragoman-indexer", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """End it.  Safe to call twice."""
        self._stop.set()
        self._wake.set()
        self._converter.close()
        self._urgent.close()
        with self._lock:
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(5.0)

    def look_again(self) -> None:
        """Walk the folder again, unless that was done a moment ago: called whenever someone asks for something."""
        self.start()
        if self._idle.is_set() and time.monotonic() >= self._next_walk:
            self._idle.clear()
            self._wake.set()

    def wait_idle(self, seconds: float) -> bool:
        """Wait until nothing is left to do; tell whether that is so."""
        return self._idle.wait(seconds)

    def progress(self) -> Progress:
        """Return how far the index is, whoever makes it."""
        counts = self._index.counts()
        ready, waiting, failed = (counts.get(state, 0) for state in (READY, WAITING, FAILED))
        walked = self._walked.is_set() or bool(self._index.noted(_SCANNED))
        return Progress(indexed=ready, total=ready + waiting + failed, failed=failed, complete=walked and not waiting)

    def left(self) -> str:
        """Return, in words, what the last walk left out."""
        return self._index.noted(_LEFT)

    def read_now(self, found: Found) -> None:
        """Read one file before its turn, because someone waits for it."""
        self._write([self._read(found, self._urgent)])

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    self._turn()
                except IndexGoneError as fault:
                    _log.warning("indexing %s waits: %s", self._folder.root, fault)
                    self._walked.set()
                    self._stop.wait(_AGAIN)
                    continue
                self._converter.rest()  # a process that waits for the next change would only hold memory
                self._urgent.rest()
                self._next_walk = time.monotonic() + self._pause
                self._idle.set()
                self._wake.wait()
                self._wake.clear()
        except Exception:
            # The server goes on with what is indexed; the log says why there is no more.
            if not self._stop.is_set():
                _log.exception("indexing %s has stopped", self._folder.root)
        finally:
            self._idle.set()

    def _turn(self) -> None:
        lease = self._index.lease()
        while not lease.acquire():
            self._walked.set()  # the other process walks; what it found is in the index
            if self._stop.wait(_POLL):
                return
        try:
            began = time.monotonic()
            self._walk()
            self._pause = max(RESCAN, (time.monotonic() - began) * _SLOWEST)
            self._walked.set()
            self._read_all(self._index.waiting())
        finally:
            lease.release()

    def _read_all(self, waiting: list[Found]) -> None:
        """Read the files, and write what came of them some at a time, while the next ones are read."""
        done: list[Callable[[], None]] = []
        size, since = 0, time.monotonic()
        with _Behind() as behind:
            for found in waiting:
                if self._stop.is_set():
                    break
                done.append(self._read(found, self._converter))
                size += found.size
                if len(done) >= _BATCH or size >= _BATCH_BYTES or time.monotonic() - since > _BATCH_SECONDS:
                    behind.go(partial(self._write, done))
                    done, size, since = [], 0, time.monotonic()
            behind.go(partial(self._write, done))

    def _write(self, done: list[Callable[[], None]]) -> None:
        with self._index.writing():
            for write in done:
                write()

    def _walk(self) -> None:
        known = self._index.known()
        changed: list[Found] = []
        came = False
        skipped: dict[str, str] = {}
        for found in self._folder.walk(self._stop.is_set):
            before = known.pop(found.path, None)
            reason = why_not(found.path, found.size)
            came = came or before is None
            if before is None or before[:2] != (found.size, found.mtime_ns) or (before[2] == SKIPPED) != bool(reason):
                changed.append(found)
                if reason:
                    skipped[found.path] = reason
        if self._stop.is_set() or not os.path.isdir(self._folder.root):
            return  # half a walk, or a disk that is not there: what was not met is not gone
        with self._index.writing():
            self._index.expect(changed, skipped)
            self._index.forget(known)
            self._index.note(_LEFT, _in_words(self._folder))
            self._index.note(_SCANNED, "yes")
        if self._walked.is_set():
            self._tell(changed, list(known), came)

    def _tell(self, changed: Sequence[Found], gone: Sequence[str], came: bool) -> None:
        paths = [*(found.path for found in changed), *gone]
        if paths:
            self.changed(paths)
        if gone or came:
            self.changed([])

    def picture(self, path: str, page: int) -> tuple[bytes, str]:
        """Return an image, or a page of a PDF, and its media type.  Raises Unreadable and NotServed."""
        return self._urgent.picture(self._folder.locate(path), page)

    def _read(self, found: Found, converter: Converter) -> Callable[[], None]:
        """Read one file; return what is to be written into the index."""
        try:
            document = converter.convert(self._folder.locate(found.path))
        except NotServed:
            return partial(self._index.forget, [found.path])  # gone, or no longer what it was, since the walk
        except Unreadable as fault:
            return partial(self._fail, found, fault.reason)
        return partial(self._index.store, found, document, day_for(found.path, document))

    def _fail(self, found: Found, reason: str) -> None:
        # What fails because we are closing is not the file's fault.
        if not self._stop.is_set():
            self._index.fail(found, reason)


class _Behind:
    """Does one thing at a time while its owner goes on; what goes wrong is raised at the next one, or at the end."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._fault: BaseException | None = None

    def __enter__(self) -> _Behind:
        return self

    def __exit__(self, kind: object, fault: BaseException | None, trace: object) -> None:
        try:
            self._wait()
        except BaseException:
            if fault is None:  # the owner's own comes first
                raise

    def go(self, act: Callable[[], None]) -> None:
        """Begin with `act` when what is under way is done."""
        self._wait()
        self._thread = threading.Thread(target=self._do, args=(act,), name="dragoman-index-writer", daemon=True)
        self._thread.start()

    def _wait(self) -> None:
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        fault, self._fault = self._fault, None
        if fault is not None:
            raise fault

    def _do(self, act: Callable[[], None]) -> None:
        try:
            act()
        except BaseException as fault:
            self._fault = fault


def _nobody(_paths: Sequence[str]) -> None:
    """Nobody wants to know."""


def _in_words(folder: Folder) -> str:
    left = folder.left
    words = [
        (left.hidden, "hidden or secret, by their names"),
        (left.links, "links or special files"),
        (left.unreadable, "folders that may not be read"),
    ]
    text = ", ".join(f"{count:,} {what}" for count, what in words if count)
    return text + ("; the walk stopped at its limit of files" if left.over_limit else "")
