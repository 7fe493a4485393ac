"""The lock file: which version of which server, from which registry, with which bytes. To be kept with a project.

Promise: it holds no secret, no path and no command, so that to read one from elsewhere can start nothing: it only
narrows what `add` takes.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Literal

import msgspec

from dragoman.auth import private_files
from dragoman.auth.wallet_disk import state_home
from dragoman.auth.wallet_lock import locked_here
from dragoman.errors import LocalError
from dragoman.registry.faults import IntegrityError

FILE = "dragoman.lock.json"
MAX_FILE = 16 * 1024 * 1024  # bytes
PATIENCE = 10.0  # seconds for another process to be done with the same file


class Pin(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One server as it was put in.

    `hash` is that of the package: "sha256:" and hexadecimal, or "sha512-" and
    base64 for npm. `closure` has a line for each file that came with it.
    """

    version: str
    registry: str
    kind: str
    identifier: str
    package_version: str = ""
    hash: str = ""
    closure: tuple[str, ...] = ()

    def check(self, other: Pin) -> None:
        """Raise IntegrityError if `other`, which is about to be put in, is not what was pinned."""
        if (self.kind, self.identifier, self.package_version) != (other.kind, other.identifier, other.package_version):
            raise IntegrityError(
                f"the lock file has {self.kind} {self.identifier} {self.package_version}, and the registry now names "
                f"{other.kind} {other.identifier} {other.package_version} for the same version"
            )
        if self.hash != other.hash:
            raise IntegrityError(f"the lock file has {self.hash or 'no hash'}, and what came has {other.hash}")
        if strange := sorted(set(other.closure) ^ set(self.closure)):
            raise IntegrityError(f"what came with the package is not what the lock file has: {', '.join(strange[:5])}")


class Lock(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The whole file: pins by the name of the server."""

    lockfile_version: Literal[1] = 1
    servers: dict[str, Pin] = {}


def load(path: Path) -> Lock:
    """Return what a lock file holds, an empty one if there is none. Raises LocalError."""
    try:
        data = path.read_bytes()[:MAX_FILE]
    except FileNotFoundError:
        return Lock()
    except OSError as error:
        raise LocalError(f"{path} cannot be read: {error.strerror or error}") from None
    try:
        return msgspec.json.decode(data, type=Lock)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LocalError(f"{path} is no lock file that this version reads: {error}") from None


def change(path: Path, name: str, pin: Pin | None) -> None:
    """Pin a server in a lock file, or take it out with None; other processes wait. Raises LocalError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not beside it: a lock file lies in a project, which is somebody's repository.
        locks = state_home(os.environ) / "locks"
        private_files.folder(locks)
        mark = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:32]
        with locked_here(locks / mark, PATIENCE):
            if pin is None and name not in load(path).servers:
                return
            servers = {one: held for one, held in load(path).servers.items() if one != name}
            if pin is not None:
                servers[name] = pin
            held = Lock(servers=dict(sorted(servers.items())))
            text = msgspec.json.format(msgspec.json.encode(held), indent=2) + b"\n"
            mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
            private_files.replace(path, text, mode=mode)
    except OSError as error:
        raise LocalError(f"{path} cannot be written: {error.strerror or error}") from None
