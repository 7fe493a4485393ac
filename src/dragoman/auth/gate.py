"""The gate of a server over HTTP: a token in, an identity or a challenge out, before anything else is read.

A token that was judged is taken again for a short while without judging it anew: at most a minute, and never longer
than it lives; the proof of one that is bound to a key, each time. Kept are digests, never tokens.
Source: specification, basic/authorization; RFC 6750, section 3; RFC 9449, section 7; RFC 9728, section 5.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

from dragoman.auth.proofs import NonceNeededError, Proofs
from dragoman.errors import (
    AuthorizationError,
    LocalError,
    MalformedError,
    StoreError,
    TokenError,
    TransportError,
    UnsafeAddressError,
)
from dragoman.ports.verifier import Dial, Remote, Verifier
from dragoman.protocol.bearer import (
    metadata_paths,
    metadata_url,
    read_bearer,
    read_bound,
    write_challenge,
    write_metadata,
)
from dragoman.protocol.claims import peek
from dragoman.protocol.identity import Identity
from dragoman.protocol.marks import mark_of
from dragoman.protocol.proofs import ALGORITHMS, Shown

log = logging.getLogger("dragoman")
REMEMBERED = 10_000  # tokens
LONGEST = 300.0  # seconds for which any token is taken again unjudged
EXPLAINED = 200  # characters of a reason


class BearerGate:
    """The gate of the server `name` at the URL `resource`, for the tokens of `verifiers`.

    `listed` gives all scopes that something needs. `proofs` checks those of tokens that are bound to a key; without,
    none of them is taken. `clock` is in seconds since 1970.
    """

    def __init__(
        self,
        name: str,
        resource: str,
        verifiers: Sequence[Verifier],
        listed: Callable[[], Iterable[str]],
        dial: Dial,
        clock: Callable[[], float] = time.time,
        proofs: Proofs | None = None,
    ) -> None:
        """Raises LocalError for verifiers that could not be told apart."""
        check_verifiers(verifiers)
        self._name = name
        self._resource = resource
        self._verifiers = verifiers
        self._listed = listed
        self._dial = dial
        self._connected = False
        self._clock = clock
        self._proofs = proofs
        self._binding = [_dpop(verifier) for verifier in verifiers]
        self._issuers = [verifier.issuer for verifier in verifiers if verifier.issuer]
        self._paths = metadata_paths(resource) if self._issuers else ()
        self._metadata = metadata_url(resource) if self._issuers else ""
        self._known: OrderedDict[bytes, tuple[Identity, float]] = OrderedDict()
        # What is missing, an extra perhaps, is told before anybody comes.
        self._connect()

    def document(self, path: str) -> bytes | None:
        """Return the metadata of this resource if `path` is where it lies (AUTHRS-01, AUTHRS-02)."""
        if path not in self._paths:
            return None
        needed = {scope for verifier in self._verifiers for scope in verifier.scopes}
        algorithms = ALGORITHMS if self._proofs is not None and any(self._binding) else ()
        return write_metadata(
            self._resource, self._name, self._issuers, needed | set(self._listed()),
            algorithms=algorithms, bound=self._only_bound,
        )  # fmt: skip

    @property
    def _only_bound(self) -> bool:
        return bool(self._binding) and all(kind in ("required", "nonce") for kind in self._binding)

    def known(self, authorization: bytes | None) -> Identity | None:
        """Return who sent this header, if its token was judged a short while ago and is still good."""
        if authorization is None:
            return None
        found = self._remembered(authorization)
        # What is bound to a key is worth nothing without its proof, which is another for each request.
        return None if found is None or found.bound_to else found

    def _remembered(self, authorization: bytes) -> Identity | None:
        found = self._known.get(mark_of(authorization))
        return found[0] if found is not None and found[1] > self._clock() else None

    async def admit(self, authorization: bytes | None, shown: Shown | None = None) -> Identity:
        """Return who sent this header, and `shown` beside it. Raises AuthorizationError (AUTHRS-03, AUTHRS-09)."""
        try:
            bound = None if self._proofs is None else read_bound(authorization)
            token = read_bearer(authorization) if bound is None else bound
        except MalformedError as error:
            raise AuthorizationError(
                error.reason, status=400, challenge=self._challenge("invalid_request", error.reason)
            ) from None
        if token is None or authorization is None:
            # Nothing was tried, so nothing is said to be wrong (RFC 6750, 3.1).
            raise AuthorizationError(
                "authorization is needed: send Authorization: Bearer (or DPoP) and a token for this server",
                challenge=self._challenge("", ""),
            )
        stated = peek(token)
        issuer = None if stated is None else stated.issuer
        verifier = next((each for each in self._verifiers if each.takes(token, issuer)), None)
        remembered = self._remembered(authorization)
        identity = await self._judged(verifier, token) if remembered is None else remembered
        if bound is None and identity.bound_to:
            # As a plain token it may be stolen (RFC 9449, section 7.2).
            raise self._not_good("it is bound to a key: send it as DPoP, with a proof of that key", bound=True)
        if bound is not None:
            await self._proved(verifier, identity, shown, bound)
        if verifier is not None:
            if not identity.scopes.issuperset(verifier.scopes):
                needed = frozenset(verifier.scopes)
                raise AuthorizationError(_lacks(needed), status=403, challenge=self.step_up(needed, bound is not None))
            if remembered is None:
                self._remember(authorization, identity, verifier.cache_seconds)
        return identity

    async def _judged(self, verifier: Verifier | None, token: str) -> Identity:
        try:
            if verifier is None:
                raise TokenError("it is of no issuer that this server knows")
            self._connect()
            return await verifier.verify(token, self._resource)
        except TokenError as error:
            raise self._not_good(str(error)) from None
        except (TransportError, UnsafeAddressError) as error:
            # Without a judgement nobody comes in; the client's token may be good all the same.
            log.error("tokens cannot be judged: %s", error)
            raise AuthorizationError("tokens cannot be judged at the moment; try again later", status=503) from None
        except Exception:
            # Of a verifier of the user's own, perhaps: what fails lets nobody in.
            log.exception("a verifier failed")
            raise AuthorizationError("tokens cannot be judged at the moment; try again later", status=503) from None

    async def _proved(self, verifier: Verifier | None, identity: Identity, shown: Shown | None, token: str) -> None:
        """Return if the proof beside a token is one of its key. Raises AuthorizationError (RFC 9449, section 7.1)."""
        if not identity.bound_to:
            raise self._not_good("it is bound to no key, so send it as Bearer", bound=True)
        nonced = verifier is not None and _dpop(verifier) == "nonce"
        try:
            if self._proofs is not None:
                await self._proofs.check(shown or Shown(None, "", ""), token, identity.bound_to, nonced=nonced)
        except NonceNeededError as error:
            reason = f"the token is not good here: {error}"
            challenge = self._challenge("use_dpop_nonce", reason, bound=True)
            raise AuthorizationError(reason, challenge=challenge, nonce=error.nonce) from None
        except TokenError as error:
            raise self._not_good(str(error), "invalid_dpop_proof", bound=True) from None
        except StoreError as error:
            log.error("proofs cannot be judged: %s", error)
            raise AuthorizationError("tokens cannot be judged at the moment; try again later", status=503) from None

    def _not_good(self, why: str, code: str = "invalid_token", *, bound: bool = False) -> AuthorizationError:
        reason = f"the token is not good here: {why}"[:EXPLAINED]
        return AuthorizationError(reason, challenge=self._challenge(code, reason, bound=bound))

    def _connect(self) -> None:
        if not self._connected:
            self._connected = True
            for verifier in self._verifiers:
                if isinstance(verifier, Remote):
                    verifier.connect(self._dial)

    def _remember(self, authorization: bytes, identity: Identity, seconds: float) -> None:
        now = self._clock()
        until = min(now + min(seconds, LONGEST), float("inf") if identity.expires_at is None else identity.expires_at)
        if until > now:
            self._known[mark_of(authorization)] = (identity, until)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)

    def _challenge(self, error: str, reason: str, scopes: Iterable[str] | None = None, *, bound: bool = False) -> str:
        needed = {scope: None for verifier in self._verifiers for scope in verifier.scopes}
        dpop = bound or self._only_bound
        said = {
            "error": error,
            "error_description": reason,
            "scope": " ".join(needed if scopes is None else scopes),
            "resource_metadata": self._metadata,
            "algs": " ".join(ALGORITHMS) if dpop else "",
        }
        return write_challenge(said, "DPoP" if dpop else "Bearer")

    def step_up(self, scopes: frozenset[str], bound: bool = False) -> str:
        """Return the challenge for a request that came without `scopes`: all that it needs at once (AUTHRS-06).

        Among them what every request needs: some clients ask for the scopes named here and no others.
        """
        needed = scopes.union(*(verifier.scopes for verifier in self._verifiers))
        return self._challenge("insufficient_scope", _lacks(scopes), sorted(needed), bound=bound)

    async def close(self) -> None:
        """Release what verifiers hold. Judgements are forgotten."""
        self._known.clear()
        if self._connected:
            self._connected = False
            for verifier in self._verifiers:
                if isinstance(verifier, Remote):
                    await verifier.close()


def check_verifiers(verifiers: Sequence[Verifier]) -> None:
    """Raise LocalError for verifiers of which two could want the same token."""
    issuers = [verifier.issuer for verifier in verifiers if verifier.issuer]
    if twice := {issuer for issuer in issuers if issuers.count(issuer) > 1}:
        raise LocalError(f"auth names the issuer {min(twice)} twice")
    opaque = [verifier for verifier in verifiers if verifier.takes("", None)]
    if len(opaque) > 1:
        # Tokens that say nothing of their issuer would be shown to the wrong one.
        raise LocalError("auth has two verifiers for tokens that do not name their issuer; one is the most")


def _dpop(verifier: Verifier) -> str:
    """Return what a verifier wants of keys: "" for those that know nothing of them."""
    return str(getattr(verifier, "dpop", ""))


def _lacks(scopes: frozenset[str]) -> str:
    return f"this needs {'the scope' if len(scopes) == 1 else 'the scopes'} {' '.join(sorted(scopes))}"
