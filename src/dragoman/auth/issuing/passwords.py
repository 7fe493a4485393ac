"""Users of a small team, from a file of the owner's: one line each, a name and a hash of a password.

The hash is scrypt of the standard library. The file is read anew when it changes, and refused while others on the
machine may read it. Limit: no more than a few dozen users, and nobody can change a password here.
Source: OWASP password storage (scrypt: N = 2^16, r = 8, p = 1, 64 MiB); RFC 7914.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
import re
import secrets
import stat
from pathlib import Path

from dragoman.auth.issuing.grants import Person
from dragoman.errors import LocalError

N, R, P = 2**16, 8, 1
MEMORY = 160 * 1024 * 1024  # bytes that one check may take
AT_ONCE = 2  # checks, since each takes 64 MiB and a core
LONGEST = 1024  # characters of a password
_NAME = re.compile(r"[A-Za-z0-9@._+-]{1,100}")
_LINE = re.compile(r"([A-Za-z0-9@._+-]{1,100}):scrypt:([0-9]+):([0-9]+):([0-9]+):([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)")


def _hash(password: str, salt: bytes, cost: tuple[int, int, int]) -> bytes:
    n, r, p = cost
    return hashlib.scrypt(password.encode("utf-8", "replace"), salt=salt, n=n, r=r, p=p, maxmem=MEMORY, dklen=32)


class Passwords:
    """Checks passwords against the file at `path`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Raises LocalError for a file that is not there, or that others may read."""
        self._path = Path(path)
        self._lines: dict[str, str] = {}
        self._read_at: tuple[int, int] | None = None
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._fresh()

    @staticmethod
    def line(name: str, password: str) -> str:
        """Return the line of the file for a user. Raises LocalError for a name or a password that cannot be."""
        if not _NAME.fullmatch(name):
            raise LocalError(f"{name[:40]!r} is no user name: letters, digits and @._+-, 100 at most")
        if not 8 <= len(password) <= LONGEST:
            raise LocalError(f"a password has 8 to {LONGEST} characters")
        salt = secrets.token_bytes(16)
        made = _hash(password, salt, (N, R, P))
        return f"{name}:scrypt:{N}:{R}:{P}:{base64.b64encode(salt).decode()}:{base64.b64encode(made).decode()}"

    async def check(self, name: str, password: str) -> Person | None:
        """Return the user of that name and password, else None, after the same time for any name."""
        self._fresh()
        line = self._lines.get(name)
        found = None if line is None else _LINE.fullmatch(line)
        cost, salt, kept = (N, R, P), bytes(16), bytes(32)
        if found is not None:
            cost = (int(found[2]), int(found[3]), int(found[4]))
            salt, kept = base64.b64decode(found[5]), base64.b64decode(found[6])
        async with self._gate:
            made = await asyncio.to_thread(_hash, password[:LONGEST], salt, cost)
        return Person(name, name) if hmac.compare_digest(made, kept) and found is not None else None

    def _fresh(self) -> None:
        try:
            with self._path.open("rb") as file:
                state = os.fstat(file.fileno())
                if os.name == "posix" and stat.S_IMODE(state.st_mode) & 0o077:
                    raise LocalError(f"{self._path} may be read by others; let it be yours alone: chmod 600")
                if (state.st_mtime_ns, state.st_size) == self._read_at:
                    return
                text = file.read(1024 * 1024).decode("utf-8", "replace")
        except OSError as error:
            raise LocalError(f"the file of passwords {self._path} cannot be read: {error.strerror}") from None
        lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
        for number, line in enumerate(lines, 1):
            if not _LINE.fullmatch(line):
                raise LocalError(f"{self._path}: entry {number} is none that Passwords.line made")
        self._lines = {line.partition(":")[0]: line for line in lines}
        self._read_at = (state.st_mtime_ns, state.st_size)
