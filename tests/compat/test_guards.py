"""Servers written for other packages that say who may call: our gate serves what they say, or nobody is let in."""

from __future__ import annotations

import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.auth.issuing import RESOURCE, RSA_KEY, Issuer, bearing, challenge, issuing
from tests.transport.raw_http import Answer, Ask, call, in_process

from dragoman import Client, LocalError, ToolError
from dragoman.compat.authorization import (
    AccessToken,
    AuthSettings,
    Declared,
    JWTVerifier,
    RemoteAuthProvider,
    StaticTokenVerifier,
    TokenVerifier,
    get_access_token,
    require_scopes,
)
from dragoman.compat.fast import FastMCP
from dragoman.compat.resolve import TokenClaim
from dragoman.compat.searching import BM25SearchTransform
from dragoman.compat.server import MCPServer
from dragoman.compat.transforms import Namespace
from dragoman.protocol.challenge import read_challenges

KNOWN = "/.well-known/oauth-protected-resource"
ISSUER = "https://auth.example.com"
# As the documentation of `mcp` has it, with another table of tokens.
FILE = """
from pydantic import AnyHttpUrl

from mcp.server import MCPServer
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken, TokenVerifier
from mcp.server.auth.settings import AuthSettings

RESOURCE = "http://127.0.0.1:8000/mcp"
TOKENS = {
    "alice-token": AccessToken(token="alice-token", client_id="alice", scopes=["notes:read"], resource=RESOURCE),
    "bob-token": AccessToken(token="bob-token", client_id="bob", scopes=["other"], resource=RESOURCE),
    "stray-token": AccessToken(token="x", client_id="x", scopes=["notes:read"], resource="https://other.example/mcp"),
    "bare-token": AccessToken(token="x", client_id="x", scopes=["notes:read"]),
    "old-token": AccessToken(token="x", client_id="x", scopes=["notes:read"], resource=RESOURCE, expires_at=1),
}


class Tokens(TokenVerifier):
    async def verify_token(self, token: str) -> AccessToken | None:
        return TOKENS.get(token)


mcp = MCPServer(
    "Notes",
    token_verifier=Tokens(),
    auth=AuthSettings(
        issuer_url=AnyHttpUrl("https://auth.example.com"),
        resource_server_url=AnyHttpUrl(RESOURCE),
        required_scopes=["notes:read"],
        validate_token_resource=True,
    ),
)


@mcp.tool()
def whoami() -> str:
    token = get_access_token()
    return "anonymous" if token is None else f"{token.client_id} {token.scopes} {token.token!r}"
"""


def refused(answer: Answer) -> str:
    (asked,) = read_challenges(challenge(answer))
    return f"{answer.status} {asked.error}"


async def asked(app: Any, token: str | None, tool: str = "whoami") -> Answer:
    return await in_process(app, bearing(call(tool), token))


async def test_a_file_of_the_official_package_is_protected_as_it_says(loaded: Any) -> None:
    server = loaded(FILE)
    app = server.asgi()
    assert refused(await asked(app, None)) == "401 "
    assert refused(await asked(app, "nobodys-token")) == "401 invalid_token"
    assert refused(await asked(app, "bob-token")) == "403 insufficient_scope"
    for token in ("stray-token", "bare-token", "old-token"):
        assert refused(await asked(app, token)) == "401 invalid_token"
    # What came in goes nowhere: the function learns who calls, and not by which token.
    assert (await asked(app, "alice-token")).value == "alice ['notes:read'] ''"
    document = (await in_process(app, Ask(method="GET", path=f"{KNOWN}/mcp"))).json
    assert (document["resource"], document["authorization_servers"]) == (RESOURCE, [ISSUER])
    async with Client(server) as client:  # in this process nobody is asked
        assert (await client.call_tool("whoami")).text == "anonymous"


def fast(auth: Any) -> Any:
    made = FastMCP("fast", auth=auth)

    @made.tool
    def whoami() -> str:
        token = get_access_token()
        return "anonymous" if token is None else f"{token.client_id} {sorted(token.scopes)}"

    return made.native.asgi(url=RESOURCE)


async def test_a_table_of_tokens_is_taken() -> None:
    tokens = {
        "dev-token": {"client_id": "dev", "scopes": ["read"]},
        "poor-token": {"client_id": "poor", "scopes": []},
        "late-token": {"client_id": "late", "scopes": ["read"], "expires_at": int(time.time()) - 1},
    }
    app = fast(StaticTokenVerifier(tokens, required_scopes=["read"]))
    assert (await asked(app, "dev-token")).value == "dev ['read']"
    assert refused(await asked(app, "poor-token")) == "403 insufficient_scope"
    assert refused(await asked(app, "late-token")) == "401 invalid_token"
    assert refused(await asked(app, "other-token")) == "401 invalid_token"


async def signed(issuer: Issuer, verifier: JWTVerifier, auth: Any) -> None:
    app = fast(auth)
    assert (await asked(app, issuer.token())).value == "app ['read']"
    for change in ({"aud": "https://other.example/mcp"}, {"iss": "https://evil.example"}, {"exp": 1}):
        assert refused(await asked(app, issuer.token(**change))) == "401 invalid_token"
    assert refused(await asked(app, issuer.token(scope="x"))) == "403 insufficient_scope"


async def test_signed_tokens_are_judged_as_ours_are() -> None:
    """By keys at an address, or by one in the file; and no audience means the server's own URL."""
    async with issuing() as issuer:
        pem = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        for keys in ({"jwks_uri": f"{issuer.url}/keys"}, {"public_key": pem}):
            for audience in (None, RESOURCE, [RESOURCE, "other"]):
                verifier = JWTVerifier(issuer=issuer.url, audience=audience, required_scopes=["read"], **keys)
                await signed(issuer, verifier, verifier)


async def test_a_verifier_with_its_issuer_publishes_it() -> None:
    async with issuing() as issuer:
        verifier = JWTVerifier(jwks_uri=f"{issuer.url}/keys", issuer=issuer.url, required_scopes=["read"])
        remote = RemoteAuthProvider(verifier, [issuer.url], base_url="http://127.0.0.1:8000")
        await signed(issuer, verifier, remote)
        native = FastMCP("fast", auth=remote).native
        document = (await in_process(native.asgi(), Ask(method="GET", path=f"{KNOWN}/mcp"))).json
        assert (document["resource"], document["authorization_servers"]) == (RESOURCE, [issuer.url])


class Own(TokenVerifier):
    async def verify_token(self, token: str) -> AccessToken | None:
        if token == "broken":
            raise RuntimeError("canary")
        stray = "https://other.example/mcp" if token == "stray" else None
        known = token in ("mine", "stray")
        return AccessToken(token=token, client_id="own", scopes=["read"], resource=stray) if known else None


async def test_a_files_own_verifier_is_asked_each_time() -> None:
    app = fast(Own(required_scopes=["read"]))
    assert (await asked(app, "mine")).value == "own ['read']"
    assert refused(await asked(app, "stray")) == "401 invalid_token"
    broken = await asked(app, "broken")
    assert broken.status == 503 and b"canary" not in broken.body


@pytest.mark.parametrize(
    "auth",
    [
        Declared(client_id="x"),
        RemoteAuthProvider(Declared(), [ISSUER]),
        JWTVerifier(public_key="a shared secret of thirty-two bytes", issuer=ISSUER, algorithm="HS256"),
        JWTVerifier(jwks_uri="https://x.example/keys"),  # of any issuer
    ],
    ids=["provider", "provider's verifier", "shared secret", "no issuer"],
)
async def test_what_is_not_served_lets_nobody_in(auth: Any) -> None:
    app = fast(auth)
    answer = await in_process(app, call("whoami"))
    assert b"declares authorization" in answer.body and b'"result"' not in answer.body


async def test_a_key_that_is_none_is_told_at_once() -> None:
    with pytest.raises(LocalError, match="no public key"):
        fast(JWTVerifier(public_key="-----BEGIN NOTHING-----", issuer=ISSUER))


async def test_an_issuer_without_a_public_url_says_what_is_missing() -> None:
    settings = AuthSettings(issuer_url=ISSUER, resource_server_url=None)
    server = MCPServer("x", token_verifier=Own(), auth=settings).native
    with pytest.raises(LocalError, match="url="):
        server.asgi()
    assert server.asgi(url=RESOURCE) is not None


async def test_a_tool_asks_for_its_scopes_under_whatever_name_it_is_called() -> None:
    tokens = {
        "reader": {"client_id": "reader", "scopes": ["read"]},
        "writer": {"client_id": "writer", "scopes": ["read", "write"]},
    }
    plain, renamed = (FastMCP("scoped", auth=StaticTokenVerifier(tokens, required_scopes=["read"])) for _ in range(2))
    for made in (plain, renamed):
        made.tool(lambda: "written", name="write", auth=require_scopes("write"))
        made.tool(lambda claim=TokenClaim("client_id"): claim, name="who")
    renamed.add_transform(Namespace("my"))
    renamed.add_transform(BM25SearchTransform())
    for made, name in ((plain, "write"), (renamed, "my_write")):
        app = made.native.asgi(url=RESOURCE)
        assert refused(await asked(app, "reader", name)) == "403 insufficient_scope"
        assert b'"text":"written"' in (await asked(app, "writer", name)).body
        assert b'"text":"reader"' in (await asked(app, "reader", name.replace("write", "who"))).body
    through = bearing(call("call_tool", name="my_write"), "reader")
    assert refused(await in_process(renamed.native.asgi(url=RESOURCE), through)) == "403 insufficient_scope"
    async with Client(plain.native) as client:  # in this process nobody is asked
        assert (await client.call_tool("write")).text == "written"
        with pytest.raises(ToolError, match="says nothing of 'client_id'"):
            await client.call_tool("who")
