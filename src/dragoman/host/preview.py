"""A local page that shows a server's apps, as a host does: two origins, the page of the server in a frame of a frame.

Promise: nothing is answered but for this page: Host, Origin and a random token are checked. Limit: one person, one
machine, no model; what the server asks its user stays unanswered.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from importlib.resources import files
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import UNSET

from dragoman.app.client import Client
from dragoman.app.server import Server
from dragoman.errors import LocalError, MalformedError, McpError, PeerError
from dragoman.host.policy import allowed, policy
from dragoman.protocol.strict import read_strict
from dragoman.wire.tools import Tool

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY = 4 * 1024 * 1024  # bytes
MAX_VIEWS = 100  # policies that are remembered; the oldest go
TOKEN_HEADER = b"x-preview-token"
_SHELL = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src {sandbox}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_STATIC = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/host.js": ("host.js", "text/javascript; charset=utf-8"),
    "/preview.css": ("preview.css", "text/css; charset=utf-8"),
}


class Reply(NamedTuple):
    """What goes back: status, body, and headers beside those of every reply."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Asked(msgspec.Struct, frozen=True):
    """What the page asks: a tool by name, arguments, and for `/api/read` a URI."""

    tool: str = ""
    arguments: dict[str, Any] = {}
    uri: str = ""
    by: str = "model"


class Preview:
    """The ASGI application behind both origins, told apart by the port that was reached."""

    def __init__(self, server: Server, host: tuple[str, int], sandbox: tuple[str, int]) -> None:
        self.token = secrets.token_urlsafe(32)
        self._server = server
        self._client = Client(server, apps=True, name="dragoman-preview")
        self._host = f"{host[0]}:{host[1]}"
        self._sandbox = f"{sandbox[0]}:{sandbox[1]}"
        self._ports = {host[1]: self._host, sandbox[1]: self._sandbox}
        self._views: OrderedDict[str, str] = OrderedDict()  # policies by the id of a view
        self._tools: dict[str, Tool] = {}
        self._api: dict[str, Callable[[Asked], Awaitable[Any]]] = {
            "/api/tools": self._list,
            "/api/view": self._view,
            "/api/call": self._call,
            "/api/read": self._read,
        }

    @property
    def url(self) -> str:
        """Where to look. The token is behind the #, so that it is in no request line and no log."""
        return f"http://{self._host}/#{self.token}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or the events of a lifespan."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        try:
            reply = await self._answer(scope, receive)
        except _RefusedError as refused:
            reply = Reply(refused.status, str(refused).encode())
        headers = [
            (b"content-length", str(len(reply.body)).encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"cache-control", b"no-store"),
            *reply.headers,
        ]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else reply.body})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._client.open()
        except McpError as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._client.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, receive: Receive) -> Reply:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        port = (scope.get("server") or ("", 0))[1]
        own = self._ports.get(port)
        # A name that only resolves to this machine is a page elsewhere that wants to be this one (DNS rebinding).
        if own is None or headers.get(b"host", b"").decode("latin-1") != own:
            raise _RefusedError(403, "this is not the address of the preview")
        origin = headers.get(b"origin")
        if origin is not None and origin.decode("latin-1") != f"http://{own}":
            raise _RefusedError(403, "other pages have no business here")
        path, method = str(scope["path"]), str(scope["method"])
        if own == self._sandbox:
            return self._framed(path, method, scope["query_string"])
        if path in _STATIC:
            _only(method, "GET", "HEAD")
            name, kind = _STATIC[path]
            shell = _SHELL.format(sandbox=f"http://{self._sandbox}")
            return Reply(200, _file(name), _headers(kind, shell))
        if path not in self._api:
            raise _RefusedError(404, "there is nothing here")
        _only(method, "POST")
        given = headers.get(TOKEN_HEADER, b"")
        if not secrets.compare_digest(given, self.token.encode()):
            raise _RefusedError(403, "open the address that was printed; the token in it is new with each start")
        return await self._asked(path, await _body(receive))

    def _framed(self, path: str, method: str, query: bytes) -> Reply:
        """Answer the sandbox's origin: the page in the middle, with the policy of what it will hold."""
        _only(method, "GET", "HEAD")
        if path == "/sandbox.js":
            return Reply(200, _file("sandbox.js"), _headers("text/javascript; charset=utf-8", "default-src 'none'"))
        view = self._views.get(query.decode("latin-1").removeprefix("view="))
        if path != "/sandbox.html" or view is None:
            raise _RefusedError(404, "there is no such view; show the app again")
        page = _file("sandbox.html").replace(b"%HOST%", f"http://{self._host}".encode())
        return Reply(200, page, _headers("text/html; charset=utf-8", view))

    async def _asked(self, path: str, body: bytes) -> Reply:
        try:
            asked = msgspec.convert(read_strict(body or b"{}", "it"), type=Asked)
        except (msgspec.ValidationError, MalformedError) as error:
            raise _RefusedError(400, f"this cannot be read: {error}") from None
        try:
            answer: Any = {"result": await self._api[path](asked)}
        except PeerError as error:
            answer = {"error": {"code": error.code, "message": str(error)}}
        except McpError as error:
            answer = {"error": {"code": -32000, "message": str(error)}}
        return Reply(200, msgspec.json.encode(answer), _headers("application/json", "default-src 'none'"))

    # --- what the page asks -----------------------------------------------------------------------------------

    async def _list(self, asked: Asked) -> Any:
        self._tools = {tool.name: tool for tool in await self._client.list_tools()}
        tools: list[dict[str, Any]] = []
        for tool in self._tools.values():
            app = tool.ui is not None and tool.ui.resource_uri is not UNSET
            tools.append({"tool": tool, "app": app, "model": tool.callable_by("model")})
        info = self._client.server_info
        return {"tools": tools, "server": info, "sandbox": f"http://{self._sandbox}"}

    async def _view(self, asked: Asked) -> Any:
        view = await self._client.view(self._tool(asked.tool))
        made = secrets.token_urlsafe(16)
        self._views[made] = policy(view.page, f"http://{self._host}")
        while len(self._views) > MAX_VIEWS:
            self._views.popitem(last=False)
        address = f"http://{self._sandbox}/sandbox.html?view={made}"
        return {"address": address, "html": view.html, "page": view.page, "allow": allowed(view.page)}

    async def _call(self, asked: Asked) -> Any:
        tool = self._tool(asked.tool)
        who: Literal["model", "app"] = "app" if asked.by == "app" else "model"
        if not tool.callable_by(who):
            raise LocalError(f"the tool {tool.name!r} is not for the {who}")
        return (await self._client.call_tool(tool.name, asked.arguments, raise_on_error=False)).wire

    async def _read(self, asked: Asked) -> Any:
        return (await self._client.read(asked.uri)).wire

    def _tool(self, name: str) -> Tool:
        tool = self._tools.get(name)
        if tool is None:
            raise LocalError(f"there is no tool {name[:100]!r}; load the page again")
        return tool


class _RefusedError(Exception):
    """A request that is not answered: its status, and why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def _only(method: str, *methods: str) -> None:
    if method not in methods:
        raise _RefusedError(405, f"this takes {methods[0]}")


def _headers(kind: str, csp: str) -> tuple[tuple[bytes, bytes], ...]:
    return (b"content-type", kind.encode()), (b"content-security-policy", csp.encode())


def _file(name: str) -> bytes:
    return files("dragoman.host").joinpath("static", name).read_bytes()


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise _RefusedError(400, "the rest never came")
        body += event.get("body", b"")
        if len(body) > MAX_BODY:
            raise _RefusedError(413, f"this is more than {MAX_BODY} bytes")
        if not event.get("more_body"):
            return bytes(body)
