"""Who a request comes from, once its token was judged: what verifiers give, and what calls carry.

Never the token itself, so that nothing that is shown, logged or stored can hold it.
Limit: judges nothing; `claims` and `verifier` do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import msgspec


class Identity(msgspec.Struct, frozen=True, dict=True):
    """Who asks, as an issuer vouches for it.

    `subject` is unique within `issuer`; `client_id` is the client that the token
    was given to, "" if the issuer does not say. `scopes` has those that broader
    ones imply, too. `claims` are all that the issuer says. `expires_at` is in
    seconds since 1970, None for what does not expire.
    """

    subject: str
    issuer: str = ""
    client_id: str = ""
    scopes: frozenset[str] = frozenset()
    claims: Mapping[str, Any] = {}
    expires_at: float | None = None

    @cached_property
    def principal(self) -> str:
        """Who this is, as one text: what belongs to one principal is not there for others (issuer, subject, client)."""
        return msgspec.json.encode([self.issuer, self.subject, self.client_id]).decode()

    @cached_property
    def bound_to(self) -> str:
        """The thumbprint of the key that the token is bound to, "" for none (RFC 9449, section 6.1)."""
        binding = self.claims.get("cnf")
        key: Any = binding.get("jkt") if isinstance(binding, Mapping) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        return key if isinstance(key, str) else ""

    def __repr__(self) -> str:
        # Claims are personal, and this ends up in logs.
        return f"Identity(subject={self.subject!r}, issuer={self.issuer!r}, client_id={self.client_id!r})"


class Admitted(dict[bytes, bytes]):
    """The headers of a request whose sender is known: without the token, and with what it proved."""

    def __init__(
        self,
        headers: Mapping[bytes, bytes],
        identity: Identity,
        step_up: Callable[[frozenset[str], bool], str] = lambda scopes, bound: "Bearer",
    ) -> None:
        super().__init__(headers)
        self.pop(b"authorization", None)
        self.pop(b"dpop", None)
        self.step_up = step_up  # makes the challenge for scopes that are missing
        self.identity = identity
        self.principal = identity.principal


def principal_of(headers: object) -> str:
    """Return who sent a request with these headers, "" where nobody was asked."""
    return headers.principal if isinstance(headers, Admitted) else ""


def widen(scopes: frozenset[str], implied: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return `scopes` and all that they imply, by way of others too (AUTHRS-07)."""
    if not implied:
        return scopes
    found, left = set(scopes), list(scopes)
    while left:
        more = implied.get(left.pop(), frozenset()) - found
        found |= more
        left += more
    return frozenset(found)
