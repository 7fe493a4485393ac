"""Results too big to send inline, kept for a while and read in pages.

The link is the key: 128 random bits, and good only for whom the result was for. Held in memory, or, once `share` has
said where, in a store, so that any process reads them. Bounded; what is dropped is answered as not found.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

import msgspec

from dragoman.errors import LocalError
from dragoman.late import late
from dragoman.wire.content import AnyContents, ResourceLink

if TYPE_CHECKING:
    import hashlib
    import secrets
    from collections.abc import Callable

    from dragoman.ports import store as ports
    from dragoman.protocol.limits import Limits
else:
    hashlib, secrets, ports = late("hashlib"), late("secrets"), late("dragoman.ports.store")

log = logging.getLogger("dragoman")
SCHEME = "result://"
SHARED = 64 * 1024 * 1024  # bytes that one process keeps in a store at most: it has other things to hold


class Text(msgspec.Struct, gc=False):
    """A result that is kept: `size` in bytes, `until` by the clock. `text` is None if it is in the store."""

    until: float
    owner: str
    text: str | None
    mime_type: str
    size: int
    pages: int


class Page(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One page as it is in the store; `owner` is a digest of whom it is for."""

    owner: str
    text: str
    mime_type: str
    pages: int


_write = msgspec.msgpack.Encoder().encode
_read = msgspec.msgpack.Decoder(Page).decode


class Kept:
    """At most `limits.kept` results, of `limits.kept_bytes` together, each for `limits.kept_seconds`."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._texts: OrderedDict[str, Text] = OrderedDict()
        self._bytes = 0
        self._most = limits.kept_bytes
        self._store: ports.Store | None = None
        self._prefix = ""

    def share(self, store: ports.Store, place: str) -> None:
        """Keep what comes from now on in `store`, under `place`. What is counted is still what this process keeps."""
        self._store, self._prefix = store, f"kept:{place}:"
        self._most = min(self._most, SHARED)

    async def keep(self, name: str, text: str, mime_type: str, owner: str = "") -> ResourceLink:
        """Keep `text` and return the link to its first page, for `owner`; `size` of the link is in bytes."""
        self._expire()
        token = secrets.token_urlsafe(16)
        size = len(text) if text.isascii() else len(text.encode())
        pages = max(1, -(-len(text) // self._limits.page))
        kept = Text(self._clock() + self._limits.kept_seconds, owner, text, mime_type, size, pages)
        self._texts[token] = kept
        self._bytes += size
        # The newest stays, whatever its size: its link is about to be given out.
        while len(self._texts) > 1 and (len(self._texts) > self._limits.kept or self._bytes > self._most):
            await self._forget(*self._drop())
        if self._store is not None:
            await self._put(self._store, token, kept, text)
        return ResourceLink(
            uri=f"{SCHEME}{token}/1",
            name=name,
            description=f"page 1 of {pages}; the others are {SCHEME}{token}/2 and so on",
            mime_type=mime_type,
            size=size,
        )

    async def read(self, uri: str, owner: str = "") -> AnyContents | None:
        """Return one page, with the number of pages and the next one's URI in `_meta`; None if there is none.

        Raises StoreError.
        """
        token, _, number = uri.removeprefix(SCHEME).partition("/")
        self._expire()
        if not (number.isascii() and number.isdecimal()) or len(number) > 9:
            return None
        found = self._texts.get(token)
        if found is not None and found.text is not None:
            page = self._page(found, found.text, int(number))
            return _contents(uri, token, int(number), page) if page is not None and found.owner == owner else None
        # A token of another length would be another key.
        value = None
        if self._store is not None and len(token) == 22 and token.isascii():
            value = await self._store.get(f"{self._prefix}{token}:{int(number)}")
        if value is None:
            return None
        page = _read(value)
        return _contents(uri, token, int(number), page) if page.owner == _digest(owner) else None

    def _page(self, kept: Text, text: str, number: int) -> Page | None:
        size = self._limits.page
        if not 1 <= number <= kept.pages:
            return None
        return Page(_digest(kept.owner), text[(number - 1) * size : number * size], kept.mime_type, kept.pages)

    async def _put(self, store: ports.Store, token: str, kept: Text, text: str) -> None:
        """Move a text to the store; if that fails it stays here."""
        try:
            for number in range(1, kept.pages + 1):
                # Put, not committed: a store that is full may drop these before it refuses what matters more.
                page = _write(self._page(kept, text, number))
                await store.put(self._key(token, number), page, self._limits.kept_seconds)
            kept.text = None
        except LocalError as error:
            log.warning("a large result can be read at this process only: %s", error)

    async def _forget(self, token: str, kept: Text) -> None:
        if self._store is None or kept.text is not None:
            return
        numbers = range(1, min(kept.pages, 500) + 1)
        drops: list[ports.Change] = [ports.Drop(self._key(token, number)) for number in numbers]
        try:
            await self._store.commit(drops)
        except LocalError as error:
            log.warning("a large result stays in the store until its time is over: %s", error)

    def _key(self, token: str, number: int) -> str:
        return f"{self._prefix}{token}:{number}"

    def _expire(self) -> None:
        now = self._clock()
        while self._texts and next(iter(self._texts.values())).until <= now:
            self._drop()

    def _drop(self) -> tuple[str, Text]:
        token, kept = self._texts.popitem(last=False)
        self._bytes -= kept.size
        return token, kept


def _digest(owner: str) -> str:
    return hashlib.sha256(owner.encode()).hexdigest() if owner else ""


def _contents(uri: str, token: str, number: int, page: Page) -> AnyContents:
    meta: dict[str, object] = {"page": number, "pages": page.pages}
    if number < page.pages:
        meta["next"] = f"{SCHEME}{token}/{number + 1}"
    # A page of a JSON text is not JSON by itself, so only a lone page keeps the type.
    kind = page.mime_type if page.pages == 1 else "text/plain"
    return AnyContents(uri=uri, text=page.text, mime_type=kind, meta=meta)
