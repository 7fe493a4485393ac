"""What every store takes: how long a key, how large a value, how many changes at once.

The same bounds for all, so that what works in memory works in a database. A breach is
the caller's fault and raises LocalError before anything is sent or changed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from urllib.parse import urlsplit

from dragoman.errors import LocalError
from dragoman.ports.store import Append, Change, Drop, Given, Put

KEY = 1024  # bytes of a key, a stream's name or an owner, in UTF-8
VALUE = 16 * 1024 * 1024  # bytes of one value
CHANGES = 1000  # changes and conditions in one commit
SECONDS = 5.0  # that an operation may take
LONGEST = 100 * 365 * 24 * 3600.0  # seconds; what shall last for ever lasts this long
SHORTEST = 0.001
LAST = 2**62  # greater than any position


def named(key: str) -> str:
    """Return `key` if it can name something: 1 to 1024 bytes of UTF-8, and no NUL, which PostgreSQL cannot keep."""
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise LocalError(f"store key {key!r} is no Unicode text: it has half a surrogate pair") from None
    if not 0 < size <= KEY:
        raise LocalError(f"store key of {size} bytes ({key[:40]!r}...): use 1 to {KEY}, a digest of what is longer")
    if "\0" in key:
        raise LocalError(f"store key {key[:40]!r} has a NUL character in it, which not every store can keep")
    return key


def sized(value: bytes) -> bytes:
    """Return `value` if it is not too large."""
    if len(value) > VALUE:
        raise LocalError(f"store value of {len(value)} bytes: at most {VALUE}; keep large things in files")
    return value


def lasting(ttl: float) -> float:
    """Return `ttl` within what stores can keep: a time that is over lasts a millisecond, infinity a hundred years."""
    if math.isnan(ttl):
        raise LocalError("a store's time to live must be a number of seconds, not NaN")
    return float(min(max(ttl, SHORTEST), LONGEST))


def fitting(key: str, value: bytes, ttl: float) -> None:
    """Raise LocalError for what no store could keep."""
    named(key)
    sized(value)
    lasting(ttl)


def listed(prefix: str, most: int) -> None:
    """Raise LocalError for keys that nothing can be asked of."""
    if prefix:
        named(prefix)
    if most < 1:
        raise LocalError(f"at most {most} keys of a store: ask for 1 at least")


def position(stream: str, after: int, most: int) -> int:
    """Return the position to read after, which may come from a peer: one that no stream reaches is cut to fit."""
    named(stream)
    if most < 1:
        raise LocalError(f"at most {most} entries of stream {stream!r}: ask for 1 at least")
    return min(max(after, 0), LAST)


def checked(changes: Sequence[Change], given: Given) -> None:
    """Raise LocalError for the first change or condition that no store could take."""
    if len(changes) + len(given) > CHANGES:
        raise LocalError(
            f"{len(changes)} changes and {len(given)} conditions in one commit: at most {CHANGES} together"
        )
    for key, value in given.items():
        named(key)
        sized(value or b"")
    for change in changes:
        match change:
            case Put(key, value, ttl):
                fitting(key, value, ttl)
            case Drop(key):
                named(key)
            case Append(stream, value, ttl, most):
                fitting(stream, value, ttl)
                if most < 1:
                    raise LocalError(f"stream {stream!r} shall keep {most} entries: 1 at least")


def beyond(prefix: str) -> str | None:
    """Return the smallest text that is greater than every text that begins with `prefix`; None if there is none.

    Texts compare by code point, which is also the order of their UTF-8 bytes.
    """
    stem = prefix.rstrip("\U0010ffff")
    if not stem:
        return None
    point = ord(stem[-1]) + 1
    return stem[:-1] + chr(0xE000 if point == 0xD800 else point)


def shown(address: str) -> str:
    """Return an address without what may be secret in it: user, password and options."""
    if "://" not in address:  # none at all; after an @ stands what is not secret
        return address.partition("?")[0].rpartition("@")[2]
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
