"""A token that the user has already: sent with each request, and nothing else done for it."""

from __future__ import annotations

import re

from dragoman.errors import AuthorizationError, LocalError
from dragoman.ports.exchange import Fields
from dragoman.protocol.discovery import shown

_TOKEN = re.compile(r"[\x21-\x7e]+")


class Bearer:
    """Sends one token to the server at `url`, and says so when it is refused."""

    def __init__(self, token: str, url: str) -> None:
        """Raises LocalError for what cannot be a token; its text is in no message."""
        if not _TOKEN.fullmatch(token):
            raise LocalError("the token is empty, or has characters that a header cannot carry")
        self._where = shown(url)
        self._fields = {"authorization": f"Bearer {token}"}

    def __repr__(self) -> str:
        return "Bearer(***)"

    async def fields(self, method: str, url: str) -> Fields:
        """Return the Authorization field."""
        return self._fields

    def heard(self, status: int, headers: Fields, sent: Fields) -> bool:
        """Return whether the server does not take the token; a 403 is about this request, and told as every other."""
        return status == 401

    async def renew(self, status: int, headers: Fields, sent: Fields) -> None:
        """Raise AuthorizationError: there is no other token."""
        challenge = headers.get("www-authenticate", "")
        hint = f" ({challenge})" if challenge else ""
        raise AuthorizationError(
            f"{self._where} does not take the token that was given: HTTP {status}{hint}", challenge=challenge
        )

    async def close(self) -> None:
        """Nothing is open."""
