"""The preview's routes: who may ask what, of which of its two addresses."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from dragoman import Server
from dragoman.host.preview import MAX_BODY, MAX_VIEWS, Preview

PAGE, FRAMES = 8850, 8851
HTML = "<!doctype html><title>x</title>"


def made() -> Server:
    server = Server("shown")

    @server.app("ui://s/v.html", html=HTML, visibility=["model"])
    def show() -> str:
        return "shown"

    @server.app("ui://s/v.html", visibility=["app"])
    def more() -> str:
        return "more"

    return server


@asynccontextmanager
async def shown() -> AsyncIterator[Preview]:
    """Run the preview's lifespan around the block."""
    app = Preview(made(), ("127.0.0.1", PAGE), ("127.0.0.1", FRAMES))
    await app._client.open()
    try:
        yield app
    finally:
        await app._client.close()


async def ask(
    app: Preview, path: str, body: Any = None, *, port: int = PAGE, method: str = "", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    named = {"host": f"127.0.0.1:{port}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    target, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": method or ("GET" if body is None else "POST"),
        "path": target,
        "query_string": query.encode(),
        "server": ("127.0.0.1", port),
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
    }
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": data}

    async def send(event: Any) -> None:
        sent.append(event)

    await app(scope, receive, send)
    start, end = sent
    return start["status"], {k.decode(): v.decode() for k, v in start["headers"]}, end["body"]


async def api(app: Preview, path: str, **body: Any) -> Any:
    status, _, answer = await ask(app, path, body, x_preview_token=app.token)
    assert status == 200
    return msgspec.json.decode(answer)


async def test_the_page_lists_shows_and_calls() -> None:
    async with shown() as app:
        found = (await api(app, "/api/tools"))["result"]
        assert [(one["tool"]["name"], one["app"], one["model"]) for one in found["tools"]] == [
            ("show", True, True),
            ("more", True, False),
        ]
        assert found["sandbox"] == f"http://127.0.0.1:{FRAMES}"
        view = (await api(app, "/api/view", tool="show"))["result"]
        assert view["html"] == HTML
        status, headers, body = await ask(app, view["address"].partition(str(FRAMES))[2], port=FRAMES)
        assert status == 200 and f'content="http://127.0.0.1:{PAGE}"'.encode() in body
        assert f"frame-ancestors http://127.0.0.1:{PAGE}" in headers["content-security-policy"]
        assert (await api(app, "/api/call", tool="show"))["result"]["content"][0]["text"] == "shown"
        read = (await api(app, "/api/read", uri="ui://s/v.html"))["result"]
        assert read["contents"][0]["text"] == HTML


async def test_tools_are_called_by_those_for_whom_they_are() -> None:
    """APPS-07"""
    async with shown() as app:
        await api(app, "/api/tools")
        assert (await api(app, "/api/call", tool="more", by="app"))["result"]["content"][0]["text"] == "more"
        for tool, by in (("show", "app"), ("more", "model"), ("gone", "app")):
            assert (await api(app, "/api/call", tool=tool, by=by))["error"]["message"]


@pytest.mark.parametrize("path", ["/", "/host.js", "/preview.css", "/api/tools", "/sandbox.js"])
@pytest.mark.parametrize(
    "wrong", [{"host": "evil.example"}, {"host": "localhost:8850"}, {"origin": "https://evil.example"}], ids=str
)
async def test_other_names_and_other_pages_get_nothing(path: str, wrong: dict[str, str]) -> None:
    async with shown() as app:
        port = FRAMES if path == "/sandbox.js" else PAGE
        body = {} if path.startswith("/api") else None
        right = {"origin": f"http://127.0.0.1:{port}", "x_preview_token": app.token}
        assert (await ask(app, path, body, port=port, **right))[0] == 200
        assert (await ask(app, path, body, port=port, **{**right, **wrong}))[0] == 403


async def test_without_the_token_nothing_is_told() -> None:
    async with shown() as app:
        for token in ("", "wrong", app.token[:-1], "é"):
            status, _, body = await ask(app, "/api/tools", {}, x_preview_token=token)
            assert status == 403 and b"shown" not in body and app.token.encode() not in body
        for path in ("/", "/host.js"):
            assert app.token.encode() not in (await ask(app, path))[2]


async def test_each_address_has_its_own_pages() -> None:
    async with shown() as app:
        for path, port in (("/sandbox.js", PAGE), ("/", FRAMES), ("/host.js", FRAMES), ("/api/tools", FRAMES)):
            assert (await ask(app, path, port=port, x_preview_token=app.token))[0] == 404
        assert (await ask(app, "/../preview.py"))[0] == 404
        assert (await ask(app, "/sandbox.html?view=guess", port=FRAMES))[0] == 404
        assert (await ask(app, "/api/tools", method="GET", x_preview_token=app.token))[0] == 405
        assert (await ask(app, "/", method="POST"))[0] == 405


async def test_what_cannot_be_read_is_refused() -> None:
    async with shown() as app:
        for body in (b"{", b"[]", b'{"tool": 1}', b"[" * 100_000, b"\xff"):
            assert (await ask(app, "/api/call", body, x_preview_token=app.token))[0] == 400
        assert (await ask(app, "/api/call", b" " * (MAX_BODY + 1), x_preview_token=app.token))[0] == 413


async def test_policies_are_kept_for_so_many_views() -> None:
    async with shown() as app:
        await api(app, "/api/tools")
        first = (await api(app, "/api/view", tool="show"))["result"]["address"].partition(str(FRAMES))[2]
        for _ in range(MAX_VIEWS - 1):
            await api(app, "/api/view", tool="show")
        assert (await ask(app, first, port=FRAMES))[0] == 200
        await api(app, "/api/view", tool="show")
        assert (await ask(app, first, port=FRAMES))[0] == 404
