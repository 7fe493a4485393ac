"""Logging in as a user: the authorization code grant, with a browser or whatever shows a page and brings the answer.

The user is asked at most once for a refusal, in a bounded time, and only at an address that was judged.
Source: specification, basic/authorization; OAuth 2.1 draft 13; RFC 8252.
"""

from __future__ import annotations

import asyncio
import inspect
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from typing import TypeAlias
from urllib.parse import urlsplit

import msgspec

from dragoman.auth.browser import open_browser
from dragoman.auth.discovery import Place
from dragoman.auth.loopback import Loopback
from dragoman.auth.registration import Applicant, Registrar
from dragoman.auth.session import Obtained, Session
from dragoman.auth.signing import ProofKey
from dragoman.auth.token_endpoint import TokenEndpoint, TokenRefusedError
from dragoman.auth.wallet import Identity, MemoryWallet
from dragoman.errors import AuthorizationError, AuthorizationNeededError, LocalError
from dragoman.ports.credentials import Fetchers, Waiting
from dragoman.ports.fetch import Fetcher
from dragoman.ports.wallet import Wallet
from dragoman.protocol.authorization import ServerMetadata
from dragoman.protocol.code_flow import (
    CodeRequest,
    Scopes,
    authorization_url,
    check_pkce,
    check_redirect,
    code_of,
    read_redirect,
    with_offline,
)
from dragoman.protocol.discovery import check_endpoint, shown

# Gets the address of the page to visit. Returns the address that the browser was sent to in the end, or None when
# the browser comes back to this machine by itself. A plain function is called on a thread.
OnAuthorize: TypeAlias = Callable[[str], Awaitable[str | None] | str | None]


async def show_in_browser(url: str) -> None:
    """Open the user's browser. Raises AuthorizationError, with what to do, where there is none."""
    if not await open_browser(url):
        raise AuthorizationError("no browser could be opened; give on_authorize, or use dragoman login --no-browser")


class OAuth(msgspec.Struct, frozen=True, kw_only=True):
    """Logs a user in when a server wants it: `Client(url, auth=OAuth())`.

    Nothing needs to be given: the client registers itself where servers allow
    that, opens the user's browser and waits for it on this machine.

    `client_id`, with `client_secret` and the `issuer` that gave them, is for
    servers that know their clients beforehand; `client_metadata_url` for a client
    with a metadata document of its own. `scopes` are asked for beside those that
    the server wants. `on_authorize(url)` shows the page otherwise than in the
    default browser, and returns the address that the user ended at, or None if
    the browser will come back to this machine by itself; with a `redirect_uri`
    of your own it has to return the address. `interactive` False never asks a
    user: without a token that is kept, AuthorizationNeededError is raised.
    `dpop` binds tokens to a key, None where the server wants that.
    `login_seconds` bounds the user's time. `port` is where this machine waits,
    0 for any. `wallet` keeps tokens and registrations, in memory unless given.
    """

    client_id: str = ""
    client_secret: str = ""
    issuer: str = ""
    client_metadata_url: str = ""
    client_name: str = "Dragoman"
    scopes: Sequence[str] = ()
    on_authorize: OnAuthorize = show_in_browser
    redirect_uri: str = ""
    interactive: bool = True
    dpop: bool | None = None
    login_seconds: float = 300.0
    port: int = 0
    wallet: Wallet = msgspec.field(default_factory=MemoryWallet)

    def __post_init__(self) -> None:
        """Raises LocalError for what cannot be."""
        if self.client_secret and not self.client_id:
            raise LocalError("a client_secret belongs to a client_id: give both")
        if isinstance(self.scopes, str):
            raise LocalError("scopes is a list of names")
        document = urlsplit(self.client_metadata_url)
        if self.client_metadata_url and (document.scheme != "https" or document.path in ("", "/")):
            raise LocalError("client_metadata_url is an https address with a path (AUTHC-08)")
        if self.redirect_uri:
            check_redirect(self.redirect_uri)

    def __repr__(self) -> str:
        return f"OAuth({self.client_name!r}, client_id={self.client_id!r}, ***)"

    def session(self, url: str, fetchers: Fetchers, waiting: Waiting = nullcontext) -> Session:
        """Return the credentials for the server at `url`; in a block of `waiting` the user is waited for."""
        fetcher = fetchers(url)
        preferred = (self.issuer,) if self.issuer else ()
        return Session(url, CodeGrant(self, url, fetcher, waiting), self.wallet, fetcher, preferred)


class CodeGrant:
    """The authorization code grant for one server."""

    def __init__(self, oauth: OAuth, url: str, fetcher: Fetcher, waiting: Waiting) -> None:
        self.scopes = tuple(oauth.scopes)
        self.dpop = oauth.dpop
        self._oauth = oauth
        self._waiting = waiting
        self._url = url
        known = None
        if oauth.client_id:
            known = Identity(client_id=oauth.client_id, secret=oauth.client_secret, method="auto")
        applicant = Applicant(
            name=oauth.client_name,
            known=known,
            issuer=oauth.issuer,
            document=oauth.client_metadata_url,
        )
        self._registrar = Registrar(fetcher, oauth.wallet, applicant)

    async def identity(self, server: ServerMetadata) -> Identity | None:
        """Return who we are there, if that is known."""
        return await self._registrar.kept(server)

    async def obtain(self, place: Place, scopes: Scopes, ask: TokenEndpoint, key: ProofKey | None) -> Obtained:
        """Return a token that the user agreed to. Raises AuthorizationError."""
        if not self._oauth.interactive:
            url = shown(self._url)
            raise AuthorizationNeededError(f"{url} wants a login at {shown(place.server.issuer)}: dragoman login {url}")
        check_pkce(place.server)
        check_endpoint(place.server.authorization_endpoint, "authorization endpoint")
        check_endpoint(place.server.token_endpoint, "token endpoint")
        wanted = with_offline(scopes, place.server)
        try:
            return await self._login(place, wanted, ask, key)
        except TokenRefusedError as refused:
            # The server forgot what it registered, as servers in development do: once more, with a new name.
            if refused.error != "invalid_client" or not await self._registrar.forget(place.server):
                raise
        return await self._login(place, wanted, ask, key)

    async def _login(self, place: Place, scopes: Scopes, ask: TokenEndpoint, key: ProofKey | None) -> Obtained:
        state, worked = secrets.token_urlsafe(32), False
        door = None if self._oauth.redirect_uri else await self._door(place.server, state)
        try:
            redirect_uri = self._oauth.redirect_uri if door is None else door.uri
            who = await self._registrar.identity(place.server, redirect_uri)
            request = CodeRequest(
                issuer=place.server.issuer,
                client_id=who.client_id,
                redirect_uri=redirect_uri,
                resource=place.resource,
                scopes=scopes,
                state=state,
                verifier=secrets.token_urlsafe(64),
            )
            with self._waiting():
                answer = await self._visited(place.server, request, door)
            code = code_of(answer, request, place.server)
            form = {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": redirect_uri,
                "code_verifier": request.verifier,
                "resource": place.resource,
            }
            obtained = Obtained(await ask.ask(place.server, form, who, key), scopes)
            worked = True
            return obtained
        finally:
            if door is not None:
                await door.close(worked=worked)

    async def _door(self, server: ServerMetadata, state: str) -> Loopback:
        """Return where the browser comes back to: the port that was registered, if it is still free."""
        kept = await self._registrar.kept(server)
        port = self._oauth.port
        if not port and kept is not None and kept.redirect_uri:
            port = urlsplit(kept.redirect_uri).port or 0
        return await Loopback.open(state, port)

    async def _shown(self, url: str) -> str | None:
        show = self._oauth.on_authorize
        made = show(url) if inspect.iscoroutinefunction(show) else await asyncio.to_thread(show, url)
        return made if made is None or isinstance(made, str) else await made

    async def _visited(self, server: ServerMetadata, request: CodeRequest, door: Loopback | None) -> dict[str, str]:
        """Return what the browser brought. Raises AuthorizationError when it does not come in time."""
        show = asyncio.ensure_future(self._shown(authorization_url(server, request)))
        back = None if door is None else asyncio.ensure_future(door.wait())
        waiting: set[asyncio.Future[object]] = {show} if back is None else {show, back}  # type: ignore[arg-type]
        try:
            async with asyncio.timeout(self._oauth.login_seconds):
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if back is not None and back.done():
                    return back.result()
                if (url := show.result()) is not None:
                    return read_redirect(url)
                if back is None:
                    raise LocalError("on_authorize has to return an address, since redirect_uri is not this machine's")
                return await back
        except TimeoutError:
            raise AuthorizationError(
                f"nobody logged in at {shown(request.issuer)} within {self._oauth.login_seconds:g} s"
            ) from None
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
