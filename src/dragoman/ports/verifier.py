"""Judging tokens: what a server asks of whoever knows an issuer, and what HTTP asks of the server.

Write a Verifier for tokens of a kind that is not served here. Limit: tokens of the Authorization header only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from dragoman.ports.fetch import Fetcher
from dragoman.protocol.identity import Identity

if TYPE_CHECKING:
    # Loads what hashes and reads tokens, which a server without any has no use for.
    from dragoman.protocol.proofs import Shown

# Makes a fetcher for documents of the server at an address that the user gave.
Dial: TypeAlias = Callable[[str], Fetcher]


class Verifier(Protocol):
    """Judges the tokens of one issuer."""

    @property
    def issuer(self) -> str:
        """Who issues these tokens, a URL at which clients ask for them; "" for keys that are handed out by hand."""
        ...

    @property
    def scopes(self) -> tuple[str, ...]:
        """What every request needs."""
        ...

    @property
    def cache_seconds(self) -> float:
        """For how long a good token may be taken again without being judged: so late is a revocation noticed."""
        ...

    def takes(self, token: str, issuer: str | None) -> bool:
        """Say whether a token is for this verifier to judge; `issuer` is what it says of itself, None if nothing.

        Only one verifier sees a token: it could be a secret of another issuer's.
        """
        ...

    async def verify(self, token: str, resource: str) -> Identity:
        """Return whose token it is, and good for the server at the URL `resource`.

        Raises TokenError for one that is not, TransportError when that cannot be found out now.
        """
        ...


@runtime_checkable
class Remote(Protocol):
    """A verifier that asks others."""

    def connect(self, dial: Dial) -> None:
        """Say how to fetch. Safe to call again."""
        ...

    async def close(self) -> None:
        """Release connections. It may be used again."""
        ...


class Gate(Protocol):
    """Who may come in over HTTP."""

    def known(self, authorization: bytes | None) -> Identity | None:
        """Return who comes with this Authorization header, if that was found out a short while ago."""
        ...

    async def admit(self, authorization: bytes | None, shown: Shown | None = None) -> Identity:
        """Return who comes with this Authorization header, and what the request shows beside it.

        Raises AuthorizationError with the HTTP status and the challenge to answer with.
        """
        ...

    def step_up(self, scopes: frozenset[str], bound: bool = False) -> str:
        """Return the challenge for a request that needs `scopes` and came without, its token `bound` to a key."""
        ...

    def document(self, path: str) -> bytes | None:
        """Return the metadata to publish at a path, None for nothing."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
