"""What was decided and done, one line of JSON each, in files that only their owner can read.

Arguments and results are kept as digests, unless asked for. A file that is full is followed by the next; old ones go.
Failure policy: what cannot be written down does not happen (`failing="stop"`), unless the owner chose "go on".
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import msgspec

from dragoman.auth import private_files
from dragoman.auth.wallet_disk import state_home
from dragoman.errors import LocalError

log = logging.getLogger("dragoman")
FILE_BYTES = 8 * 1024 * 1024
KEEP_DAYS = 90.0
KEEP_FILES = 64
MAX_TEXT = 2000  # characters of one value of a line
_PATTERN = "audit-*.jsonl"
Record: TypeAlias = dict[str, Any]


class Keeping(msgspec.Struct, frozen=True, kw_only=True):
    """How much is kept: files of `file_bytes`, at most `files` of them, none older than `days`.

    `contents` keeps arguments as they were, besides their digests. `failing` says what
    happens when a line cannot be written: "stop" what it tells of, or "go on" with a warning.
    """

    days: float = KEEP_DAYS
    files: int = KEEP_FILES
    file_bytes: int = FILE_BYTES
    contents: bool = False
    failing: Literal["stop", "go on"] = "stop"


class Audit:
    """The log of one user. `folder` is the user's own by default; `clock` gives seconds since 1970.

    Methods raise LocalError if nothing can be written, unless that was chosen otherwise.
    """

    def __init__(
        self, folder: Path | None = None, keeping: Keeping | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self.folder = state_home() / "audit" if folder is None else folder
        self.keeping = keeping or Keeping()
        self._clock = clock
        self._lock = threading.Lock()
        self._tidied = 0.0

    def decided(
        self, *, server: str, definition: str, tool: str, arguments: bytes, allowed: bool, verdict: str, reason: str,
        answer: str | None,
    ) -> None:  # fmt: skip
        """Write down a decision; `tool` is "" where a server is to be started, `answer` what the user said."""
        said: Record = {
            "server": server,
            "definition": definition,
            "tool": tool,
            **self._digested("arguments", arguments),
        }
        said |= {"allowed": allowed, "verdict": str(verdict), "reason": reason}
        self._write("decision", said | ({"answer": str(answer)} if answer is not None else {}))

    def called(self, *, server: str, tool: str, arguments: bytes, ended: str, result: bytes, seconds: float) -> None:
        """Write down a call that was made; `ended` is "ok", "error" or the kind of the failure."""
        said: Record = {"server": server, "tool": tool, **self._digested("arguments", arguments)}
        said |= {"ended": ended, **self._digested("result", result), "bytes": len(result), "seconds": round(seconds, 3)}
        self._write("call", said)

    def sent(self, *, model: str, place: Literal["local", "hosted"], items: Iterable[str], size: int) -> None:
        """Write down what went to a model: `items` are URIs, or server/tool for a result; `size` is in bytes."""
        self._write("sent", {"model": model, "place": place, "items": list(items), "bytes": size})

    def noted(self, what: str, **facts: Any) -> None:
        """Write down anything else that the user may want to know later: a question of a server, a sampling."""
        self._write(what, facts)

    def records(self) -> Iterator[Record]:
        """Yield what was written, the oldest first. A line that is damaged comes as `{"what": "unreadable", ...}`."""
        for path in self.files():
            try:
                with path.open("rb") as opened:
                    for number, line in enumerate(opened, 1):
                        yield _record(line, path, number)
            except FileNotFoundError:
                continue  # tidied away meanwhile
            except OSError as error:
                raise LocalError(f"cannot read {str(path)!r}: {error.strerror or error}") from None

    def files(self) -> list[Path]:
        """Return the files of the log, the oldest first."""
        return sorted(self.folder.glob(_PATTERN))

    def purge(self, days: float = 0.0) -> int:
        """Take away the files whose last line is older than `days`; returns how many."""
        before = self._clock() - days * 86400
        gone = 0
        for path in self.files():
            try:
                if path.stat().st_mtime <= before:
                    path.unlink()
                    gone += 1
            except FileNotFoundError:
                continue
            except OSError as error:
                raise LocalError(f"cannot remove {str(path)!r}: {error.strerror or error}") from None
        return gone

    def _digested(self, name: str, data: bytes) -> Record:
        said: Record = {f"{name}_sha256": hashlib.sha256(data).hexdigest()}
        return said | ({name: data.decode(errors="replace")} if self.keeping.contents else {})

    def _write(self, what: str, facts: Record) -> None:
        now = self._clock()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03}Z"
        contents = self.keeping.contents
        said = {name: value if contents else _short(value) for name, value in facts.items()}
        line = msgspec.json.encode({"at": stamp, "what": what, **said}) + b"\n"
        try:
            with self._lock:
                self._tidy(now)
                self._append(line, now)
        except OSError as error:
            text = f"the audit log in {str(self.folder)!r} cannot be written: {error.strerror or error}"
            if self.keeping.failing == "stop":
                raise LocalError(f"{text}; nothing is done that is not written down") from None
            log.warning("%s; going on without, as was chosen", text)

    def _append(self, line: bytes, now: float) -> None:
        private_files.folder(self.folder)
        path = next(reversed(self.files()), None)
        if path is None or path.stat().st_size + len(line) > self.keeping.file_bytes:
            # The name is the time it begins, so that names in order are files in order.
            path = self.folder / f"audit-{int(now * 1000):015}-{os.getpid()}.jsonl"
        # One write to a file that is only appended to: lines of two processes do not mix.
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            if os.write(handle, line) != len(line):
                raise OSError("the line was cut: is the disk full?")
        finally:
            os.close(handle)

    def _tidy(self, now: float) -> None:
        if now - self._tidied < 3600:
            return
        self._tidied = now
        files = self.files()
        old = now - self.keeping.days * 86400
        surplus = max(0, len(files) - self.keeping.files + 1)
        for number, path in enumerate(files):
            if number < surplus or path.stat().st_mtime < old:
                path.unlink(missing_ok=True)


def _short(value: Any) -> Any:
    if isinstance(value, list):
        return [_short(item) for item in cast("Sequence[Any]", value)[:MAX_TEXT]]
    return value if not isinstance(value, str) or len(value) <= MAX_TEXT else value[:MAX_TEXT] + "..."


def _record(line: bytes, path: Path, number: int) -> Record:
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {"what": "unreadable", "file": str(path), "line": number}


class Sent(msgspec.Struct, kw_only=True):
    """What went to one model: how often each item, and the bytes of all requests."""

    model: str
    place: str
    requests: int = 0
    size: int = 0
    items: dict[str, int] = {}


def report(records: Iterable[Record]) -> list[Sent]:
    """Return which items went to which model, from what `Audit.records` gives."""
    found: dict[tuple[str, str], Sent] = {}
    for record in records:
        if record.get("what") != "sent":
            continue
        model, place = str(record.get("model", "")), str(record.get("place", ""))
        sent = found.setdefault((model, place), Sent(model=model, place=place, items={}))
        sent.requests += 1
        sent.size += int(record.get("bytes", 0))
        for item in record.get("items", []):
            sent.items[str(item)] = sent.items.get(str(item), 0) + 1
    return [found[key] for key in sorted(found)]
