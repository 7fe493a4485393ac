"""Changes of files: planned on what was read, shown, then made under a lock, if what they rest on is still there.

Promise: a file is old or new, never half; before it is replaced it is kept, mode 0600; what somebody else changed in
the meantime stays, and a change that would undo that is refused.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from dragoman.auth import private_files
from dragoman.auth.wallet_lock import locked_here
from dragoman.configs import documents
from dragoman.configs.documents import ABSENT
from dragoman.configs.faults import StaleError, UnreadableError
from dragoman.configs.jsonc import Key
from dragoman.configs.secrecy import masked_line

PATIENCE = 10.0  # seconds for another process to be done with the same file


class Edit(NamedTuple):
    """One value to set in a file, or to take out if `after` is ABSENT; `before` is what it was planned on."""

    key: tuple[Key, ...]
    before: Any
    after: Any


class Change(NamedTuple):
    """Edits of one file, planned on the bytes `seen`; `exists` says whether there was a file."""

    path: Path
    format: str
    edits: tuple[Edit, ...]
    seen: bytes
    exists: bool = True

    def result(self, data: bytes) -> bytes:
        """Return `data` with the edits made. Raises StaleError if it is not what they were planned on."""
        for edit in self.edits:
            held = documents.at(documents.load(data, self.format), edit.key)
            if not documents.same(held, edit.before):
                name = ".".join(map(str, edit.key))
                raise StaleError(f"{name} in {self.path} was changed by somebody else in the meantime; look again")
            data = documents.change(data, self.format, edit.key, edit.after)
        return data

    def diff(self) -> list[str]:
        """Return the lines of a unified diff, secrets masked. Raises UnreadableError."""
        return _compared(self.path, self.seen, self.result(self.seen))


def _compared(path: Path, old: bytes, new: bytes) -> list[str]:
    before, after = (data.decode("utf-8-sig", "replace").splitlines() for data in (old, new))
    return [masked_line(line) for line in difflib.unified_diff(before, after, str(path), str(path), lineterm="")]


class Done(NamedTuple):
    """A change that was made: the bytes before it (None: there was no file) and after it."""

    change: Change
    before: bytes | None
    after: bytes


def current(path: Path) -> bytes | None:
    """Return a file's bytes, None if there is none. Raises UnreadableError."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnreadableError(f"{path} cannot be read: {error.strerror or error}") from None


def make(changes: Sequence[Change], state: Path) -> list[Done]:
    """Make `changes`, one file after the other, and return what was done. Locks and backups are in `state`.

    Raises StaleError or UnreadableError at the first that cannot be made; those
    before it are made then, and the journal has them.
    """
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    done: list[Done] = []

    def one(change: Change, real: Path) -> None:
        before = current(real)
        after = change.result(before or b"")
        if after != before:
            made = Done(change, before, after)
            record(made, state)
            replace(real, after, before)
            done.append(made)

    for change in changes:
        alone(change.path, state, partial(one, change))
    return done


def alone(path: Path, state: Path, act: Callable[[Path], None]) -> None:
    """Do something to a file while no other process of this program does; a link is followed first."""
    real = Path(os.path.realpath(path))
    with locked_here(state / f"{_mark(str(real).encode())[:32]}.lock", PATIENCE):
        act(real)


def _mark(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _digest(value: Any) -> str:
    return "" if value is ABSENT else _mark(json.dumps(value, sort_keys=True, default=str).encode())


def replace(path: Path, data: bytes, expected: bytes | None) -> None:
    """Put `data` in the place of a file that holds `expected`. Raises StaleError if it holds anything else."""

    def unchanged() -> None:
        # The client itself takes no lock of ours: the last look is as late as can be.
        if current(path) != expected:
            raise StaleError(f"{path} was changed by somebody else just now; look again")

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = 0o600 if expected is None else path.stat().st_mode & 0o777
        private_files.replace(path, data, mode=mode, look=unchanged)
    except FileNotFoundError:
        raise StaleError(f"{path} was removed by somebody else just now; look again") from None
    except OSError as error:
        raise UnreadableError(f"{path} cannot be written: {error.strerror or error}") from None


# --- the journal ----------------------------------------------------------------------------------------------


class Past(NamedTuple):
    """A change that was made once: `number` names it, `backup` is the file as it was, None if there was none.

    `left` are digests of the values that were set under `keys`, `after` is that of the whole file.
    """

    number: int
    path: Path
    format: str
    keys: tuple[tuple[Key, ...], ...]
    left: tuple[str, ...]
    after: str
    backup: Path | None
    undone: bool


def record(done: Done, state: Path) -> int:
    """Keep what is needed to undo `done`, and return its number. A backup may hold secrets: mode 0600."""
    number = max((past.number for past in history(state)), default=0) + 1
    while True:
        try:
            handle = os.open(state / f"{number:06}.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            break
        except FileExistsError:  # another file's change, made at the same time
            number += 1
    backup = None if done.before is None else state / f"{number:06}.backup"
    if backup is not None and done.before is not None:
        with os.fdopen(os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as kept:
            kept.write(done.before)
    held = documents.load(done.after, done.change.format)
    facts = {
        "path": str(done.change.path),
        "format": done.change.format,
        "keys": [list(edit.key) for edit in done.change.edits],
        "left": [_digest(documents.at(held, edit.key)) for edit in done.change.edits],
        "after": _mark(done.after),
        "backup": backup.name if backup else None,
        "undone": False,
    }
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(facts, file)
    return number


def history(state: Path) -> list[Past]:
    """Return the changes that were made, the oldest first."""
    found: list[Past] = []
    for file in sorted(state.glob("[0-9]*.json")):
        try:
            facts: dict[str, Any] = json.loads(file.read_text("utf-8"))
            backup = state / facts["backup"] if facts["backup"] else None
            past = Past(
                number=int(file.stem),
                path=Path(facts["path"]),
                format=facts["format"],
                keys=tuple(tuple(key) for key in facts["keys"]),
                left=tuple(facts["left"]),
                after=facts["after"],
                backup=backup,
                undone=facts["undone"],
            )
        except (OSError, ValueError, KeyError, TypeError):
            continue  # being written, or no record of ours
        found.append(past)
    return found


def undoing(past: Past) -> Change:
    """Return the change that takes `past` back.

    It sets only the values that were set, so that what others changed since
    stays. Raises StaleError if the file or its backup is gone.
    """
    now = current(past.path)
    old = b"" if past.backup is None else current(past.backup)
    if old is None:
        raise StaleError(f"the backup {past.backup} is gone")
    if now is None:
        raise StaleError(f"{past.path} is gone; its backup is {past.backup}")
    held, then = documents.load(now, past.format), documents.load(old, past.format)
    for key, left in zip(past.keys, past.left, strict=True):
        if _digest(documents.at(held, key)) != left:
            name = ".".join(map(str, key))
            raise StaleError(f"{name} in {past.path} was changed since; the file as it was is {past.backup}")
    edits = tuple(Edit(key, documents.at(held, key), documents.at(then, key)) for key in reversed(past.keys))
    return Change(past.path, past.format, edits, now)


def preview(past: Past) -> list[str]:
    """Return what `undo` would change, as a diff. Raises StaleError if it could not."""
    now = current(past.path)
    if now is None or _mark(now) != past.after:
        return undoing(past).diff()
    return _compared(past.path, now, b"" if past.backup is None else current(past.backup) or b"")


def undo(past: Past, state: Path) -> None:
    """Take a change back: the very bytes, if nobody changed the file since, else only what it had set."""

    def act(real: Path) -> None:
        now = current(real)
        if now is None or _mark(now) != past.after:
            change = undoing(past)
            replace(real, change.result(change.seen), change.seen)
        elif past.backup is None:
            real.unlink()
        else:
            replace(real, current(past.backup) or b"", now)

    alone(past.path, state, act)
    name = state / f"{past.number:06}.json"
    facts = json.loads(name.read_text("utf-8"))
    replace(name, json.dumps({**facts, "undone": True}).encode(), current(name))
