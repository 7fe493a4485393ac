"""The parent's side of the worker: hands it files one by one, and puts a new one in its place when one kills it.

Promise: `convert` comes back within the time limit, whatever the file is.  One thread at a time uses a Converter.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import IO

import msgspec

from dragoman.connectors.extract.columnar import Table
from dragoman.connectors.extract.document import Document, Unreadable
from dragoman.connectors.extract.worker import LENGTH, Answer

TIME_LIMIT = 60.0  # seconds for one file
MEMORY_LIMIT = 2 * 1024 * 1024 * 1024  # bytes of address space for the worker
_MAX_ANSWER = 512 * 1024 * 1024
_MODULE = "dragoman.connectors.extract.worker"
_decoder = msgspec.msgpack.Decoder(Answer)


class _Worker:
    """One process and the thread that kills it when a file is overdue.

    One thread for all files: starting a timer for each would take longer than
    reading a small one.
    """

    def __init__(self, memory: int, seconds: float) -> None:
        # -P: a file named like one of our modules, in the folder we were started from, must not be imported.
        command = [sys.executable, "-P", "-B", "-m", _MODULE, str(memory)]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            # Ctrl-C in the terminal is for the server, which then closes us.
            start_new_session=True,
        )
        self.late = False
        self.answered = False
        self._seconds = seconds
        self._due = float("inf")
        self._over = threading.Event()
        threading.Thread(target=self._watch, name="dragoman-reader-watch", daemon=True).start()

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def read(self, path: str) -> bytes | None:
        """Return the answer's bytes; None when the worker died over the file."""
        self._due = time.monotonic() + self._seconds
        data = _exchange(self.process, os.fsencode(path))
        self._due = float("inf")
        self.answered = self.answered or data is not None
        return data

    def end(self) -> int:
        """Kill it and return its exit status.  Safe to call twice, and while another thread reads."""
        self._over.set()
        return _bury(self.process)

    def _watch(self) -> None:
        while not self._over.wait(min(1.0, self._seconds / 4)):
            if time.monotonic() > self._due:
                self.late = True
                self.process.kill()
                return


class Converter:
    """Reads files in a process of their own, started with the first file and kept for the next ones."""

    def __init__(self, *, seconds: float = TIME_LIMIT, memory: int = MEMORY_LIMIT) -> None:
        self._seconds = seconds
        self._memory = memory
        self._worker: _Worker | None = None
        self._lock = threading.Lock()
        self._state = threading.Lock()
        self._closed = False

    def convert(self, path: str) -> Document:
        """Return the document in the file at `path`.

        Raises Unreadable with the reason, also when the file took longer than
        the time limit or crashed its reader, and when the converter is closed.
        """
        answer = self._asked(path)
        if answer.document is None:
            raise Unreadable(answer.reason)
        return answer.document

    def picture(self, path: str, page: int) -> tuple[bytes, str]:
        """Return an image, or a page (from 1) of a PDF, and its media type.  Raises as `convert` does."""
        answer = self._asked(f"{page}\x00{path}")
        if not answer.picture:
            raise Unreadable(answer.reason)
        return answer.picture, answer.mime_type

    def rows(self, path: str, start: int, most: int) -> Table:
        """Return rows of a Parquet file behind the first `start` ones.  Raises as `convert` does."""
        answer = self._asked(f"{start},{most}\x00{path}")
        if answer.table is None:
            raise Unreadable(answer.reason)
        return answer.table

    def _asked(self, request: str) -> Answer:
        with self._lock:
            worker = self._running()
            data = worker.read(request)
            if data is None:
                raise Unreadable(self._obituary(worker))
        return _decoder.decode(data)

    def rest(self) -> None:
        """End the worker when it has nothing to do; the next file starts a new one."""
        with self._lock, self._state:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.end()

    def close(self) -> None:
        """End the worker at once, even in the middle of a file.  Safe to call twice and from any thread."""
        with self._state:
            self._closed = True
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.end()

    def _running(self) -> _Worker:
        with self._state:
            if self._closed:
                raise Unreadable("the server is closing")
            if self._worker is None or not self._worker.alive:
                self._worker = _Worker(self._memory, self._seconds)
            return self._worker

    def _obituary(self, worker: _Worker) -> str:
        with self._state:
            closing = self._closed
            if self._worker is worker:
                self._worker = None
        status = worker.end()
        if closing:
            return "the server is closing"
        if worker.late:
            return f"took longer than {self._seconds:g} seconds to read"
        if not worker.answered and status > 0:
            return f"the process that reads files does not start (exit status {status}): is the package whole?"
        return f"crashed its reader (exit status {status}); the file may be damaged"


def _exchange(worker: subprocess.Popen[bytes], path: bytes) -> bytes | None:
    assert worker.stdin is not None and worker.stdout is not None
    try:
        worker.stdin.write(LENGTH.pack(len(path)) + path)
        worker.stdin.flush()
        head = _exactly(worker.stdout, LENGTH.size)
        size = LENGTH.unpack(head)[0] if head else 0
        return _exactly(worker.stdout, size) if 0 < size <= _MAX_ANSWER else None
    except (OSError, ValueError):  # a closed pipe, by death or by close()
        return None


def _exactly(stream: IO[bytes], size: int) -> bytes | None:
    data = stream.read(size)
    return data if len(data) == size else None


def _bury(worker: subprocess.Popen[bytes]) -> int:
    worker.kill()
    status = worker.wait()
    for stream in (worker.stdin, worker.stdout):
        try:
            if stream is not None:
                stream.close()
        except OSError:
            continue  # what was not yet sent is of no use any more
    return status
