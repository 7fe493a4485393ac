"""Logins at an identity provider: it is asked after consent, answers one browser once, and its tokens end there."""

import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
import pytest
from joserfc import jwt as jose
from joserfc.jwk import ECKey
from tests.auth.desk import APP, CALLBACK, Browser, Desk, Reply, desk
from tests.transport.raw_peer import Got, serving

from dragoman import AuthorizationServer, Broker, LocalError
from dragoman.protocol.code_flow import challenge_of

SECRET = "upstream-token-that-nobody-may-see"


class Provider:
    """An identity provider. `claims`, `answer` and `metadata` are what it says otherwise than it should."""

    url = ""

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256", {"kid": "idp", "use": "sig", "alg": "ES256"})
        self.claims: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.answer: dict[str, str | None] = {}
        self.nonce = self.challenge = ""
        self.forms: list[dict[str, str]] = []
        self.authorized: list[str] = []
        self.status = 200

    async def serve(self, got: Got) -> None:
        path = urlsplit(got.target).path
        if path == "/.well-known/openid-configuration":
            usual = {
                "issuer": self.url, "authorization_endpoint": f"{self.url}/auth", "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
            }  # fmt: skip
            got.reply({**usual, **self.metadata})
        elif path == "/keys":
            got.reply({"keys": [self.key.as_dict(private=False)]})
        elif path == "/token":
            form = dict(parse_qsl(got.body.decode()))
            self.forms.append(form)
            self.authorized.append(got.headers.get("authorization", ""))
            fine = challenge_of(form.get("code_verifier", "")) == self.challenge and form["code"] == "idp-code"
            now = int(time.time())
            claims = {"iss": self.url, "aud": "broker", "sub": "u-17", "iat": now, "exp": now + 60, "nonce": self.nonce}
            claims |= {"email": "ann@example.com", **self.claims}
            signed = jose.encode({"alg": "ES256", "kid": "idp"}, claims, self.key)
            tokens = {"access_token": SECRET, "id_token": signed, "token_type": "Bearer", "refresh_token": SECRET}
            got.reply(tokens if fine else {"error": "invalid_grant"}, self.status if fine else 400)
        elif path == "/auth":
            got.reply(b"<title>provider</title>", content_type="text/html")
        else:
            got.reply(b"", 404)

    def agreed(self, location: str, **changes: str) -> str:
        """What the user's browser brings back from here."""
        asked = dict(parse_qsl(urlsplit(location).query))
        assert location.startswith(f"{self.url}/auth?") and asked["code_challenge_method"] == "S256"
        self.nonce, self.challenge = asked["nonce"], asked["code_challenge"]
        answer = {"code": "idp-code", "state": asked["state"], **self.answer, **changes}
        return f"{asked['redirect_uri']}?{urlencode({k: v for k, v in answer.items() if v is not None})}"


@contextlib.asynccontextmanager
async def brokered(**options: Any) -> AsyncIterator[tuple[Desk, Provider]]:
    idp = Provider()
    async with serving(idp.serve) as url:
        idp.url = url.removesuffix("/mcp")
        login = Broker(idp.url, "broker", "broker-secret", name="Example", algorithms=("ES256",), **options)
        async with desk(login, clients={"app": APP, "other": {**APP, "client_name": "Other"}}) as there:
            yield there, idp


async def consented(there: Desk, client: str = "app") -> str:
    """Return where the user is sent who agreed on our page."""
    return (await there.browser.send(await there.browser.get(there.asks(client)), answer="allow")).location


def refused(reply: Reply) -> bool:
    return reply.status == 403 and "location" not in reply.headers


async def test_a_user_logs_in_elsewhere_and_gets_our_own_token() -> None:
    """AUTHAS-08: and the provider's never leaves us."""
    async with brokered() as (there, idp):
        page = await there.browser.get(there.asks(scope="notes:write"))
        assert "You log in at" in page.text and "Example" in page.text
        location = (await there.browser.send(page, answer="allow")).location
        back = await there.browser.get(idp.agreed(location))
        assert back.status == 303 and back.location.startswith(CALLBACK) and back.answer["iss"] == there.url
        tokens = await there.redeem(back.answer["code"])
        claims = jwt.decode(tokens.json["access_token"], options={"verify_signature": False})
        assert claims["sub"] == "u-17" and claims["email"] == "ann@example.com" and claims["iss"] == there.url
        assert await there.good(tokens.json["access_token"])
        assert SECRET not in tokens.text + back.text + str(back.headers) + page.text
        assert "broker-secret" not in location and idp.authorized[0].startswith("Basic ")


async def test_nothing_goes_to_the_provider_before_consent() -> None:
    """AUTHAS-08, threat 2: consented for one client already, the other is asked about all the same."""
    async with brokered() as (there, idp):
        await there.browser.get(idp.agreed(await consented(there)))
        page = await there.browser.get(there.asks("other"))
        assert page.status == 200 and "location" not in page.headers and "Other" in page.text
        assert (await there.browser.send(page, answer="deny")).answer["error"] == "access_denied"
        assert (await consented(there, "other")).startswith(f"{idp.url}/auth?")


async def test_the_answer_counts_only_in_the_browser_that_consented() -> None:
    """AUTHAS-08, threat 2 (CVE-2026-27124): an attacker consents, and has the victim's browser come back."""
    async with brokered() as (there, idp):
        back = idp.agreed(await consented(there))
        victim, other = Browser(), Browser()
        await other.get(there.asks())
        assert refused(await victim.get(back)) and refused(await other.get(back))
        assert not idp.forms, "the code of the victim was not even sent to the provider"
        assert (await there.browser.get(back)).answer["code"]


async def test_an_answer_counts_once() -> None:
    """AUTHAS-08: threats 2 and 41."""
    async with brokered() as (there, idp):
        back = idp.agreed(await consented(there))
        assert (await there.browser.get(back)).answer["code"]
        assert refused(await there.browser.get(back))
        for state in ("", "x", "a-state"):
            assert refused(await there.browser.get(f"{there.url}/callback?{urlencode({'code': 'c', 'state': state})}"))


@pytest.mark.parametrize("changes", [
    {"claims": {"nonce": "another"}}, {"claims": {"aud": "other"}}, {"claims": {"iss": "https://evil.example"}},
    {"claims": {"exp": 1}}, {"answer": {"iss": "https://evil.example"}}, {"answer": {"error": "access_denied"}},
    {"answer": {"code": None}}, {"answer": {"code": "wrong"}},
    {"metadata": {"authorization_response_iss_parameter_supported": True}},
])  # fmt: skip
async def test_an_answer_that_proves_nothing_lets_nobody_in(changes) -> None:
    """AUTHAS-08, threat 39: the client gets an error of ours, and nothing of what the provider said."""
    async with brokered() as (there, idp):
        for name, value in changes.items():
            setattr(idp, name, value)
        reply = await there.browser.get(idp.agreed(await consented(there)))
        assert reply.answer["error"] == "access_denied" and "code" not in reply.answer
        assert "evil" not in reply.location


async def test_a_provider_that_is_away_is_said_to_be() -> None:
    async with brokered() as (there, idp):
        location = await consented(there)
        idp.status = 503
        reply = await there.browser.get(idp.agreed(location))
        assert reply.answer["error"] == "temporarily_unavailable"
        idp.status = 200
        assert (await there.browser.get(idp.agreed(await consented(there)))).answer["code"]


async def test_who_may_come_in_is_decided_here() -> None:
    async with brokered(admits=lambda person: person.claims["email"] == "bob@example.com") as (there, idp):
        reply = await there.browser.get(idp.agreed(await consented(there)))
        assert reply.answer["error"] == "access_denied"
        idp.claims = {"email": "bob@example.com"}
        assert (await there.browser.get(idp.agreed(await consented(there)))).answer["code"]
        idp.claims = {"email": "bob@example.com", "email_verified": False}
        # The function fails on what is not there any more, and lets nobody in.
        failed = await there.browser.get(idp.agreed(await consented(there)))
        assert failed.answer["error"] == "access_denied"


def test_presets_name_the_provider_and_hide_the_secret() -> None:
    def anybody(person: object) -> bool:
        return True

    made = [
        Broker.google("id", "secret-x", anybody),
        Broker.github("id", "secret-x", anybody),
        Broker.entra("tenant", "id", "secret-x"),
        Broker.okta("example.okta.com", "id", "secret-x"),
        Broker.auth0("example.eu.auth0.com", "id", "secret-x"),
        Broker.keycloak("https://keys.example.com/", "staff", "id", "secret-x"),
    ]
    assert [broker.issuer for broker in made] == [
        "https://accounts.google.com",
        "https://github.com/login/oauth",
        "https://login.microsoftonline.com/tenant/v2.0",
        "https://example.okta.com",
        "https://example.eu.auth0.com/",
        "https://keys.example.com/realms/staff",
    ]
    assert not any("secret-x" in repr(broker) for broker in made)


def test_where_anybody_has_an_account_the_owner_says_who_comes_in() -> None:
    with pytest.raises(LocalError, match="admits"):
        Broker("https://accounts.google.com", "id", "secret")
    with pytest.raises(LocalError, match="registered"):
        Broker("https://idp.example", "id", "")
    assert Broker("https://idp.example", "id", "secret").name == "idp.example"


async def test_over_https_the_cookie_is_of_this_host_alone() -> None:
    """AUTHAS-08: `__Host-`, Secure, without a script's reach."""
    auth = AuthorizationServer(
        "https://auth.example.com",
        login=lambda visitor: "ann",
        clients={"app": APP},
        resources={"https://a.example/mcp": []},
    )
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    query = urlencode({
        "response_type": "code", "client_id": "app", "redirect_uri": CALLBACK, "code_challenge": "c" * 43,
        "code_challenge_method": "S256", "resource": "https://a.example/mcp",
    }).encode()  # fmt: skip
    headers = [(b"host", b"auth.example.com")]
    scope = {"type": "http", "method": "GET", "path": "/authorize", "query_string": query, "headers": headers}
    await auth(scope, receive, send)
    fields = dict(sent[0]["headers"])
    assert sent[0]["status"] == 200
    cookie = fields[b"set-cookie"].decode()
    assert cookie.startswith("__Host-dragoman-browser=") and cookie.endswith("; Secure") and "HttpOnly" in cookie
    assert "Domain" not in cookie and "Path=/;" in cookie
    await auth.close()
