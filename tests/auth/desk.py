"""An authorization server of ours beside a server over a real socket, and browsers with cookies that visit it."""

import asyncio
import contextlib
import hashlib
import http.client
import json
import re
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from html import unescape
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.canary import heard, plant, watch
from tests.transport.raw_http import listening

from dragoman import AuthorizationServer, Context, Server

VERIFIER = "v" * 43
CHALLENGE = urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
CALLBACK = "http://127.0.0.1:3000/callback"
APP = {"client_name": "An app", "redirect_uris": [CALLBACK]}


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def location(self) -> str:
        return self.headers.get("location", "")

    @property
    def answer(self) -> dict[str, str]:
        """The parameters of the redirect."""
        return dict(parse_qsl(urlsplit(self.location).query))

    @property
    def action(self) -> str:
        return unescape(re.search(r'action="([^"]+)"', self.text)[1])  # type: ignore[index]

    @property
    def hidden(self) -> dict[str, str]:
        return {
            name: unescape(value)
            for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', self.text)
        }

    def plant(self) -> None:
        """Watch for the secrets in it."""
        # The code of a provider that the desk itself sends users to comes back in the address, as the protocol has it.
        if self.location.startswith(CALLBACK):
            plant(self.answer.get("code", ""))
        is_json = self.text and self.headers.get("content-type") == "application/json"
        found: Any = json.loads(self.text) if is_json else {}
        for name in ("access_token", "refresh_token", "client_secret"):
            plant(found.get(name, "") if isinstance(found, dict) else "")


@dataclass
class Browser:
    """Keeps cookies, and follows nothing by itself."""

    cookies: dict[str, str] = field(default_factory=dict)
    set: list[str] = field(default_factory=list)

    async def ask(self, method: str, url: str, body: str | bytes = b"", **headers: str) -> Reply:
        return await asyncio.to_thread(self._ask, method, url, body, headers)

    def _ask(self, method: str, url: str, body: str | bytes, headers: Mapping[str, str]) -> Reply:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=20)
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            fields["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        try:
            connection.request(
                method, f"{parts.path}?{parts.query}" if parts.query else parts.path or "/", body, fields
            )
            got = connection.getresponse()
            for line in got.headers.get_all("set-cookie") or []:
                self.set.append(line)
                name, _, value = line.partition(";")[0].partition("=")
                self.cookies[name] = value
                # Cookies of others may stand in their addresses, as those of oidc-provider do.
                if "dragoman" in name:
                    plant(value)
            reply = Reply(got.status, {k.lower(): v for k, v in got.headers.items()}, got.read().decode())
            reply.plant()
            return reply
        finally:
            connection.close()

    async def get(self, url: str, **headers: str) -> Reply:
        return await self.ask("GET", url, **headers)

    async def post(self, url: str, form: Mapping[str, str], **headers: str) -> Reply:
        headers = {"content_type": "application/x-www-form-urlencoded", **headers}
        return await self.ask("POST", url, urlencode(form), **headers)

    async def send(self, page: Reply, **form: str) -> Reply:
        """Send the form of a page, with what a user writes into it."""
        return await self.post(page.action, {**page.hidden, **form})

    async def allow(self, url: str) -> str:
        """Do what a user does who agrees; return where the browser is sent in the end."""
        return (await self.send(await self.get(url), answer="allow")).location


@dataclass
class Desk:
    """One authorization server and the server beside it."""

    url: str
    auth: AuthorizationServer
    server: Server
    browser: Browser = field(default_factory=Browser)
    own: Browser = field(default_factory=Browser)  # asks as a program, without cookies

    @property
    def mcp(self) -> str:
        return f"{self.url}/mcp"

    def asks(self, client_id: str = "app", **changes: str | None) -> str:
        """Return the address of a request for a code."""
        fields: dict[str, str | None] = {
            "response_type": "code", "client_id": client_id, "redirect_uri": CALLBACK, "state": "a-state",
            "code_challenge": CHALLENGE, "code_challenge_method": "S256", "resource": self.mcp, **changes,
        }  # fmt: skip
        return f"{self.url}/authorize?{urlencode({k: v for k, v in fields.items() if v is not None})}"

    async def code(self, client_id: str = "app", **changes: str | None) -> str:
        """Return a code that the user granted."""
        location = await self.browser.allow(self.asks(client_id, **changes))
        return dict(parse_qsl(urlsplit(location).query))["code"]

    async def token(self, **form: str) -> Reply:
        """Ask the token endpoint."""
        return await self.own.post(f"{self.url}/token", form)

    async def redeem(self, code: str, client_id: str = "app", **changes: str) -> Reply:
        usual = {"grant_type": "authorization_code", "code": code, "client_id": client_id, "redirect_uri": CALLBACK}
        return await self.token(**{**usual, "code_verifier": VERIFIER, **changes})

    async def renew(self, refresh: str, client_id: str = "app", **changes: str) -> Reply:
        return await self.token(
            **{"grant_type": "refresh_token", "refresh_token": refresh, "client_id": client_id, **changes}
        )

    async def register(self, **document: Any) -> Reply:
        body = json.dumps({**APP, "token_endpoint_auth_method": "none", **document})
        return await self.own.ask("POST", f"{self.url}/register", body, content_type="application/json")

    async def call(self, token: str) -> Reply:
        """Call the server beside it with a token."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {}})
        return await self.own.ask(
            "POST", self.mcp, body, authorization=f"Bearer {token}", content_type="application/json",
            accept="application/json, text/event-stream",
        )  # fmt: skip

    async def good(self, token: str) -> bool:
        """Whether the server beside takes a token, whatever it says to the call."""
        return (await self.call(token)).status != 401


def beside(auth: AuthorizationServer) -> Server:
    server = Server("notes", auth=auth)

    @server.tool
    def whoami(ctx: Context) -> str:
        """Who calls, and through which client."""
        assert ctx.caller is not None
        return ctx.caller.subject

    @server.tool(scopes=["notes:write"])
    def write() -> str:
        """Write a note."""
        return "written"

    return server


@contextlib.asynccontextmanager
async def desk(
    login: Any = None, make: Callable[[AuthorizationServer], Server] = beside, **options: Any
) -> AsyncIterator[Desk]:
    """Serve until the block ends. The one user is ann, who is always logged in, unless `login` says otherwise."""
    apps: list[Any] = []
    watch()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard("addresses that a server was asked for", f"{scope.get('path')}?{scope.get('query_string', b'').decode()}")
        await apps[0](scope, receive, send)

    async with listening(app) as place:
        url = f"http://127.0.0.1:{place.port}"
        auth = AuthorizationServer(url, login=login or (lambda visitor: "ann"), **{"clients": {"app": APP}, **options})
        server = make(auth)
        apps.append(server.asgi(url=f"{url}/mcp"))
        async with server.lifespan():
            yield Desk(url, auth, server)
        await auth.close()
