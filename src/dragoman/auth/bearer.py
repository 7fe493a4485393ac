"""A token that the user has already: sent with each request, and nothing else done for it."""

from __future__ import annotations

import re

from dragoman.errors import LocalError
from dragoman.ports.exchange import Fields

_TOKEN = re.compile(r"[\x21-\x7e]+")


class Bearer:
    """Sends one token. What a server makes of it is told to the caller."""

    def __init__(self, token: str) -> None:
        """Raises LocalError for what cannot be a token; its text is in no message."""
        if not _TOKEN.fullmatch(token):
            raise LocalError("the token is empty, or has characters that a header cannot carry")
        self._fields = {"authorization": f"Bearer {token}"}

    def __repr__(self) -> str:
        return "Bearer(***)"

    async def fields(self, method: str, url: str) -> Fields:
        """Return the Authorization field."""
        return self._fields

    def heard(self, status: int, headers: Fields, sent: Fields) -> bool:
        """Return False: there is no other token."""
        return False

    async def renew(self, status: int, headers: Fields, sent: Fields) -> None:
        """Never called, since `heard` says no."""

    async def close(self) -> None:
        """Nothing is open."""
