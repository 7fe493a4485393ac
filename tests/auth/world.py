"""A resource server and two authorization servers over real sockets, as good or as bad as a test wants them.

Every request is recorded, so that a refusal is judged by what left the client: no code, no token, no secret.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from tests.canary import plant, watch
from tests.transport.raw_peer import DISCOVERED, Got, serving

from dragoman import Client, OAuth

PRM = "/.well-known/oauth-protected-resource"
SERVER = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"
CALLBACK = "http://127.0.0.1:3000/callback"
SECRET = 8  # characters from which on a text is watched for: shorter ones stand in others by chance


@dataclass
class Seen:
    """One request that reached a server."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def text(self) -> str:
        """All of it, for a search for what must not be there."""
        return f"{self.path}?{urlencode(self.query)} {self.headers} {self.body!r}"


@dataclass
class Issuer:
    """An authorization server. `metadata` members that are None are left out; `token` answers instead of the usual."""

    origin: str = ""
    path: str = ""
    documents: list[str] = field(default_factory=list)  # where the metadata is; the RFC 8414 place if empty
    metadata: dict[str, Any] = field(default_factory=dict)
    redirect: dict[str, str | None] = field(default_factory=dict)  # what the answer to the browser holds otherwise
    registration: dict[str, Any] = field(default_factory=dict)
    token: Callable[[Seen], tuple[int, Any, dict[str, str]] | None] = lambda seen: None
    seen: list[Seen] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    given: list[str] = field(default_factory=list)
    expires_in: float | None = 3600
    refreshes: bool = True
    moved: dict[str, tuple[int, str]] = field(default_factory=dict)  # a part of a path: status and address

    @property
    def issuer(self) -> str:
        return f"{self.origin}{self.path}"

    def at(self, end: str) -> list[Seen]:
        """The requests to one endpoint."""
        return [seen for seen in self.seen if seen.path.endswith(end)]

    @property
    def tokens(self) -> list[dict[str, str]]:
        """The forms that came to the token endpoint."""
        return [seen.form for seen in self.at("/token")]

    def described(self) -> dict[str, Any]:
        base = self.issuer
        usual = {
            "issuer": base,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "registration_endpoint": f"{base}/register",
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "authorization_response_iss_parameter_supported": True,
        }
        return {name: value for name, value in {**usual, **self.metadata}.items() if value is not None}

    async def answer(self, got: Got) -> None:
        parts = urlsplit(got.target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        seen = Seen(got.method, parts.path, query, got.headers, got.body)
        self.seen.append(seen)
        gone = next((to for end, to in self.moved.items() if end in parts.path), None)
        if gone is not None:
            got.reply(b"", gone[0], location=gone[1])
        elif parts.path in (self.documents or [f"{SERVER}{self.path}"]):
            got.reply(self.described())
        elif parts.path == f"{self.path}/authorize":
            got.reply(b"", 302, location=self.agreed(query))
        elif parts.path == f"{self.path}/register":
            registered = {"client_id": f"client-{len(self.at('/register'))}", **self.registration}
            got.reply(registered, 400 if "error" in registered else 201)
        elif parts.path == f"{self.path}/token":
            self.exchange(got, seen)
        else:
            got.reply(b"nothing here", 404)

    def agreed(self, query: dict[str, str]) -> str:
        """The address that the browser is sent to."""
        code = plant(f"code-{secrets.token_hex(12)}")
        self.codes[code] = query
        answer = {"code": code, "state": query.get("state"), "iss": self.issuer, **self.redirect}
        return f"{query['redirect_uri']}?{urlencode({k: v for k, v in answer.items() if v is not None})}"

    def exchange(self, got: Got, seen: Seen) -> None:
        form = seen.form
        for name in ("code_verifier", "client_secret", "assertion", "client_assertion", "refresh_token"):
            if len(form.get(name, "")) >= SECRET:
                plant(form[name])
        if (basic := seen.headers.get("authorization", "")).startswith("Basic "):
            plant(basic.removeprefix("Basic "))
        if (other := self.token(seen)) is not None:
            status, body, headers = other
            return got.reply(body, status, **headers)
        if form["grant_type"] == "authorization_code":
            asked = self.codes.pop(form["code"], None)
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
            if asked is None or asked["code_challenge"] != challenge or asked["redirect_uri"] != form["redirect_uri"]:
                return got.reply({"error": "invalid_grant"}, 400)
        token = plant(f"token-{len(self.seen)}-{secrets.token_hex(8)}")
        self.given.append(token)
        bound = "dpop" in seen.headers
        body = {"access_token": token, "token_type": "DPoP" if bound else "Bearer"}
        if self.expires_in is not None:
            body["expires_in"] = self.expires_in
        if self.refreshes:
            body["refresh_token"] = plant(f"refresh-{token}")
        return got.reply(body)


@dataclass
class World:
    """A server at `url` behind the issuer `one`; `two` is another, honest or not."""

    url: str = ""
    one: Issuer = field(default_factory=Issuer)
    two: Issuer = field(default_factory=Issuer)
    seen: list[Seen] = field(default_factory=list)
    prm: dict[str, Any] | None = field(default_factory=dict)  # members that differ; None for no metadata at all
    prm_path: str = f"{PRM}/mcp"
    challenge: str | None = None  # the WWW-Authenticate of a 401; None for the usual
    issuer: Issuer | None = None  # who the server names, `one` unless given
    accepts: Callable[[Seen], tuple[int, str] | None] | None = None  # a refusal as status and challenge
    behaves: Callable[[Got], Awaitable[None]] | None = None  # answers in place of the usual
    nonce: str = ""  # that a proof must hold
    pages: list[str] = field(default_factory=list)  # that the user was shown

    @property
    def origin(self) -> str:
        return self.url.removesuffix("/mcp")

    @property
    def calls(self) -> list[Seen]:
        """What was asked of the MCP endpoint."""
        return [seen for seen in self.seen if seen.path == "/mcp"]

    @property
    def named(self) -> Issuer:
        return self.issuer or self.one

    def usual_challenge(self) -> str:
        return f'Bearer resource_metadata="{self.origin}{self.prm_path}"' if self.prm is not None else "Bearer"

    async def answer(self, got: Got) -> None:
        parts = urlsplit(got.target)
        seen = Seen(got.method, parts.path, dict(parse_qsl(parts.query)), got.headers, got.body)
        self.seen.append(seen)
        if parts.path == self.prm_path and self.prm is not None:
            usual = {"resource": self.url, "authorization_servers": [self.named.issuer]}
            return got.reply({k: v for k, v in {**usual, **self.prm}.items() if v is not None})
        if parts.path != "/mcp":
            return got.reply(b"nothing here", 404)
        if (refusal := self.judge(seen)) is not None:
            status, challenge = refusal
            extra = {"dpop_nonce": self.nonce} if self.nonce and "use_dpop_nonce" in challenge else {}
            return got.reply({"error": "no"}, status, www_authenticate=challenge, **extra)
        method = got.json["method"]
        if method == "server/discover":
            return got.result(DISCOVERED)
        body = {"tools": []} if method == "tools/list" else {"content": [{"type": "text", "text": "done"}]}
        return got.result({"resultType": "complete", "ttlMs": 0, "cacheScope": "private", **body})

    def judge(self, seen: Seen) -> tuple[int, str] | None:
        if self.accepts is not None:
            return self.accepts(seen)
        token = seen.headers.get("authorization", "").partition(" ")[2]
        if token and token in self.named.given:
            return None
        return 401, self.challenge if self.challenge is not None else self.usual_challenge()

    # --- the user -------------------------------------------------------------------------------------------

    async def visit(self, url: str) -> str:
        """Do what a user with a browser does who agrees to everything: return where the browser ends."""
        self.pages.append(url)
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        issuer = next(item for item in (self.one, self.two) if item.origin == f"{parts.scheme}://{parts.netloc}")
        issuer.seen.append(Seen("GET", parts.path, query, {}, b""))
        return issuer.agreed(query)

    def oauth(self, **settings: Any) -> OAuth:
        """Return what logs the user in, without a browser."""
        return OAuth(**{"on_authorize": self.visit, "redirect_uri": CALLBACK, **settings})

    async def use(self, auth: Any = None, *, calls: int = 1) -> list[str]:
        """Open a client, call a tool so many times, and return the texts."""
        async with Client(self.url, auth=auth or self.oauth(), mode="modern", timeout=20) as client:
            return [(await client.call_tool("tool", {})).text for _ in range(calls)]

    def leaked(self, *words: str) -> list[str]:
        """Return which of `words` any server saw."""
        everything = " ".join(seen.text for place in (self, self.one, self.two) for seen in place.seen)
        return [word for word in words if word in everything]

    def nothing_left(self) -> bool:
        """Whether neither a code nor a token nor a verifier was ever sent."""
        forms = [*self.one.tokens, *self.two.tokens]
        return not forms and not any("authorization" in seen.headers for seen in self.seen)


@contextlib.asynccontextmanager
async def world(**settings: Any) -> AsyncIterator[World]:
    """Serve a world until the block ends."""
    made = World(**settings)
    watch()

    async def answer(got: Got) -> None:
        await (made.behaves or made.answer)(got)

    async with serving(answer) as url, serving(made.one.answer) as one, serving(made.two.answer) as two:
        made.url, made.one.origin, made.two.origin = url, one.removesuffix("/mcp"), two.removesuffix("/mcp")
        yield made


def claims_of(jwt: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of a JWT, not verified."""
    head, body, _ = jwt.split(".")
    return tuple(json.loads(base64.urlsafe_b64decode(part + "==")) for part in (head, body))  # type: ignore[return-value]
