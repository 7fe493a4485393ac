"""What an issuer says of itself: where its keys are, and where it answers about tokens.

Found below the issuer's own address, and believed only if it names that address as its own.
Source: RFC 8414, section 3; OpenID Connect Discovery 1.0, section 4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from dragoman.errors import LocalError, MalformedError, TransportError, UnsafeAddressError
from dragoman.ports.fetch import Fetcher
from dragoman.ports.verifier import Dial
from dragoman.protocol.addresses import place_of
from dragoman.protocol.authorization import read_document
from dragoman.protocol.bearer import checked_scopes
from dragoman.protocol.claims import MAX_LEEWAY, TYPES, Rules
from dragoman.protocol.discovery import server_urls


class IssuerMetadata(msgspec.Struct, frozen=True):
    """The members that a server needs."""

    issuer: str
    jwks_uri: str = ""
    introspection_endpoint: str = ""


async def discover(issuer: str, fetcher: Fetcher) -> IssuerMetadata:
    """Return what `issuer` says of itself. Raises TransportError if nothing usable is found."""
    told: list[str] = []
    for url in server_urls(issuer):
        try:
            answer = await fetcher.get(url)
            if answer.status != 200:
                told.append(f"{url}: HTTP {answer.status}")
                continue
            found = read_document(answer.body, IssuerMetadata, "the metadata")
        except (TransportError, MalformedError, UnsafeAddressError) as error:
            told.append(str(error))
            continue
        if found.issuer == issuer:
            return found
        told.append(f"{url} is of the issuer {found.issuer[:200]!r}")
    raise TransportError(f"the issuer {issuer} has no metadata: {'; '.join(told)}")


def checked_issuer(issuer: str, what: str) -> str:
    """Return an issuer as it stands. Raises LocalError for what can be none."""
    try:
        place_of(issuer)
    except UnsafeAddressError as error:
        raise LocalError(
            f"{what}: the issuer is the URL in its tokens' iss, as in https://login.example.com: {error}"
        ) from None
    return issuer


def rules_of(
    what: str,
    issuer: str,
    audience: str | Iterable[str] | None,
    implies: Mapping[str, Iterable[str]] | None = None,
    *,
    leeway: float = 30.0,
    strict: bool = False,
    dpop: str = "taken",
    kinds: Iterable[str] = TYPES,
) -> Rules:
    """Return the rules for tokens of one issuer. Raises LocalError for options that cannot be."""
    if not 0 <= leeway <= MAX_LEEWAY:
        raise LocalError(f"{what}: leeway is from 0 to {MAX_LEEWAY:g} seconds, not {leeway!r}")
    if dpop not in ("taken", "required", "nonce"):
        raise LocalError(f"{what}: dpop is 'taken', 'required' or 'nonce', not {dpop!r}")
    audiences = frozenset([audience] if isinstance(audience, str) else audience or ())
    if not all(isinstance(item, str) and item for item in audiences):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise LocalError(f"{what}: an audience is a text, and not empty")
    implied = {scope: frozenset(checked_scopes(more, what)) for scope, more in (implies or {}).items()}
    return Rules(checked_issuer(issuer, what), audiences, leeway, strict, implied, dpop, frozenset(kinds))


def aimed(rules: Rules, resource: str) -> Rules:
    """Return `rules` for the server at `resource`, which is the audience where none is given."""
    if rules.audiences:
        return rules
    return msgspec.structs.replace(rules, audiences=frozenset([resource]))


class Line:
    """The way to an issuer, which a server gives to its verifiers. Made when it is needed, anew after it was closed."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._make: Callable[[], Fetcher] | None = None
        self._fetcher: Fetcher | None = None

    def set(self, dial: Dial, base: str) -> None:
        """Fetch by `dial` from now on, documents of the issuer at `base`."""
        self._make = lambda: dial(base)

    @property
    def fetcher(self) -> Fetcher:
        """How to fetch. Raises LocalError before anything was connected."""
        if self._fetcher is None:
            if self._make is None:
                raise LocalError(f"{self._what} is not part of a server yet: give it to Server(auth=...)")
            self._fetcher = self._make()
        return self._fetcher

    async def close(self) -> None:
        """Close the fetcher. Another endpoint of the same server may go on asking."""
        fetcher, self._fetcher = self._fetcher, None
        if fetcher is not None:
            await fetcher.close()
