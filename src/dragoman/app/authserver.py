"""An authorization server of one's own, beside a server or alone: the composition of its parts.

As the option `auth` of a server it judges its tokens without the network, and a grant that was ended is noticed within
seconds. Loaded only where it is used; needs the extra `auth`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict
from urllib.parse import urlsplit

from dragoman.app.keeping import sealer, store_at
from dragoman.app.options import check_options
from dragoman.auth.issuer_keys import joserfc
from dragoman.auth.issuing.broker import Broker as Broker
from dragoman.auth.issuing.clients import DOCUMENT, Clients
from dragoman.auth.issuing.consent import Authenticate, Desk
from dragoman.auth.issuing.enterprise import EnterpriseIssuer as EnterpriseIssuer
from dragoman.auth.issuing.enterprise import Enterprises
from dragoman.auth.issuing.grants import Grants
from dragoman.auth.issuing.grants import Person as Person
from dragoman.auth.issuing.passwords import Passwords as Passwords
from dragoman.auth.issuing.signing_keys import ALGORITHM, SigningKeys
from dragoman.auth.issuing.site import IssuingSite, Parts
from dragoman.auth.issuing.visits import Visits
from dragoman.auth.jwt import JWTAuth
from dragoman.errors import LocalError, TokenError
from dragoman.ports.fetch import Fetcher
from dragoman.ports.store import Store
from dragoman.ports.verifier import Dial, Remote
from dragoman.protocol.bearer import checked_resource, checked_scopes
from dragoman.protocol.discovery import is_loopback
from dragoman.protocol.identity import Identity
from dragoman.transport.fetch import SafeFetcher
from dragoman.transport.site import SiteApp

if TYPE_CHECKING:
    from typing import Unpack

DOCUMENT_SECONDS = 5.0
TOKEN_SECONDS = 900.0
LONGEST_TOKEN = 24 * 3600.0
NOTICED = 5.0  # seconds after which a grant that was ended is noticed


class AuthorizationOptions(TypedDict, total=False):
    """Options of `AuthorizationServer`. `resources` has the scopes of each server by its URL; those that have the
    authorization server as their `auth` are known without. `clients` are the owner's own, as in RFC 7591 and by
    their ids. `introspectors` are servers that may ask about tokens, with their secrets. `required` are scopes that
    every request of a server beside it needs. `enterprises` are identity providers whose grants are taken
    (enterprise-managed authorization). `token_seconds` is how long access tokens live.
    """

    store: str | Store
    secrets: Iterable[bytes | str]
    resources: Mapping[str, Iterable[str]]
    clients: Mapping[str, Mapping[str, Any]]
    introspectors: Mapping[str, str]
    required: Iterable[str]
    enterprises: Iterable[EnterpriseIssuer]
    registration: bool
    token_seconds: float


class AuthorizationServer:
    """An OAuth 2.1 authorization server at the public URL `url`.

    `login` tells users apart: `Passwords`, a `Broker` to an identity provider, or
    a function from a visitor to a `Person`, a subject or None. It is an ASGI
    application, and what `Server(auth=...)` takes: then it is served beside the
    server.

        auth = AuthorizationServer("https://example.com", login=Passwords("users"), store="sqlite:///auth.db")
        server = Server("notes", auth=auth)
    """

    def __init__(
        self, url: str, *, login: Passwords | Broker | Authenticate, **options: Unpack[AuthorizationOptions]
    ) -> None:
        """Raises LocalError for options that cannot be."""
        check_options("an authorization server", options, AuthorizationOptions)
        joserfc("jwt")
        self._issuer = _checked_url(url)
        seconds = options.get("token_seconds", TOKEN_SECONDS)
        if not 1 <= seconds <= LONGEST_TOKEN:
            raise LocalError(f"token_seconds is from 1 to {LONGEST_TOKEN:g}, not {seconds!r}")
        self._scopes = checked_scopes(options.get("required", ()), "AuthorizationServer")
        self._store = store_at(options.get("store", "memory:"))
        self._login = login
        self._enterprises = tuple(options.get("enterprises", ()))
        prefix = f"authserver/{self._issuer}/"
        given = tuple(options.get("secrets", ()))
        self._keys = SigningKeys(self._store, f"{prefix}keys", sealer(given) if given else None)
        self._grants = Grants(self._store, prefix)
        local = is_loopback(urlsplit(url).hostname or "")
        clients = Clients(self._store, prefix, options.get("clients", {}), self._dial_documents, local=local)
        visits = Visits(self._store, prefix, secure=url.startswith("https:"))
        self._desk = Desk(self._issuer, login, clients, self._grants, visits)
        for resource, scopes in options.get("resources", {}).items():
            self.protects(resource, _always(checked_scopes(scopes, "resources")))
        parts = Parts(
            self._desk, clients, self._grants, self._keys, self._verified, seconds,
            options.get("registration", True), dict(options.get("introspectors", {})),
            Enterprises(self._issuer, self._enterprises, self._store, prefix),
        )  # fmt: skip
        self.site = SiteApp(IssuingSite(self._issuer, parts))
        self._judges: dict[str, JWTAuth] = {}
        self._remotes: tuple[Remote, ...] = (*self._enterprises, *([login] if isinstance(login, Broker) else []))
        for remote in self._remotes:
            remote.connect(SafeFetcher)

    def __repr__(self) -> str:
        return f"AuthorizationServer({self._issuer!r})"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.site(scope, receive, send)

    def _dial_documents(self) -> Fetcher:
        # As near as this server itself is: one on this machine may have clients on this machine.
        return SafeFetcher(self._issuer, max_bytes=DOCUMENT, seconds=DOCUMENT_SECONDS)

    def protects(self, resource: str, scopes: Callable[[], Iterable[str]]) -> None:
        """Give tokens for the server at `resource` from now on; `scopes` says what there is to grant."""
        self._desk.resources[checked_resource(resource)] = lambda: frozenset(scopes()) | set(self._scopes)

    # --- as a verifier ------------------------------------------------------------------------------------------

    @property
    def issuer(self) -> str:
        """Who issues these tokens."""
        return self._issuer

    @property
    def scopes(self) -> tuple[str, ...]:
        """What every request needs."""
        return self._scopes

    @property
    def cache_seconds(self) -> float:
        """For how long a good token is taken again without looking whether its grant was ended."""
        return NOTICED

    def takes(self, token: str, issuer: str | None) -> bool:
        """Say whether a token names this issuer."""
        return issuer == self._issuer

    def connect(self, dial: Dial) -> None:
        """Nothing to say how to fetch: its tokens are judged with its own keys."""

    async def verify(self, token: str, resource: str) -> Identity:
        """Return whose token it is, and good for `resource`. Raises TokenError."""
        judge = self._judges.get(resource)
        if judge is None:
            judge = JWTAuth(self._issuer, resource, algorithms=[ALGORITHM], strict=True, jwks=self._keys.public)
            self._judges[resource] = judge
        identity = await judge.verify(token, resource)
        if await self._grants.grant(str(identity.claims.get("grant", ""))) is None:
            raise TokenError("what it was given for was ended")
        return identity

    async def _verified(self, token: str) -> Identity:
        """Return whose token it is, whichever server of ours it is for."""
        for resource in list(self._desk.resources):
            try:
                return await self.verify(token, resource)
            except TokenError:
                continue
        raise TokenError("it is not good for any server here")

    async def end(self, identity: Identity) -> None:
        """End the grant behind a token, as in `ctx.caller`: nothing that was given for it is good any more."""
        await self._grants.end(str(identity.claims.get("grant", "")))

    async def close(self) -> None:
        """Release files and connections. It may be used again."""
        for judge in self._judges.values():
            await judge.close()
        for remote in self._remotes:
            await remote.close()
        await self._store.close()


def _checked_url(url: str) -> str:
    parts = urlsplit(checked_resource(url))
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise LocalError(f"an authorization server is at an https:// URL, or on this machine: not {url!r} (RFC 8414)")
    return checked_resource(url)


def _always(scopes: tuple[str, ...]) -> Callable[[], Iterable[str]]:
    return lambda: scopes
