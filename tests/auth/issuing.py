"""An authorization server of a few lines, as far as a resource server sees one: metadata, keys, introspection.

Tokens are made by PyJWT, which shares no code with what judges them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import jwt as pyjwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tests.canary import plant
from tests.transport.raw_http import Answer, Ask
from tests.transport.raw_peer import Got, serving

from dragoman import Server
from dragoman.transport.asgi import Endpoint

RESOURCE = "http://127.0.0.1:8000/mcp"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def jwk(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    algorithm = pyjwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else pyjwt.algorithms.ECAlgorithm
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid, "use": "sig", **more}


class Issuer:
    """One issuer; what it does wrong is set by the tests."""

    def __init__(self) -> None:
        self.url = ""
        self.keys = [jwk(RSA_KEY, "one"), jwk(EC_KEY, "two")]
        self.named: str | None = None
        self.down = False
        self.held: asyncio.Event | None = None
        self.asked: list[str] = []
        self.active: dict[str, dict[str, Any]] = {}
        self.seen: list[Got] = []

    def claims(self, **change: Any) -> dict[str, Any]:
        """Return the claims of a good token; those changed to None are left out."""
        now = int(time.time())
        usual = {"iss": self.url, "aud": RESOURCE, "sub": "ann", "client_id": "app", "exp": now + 300, "iat": now}
        return {name: value for name, value in {**usual, "scope": "read", **change}.items() if value is not None}

    def token(
        self, *, key: Any = RSA_KEY, alg: str = "RS256", head: dict[str, Any] | None = None, **change: Any
    ) -> str:
        stated = {"kid": "one", "typ": "at+jwt", **(head or {})}
        headers = {name: value for name, value in stated.items() if value is not None}
        return plant(pyjwt.encode(self.claims(**change), key, algorithm=alg, headers=headers))

    async def answer(self, got: Got) -> None:
        self.asked.append(got.target)
        self.seen.append(got)
        if self.held is not None:
            await self.held.wait()
        if self.down:
            got.reply({"error": "down"}, 500)
        elif got.target == "/.well-known/oauth-authorization-server":
            named = self.named or self.url
            got.reply({"issuer": named, "jwks_uri": f"{self.url}/keys", "introspection_endpoint": f"{self.url}/judge"})
        elif got.target == "/keys":
            got.reply({"keys": self.keys})
        elif got.target == "/judge":
            token = got.body.decode().partition("token=")[2].partition("&")[0]
            got.reply(self.active.get(token, {"active": False}))
        else:
            got.reply({"error": "nothing here"}, 404)


@contextlib.asynccontextmanager
async def issuing() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    async with serving(issuer.answer) as url:
        issuer.url = url.removesuffix("/mcp")
        yield issuer


def protected(auth: Any, **options: Any) -> Server:
    """Return a server with things for everybody and for some."""
    server = Server("guarded", auth=auth, **options)

    @server.tool
    def greet() -> str:
        return "hello"

    @server.tool(scopes=["write"])
    def change(what: str) -> str:
        return f"changed {what}"

    @server.tool(scopes=["write", "admin"])
    def wipe() -> str:
        return "gone"

    @server.resource("note://open")
    def note() -> str:
        return "open"

    @server.resource("note://secret", scopes=["notes"])
    def secret() -> str:
        return "secret"

    @server.resource("file://private/{name}", scopes=["files"])
    def file(name: str) -> str:
        return name

    @server.prompt(scopes=["prompts"])
    def plan() -> str:
        return "plan"

    return server


def endpoint(server: Server, **options: Any) -> Endpoint:
    return server.asgi(url=RESOURCE, **options)


def bearing(ask: Ask, token: str | None) -> Ask:
    """Return a request with a token."""
    return ask._replace(headers={**ask.headers, "authorization": None if token is None else f"Bearer {token}"})


def challenge(answer: Answer) -> str:
    return answer.headers.get("www-authenticate", "")
