"""Results too big to send inline, kept for a while and read in pages.

The link is the key: 128 random bits, so only whoever got the result can read it.
Held in memory and bounded; what is dropped is answered as not found.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable

from dragoman.protocol.limits import Limits
from dragoman.wire.content import AnyContents, ResourceLink

SCHEME = "result://"


class Kept:
    """At most `limits.kept` results, of `limits.kept_bytes` together, each for `limits.kept_seconds`."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._texts: OrderedDict[str, tuple[float, str, str, int]] = OrderedDict()
        self._bytes = 0

    def keep(self, name: str, text: str, mime_type: str) -> ResourceLink:
        """Keep `text` and return the link to its first page; `size` of the link is in bytes."""
        self._expire()
        token = secrets.token_urlsafe(16)
        size = len(text) if text.isascii() else len(text.encode())
        self._texts[token] = (self._clock() + self._limits.kept_seconds, text, mime_type, size)
        self._bytes += size
        # The newest stays, whatever its size: its link is about to be given out.
        while len(self._texts) > 1 and (len(self._texts) > self._limits.kept or self._bytes > self._limits.kept_bytes):
            self._drop()
        return ResourceLink(
            uri=f"{SCHEME}{token}/1",
            name=name,
            description=f"page 1 of {self._pages(text)}; the others are {SCHEME}{token}/2 and so on",
            mime_type=mime_type,
            size=size,
        )

    def read(self, uri: str) -> AnyContents | None:
        """Return one page, with the number of pages and the next one's URI in `_meta`; None if there is none."""
        token, _, number = uri.removeprefix(SCHEME).partition("/")
        self._expire()
        found = self._texts.get(token)
        if found is None or not number.isdecimal() or len(number) > 9:
            return None
        _, text, mime_type, _ = found
        page, pages = int(number), self._pages(text)
        if not 1 <= page <= pages:
            return None
        size = self._limits.page
        meta: dict[str, object] = {"page": page, "pages": pages}
        if page < pages:
            meta["next"] = f"{SCHEME}{token}/{page + 1}"
        # A page of a JSON text is not JSON by itself, so only a lone page keeps the type.
        kind = mime_type if pages == 1 else "text/plain"
        return AnyContents(uri=uri, text=text[(page - 1) * size : page * size], mime_type=kind, meta=meta)

    def _pages(self, text: str) -> int:
        return max(1, -(-len(text) // self._limits.page))

    def _expire(self) -> None:
        now = self._clock()
        while self._texts and next(iter(self._texts.values()))[0] <= now:
            self._drop()

    def _drop(self) -> None:
        self._bytes -= self._texts.popitem(last=False)[1][3]
