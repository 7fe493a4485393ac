"""A file's own authorization server (`auth_server_provider=`), served by ours: from registration to revocation."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
import pytest
from tests.transport.raw_http import Answer, Ask, call, in_process, modern

from dragoman.compat.oauth import check_resource_allowed, construct_redirect_uri, resource_url_from_server_url
from dragoman.protocol.code_flow import challenge_of

BASE = "http://127.0.0.1:8000"
RESOURCE = f"{BASE}/mcp"
BACK = "http://127.0.0.1:9000/back"
VERIFIER = "v" * 43
FILE = """
import secrets
import time

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import (
    AccessToken, AuthorizationCode, AuthorizationParams, AuthorizeError, OAuthAuthorizationServerProvider,
    RefreshToken, construct_redirect_uri,
)
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions, RevocationOptions
from mcp.server.mcpserver import MCPServer
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken


class Provider(OAuthAuthorizationServerProvider[AuthorizationCode, RefreshToken, AccessToken]):
    def __init__(self):
        self.clients, self.codes, self.tokens = {}, {}, {}

    async def get_client(self, client_id):
        return self.clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull):
        self.clients[client_info.client_id] = client_info

    async def authorize(self, client, params: AuthorizationParams) -> str:
        if params.state == "no":
            raise AuthorizeError("access_denied", "not today")
        code = AuthorizationCode(
            code=secrets.token_hex(8), scopes=params.scopes or ["notes"], expires_at=time.time() + 60,
            client_id=client.client_id, code_challenge=params.code_challenge, redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly, resource=params.resource,
            subject="ann",
        )
        self.codes[code.code] = code
        return construct_redirect_uri(str(params.redirect_uri), code=code.code, state=params.state)

    async def load_authorization_code(self, client, authorization_code):
        return self.codes.get(authorization_code)

    async def exchange_authorization_code(self, client, authorization_code):
        del self.codes[authorization_code.code]
        token = AccessToken(
            token=secrets.token_hex(8), client_id=client.client_id, scopes=authorization_code.scopes,
            resource=authorization_code.resource, subject=authorization_code.subject,
        )
        self.tokens[token.token] = token
        return OAuthToken(access_token=token.token, expires_in=60, scope=" ".join(token.scopes))

    async def load_access_token(self, token):
        return self.tokens.get(token)

    async def load_refresh_token(self, client, refresh_token):
        raise NotImplementedError

    async def revoke_token(self, token):
        del self.tokens[token.token]


mcp = MCPServer(
    "Notes",
    auth_server_provider=Provider(),
    auth=AuthSettings(
        issuer_url="http://127.0.0.1:8000",
        resource_server_url="http://127.0.0.1:8000/mcp",
        required_scopes=["notes"],
        client_registration_options=ClientRegistrationOptions(
            enabled=True, valid_scopes=["notes"], default_scopes=["notes"]
        ),
        revocation_options=RevocationOptions(enabled=True),
    ),
)


@mcp.tool()
def whoami() -> str:
    token = get_access_token()
    return f"{token.subject} with {token.client_id}"
"""


class Browser:
    """Speaks to the application as browsers and clients do."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.client: dict[str, Any] = {}

    async def get(self, path: str, **query: str) -> Answer:
        async def asked(scope: Any, receive: Any, send: Any) -> None:
            await self.app({**scope, "query_string": urlencode(query).encode()}, receive, send)

        return await in_process(asked, Ask(method="GET", path=path))

    async def post(self, path: str, fields: dict[str, str] | None = None, body: Any = None) -> Answer:
        kind = "application/json" if fields is None else "application/x-www-form-urlencoded"
        data = msgspec.json.encode(body) if fields is None else urlencode(fields).encode()
        return await in_process(self.app, Ask(data, {"content-type": kind}, path=path))

    async def register(self, **changes: Any) -> Answer:
        answer = await self.post("/register", body={"redirect_uris": [BACK], "client_name": "test", **changes})
        if answer.status == 201:
            self.client = answer.json
        return answer

    def secret(self) -> dict[str, str]:
        return {name: self.client[name] for name in ("client_id", "client_secret") if name in self.client}

    async def code(self, **changes: str) -> dict[str, str]:
        asked = {
            "client_id": self.client["client_id"], "redirect_uri": BACK, "response_type": "code", "state": "s",
            "code_challenge": challenge_of(VERIFIER), "code_challenge_method": "S256", "resource": RESOURCE, **changes,
        }  # fmt: skip
        answer = await self.get("/authorize", **asked)
        assert answer.status == 302
        return {name: one[0] for name, one in parse_qs(urlsplit(answer.headers["location"]).query).items()}

    async def token(self, **changes: str) -> Answer:
        fields = {"grant_type": "authorization_code", "redirect_uri": BACK, "code_verifier": VERIFIER, **self.secret()}
        return await self.post("/token", {**fields, **changes})


@pytest.fixture
def browser(loaded) -> Browser:
    return Browser(loaded(FILE).asgi(allowed_hosts=["127.0.0.1:8000"]))


async def test_the_whole_way_from_registration_to_a_call_and_the_end_of_its_token(browser) -> None:
    metadata = (await browser.get("/.well-known/oauth-authorization-server")).json
    assert metadata["issuer"] == BASE and metadata["token_endpoint"] == f"{BASE}/token"
    assert metadata["registration_endpoint"] == f"{BASE}/register"
    assert (await browser.register()).status == 201
    found = await browser.code()
    assert found["state"] == "s"
    token = (await browser.token(code=found["code"], resource=RESOURCE)).json
    assert token["token_type"] == "Bearer" and token["scope"] == "notes"
    bearer = {"authorization": f"Bearer {token['access_token']}"}
    said = await in_process(browser.app, call("whoami", headers=bearer))
    assert said.json["result"]["content"][0]["text"] == f"ann with {browser.client['client_id']}"
    assert (await in_process(browser.app, modern("tools/list"))).status == 401
    assert (await browser.post("/revoke", {"token": token["access_token"], **browser.secret()})).status == 200
    assert (await in_process(browser.app, modern("tools/list", headers=bearer))).status == 401


async def test_codes_are_good_once_for_whom_and_with_what_they_were_asked_for(browser) -> None:
    await browser.register()
    wrong: list[dict[str, str]] = [
        {"code_verifier": "w" * 43},
        {"redirect_uri": "http://127.0.0.1:9000/other"},
        {"resource": "https://other.example/mcp"},
        {"client_secret": "wrong"},
        {"grant_type": "password"},
    ]
    for change in wrong:
        code = (await browser.code())["code"]
        refused = await browser.token(**{"code": code, **change})
        assert refused.status in (400, 401) and "access_token" not in refused.json, change
    code = (await browser.code())["code"]
    assert (await browser.token(code=code)).status == 200
    assert (await browser.token(code=code)).json["error"] == "invalid_grant"


async def test_a_client_without_a_secret_proves_itself_by_pkce_and_one_with_a_secret_by_that(browser) -> None:
    await browser.register(token_endpoint_auth_method="none")
    assert "client_secret" not in browser.client
    code = (await browser.code())["code"]
    assert (await browser.token(code=code)).status == 200
    await browser.register()
    code = (await browser.code())["code"]
    without = await browser.post("/token", {
        "grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER, "redirect_uri": BACK,
        "client_id": browser.client["client_id"],
    })  # fmt: skip
    assert without.status == 401 and without.json["error"] == "invalid_client"


async def test_users_are_sent_only_to_addresses_that_a_client_registered(browser) -> None:
    await browser.register()
    for asked in ({"redirect_uri": "https://evil.example/"}, {"client_id": "nobody"}):
        fields = {"client_id": browser.client["client_id"], "redirect_uri": BACK, "response_type": "code", **asked}
        answer = await browser.get("/authorize", **fields)
        assert answer.status == 400 and "location" not in answer.headers
    assert (await browser.code(code_challenge=""))["error"] == "invalid_request"
    assert (await browser.code(scope="everything"))["error"] == "invalid_scope"
    refused = await browser.code(state="no")
    assert (refused["error"], refused["error_description"], refused["state"]) == ("access_denied", "not today", "no")


async def test_registrations_that_cannot_be_are_refused(browser) -> None:
    for change in (
        {"redirect_uris": ["http://elsewhere.example/back"]},
        {"redirect_uris": []},
        {"scope": "everything"},
        {"grant_types": ["authorization_code", "urn:ietf:params:oauth:grant-type:jwt-bearer"]},
    ):
        assert (await browser.register(**change)).status == 400, change


async def test_registrations_are_bounded_by_the_minute(browser) -> None:
    answers = [(await browser.register()).status for _ in range(21)]
    assert answers == [201] * 20 + [429]


async def test_routes_of_a_file_are_served_however_it_is_served(loaded) -> None:
    pytest.importorskip("starlette")
    server = loaded("""
    from mcp.server.fastmcp import FastMCP
    from starlette.responses import PlainTextResponse

    mcp = FastMCP("routes")

    @mcp.custom_route("/health/{name}", methods=["GET"])
    async def health(request):
        return PlainTextResponse(f"well, {request.path_params['name']}")
    """)
    app = server.asgi()
    answer = await in_process(app, Ask(method="GET", path="/health/ann"))
    assert (answer.status, answer.body) == (200, b"well, ann")
    assert (await in_process(app, modern("server/discover"))).status == 200
    assert (await in_process(app, Ask(method="GET", path="/other"))).status == 404


async def test_a_low_level_server_asks_whom_it_says_it_asks(loaded) -> None:
    server = loaded(
        FILE.rpartition("mcp = MCPServer(")[0]
        + """
from mcp.server.auth.provider import ProviderTokenVerifier
from mcp.server.lowlevel import Server

low = Server("low")
provider = Provider()
app = low.streamable_http_app(
    auth=AuthSettings(issuer_url="http://127.0.0.1:8000", resource_server_url="http://127.0.0.1:8000/mcp"),
    token_verifier=ProviderTokenVerifier(provider),
    auth_server_provider=provider,
)
"""
    )
    refused = await in_process(server.asgi(), modern("server/discover"))
    assert refused.status == 401


@pytest.mark.parametrize(
    ("asked", "own", "allowed"),
    [
        ("https://a.example/mcp", "https://a.example/mcp", True),
        ("https://a.example/mcp/deep", "https://a.example/mcp", True),
        ("https://a.example/mcpother", "https://a.example/mcp", False),
        ("https://b.example/mcp", "https://a.example/mcp", False),
    ],
)
def test_a_resource_is_allowed_at_or_below_the_server(asked: str, own: str, allowed: bool) -> None:
    assert check_resource_allowed(asked, own) is allowed


def test_addresses_are_made_as_oauth_names_them() -> None:
    assert resource_url_from_server_url("HTTPS://A.example/mcp#x") == "https://a.example/mcp"
    assert construct_redirect_uri("http://x/back?a=1", code="c d", state=None) == "http://x/back?a=1&code=c+d"
