"""Which items went to which client: one line of JSON for each answer, in a file that only its owner reads.

What looks like a secret or like personal data is flagged by kind, never copied: the record must not become a leak.
Limit: patterns find what has a shape; a name or an address in plain words has none.
"""

from __future__ import annotations

import datetime
import os
import re
import stat
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from dragoman.connectors.source import SourceError
from dragoman.errors import LocalError
from dragoman.serving.context import Context

MOST_ITEMS = 1_000  # addresses in one line
_CHECKED = 200_000  # characters of one answer that are looked through

_FLAGS: dict[str, re.Pattern[str]] = {
    "private_key": re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY"),
    "access_key": re.compile(
        r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}|\bgithub_pat_\w{22}|\bglpat-[\w-]{20}"
        r"|\bxox[abprs]-[\w-]{10,}|\bsk-[A-Za-z0-9_-]{20,}|\bAIza[\w-]{35}|\bnpm_[A-Za-z0-9]{36}"
    ),
    # Tried once in a run of such signs, not at each `eyJ` within it, of which a text could be made.
    "token": re.compile(r"(?<![\w-])(?:[\w-]{0,40}?-)?eyJ[\w-]{10,}+\.eyJ[\w-]{10,}+\.[\w-]{10,}"),
    "password": re.compile(
        r"\b(?:password|passwd|pwd|secret|api[_-]?key)\b[\"']?\s{0,3}[:=]\s{0,3}[\"']?[^\s\"'<>]{6}", re.I
    ),
    "credentials_in_url": re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{1,100}:[^\s/:@]{1,100}@"),
    "email": re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}\b"),
    "phone": re.compile(r"(?<![\w.])\+\d{1,3}[ ()/-]{0,2}\d(?:[ ()/-]?\d){6,12}(?![\w.])"),
}
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b")
# By the first digit: what the networks issue.
_CARD_LENGTHS = {2: (16,), 3: (14, 15, 16), 4: (13, 16, 19), 5: (16,), 6: (16, 17, 18, 19)}
_CARD = re.compile(r"(?<![\w.])\d(?:[ -]?\d){12,18}(?![\w.])")


def flags(text: str) -> list[str]:
    """Return the kinds of secrets and personal data that the text seems to hold, in a fixed order."""
    text = text[:_CHECKED]
    found = [name for name, pattern in _FLAGS.items() if pattern.search(text)]
    if any(_is_iban(match[0]) for match in _IBAN.finditer(text)):
        found.append("iban")
    if any(_is_card(match[0]) for match in _CARD.finditer(text)):
        found.append("card")
    return found


class Recorder:
    """Writes to one file, which is made readable by its owner alone; safe from any thread."""

    def __init__(self, path: Path, clock: Callable[[], datetime.datetime] | None = None) -> None:
        """Open the file.  Raises SourceError if it cannot be written, or if others may read or write it."""
        self._clock = clock or (lambda: datetime.datetime.now(datetime.UTC))
        self._lock = threading.Lock()
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        except OSError as fault:
            raise SourceError(f"the record cannot be written to {path}: {fault.strerror or fault}") from fault
        found = os.fstat(self._file)
        if not stat.S_ISREG(found.st_mode) or (sys.platform != "win32" and found.st_mode & 0o077):
            os.close(self._file)
            raise SourceError(f"others may read {path}, and the record says who read what: chmod 600 {path}")

    def note(self, ctx: Context, tool: str, answer: dict[str, Any]) -> None:
        """Write down what an answer gives to whom.  Raises LocalError when that fails: unrecorded, nothing goes out."""
        caller = ctx.caller
        client = caller.client
        items = list(dict.fromkeys(_items(answer)))
        line = {
            "at": self._clock().isoformat(timespec="milliseconds"),
            "tool": tool,
            "items": items[:MOST_ITEMS],
            "client": f"{client.name} {client.version}" if client is not None else "",
            "subject": caller.subject or "",
            "client_id": caller.client_id or "",
            "changing": answer.get("changing"),
            "changed": answer.get("changed"),
            "flags": flags(msgspec.json.encode(answer).decode()),
        }
        data = msgspec.json.encode({key: value for key, value in line.items() if value}) + b"\n"
        try:
            with self._lock:
                written = os.write(self._file, data)
        except OSError as fault:
            raise LocalError(f"the record cannot be written: {fault.strerror or fault}") from fault
        if written != len(data):
            raise LocalError("the record cannot be written in full: is the disk full?")

    def close(self) -> None:
        """Close the file.  Safe to call twice."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1


def _items(answer: dict[str, Any]) -> Iterable[str]:
    if isinstance(uri := answer.get("uri"), str):
        yield uri
    for item in answer.get("items", ()):
        if isinstance(item, dict) and isinstance(uri := item.get("uri"), str):  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
            yield uri


def _is_card(text: str) -> bool:
    """Tell whether the digits have a card's length, beginning and checksum (ISO/IEC 7812, Luhn)."""
    digits = [int(sign) for sign in text if sign.isdigit()]
    if len(digits) not in _CARD_LENGTHS.get(digits[0], ()):
        return False
    doubled = [digit * 2 - 9 * (digit > 4) if place % 2 else digit for place, digit in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def _is_iban(text: str) -> bool:
    """Tell whether the checksum of ISO 13616 is right."""
    bare = text.replace(" ", "")
    turned = bare[4:] + bare[:4]
    return 15 <= len(bare) <= 34 and int("".join(str(int(sign, 36)) for sign in turned)) % 97 == 1
