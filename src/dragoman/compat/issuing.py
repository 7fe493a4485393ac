"""The endpoints of an authorization server that a file brings itself (`auth_server_provider=`): served by ours.

What comes in is judged here: redirect addresses, PKCE, secrets, what a token was asked for. The file's provider keeps
clients, codes and tokens. Source: RFC 6749, 7009, 7591, 7636, 8414. Limit: whether it asks its users is its own affair.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from dragoman.auth.issuing.site import credentials_of, wrong_method
from dragoman.compat.guards import Judged
from dragoman.compat.oauth import (
    JWT_BEARER_GRANT_TYPE,
    AuthorizationParams,
    AuthorizeError,
    IdentityAssertionParams,
    InvalidScopeError,
    OAuthClientInformationFull,
    ProviderTokenVerifier,
    RegistrationError,
    TokenError,
)
from dragoman.errors import MalformedError
from dragoman.ports.site import NOTHING, Page, Visitor
from dragoman.protocol.discovery import SERVER, origin_of
from dragoman.protocol.issuing import Denied, answer_url, proves, read_client, same_redirect
from dragoman.protocol.strict import read_strict
from dragoman.transport.site import SiteApp

PER_MINUTE = 20  # registrations
_METHODS = ("none", "client_secret_basic", "client_secret_post")


class Issued(Judged):
    """The tokens of a file's own authorization server, and its endpoints, `site`."""

    def __init__(self, provider: Any, settings: Any, issuer: str, resource: str) -> None:
        scopes = settings.required_scopes or ()
        exact = settings.validate_token_resource
        super().__init__(ProviderTokenVerifier(provider), issuer, scopes, resource, exact=exact)
        self.site: Any = SiteApp(ProviderSite(provider, settings, issuer))

    def protects(self, resource: str, scopes: Callable[[], Iterable[str]]) -> None:
        """Nothing to note: the provider says what its tokens are for."""


class ProviderSite:
    """The site of the authorization server `issuer`."""

    def __init__(self, provider: Any, settings: Any, issuer: str) -> None:
        self._provider = provider
        self._settings = settings
        self._issuer = issuer
        self._times: deque[float] = deque()
        self._assertions = bool(getattr(settings, "identity_assertion_enabled", False))
        root = urlsplit(issuer).path.rstrip("/")
        registration = settings.client_registration_options
        revocation = settings.revocation_options
        self._ways: dict[tuple[str, str], Callable[[Visitor], Awaitable[Page]]] = {
            ("GET", f"{SERVER}{root}"): self._describe,
            ("GET", f"{root}/authorize"): self._authorize,
            ("POST", f"{root}/authorize"): self._authorize,
            ("POST", f"{root}/token"): self._token,
        }
        if registration is not None and registration.enabled:
            self._ways["POST", f"{root}/register"] = self._register
        if revocation is not None and revocation.enabled:
            self._ways["POST", f"{root}/revoke"] = self._revoke
        self._paths = {path for _, path in self._ways}
        self._asking = f"{root}/authorize"

    @property
    def origin(self) -> str:
        """Scheme, host and port of the issuer."""
        return origin_of(self._issuer)

    def takes(self, path: str) -> bool:
        """Say whether a path is one of the endpoints'."""
        return path in self._paths

    def is_open(self, path: str) -> bool:
        """Say whether programs in web pages may ask this: all but what users are sent to."""
        return path in self._paths and path != self._asking

    async def answer(self, visitor: Visitor) -> Page:
        """Return the answer, for bad requests too."""
        way = self._ways.get((visitor.method, visitor.path))
        if way is None:
            return wrong_method(self._ways, visitor.path)
        try:
            return await way(visitor)
        except Denied as denied:
            return _refusal(denied.error, denied.description, denied.status)
        except (TokenError, RegistrationError) as error:
            return _refusal(error.error, error.error_description or "", 400)
        except NotImplementedError:
            return _refusal("unsupported_grant_type", "this authorization server does not do that", 400)

    async def _describe(self, visitor: Visitor) -> Page:
        base = self._issuer.rstrip("/")
        options = self._settings.client_registration_options
        document: dict[str, Any] = {
            "issuer": self._issuer,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "response_types_supported": ["code"],
            "grant_types_supported": self._kinds(),
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": _METHODS,
        }
        for end in ("register", "revoke"):
            if any(path.endswith(f"/{end}") for path in self._paths):
                document[f"{'registration' if end == 'register' else 'revocation'}_endpoint"] = f"{base}/{end}"
        if options is not None and options.valid_scopes:
            document["scopes_supported"] = options.valid_scopes
        if self._settings.service_documentation_url is not None:
            document["service_documentation"] = str(self._settings.service_documentation_url)
        return _json(document, 200, {"cache-control": "public, max-age=300"})

    def _kinds(self) -> list[str]:
        return ["authorization_code", "refresh_token", *([JWT_BEARER_GRANT_TYPE] if self._assertions else [])]

    # --- users ------------------------------------------------------------------------------------------------

    async def _authorize(self, visitor: Visitor) -> Page:
        """Send the user on to where the provider asks; errors go to the client once its address is known."""
        query = visitor.query or visitor.form
        client: Any = await self._provider.get_client(query.get("client_id", ""))
        if client is None:
            raise Denied("invalid_client", "there is no such client; it may have to register again")
        registered = [str(one) for one in client.redirect_uris or ()]
        redirect = query.get("redirect_uri") or (registered[0] if len(registered) == 1 else "")
        if not any(same_redirect(redirect, one) for one in registered):
            raise Denied("invalid_request", "the redirect address is not one that this client registered")
        state = query.get("state", "")[:2000]
        try:
            going = await self._provider.authorize(client, self._asked(query, client, redirect))
        except (AuthorizeError, Denied) as error:
            words = error.description if isinstance(error, Denied) else error.error_description or ""
            fields = {"error": error.error, "error_description": words}
            going = answer_url(redirect, self._issuer, state, **fields)
        return Page(302, headers={"location": str(going)})

    def _asked(self, query: Mapping[str, str], client: Any, redirect: str) -> AuthorizationParams:
        if query.get("response_type") != "code":
            raise Denied("unsupported_response_type", "response_type is code here")
        challenge = query.get("code_challenge", "")
        if not challenge or query.get("code_challenge_method", "S256") != "S256":
            raise Denied("invalid_request", "code_challenge is needed, with the method S256 (RFC 7636)")
        try:
            scopes = client.validate_scope(query.get("scope"))
        except InvalidScopeError as error:
            raise Denied("invalid_scope", error.message) from None
        return AuthorizationParams(
            state=query.get("state"),
            scopes=scopes,
            code_challenge=challenge,
            redirect_uri=redirect,
            redirect_uri_provided_explicitly="redirect_uri" in query,
            resource=query.get("resource"),
        )

    # --- clients ----------------------------------------------------------------------------------------------

    async def _client(self, visitor: Visitor) -> Any:
        """Return the client that asks, once it has proved to be that. Raises Denied."""
        given = credentials_of(visitor)
        name, secret = given or (visitor.form.get("client_id", ""), visitor.form.get("client_secret", ""))
        client: Any = await self._provider.get_client(name)
        if client is None or visitor.form.get("client_id", name) != name:
            raise Denied("invalid_client", "there is no such client; it may have to register again", 401)
        own = client.client_secret or ""
        ends = client.client_secret_expires_at
        if (own or client.token_endpoint_auth_method not in (None, "none")) and (
            not own or not hmac.compare_digest(own.encode(), secret.encode())
        ):
            raise Denied("invalid_client", "the client has not proved who it is", 401)
        if ends and ends < time.time():
            raise Denied("invalid_client", "the client's secret has ended; it has to register again", 401)
        return client

    async def _token(self, visitor: Visitor) -> Page:
        form = visitor.form
        kind = form.get("grant_type", "")
        if kind not in self._kinds():
            raise Denied("unsupported_grant_type", f"grant_type is one of {', '.join(self._kinds())} here")
        client = await self._client(visitor)
        if client.grant_types and kind not in client.grant_types:
            raise Denied("unauthorized_client", f"this client was not registered for {kind}")
        if kind == JWT_BEARER_GRANT_TYPE:
            token = await self._asserted(client, form)
        elif kind == "refresh_token":
            token = await self._renewed(client, form)
        else:
            token = await self._redeemed(client, form)
        shown = token.model_dump(exclude_none=True) if hasattr(token, "model_dump") else dict(token)
        return _json(shown)

    async def _redeemed(self, client: Any, form: Mapping[str, str]) -> Any:
        code: Any = await self._provider.load_authorization_code(client, form.get("code", ""))
        if code is None or code.client_id != client.client_id or code.expires_at < time.time():
            raise Denied("invalid_grant", "the code is not known, or has ended")
        if code.redirect_uri_provided_explicitly:
            # A URL object has a slash in the end of a bare host, which nobody wrote.
            stated = form.get("redirect_uri", "")
            if str(code.redirect_uri) not in (stated, f"{stated}/"):
                raise Denied("invalid_grant", "redirect_uri is not the one that the code was asked for with")
        if not proves(form.get("code_verifier", ""), code.code_challenge):
            raise Denied("invalid_grant", "code_verifier is not what the challenge was made of")
        _same_resource(code, form)
        return await self._provider.exchange_authorization_code(client, code)

    async def _renewed(self, client: Any, form: Mapping[str, str]) -> Any:
        held: Any = await self._provider.load_refresh_token(client, form.get("refresh_token", ""))
        if held is None or held.client_id != client.client_id or (held.expires_at and held.expires_at < time.time()):
            raise Denied("invalid_grant", "the refresh token is not known, or has ended")
        scopes = form["scope"].split() if form.get("scope") else list(held.scopes)
        if not set(scopes) <= set(held.scopes):
            raise Denied("invalid_scope", "these are more scopes than were granted")
        _same_resource(held, form)
        return await self._provider.exchange_refresh_token(client, held, scopes)

    async def _asserted(self, client: Any, form: Mapping[str, str]) -> Any:
        if not client.client_secret:
            raise Denied("unauthorized_client", "grants of identity providers are for clients with a secret")
        if not form.get("assertion"):
            raise Denied("invalid_request", "assertion is missing")
        scopes = form["scope"].split() if form.get("scope") else None
        given = IdentityAssertionParams(assertion=form["assertion"], scopes=scopes, resource=form.get("resource"))
        return await self._provider.exchange_identity_assertion(client, given)

    async def _register(self, visitor: Visitor) -> Page:
        """Register a client, and tell it what it was given (RFC 7591, section 3.2.1)."""
        try:
            document = read_strict(visitor.body, "a registration, which is a JSON object,")
        except MalformedError as error:
            raise Denied("invalid_client_metadata", str(error)) from None
        judged = read_client(document, method="client_secret_post")
        now = time.monotonic()
        while self._times and now - self._times[0] >= 60:
            self._times.popleft()
        if len(self._times) >= PER_MINUTE:
            raise Denied("temporarily_unavailable", "too many registrations; try again in a minute", 429)
        self._times.append(now)
        options = self._settings.client_registration_options
        stated: Any = document
        kept = {name: stated[name] for name in OAuthClientInformationFull.__fields__ if name in stated}
        if JWT_BEARER_GRANT_TYPE in judged.grant_types:
            raise Denied("invalid_client_metadata", "clients with grants of identity providers do not register here")
        asked = str(kept.get("scope") or "").split() or options.default_scopes or []
        if options.valid_scopes is not None and not set(asked) <= set(options.valid_scopes):
            raise Denied("invalid_client_metadata", f"the scopes here are {', '.join(options.valid_scopes)}")
        secret = None if judged.token_endpoint_auth_method == "none" else secrets.token_urlsafe(32)
        lives = getattr(options, "client_secret_expiry_seconds", None)
        issued = int(time.time())
        told: dict[str, Any] = {
            **kept,
            "redirect_uris": list(judged.redirect_uris),
            "token_endpoint_auth_method": judged.token_endpoint_auth_method,
            "grant_types": list(judged.grant_types),
            "scope": " ".join(asked) or None,
            "client_id": secrets.token_urlsafe(16),
            "client_id_issued_at": issued,
            "client_secret": secret,
            "client_secret_expires_at": issued + lives if secret and lives else None,
        }
        client = OAuthClientInformationFull(**told)
        await self._provider.register_client(client)
        endless = {"client_secret_expires_at": 0} if secret and not lives else {}
        return _json({**client.model_dump(exclude_none=True), **endless}, 201)

    async def _revoke(self, visitor: Visitor) -> Page:
        """End a token, if it is this client's; the answer is the same for any other (RFC 7009)."""
        client = await self._client(visitor)
        token = visitor.form.get("token", "")
        found: Any = await self._provider.load_access_token(token)
        if found is None:
            found = await self._provider.load_refresh_token(client, token)
        if found is not None and found.client_id == client.client_id:
            await self._provider.revoke_token(found)
        return _json({})


def _same_resource(given: Any, form: Mapping[str, str]) -> None:
    asked, own = form.get("resource"), getattr(given, "resource", None)
    if asked and own and asked.rstrip("/") != str(own).rstrip("/"):
        raise Denied("invalid_target", "this was granted for another server")


def _refusal(error: str, description: str, status: int) -> Page:
    headers = {"www-authenticate": 'Basic realm="token"'} if status == 401 else NOTHING
    return _json({"error": error, "error_description": description}, status, headers)


def _json(document: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] = NOTHING) -> Page:
    return Page(status, msgspec.json.encode(document, enc_hook=str), "application/json", headers)
