"""Tokens without a user: for a program of its own, for a workload that its platform vouches for, for a company's users.

None registers itself, tries another grant when one fails, or sends its credentials anywhere but to the issuer that it
was told of, or that the server names when it was told of none.
Source: extensions oauth-client-credentials and enterprise-managed-authorization; RFC 7523; RFC 8693.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import msgspec

from dragoman.auth.discovery import Place
from dragoman.auth.nonces import Nonces
from dragoman.auth.registration import Applicant, Registrar
from dragoman.auth.session import Obtained, Session
from dragoman.auth.signing import ProofKey
from dragoman.auth.token_endpoint import TokenEndpoint
from dragoman.auth.wallet import Identity, MemoryWallet
from dragoman.errors import AuthorizationError, LocalError
from dragoman.ports.credentials import Fetchers
from dragoman.ports.fetch import Fetcher
from dragoman.ports.wallet import Wallet
from dragoman.protocol.authorization import ServerMetadata
from dragoman.protocol.code_flow import Scopes
from dragoman.protocol.discovery import check_endpoint, shown

# A text, or a function, plain or async, that gives a fresh one: such tokens are short-lived.
Text: TypeAlias = str | Callable[[], str | Awaitable[str]]
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ID_JAG = "urn:ietf:params:oauth:token-type:id-jag"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"


async def given(text: Text) -> str:
    """Return a text that was given, or is made now."""
    if isinstance(text, str):
        return text
    made = text()
    return made if isinstance(made, str) else await made


class ClientCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """A program's own credentials: `Client(url, auth=ClientCredentials(client_id=..., client_secret=...))`.

    Proves itself by `client_secret`, or by signing with `private_key` (PEM; needs the extra `auth`), which is better.
    `issuer` is the authorization server that they are for: give it, so that they go to no other.
    """

    client_id: str
    client_secret: str = ""
    private_key: str = ""
    algorithm: str = "ES256"
    issuer: str = ""
    scopes: Sequence[str] = ()
    dpop: bool | None = None
    wallet: Wallet = msgspec.field(default_factory=MemoryWallet)

    def __post_init__(self) -> None:
        """Raises LocalError unless there is one way to prove who asks."""
        if bool(self.client_secret) == bool(self.private_key):
            raise LocalError("give ClientCredentials either a client_secret or a private_key")

    def __repr__(self) -> str:
        return f"ClientCredentials({self.client_id!r}, ***)"

    def session(self, url: str, fetchers: Fetchers, waiting: object = None) -> Session:
        """Return the credentials for the server at `url`; no user is waited for."""
        method = "private_key_jwt" if self.private_key else "auto"
        known = Identity(
            client_id=self.client_id,
            secret=self.client_secret,
            method=method,
            key=self.private_key,
            algorithm=self.algorithm,
        )
        terms = Terms(known, self.issuer, self.scopes, self.dpop, self.wallet)
        return machine_session(url, terms, own_right, fetchers(url))


class WorkloadIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """A JWT by which the platform vouches for this program: `WorkloadIdentity(client_id=..., assertion=read_token)`.

    `assertion` is the JWT, whose audience is the authorization server, or a function that gives a fresh one; it is
    exchanged for a token (RFC 7523, section 2.1). `issuer` is the authorization server that it is for.
    """

    assertion: Text
    client_id: str = ""
    client_secret: str = ""
    issuer: str = ""
    scopes: Sequence[str] = ()
    dpop: bool | None = None
    wallet: Wallet = msgspec.field(default_factory=MemoryWallet)

    def __repr__(self) -> str:
        return f"WorkloadIdentity({self.client_id!r}, ***)"

    def session(self, url: str, fetchers: Fetchers, waiting: object = None) -> Session:
        """Return the credentials for the server at `url`; no user is waited for."""
        known = Identity(client_id=self.client_id, secret=self.client_secret, method="auto")
        terms = Terms(known, self.issuer, self.scopes, self.dpop, self.wallet)
        return machine_session(url, terms, self._form, fetchers(url))

    async def _form(self, place: Place, scopes: Scopes, ask: TokenEndpoint) -> dict[str, str]:
        return {"grant_type": JWT_BEARER, "assertion": await given(self.assertion)}


class EnterpriseManaged(msgspec.Struct, frozen=True, kw_only=True):
    """A user whose company decides: its identity provider turns the user's ID token into a grant for the server.

    `id_token` is what the provider gave at sign-on, or a function that gives it; `idp_token_endpoint` is where it is
    exchanged, as `idp_client_id`. `client_id` and `client_secret` are those at the server's own authorization server,
    which is `issuer`.
    """

    id_token: Text
    idp_token_endpoint: str
    idp_client_id: str
    client_id: str
    client_secret: str = ""
    idp_client_secret: str = ""
    idp_issuer: str = ""
    subject_token_type: str = ID_TOKEN
    issuer: str = ""
    scopes: Sequence[str] = ()
    dpop: bool | None = None
    wallet: Wallet = msgspec.field(default_factory=MemoryWallet)

    def __post_init__(self) -> None:
        """Raises AuthorizationError for an identity provider that is not reached by https."""
        check_endpoint(self.idp_token_endpoint, "idp_token_endpoint")

    def __repr__(self) -> str:
        return f"EnterpriseManaged({self.client_id!r}, ***)"

    def session(self, url: str, fetchers: Fetchers, waiting: object = None) -> Session:
        """Return the credentials for the server at `url`; no user is waited for."""
        known = Identity(client_id=self.client_id, secret=self.client_secret, method="auto")
        terms = Terms(known, self.issuer, self.scopes, self.dpop, self.wallet)
        # The provider is of the user's own naming, wherever the server is.
        provider = TokenEndpoint(fetchers(self.idp_token_endpoint), Nonces())

        async def form(place: Place, scopes: Scopes, ask: TokenEndpoint) -> dict[str, str]:
            return {"grant_type": JWT_BEARER, "assertion": await self._exchanged(place, scopes, provider)}

        return machine_session(url, terms, form, fetchers(url))

    async def _exchanged(self, place: Place, scopes: Scopes, ask: TokenEndpoint) -> str:
        """Return the ID-JAG for the server (enterprise-managed-authorization, section 4)."""
        form = {
            "grant_type": EXCHANGE,
            "requested_token_type": ID_JAG,
            "audience": place.server.issuer,
            "resource": place.resource,
            "subject_token": await given(self.id_token),
            "subject_token_type": self.subject_token_type,
        }
        if scopes:
            form["scope"] = " ".join(scopes)
        method = "client_secret_basic" if self.idp_client_secret else "none"
        who = Identity(client_id=self.idp_client_id, secret=self.idp_client_secret, method=method)
        answer = await ask.post(self.idp_token_endpoint, self.idp_issuer, form, who)
        if answer.issued_token_type != ID_JAG:
            where = shown(self.idp_token_endpoint)
            raise AuthorizationError(f"{where} gave another token than the grant for the server that was asked for")
        return answer.access_token


# Makes the members of a token request that say by what right a token is asked for.
Form: TypeAlias = Callable[[Place, Scopes, TokenEndpoint], Awaitable[dict[str, str]]]


async def own_right(place: Place, scopes: Scopes, ask: TokenEndpoint) -> dict[str, str]:
    """Return the form of the client credentials grant (OAuth 2.1, section 4.2)."""
    return {"grant_type": "client_credentials"}


class Terms(msgspec.Struct, frozen=True):
    """What a grant without a user is made of."""

    known: Identity
    issuer: str
    scopes: Sequence[str]
    dpop: bool | None
    wallet: Wallet


def machine_session(url: str, terms: Terms, form: Form, fetcher: Fetcher) -> Session:
    """Return the credentials for the server at `url`."""
    preferred = (terms.issuer,) if terms.issuer else ()
    return Session(url, MachineGrant(terms, form, fetcher), terms.wallet, fetcher, preferred)


class MachineGrant:
    """A grant that needs no user: one request to the token endpoint."""

    def __init__(self, terms: Terms, form: Form, fetcher: Fetcher) -> None:
        self.scopes = tuple(terms.scopes)
        self.dpop = terms.dpop
        self._form = form
        applicant = Applicant(name="", known=terms.known, issuer=terms.issuer)
        self._registrar = Registrar(fetcher, terms.wallet, applicant)

    async def identity(self, server: ServerMetadata) -> Identity | None:
        """Return who the user said that we are. Raises AuthorizationError at any other issuer."""
        return await self._registrar.kept(server)

    async def obtain(self, place: Place, scopes: Scopes, ask: TokenEndpoint, key: ProofKey | None) -> Obtained:
        """Return a token. Raises AuthorizationError."""
        who = await self.identity(place.server)
        assert who is not None
        form = {**await self._form(place, scopes, ask), "resource": place.resource}
        if scopes:
            form["scope"] = " ".join(scopes)
        return Obtained(await ask.ask(place.server, form, who, key), scopes)
