"""Whole results of statements, kept for an hour for whom they were made, so that they can be downloaded.

In memory, and bounded: the oldest make room. What one caller has asked for is no other's, whoever learns its address.
"""

from __future__ import annotations

import csv
import io
import secrets
import threading
import time
from collections.abc import Sequence
from typing import Any

import msgspec

SECONDS = 3_600.0
MAX_ROWS = 100_000
MAX_ONE = 8_000_000  # characters
MAX_ALL = 32_000_000
MAX_COUNT = 100


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One result as CSV; `cut` says that there were more rows."""

    number: str
    who: str
    text: str
    rows: int
    cut: bool
    since: float


def as_csv(rows: Sequence[Sequence[Any]]) -> str:
    """Return rows as CSV (RFC 4180, but for the ends of lines), nothing for NULL."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


class Results:
    """The results of one database."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, Result] = {}

    def keep(self, who: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], more: bool) -> Result:
        """Keep a result, as many of its rows as fit, and return it."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(columns)
        written = 0
        for row in rows:
            before = out.tell()
            writer.writerow(["" if value is None else value for value in row])
            if out.tell() > MAX_ONE:
                out.truncate(before)
                break
            written += 1
        made = Result(
            number=secrets.token_urlsafe(16), who=who, text=out.getvalue(), rows=written,
            cut=more or written < len(rows), since=time.monotonic(),
        )  # fmt: skip
        with self._lock:
            self._kept[made.number] = made
            self._make_room()
        return made

    def find(self, who: str, number: str) -> Result | None:
        """Return what was kept under a number for this caller."""
        with self._lock:
            self._make_room()
            found = self._kept.get(number)
        return found if found is not None and found.who == who else None

    def _make_room(self) -> None:
        limit = time.monotonic() - SECONDS
        for number in [number for number, result in self._kept.items() if result.since < limit]:
            del self._kept[number]
        size = sum(len(result.text) for result in self._kept.values())
        while len(self._kept) > 1 and (len(self._kept) > MAX_COUNT or size > MAX_ALL):
            size -= len(self._kept.pop(next(iter(self._kept))).text)
