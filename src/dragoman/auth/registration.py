"""Who the client is at an authorization server: known beforehand, by a document of its own, or registered now.

What was registered with one server is never shown to another: it is kept under the issuer that gave it.
Source: specification, basic/authorization/client-registration; RFC 7591; OpenID Connect Registration 1.0.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec

from dragoman.auth.token_endpoint import METHODS
from dragoman.auth.wallet import Identity, client_key, read_kept
from dragoman.errors import AuthorizationError, MalformedError
from dragoman.ports.fetch import Fetched, Fetcher
from dragoman.ports.wallet import Wallet
from dragoman.protocol.authorization import Refused, Registration, ServerMetadata, read_document
from dragoman.protocol.code_flow import application_type
from dragoman.protocol.discovery import check_endpoint, same_issuer, shown

JSON = {"content-type": "application/json", "accept": "application/json"}
# Best first: a program on the user's machine cannot keep a secret, so one that wants none suits it.
_PREFERRED = ("none", "client_secret_basic", "client_secret_post")


class Applicant(msgspec.Struct, frozen=True, kw_only=True):
    """What a client can say of itself: `known` is what was arranged beforehand, with the issuer it was arranged with.

    `document` is the https URL of the client's own metadata document, "" if it has none.
    """

    name: str
    uri: str = ""
    known: Identity | None = None
    issuer: str = ""
    document: str = ""


class Registrar:
    """Finds the identity to use with each authorization server."""

    def __init__(self, fetcher: Fetcher, wallet: Wallet, applicant: Applicant) -> None:
        self._fetcher = fetcher
        self._wallet = wallet
        self._applicant = applicant

    async def kept(self, server: ServerMetadata) -> Identity | None:
        """Return who we are there without asking, None if that has to be found out. Raises AuthorizationError."""
        applicant = self._applicant
        if applicant.known is not None:
            if applicant.issuer and not same_issuer(server.issuer, applicant.issuer):
                raise AuthorizationError(
                    f"the client {applicant.known.client_id[:100]!r} is registered with {shown(applicant.issuer)}, and "
                    f"the server now names {shown(server.issuer)}: register there, and give its issuer and client_id"
                )
            return _proving(applicant.known, server)
        if applicant.document and server.client_id_metadata_document_supported:
            return Identity(client_id=applicant.document)
        found = read_kept(await self._wallet.read(client_key(server.issuer)), Identity)
        return None if found is None or (found.expires and found.expires < time.time()) else found

    async def identity(self, server: ServerMetadata, redirect_uri: str) -> Identity:
        """Return who we are there, registering if we must. Raises AuthorizationError, TransportError."""
        kept = await self.kept(server)
        if kept is not None and kept.redirect_uri in ("", redirect_uri):
            return kept
        if not server.registration_endpoint:
            raise AuthorizationError(
                f"{shown(server.issuer)} wants to know its clients beforehand: register this one there, with the "
                f"redirect address {redirect_uri}, and give its client_id"
            )
        identity = await self._register(server, redirect_uri)
        await self._wallet.write(client_key(server.issuer), msgspec.json.encode(identity))
        return identity

    async def forget(self, server: ServerMetadata) -> bool:
        """Forget what was registered; returns whether anything was."""
        return await self._wallet.remove(client_key(server.issuer))

    async def _register(self, server: ServerMetadata, redirect_uri: str) -> Identity:
        check_endpoint(server.registration_endpoint, "registration endpoint")
        method = _chosen_method(server)
        wanted: dict[str, Any] = {
            "client_name": self._applicant.name,
            "redirect_uris": [redirect_uri],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": method,
            "application_type": application_type(redirect_uri),
        }
        if self._applicant.uri:
            wanted["client_uri"] = self._applicant.uri
        answer = await self._fetcher.post(server.registration_endpoint, msgspec.json.encode(wanted), JSON)
        where = shown(server.registration_endpoint)
        if answer.status not in (200, 201):
            raise AuthorizationError(
                f"{where} did not register this client with the redirect address {redirect_uri} "
                f"(HTTP {answer.status}{_said(answer)}); register it by hand and give its client_id"
            )
        try:
            given = read_document(answer.body, Registration, f"the answer of {where}")
        except MalformedError as error:
            raise AuthorizationError(str(error)) from None
        return _registered(given, method, redirect_uri)


def _registered(given: Registration, asked: str, redirect_uri: str) -> Identity:
    """Return the identity that was registered. What the server says of the method counts (RFC 7591, section 3.2.1)."""
    method = given.token_endpoint_auth_method or asked
    if method not in METHODS or method == "private_key_jwt":
        raise AuthorizationError(f"the server registered this client for a method that it has not: {method[:40]!r}")
    if method != "none" and not given.client_secret:
        raise AuthorizationError(f"the server registered this client for {method}, and gave it no secret")
    return Identity(
        client_id=given.client_id,
        secret="" if method == "none" else given.client_secret,
        method=method,
        redirect_uri=redirect_uri,
        expires=given.client_secret_expires_at,
        registered=True,
    )


def _chosen_method(server: ServerMetadata) -> str:
    """Return the method to ask for: the best of those that the server has (AUTHC-26)."""
    offered = server.token_endpoint_auth_methods_supported
    if offered is None:
        return "none"
    found = next((method for method in _PREFERRED if method in offered), None)
    if found is None:
        raise AuthorizationError(
            f"{shown(server.issuer)} wants clients to prove themselves by {', '.join(offered)[:200]}"
        )
    return found


def _proving(known: Identity, server: ServerMetadata) -> Identity:
    """Return an identity with a method that the server has, where the user left that open."""
    if known.method != "auto":
        return known
    if not known.secret:
        return msgspec.structs.replace(known, method="none")
    offered = server.token_endpoint_auth_methods_supported
    # Without a word of the server's, Basic is what holds (RFC 8414, section 2).
    basic = offered is None or "client_secret_basic" in offered or "client_secret_post" not in offered
    return msgspec.structs.replace(known, method="client_secret_basic" if basic else "client_secret_post")


def _said(answer: Fetched) -> str:
    try:
        refused = read_document(answer.body, Refused, "the error")
    except MalformedError:
        return ""
    text = f"{refused.error}: {refused.error_description}" if refused.error_description else refused.error
    return ", " + "".join(character if character.isprintable() else "?" for character in text[:300])
