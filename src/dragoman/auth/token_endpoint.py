"""Asking a token endpoint: a form goes out with proof of who asks, a token or an error comes back.

Nothing is sent to an address that is not https, nor to any but the one in metadata that was judged.
Source: OAuth 2.1 draft 13, sections 2.4 and 3.2; RFC 7523, section 2.2; RFC 9449, section 5.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import quote_plus, urlencode

from dragoman.auth.nonces import Nonces
from dragoman.auth.signing import ProofKey, client_assertion
from dragoman.auth.wallet import Identity
from dragoman.errors import AuthorizationError, MalformedError, TransportError
from dragoman.ports.fetch import Fetched, Fetcher
from dragoman.protocol.authorization import Refused, ServerMetadata, TokenAnswer, read_document, read_token
from dragoman.protocol.discovery import check_endpoint, shown

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FORM = "application/x-www-form-urlencoded"
METHODS = ("none", "client_secret_basic", "client_secret_post", "private_key_jwt")


class TokenRefusedError(AuthorizationError):
    """A token endpoint said no: `error` is its code. Its words may be shown, they come from the server asked."""

    def __init__(self, where: str, refused: Refused) -> None:
        error = "".join(character if character.isprintable() else "?" for character in refused.error[:100])
        said = "".join(character if character.isprintable() else "?" for character in refused.error_description[:300])
        super().__init__(f"{where} gave no token ({error}{': ' + said if said else ''})")
        self.error = error


class TokenEndpoint:
    """Asks for tokens. `nonces` are shared with whoever sends the tokens."""

    def __init__(self, fetcher: Fetcher, nonces: Nonces) -> None:
        self._fetcher = fetcher
        self._nonces = nonces

    async def ask(
        self, server: ServerMetadata, form: Mapping[str, str], who: Identity, key: ProofKey | None = None
    ) -> TokenAnswer:
        """Return what the server gives for `form`; with `key`, a token that is bound to it.

        Raises TokenRefusedError when it says no, and AuthorizationError when what it says cannot be used.
        """
        return await self.post(server.token_endpoint, server.issuer, form, who, key)

    async def post(
        self, url: str, issuer: str, form: Mapping[str, str], who: Identity, key: ProofKey | None = None
    ) -> TokenAnswer:
        """Ask the token endpoint at `url`, as `ask` does."""
        check_endpoint(url, "token endpoint")
        body, headers = _signed(form, who, issuer)
        answer = await self._once(url, body, headers, key)
        if answer.status in (400, 401) and key is not None and _error(answer) == "use_dpop_nonce":
            # Once: a server that wants another nonce each time would never be content.
            body, headers = _signed(form, who, issuer)
            answer = await self._once(url, body, headers, key)
        where = shown(url)
        if answer.status == 200:
            try:
                return _judged(read_token(answer.body, f"the answer of {where}"), key is not None, where)
            except MalformedError as error:
                raise AuthorizationError(str(error)) from None
        if answer.status >= 500 or answer.status == 429:
            raise TransportError(f"{where} answered HTTP {answer.status}; try again later")
        raise TokenRefusedError(where, Refused(_error(answer) or f"HTTP {answer.status}", _said(answer)))

    async def revoke(self, server: ServerMetadata, token: str, who: Identity) -> bool:
        """Tell the server that a token is used no more (RFC 7009); returns whether it took that."""
        if not server.revocation_endpoint:
            return False
        check_endpoint(server.revocation_endpoint, "revocation endpoint")
        body, headers = _signed({"token": token}, who, server.issuer)
        return (await self._fetcher.post(server.revocation_endpoint, body, headers)).status == 200

    async def _once(self, url: str, body: bytes, headers: dict[str, str], key: ProofKey | None) -> Fetched:
        if key is not None:
            headers = {**headers, "dpop": key.proof("POST", url, nonce=self._nonces.of(url))}
        answer = await self._fetcher.post(url, body, headers)
        self._nonces.hear(url, answer.headers)
        return answer


def _signed(form: Mapping[str, str], who: Identity, issuer: str) -> tuple[bytes, dict[str, str]]:
    """Return body and header fields of a request that proves to come from `who`, by its method (AUTHC-26)."""
    fields, headers = dict(form), {"content-type": FORM, "accept": "application/json"}
    if who.method == "client_secret_basic":
        pair = f"{quote_plus(who.client_id)}:{quote_plus(who.secret)}"
        headers["authorization"] = "Basic " + b64encode(pair.encode()).decode()
    elif who.method == "private_key_jwt":
        fields["client_assertion_type"] = ASSERTION
        fields["client_assertion"] = client_assertion(who.client_id, issuer, who.key, who.algorithm)
    elif who.client_id:
        fields["client_id"] = who.client_id
        if who.method == "client_secret_post":
            fields["client_secret"] = who.secret
    return urlencode(fields).encode(), headers


def _refusal(answer: Fetched) -> Refused | None:
    try:
        return read_document(answer.body, Refused, "the error")
    except MalformedError:
        return None


def _error(answer: Fetched) -> str:
    refused = _refusal(answer)
    return refused.error if refused is not None else ""


def _said(answer: Fetched) -> str:
    refused = _refusal(answer)
    return refused.error_description if refused is not None else ""


def _judged(answer: TokenAnswer, bound: bool, where: str) -> TokenAnswer:
    kind = answer.token_type.lower()
    if kind == "n_a" and answer.issued_token_type:
        return answer  # a token to be exchanged, not to be sent (RFC 8693, section 2.2.1)
    if kind not in ("bearer", "dpop") or (kind == "dpop" and not bound):
        raise AuthorizationError(f"{where} gave a token of a kind that cannot be used here: {answer.token_type[:40]!r}")
    if bound and kind != "dpop":
        raise AuthorizationError(f"{where} gave a token that is not bound to our key, though one was asked for (DPoP)")
    return answer
