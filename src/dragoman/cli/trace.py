"""The wire on stderr: what went out, what came in, line by line, with secrets masked.

A tap for any exchange (`transport.tapped`).
Limit: secrets are known by the names they go under; a secret inside a text is shown.
"""

from __future__ import annotations

import re
import sys
import time
from typing import Any, TextIO

import msgspec

from dragoman.cli.schemas import elements, members
from dragoman.cli.terminal import visible
from dragoman.ports.exchange import NO_FIELDS, Fields

MASK = "***"
MOST = 4000  # characters of one message shown
_SECRET = re.compile(
    r"^(.*[_-])?(authorization|cookie|set-cookie|password|passwd|secret|token|api[_-]?key|apikey|session[_-]?id|"
    r"access[_-]?token|refresh[_-]?token|client[_-]?secret|private[_-]?key|credential|credentials)$",
    re.IGNORECASE,
)
_HARMLESS = frozenset({"progressToken"})


def is_secret(name: str) -> bool:
    """Say whether what goes under `name`, a header or a JSON member, is to be masked."""
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return name not in _HARMLESS and _SECRET.match(plain) is not None


def masked(value: Any, depth: int = 64) -> Any:
    """Return JSON data with the values of secret members masked, at any depth."""
    plain: Any = value
    if isinstance(value, dict) and depth:
        inside = members(value)
        return {k: MASK if is_secret(k) and v not in (None, "") else masked(v, depth - 1) for k, v in inside.items()}
    if isinstance(value, list) and depth:
        return [masked(item, depth - 1) for item in elements(value)]
    return plain


class Tracer:
    """Writes what passes to `stream`; seconds are counted from its making."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._began = time.monotonic()

    def opened(self, where: str) -> None:
        """Write where this leads."""
        self._line(f"--- {where}")

    def sent(self, body: bytes, headers: Fields | None) -> None:
        """Write a message on its way out."""
        self.headers("-->", headers)
        self._body("-->", body)

    def heard(self, body: bytes, status: int, headers: Fields | None) -> None:
        """Write a message that came in."""
        self.headers("<--", headers)
        self._body("<--", body, str(status) if status else "")

    def failed(self, error: BaseException) -> None:
        """Write that no answer came."""
        self._line(f"<-- nothing: {type(error).__name__}: {error}")

    def ended(self, how: str) -> None:
        """Write that the way is no more."""
        self._line(f"--- {how}")

    def _body(self, arrow: str, data: bytes, note: str = "") -> None:
        try:
            shown = msgspec.json.encode(masked(msgspec.json.decode(data))).decode()
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            shown = data.decode(errors="replace")
        cut = f"{shown[:MOST]}... ({len(shown)} characters)" if len(shown) > MOST else shown
        self._line(f"{arrow} {f'{note} ' if note else ''}{cut}")

    def headers(self, arrow: str, fields: Fields | None) -> None:
        """Write header fields, one a line."""
        for name, value in (fields or NO_FIELDS).items():
            self._line(f"{arrow} {name}: {MASK if is_secret(name) else value}")

    def _line(self, text: str) -> None:
        print(visible(f"{time.monotonic() - self._began:8.3f} {text}"), file=self._stream, flush=True)
