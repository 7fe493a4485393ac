"""An identity provider behind the authorization server: users log in there, and clients never learn of it.

Any OpenID provider by discovery, and GitHub, which has OAuth and a page that says who a token is of. The provider's
tokens are used once, to find out who the user is, and kept nowhere: what is not kept cannot be shown to a client.
Source: OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3; RFC 9207; RFC 9700, sections 2.1 and 4.4.
"""

from __future__ import annotations

import hmac
import logging
import secrets
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import quote_plus, urlencode, urlsplit

import msgspec

from dragoman.auth.issuer import checked_issuer
from dragoman.auth.issuing.grants import Person
from dragoman.auth.jwt import JWTAuth
from dragoman.errors import AuthorizationError, LocalError, MalformedError, TokenError, TransportError
from dragoman.ports.fetch import Fetcher
from dragoman.ports.verifier import Dial
from dragoman.protocol.authorization import ServerMetadata, read_document
from dragoman.protocol.code_flow import challenge_of
from dragoman.protocol.discovery import check_endpoint, is_loopback, origin_of, server_urls

log = logging.getLogger("dragoman")
GITHUB = "https://github.com/login/oauth"
GOOGLE = "https://accounts.google.com"
ANYBODY = {GITHUB, GOOGLE}
Admits: TypeAlias = Callable[[Person], bool]


class _Tokens(msgspec.Struct, frozen=True):
    access_token: str = ""
    id_token: str = ""

    def __repr__(self) -> str:
        return "_Tokens(***)"


class Broker:
    """Lets users log in at the OpenID provider `issuer`, where this server is the client `client_id`.

    Its redirect address there is the authorization server's URL and `/callback`. `scopes` are what is asked for;
    `name` is shown to users. `admits` says who of the users there may come in; where anybody can have an account,
    it has to be given.
    """

    def __init__(
        self,
        issuer: str,
        client_id: str,
        client_secret: str,
        *,
        scopes: tuple[str, ...] = ("openid", "profile", "email"),
        name: str = "",
        algorithms: tuple[str, ...] = ("RS256", "PS256", "ES256"),
        admits: Admits | None = None,
    ) -> None:
        """Raises LocalError for what can be no issuer, and without client id and secret."""
        self.issuer = checked_issuer(issuer, "Broker")
        if not client_id or not client_secret:
            raise LocalError("Broker: the provider gives a client id and a secret when this server is registered there")
        if admits is None and issuer in ANYBODY:
            raise LocalError(
                f"Broker: anybody can have an account at {issuer}; say who may come in, as in "
                "admits=lambda person: person.claims.get('email') in {'ann@example.com'}"
            )
        self._admits = admits
        self.name = name or urlsplit(issuer).netloc
        self.near = [origin_of(issuer)] if is_loopback(urlsplit(issuer).hostname or "") else []
        self._client_id, self._secret = client_id, client_secret
        self._scopes = scopes
        self._judge = JWTAuth(issuer, client_id, algorithms=algorithms)
        self._dial: Dial | None = None
        self._metadata: ServerMetadata | None = None

    def __repr__(self) -> str:
        return f"Broker({self.issuer!r}, ***)"

    @classmethod
    def google(cls, client_id: str, client_secret: str, admits: Admits) -> Broker:
        """Return the broker for accounts of Google; a company's own have its domain as the claim `hd`."""
        return cls(GOOGLE, client_id, client_secret, name="Google", admits=admits)

    @classmethod
    def entra(cls, tenant: str, client_id: str, client_secret: str) -> Broker:
        """Return the broker for one tenant of Microsoft Entra, by its id."""
        return cls(f"https://login.microsoftonline.com/{tenant}/v2.0", client_id, client_secret, name="Microsoft")

    @classmethod
    def okta(cls, domain: str, client_id: str, client_secret: str) -> Broker:
        """Return the broker for an organisation at Okta, as in `example.okta.com`."""
        return cls(f"https://{domain}", client_id, client_secret, name="Okta")

    @classmethod
    def auth0(cls, domain: str, client_id: str, client_secret: str) -> Broker:
        """Return the broker for a tenant of Auth0, as in `example.eu.auth0.com`."""
        return cls(f"https://{domain}/", client_id, client_secret, name="Auth0")

    @classmethod
    def keycloak(cls, url: str, realm: str, client_id: str, client_secret: str) -> Broker:
        """Return the broker for a realm of the Keycloak at `url`."""
        return cls(f"{url.rstrip('/')}/realms/{realm}", client_id, client_secret, name="Keycloak")

    @classmethod
    def github(cls, client_id: str, client_secret: str, admits: Admits) -> Broker:
        """Return the broker for accounts of GitHub, told apart by their number, since names change hands."""
        made = cls(GITHUB, client_id, client_secret, scopes=("read:user",), name="GitHub", admits=admits)
        made._metadata = ServerMetadata(
            issuer=GITHUB,
            authorization_endpoint=f"{GITHUB}/authorize",
            token_endpoint=f"{GITHUB}/access_token",
            token_endpoint_auth_methods_supported=("client_secret_post",),
        )
        return made

    def connect(self, dial: Dial) -> None:
        """Say how to fetch."""
        self._dial = dial
        self._judge.connect(dial)

    async def close(self) -> None:
        """Release connections."""
        await self._judge.close()

    def fresh(self) -> tuple[str, str]:
        """Return a nonce and a verifier for one login."""
        return secrets.token_urlsafe(32), secrets.token_urlsafe(48)

    async def url(self, callback: str, state: str, nonce: str, verifier: str) -> str:
        """Return where the user logs in. Raises McpError while the provider says nothing usable."""
        metadata = await self._found()
        fields = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": callback,
            "scope": " ".join(self._scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
        }
        joint = "&" if urlsplit(metadata.authorization_endpoint).query else "?"
        return f"{metadata.authorization_endpoint}{joint}{urlencode(fields)}"

    async def person(self, answer: Mapping[str, str], callback: str, nonce: str, verifier: str) -> Person:
        """Return who logged in. Raises AuthorizationError for an answer that is an error, or another's."""
        metadata = await self._found()
        stated = answer.get("iss")
        promised = metadata.authorization_response_iss_parameter_supported
        if (stated is None and promised) or (stated is not None and stated != self.issuer):
            raise AuthorizationError("the answer does not come from the identity provider that was asked")
        if "error" in answer or not answer.get("code"):
            raise AuthorizationError("the identity provider did not let the user in")
        form = {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": callback,
            "code_verifier": verifier,
        }
        fetcher = self._fetcher()
        try:
            found = await self._asked(fetcher, metadata, form)
            if self.issuer == GITHUB:
                person = await _github(fetcher, found.access_token)
            else:
                person = await self._vouched(found.id_token, nonce)
        finally:
            await fetcher.close()
        if not self._may_come_in(person):
            raise AuthorizationError("this user may not come in here")
        return person

    def _may_come_in(self, person: Person) -> bool:
        try:
            return self._admits is None or self._admits(person)
        except Exception:
            # Of the owner's own, on what the provider left out perhaps: what fails lets nobody in.
            log.exception("admits failed")
            return False

    async def _asked(self, fetcher: Fetcher, metadata: ServerMetadata, form: Mapping[str, str]) -> _Tokens:
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        # Basic where nothing is said: RFC 8414, section 2.
        if "client_secret_basic" in (metadata.token_endpoint_auth_methods_supported or ("client_secret_basic",)):
            pair = f"{quote_plus(self._client_id)}:{quote_plus(self._secret)}"
            headers["authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        else:
            form = {**form, "client_id": self._client_id, "client_secret": self._secret}
        reply = await fetcher.post(metadata.token_endpoint, urlencode(form).encode(), headers)
        if reply.status >= 500 or reply.status == 429:
            raise TransportError(f"the identity provider answered HTTP {reply.status}")
        if reply.status != 200:
            raise AuthorizationError(f"the identity provider gave no token: HTTP {reply.status}")
        try:
            return read_document(reply.body, _Tokens, "the identity provider's answer")
        except MalformedError as error:
            raise AuthorizationError(str(error)) from None

    async def _vouched(self, token: str, nonce: str) -> Person:
        try:
            found = await self._judge.verify(token, self._client_id)
        except TokenError as error:
            raise AuthorizationError(f"the identity provider's id token is not good: {error}") from None
        claims = found.claims
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise AuthorizationError("the identity provider's id token is of another login")
        known = {name: claims[name] for name in ("email", "name", "hd") if isinstance(claims.get(name), str)}
        if claims.get("email_verified") is False:
            known.pop("email", None)
        return Person(found.subject, str(known.get("email") or known.get("name") or found.subject), known)

    async def _found(self) -> ServerMetadata:
        if self._metadata is None:
            fetcher = self._fetcher()
            try:
                self._metadata = await _discovered(fetcher, self.issuer)
            finally:
                await fetcher.close()
        return self._metadata

    def _fetcher(self) -> Fetcher:
        if self._dial is None:
            raise LocalError("Broker is not part of an authorization server: give it to AuthorizationServer(login=...)")
        return self._dial(self.issuer)


async def _discovered(fetcher: Fetcher, issuer: str) -> ServerMetadata:
    # OpenID's own place first: it is what these providers are certified for.
    for url in sorted(server_urls(issuer), key=lambda url: "openid" not in url):
        answer = await fetcher.get(url)
        if answer.status == 200:
            found = read_document(answer.body, ServerMetadata, "the identity provider's metadata")
            if found.issuer == issuer:
                for endpoint in (found.authorization_endpoint, found.token_endpoint):
                    check_endpoint(endpoint, "endpoint of the identity provider")
                return found
    raise TransportError(f"the identity provider {issuer} has no metadata of its own")


async def _github(fetcher: Fetcher, token: str) -> Person:
    headers = {"authorization": f"Bearer {token}", "accept": "application/vnd.github+json"}
    answer = await fetcher.get("https://api.github.com/user", headers)
    if answer.status != 200:
        raise AuthorizationError(f"GitHub does not say who the user is: HTTP {answer.status}")
    user: dict[str, Any] = read_document(answer.body, dict[str, Any], "the user at GitHub")
    number, login = user.get("id"), user.get("login")
    if not isinstance(number, int) or isinstance(number, bool) or not isinstance(login, str):
        raise AuthorizationError("GitHub does not say who the user is")
    return Person(str(number), login, {"name": login})
