"""The endpoints of the authorization server: metadata, keys, authorization, tokens, registration, and the ends of both.

Errors of clients are JSON with a code of OAuth's and words that say what to do; nothing that was sent is repeated.
Source: RFC 8414; RFC 6749, section 5; RFC 7009; RFC 7591; RFC 7662; RFC 9068.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote_plus, urlsplit

import msgspec

from dragoman.auth.issuing.clients import Clients
from dragoman.auth.issuing.consent import Desk
from dragoman.auth.issuing.enterprise import Enterprises
from dragoman.auth.issuing.grants import Grant, Grants, Person
from dragoman.auth.issuing.signing_keys import SigningKeys
from dragoman.errors import TokenError
from dragoman.ports.site import NOTHING, Page, Visitor
from dragoman.protocol.claims import peek
from dragoman.protocol.discovery import SERVER, origin_of
from dragoman.protocol.identity import Identity
from dragoman.protocol.issuing import ASSERTION, OWN_RIGHT, Applicant, Denied, read_granted, read_own

Answer = Callable[[Visitor], Awaitable[Page]]
Verify = Callable[[str], Awaitable[Identity]]
USUAL = ("authorization_code", "refresh_token")
LATE = 120.0  # seconds after a token's end that its grant is still known, for servers whose clocks differ


class Parts(msgspec.Struct, frozen=True):
    """What the endpoints are made of. `verify` judges our own tokens, whoever they are for."""

    desk: Desk
    clients: Clients
    grants: Grants
    keys: SigningKeys
    verify: Verify
    token_seconds: float
    registration: bool
    introspectors: Mapping[str, str]
    enterprises: Enterprises


class IssuingSite:
    """The site of the authorization server `issuer`."""

    def __init__(self, issuer: str, parts: Parts, clock: Callable[[], float] = time.time) -> None:
        self._issuer = issuer
        self._parts = parts
        self._clock = clock
        self._kinds = (
            *USUAL, *((OWN_RIGHT,) if parts.clients.programs else ()), *((ASSERTION,) if parts.enterprises else ())
        )  # fmt: skip
        root = urlsplit(issuer).path.rstrip("/")
        self._metadata = f"{SERVER}{root}"
        opened: dict[tuple[str, str], Answer] = {
            ("GET", self._metadata): self._describe,
            ("GET", f"{root}/jwks"): self._show_keys,
            ("POST", f"{root}/token"): self._token,
            ("POST", f"{root}/revoke"): self._revoke,
        }
        if parts.registration:
            opened["POST", f"{root}/register"] = self._register
        if parts.introspectors:
            opened["POST", f"{root}/introspect"] = self._introspect
        self._open = {path for _, path in opened}
        self._ways: dict[tuple[str, str], Answer] = {
            **opened,
            ("GET", f"{root}/authorize"): parts.desk.authorize,
            ("POST", f"{root}/login"): parts.desk.log_in,
            ("POST", f"{root}/decide"): parts.desk.decide,
            ("GET", f"{root}/callback"): parts.desk.came_back,
        }
        self._paths = {path for _, path in self._ways}

    @property
    def origin(self) -> str:
        """Scheme, host and port of the issuer."""
        return origin_of(self._issuer)

    def takes(self, path: str) -> bool:
        """Say whether a path is one of the endpoints'."""
        return path in self._paths

    def is_open(self, path: str) -> bool:
        """Say whether programs in web pages may ask this: they bring no cookies, and codes of their own."""
        return path in self._open

    async def answer(self, visitor: Visitor) -> Page:
        """Return the answer, for bad requests too."""
        way = self._ways.get((visitor.method, visitor.path))
        if way is None:
            return wrong_method(self._ways, visitor.path)
        try:
            return await way(visitor)
        except Denied as denied:
            body = {"error": denied.error, "error_description": denied.description}
            basic = {"www-authenticate": 'Basic realm="token"'} if "authorization" in visitor.headers else {}
            return _json(body, denied.status, basic if denied.status == 401 else {})

    # --- what anybody may know ---------------------------------------------------------------------------------

    async def _describe(self, visitor: Visitor) -> Page:
        """Give the metadata (AUTHAS-01, AUTHAS-02)."""
        base = self._issuer.rstrip("/")
        scopes = frozenset[str]().union(*self._parts.desk.granting().values())
        document: dict[str, Any] = {
            "issuer": self._issuer,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "jwks_uri": f"{base}/jwks",
            "revocation_endpoint": f"{base}/revoke",
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": self._kinds,
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
            "authorization_response_iss_parameter_supported": True,
            "client_id_metadata_document_supported": True,
        }
        if scopes:
            document["scopes_supported"] = sorted(scopes)
        if self._parts.registration:
            document["registration_endpoint"] = f"{base}/register"
        if self._parts.introspectors:
            document["introspection_endpoint"] = f"{base}/introspect"
            document["introspection_endpoint_auth_methods_supported"] = ["client_secret_basic"]
        return _json(document, 200, {"cache-control": "public, max-age=300"})

    async def _show_keys(self, visitor: Visitor) -> Page:
        return _json(await self._parts.keys.public(), 200, {"cache-control": "public, max-age=60"})

    async def _register(self, visitor: Visitor) -> Page:
        return _json(await self._parts.clients.register(visitor.body), 201)

    # --- what clients ask --------------------------------------------------------------------------------------

    async def _client(self, visitor: Visitor) -> Applicant:
        """Return the client that asks, once it has proved to be that. Raises Denied."""
        given = credentials_of(visitor)
        if given is not None and "client_secret" in visitor.form:
            raise Denied("invalid_request", "a client proves in one way who it is, not in two")
        client_id, secret = given or (visitor.form.get("client_id", ""), visitor.form.get("client_secret"))
        client = await self._parts.clients.find(client_id)
        if visitor.form.get("client_id", client_id) != client_id:
            raise Denied("invalid_request", "the form names another client than the Authorization header")
        if client.token_endpoint_auth_method == "client_secret_basic" and secret is not None and given is None:
            raise Denied("invalid_client", "this client sends its secret in an Authorization header", 401)
        self._parts.clients.authenticate(client, secret)
        return client

    async def _token(self, visitor: Visitor) -> Page:
        """Give tokens for a code or a refresh token."""
        form, parts = visitor.form, self._parts
        kind = form.get("grant_type", "")
        if kind not in self._kinds:
            raise Denied("unsupported_grant_type", f"grant_type is one of {', '.join(self._kinds)} here")
        client = await self._client(visitor)
        if kind in (OWN_RIGHT, ASSERTION):
            return await self._brief(kind, form, client)
        if kind == "authorization_code":
            code, redirect_uri = form.get("code", ""), form.get("redirect_uri", "")
            grant, refresh = await parts.grants.redeem(
                code, client.client_id, redirect_uri, form.get("code_verifier", "")
            )
            scopes = grant.scopes
        else:
            grant, refresh = await parts.grants.rotate(form.get("refresh_token", ""), client.client_id)
            scopes = tuple(form["scope"].split()) if form.get("scope") else grant.scopes
        if form.get("resource", grant.resource) != grant.resource or not set(scopes) <= set(grant.scopes):
            # Whoever changes what was granted between request and token is not whom the user saw.
            await parts.grants.end(grant.id)
            raise Denied("invalid_grant", "the token was granted for another resource or fewer scopes; it is over")
        await parts.clients.used(client)
        return _json({**await self._given(grant, scopes), "refresh_token": refresh})

    async def _brief(self, kind: str, form: Mapping[str, str], client: Applicant) -> Page:
        """Give a token that nothing renews: to a program in its own right, or for a grant of an identity provider."""
        parts = self._parts
        if kind == OWN_RIGHT:
            person = Person(client.client_id)
            resource, scopes = read_own(form, client, parts.desk.granting())
        else:
            if not client.secret:
                raise Denied("unauthorized_client", "grants of identity providers are for clients with a secret")
            person, resource, granted = await parts.enterprises.redeem(form.get("assertion", ""), client.client_id)
            scopes = read_granted(form, resource, granted, parts.desk.granting())
        grant = await parts.grants.brief(client.client_id, person, resource, scopes, parts.token_seconds + LATE)
        return _json(await self._given(grant, scopes))

    async def _given(self, grant: Grant, scopes: tuple[str, ...]) -> dict[str, Any]:
        return {
            "access_token": await self._access(grant, scopes),
            "token_type": "Bearer",
            "expires_in": int(self._parts.token_seconds),
            "scope": " ".join(scopes),
        }

    async def _access(self, grant: Grant, scopes: tuple[str, ...]) -> str:
        """Return an access token for one server and one client (RFC 9068, section 2.2)."""
        now = int(self._clock())
        claims: dict[str, Any] = {
            **grant.claims,
            "iss": self._issuer,
            "sub": grant.subject,
            "aud": grant.resource,
            "client_id": grant.client_id,
            "scope": " ".join(scopes),
            "iat": now,
            "exp": now + int(self._parts.token_seconds),
            "jti": secrets.token_urlsafe(16),
            "grant": grant.id,
        }
        return await self._parts.keys.sign(claims)

    async def _revoke(self, visitor: Visitor) -> Page:
        """End what a token was given for, if it is this client's; the answer is the same for any other (RFC 7009)."""
        client = await self._client(visitor)
        token = visitor.form.get("token", "")
        if not token:
            raise Denied("invalid_request", "token is missing")
        if peek(token) is None:
            await self._parts.grants.revoke(token, client.client_id)
        else:
            identity = await self._alive(token)
            if identity is not None and identity.client_id == client.client_id:
                await self._parts.grants.end(str(identity.claims["grant"]))
        return Page(200, b"", "application/json")

    async def _introspect(self, visitor: Visitor) -> Page:
        """Tell a server of ours what a token is good for (RFC 7662)."""
        who, secret = credentials_of(visitor) or ("", "")
        known = self._parts.introspectors.get(who)
        if not hmac.compare_digest((known or "").encode(), secret.encode()) or not known:
            raise Denied("invalid_client", "servers ask with the name and the secret that they were given", 401)
        identity = await self._alive(visitor.form.get("token", ""))
        if identity is None:
            return _json({"active": False})
        return _json({**identity.claims, "active": True, "token_type": "Bearer"})

    async def _alive(self, token: str) -> Identity | None:
        try:
            return await self._parts.verify(token)
        except TokenError:
            return None


def wrong_method(ways: Iterable[tuple[str, str]], path: str) -> Page:
    """Return the answer to a method that an endpoint does not take; `ways` are the methods and paths that there are."""
    allowed = ", ".join(sorted(method for method, taken in ways if taken == path))
    return Page(405, f"this takes {allowed}".encode(), "text/plain", {"allow": allowed})


def credentials_of(visitor: Visitor) -> tuple[str, str] | None:
    """Return name and secret of an Authorization header, None without one. Raises Denied for any but Basic."""
    header = visitor.headers.get("authorization")
    if header is None:
        return None
    scheme, _, value = header.partition(" ")
    try:
        name, colon, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        scheme, name, colon, secret = "", "", "", ""
    if scheme.lower() != "basic" or not colon:
        raise Denied("invalid_client", "the Authorization header is Basic, with a name and a secret", 401)
    return unquote_plus(name), unquote_plus(secret)


def _json(document: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] = NOTHING) -> Page:
    return Page(status, msgspec.json.encode(document), "application/json", headers)
