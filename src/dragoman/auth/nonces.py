"""The nonces that servers want to see in proofs, by the server that gave them (RFC 9449, sections 8 and 9)."""

from __future__ import annotations

import re

from dragoman.ports.exchange import Fields
from dragoman.protocol.discovery import origin_of

MOST = 16  # servers
# A nonce is put in a proof: of bounded length, and of the characters that the RFC gives it (section 8.1).
_NONCE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,512}")


class Nonces:
    """The latest nonce of each server."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}

    def hear(self, url: str, headers: Fields) -> bool:
        """Keep the nonce in an answer from `url`; returns whether there is one that is new."""
        nonce, origin = headers.get("dpop-nonce", ""), origin_of(url)
        if not _NONCE.fullmatch(nonce) or self._found.get(origin) == nonce:
            return False
        self._found.pop(origin, None)
        self._found[origin] = nonce
        if len(self._found) > MOST:
            del self._found[next(iter(self._found))]
        return True

    def of(self, url: str) -> str:
        """Return what to put in a proof for `url`, "" for nothing."""
        return self._found.get(origin_of(url), "")
