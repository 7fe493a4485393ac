"""What was put in on this machine: one folder for each server, with its files and how it is started.

Mode 0600 below mode 0700: whoever can write a record can say what is started. Secrets are in the wallet, by name.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from dragoman.auth import private_files
from dragoman.errors import LocalError
from dragoman.registry.pins import Pin
from dragoman.registry.recipe import Recipe

MAX_RECORD = 4 * 1024 * 1024  # bytes
RECORD, STATUS, FILES = "record.json", "status.json", "files"


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One server that was put in. `alias` is its name in clients; `watched`: its status is asked for at its start."""

    name: str
    alias: str
    pin: Pin
    recipe: Recipe
    source: str
    folder: str = ""  # of its files, in its own folder
    watched: bool = True
    trust: str = "ask"


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What the registry last said of a server's status; `at` in seconds of the epoch."""

    at: float
    status: str
    message: str = ""


def data_home(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of all servers that were put in."""
    if sys.platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local") / "dragoman/servers"
    return Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "dragoman/servers"


class Records:
    """The servers below `home`."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def place(self, name: str) -> Path:
        """Return the folder of a server: a name that can be read, and one that nobody else's server has."""
        plain = re.sub(r"[^A-Za-z0-9.-]+", "_", name)[:60].strip("._-")
        return self._home / f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"

    def read(self, name: str) -> Record | None:
        """Return a server's record, None if there is none. Raises LocalError for one that cannot be used."""
        path = self.place(name) / RECORD
        try:
            data = private_files.read(path, MAX_RECORD)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LocalError(f"{path} cannot be read: {error.strerror or error}") from None
        try:
            found = msgspec.json.decode(data, type=Record)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise LocalError(f"{path} cannot be used ({error}); add the server again") from None
        if found.name != name:
            raise LocalError(f"{path} is of another server; add {name} again")
        return found

    def every(self) -> list[Record]:
        """Return all records that can be used, by name."""
        found: list[Record] = []
        for path in sorted(self._home.glob(f"*/{RECORD}")):
            try:
                one = msgspec.json.decode(private_files.read(path, MAX_RECORD), type=Record)
            except (msgspec.DecodeError, UnicodeDecodeError, OSError, LocalError):
                continue
            if self.place(one.name) == path.parent:
                found.append(one)
        return sorted(found, key=lambda one: one.name)

    def write(self, record: Record) -> None:
        """Keep a record, and remove files of older versions. Raises LocalError."""
        place = self.place(record.name)
        private_files.folder(place)
        private_files.write(place / RECORD, msgspec.json.encode(record))
        (place / STATUS).unlink(missing_ok=True)
        for other in place.glob(f"{FILES}-*"):
            if other.name != record.folder:
                shutil.rmtree(other, ignore_errors=True)

    def remove(self, name: str) -> bool:
        """Remove a server's record and files; returns whether there was one."""
        place = self.place(name)
        if not (place / RECORD).exists():
            return False
        shutil.rmtree(place, ignore_errors=True)
        return True

    def known(self, name: str) -> Known | None:
        """Return the status that was last heard of, None if there is none."""
        try:
            return msgspec.json.decode((self.place(name) / STATUS).read_bytes(), type=Known)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None

    def hear(self, name: str, known: Known) -> None:
        """Keep a status. Raises LocalError."""
        private_files.write(self.place(name) / STATUS, msgspec.json.encode(known))
