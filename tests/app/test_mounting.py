"""The endpoint inside other applications: Starlette and FastAPI, under any path, with and without their lifespan."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import fastapi
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.testclient import TestClient
from tests.transport.raw_http import Ask, call, hello, listening, old

from dragoman import Context, Server

HOST = "http://127.0.0.1:8000"


def a_server(log: list[str] | None = None) -> Server:
    @asynccontextmanager
    async def lifespan(server: Server) -> AsyncIterator[dict[str, int]]:
        if log is not None:
            log.append("open")
        yield {"answer": 42}
        if log is not None:
            log.append("closed")

    server = Server("mounted", lifespan=lifespan)

    @server.tool
    async def answer(ctx: Context) -> int:
        return ctx.state["answer"]

    return server


def starlette(server: Server, path: str, **options: Any) -> Starlette:
    async def home(request: Any) -> Any:
        from starlette.responses import PlainTextResponse

        return PlainTextResponse("home")

    return Starlette(routes=[Route("/home", home), Mount(path, server.asgi())], **options)


def api(server: Server, path: str, **options: Any) -> fastapi.FastAPI:
    app = fastapi.FastAPI(**options)
    app.mount(path, server.asgi())
    return app


def wrapped(server: Server, path: str, **options: Any) -> Starlette:
    """A mount within a mount."""
    return Starlette(routes=[Mount("/api", starlette(server, path))], **options)


def post(client: TestClient, path: str, data: Ask) -> Any:
    headers = {name: value for name, value in data.headers.items() if value is not None}
    usual = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    return client.post(path, content=data.body, headers={**usual, **headers})


WAYS: list[tuple[Any, str, str]] = [
    (starlette, "/", "/mcp"),
    (starlette, "/mcp", "/mcp"),
    (starlette, "/mcp", "/mcp/"),
    (starlette, "/tools", "/tools/mcp"),
    (api, "/", "/mcp"),
    (api, "/ai", "/ai/mcp"),
    (wrapped, "/", "/api/mcp"),
    (wrapped, "/deep", "/api/deep/mcp"),
]


@pytest.mark.parametrize(("make", "mount", "path"), WAYS)
def test_it_answers_wherever_it_is_mounted_with_no_wiring(make: Any, mount: str, path: str) -> None:
    # Without `with`, every request of this client runs in an event loop of its own.
    client = TestClient(make(a_server(), mount), base_url=HOST)
    for number in range(3):
        found = post(client, path, call("answer", number))
        assert found.status_code == 200
        assert found.json()["result"]["structuredContent"] == {"result": 42}
    assert post(client, path + "x", call("answer")).status_code in (404, 405)


def test_the_rest_of_the_application_is_untouched() -> None:
    client = TestClient(starlette(a_server(), "/"), base_url=HOST)
    assert client.get("/home").text == "home"
    assert TestClient(starlette(a_server(), "/"), base_url="http://evil.example").get("/home").text == "home"
    assert post(TestClient(starlette(a_server(), "/"), base_url="http://evil.example"), "/mcp", call("answer")).is_error


@pytest.mark.parametrize("make", [starlette, api])
def test_a_wired_lifespan_starts_and_stops_in_order(make: Any) -> None:
    log: list[str] = []
    server = a_server(log)
    app = make(server, "/", lifespan=server.lifespan)
    for _ in range(2):
        with TestClient(app, base_url=HOST) as client:
            assert log == ["open"]
            assert post(client, "/mcp", call("answer")).json()["result"]["structuredContent"] == {"result": 42}
        assert log == ["open", "closed"]
        log.clear()


def test_the_endpoint_alone_takes_the_lifespan_of_its_host() -> None:
    log: list[str] = []
    with TestClient(a_server(log).asgi(), base_url=HOST) as client:
        assert log == ["open"]
        assert post(client, "/mcp", call("answer")).status_code == 200
    assert log == ["open", "closed"]


def test_a_start_that_fails_is_told_to_the_host() -> None:
    @asynccontextmanager
    async def broken(server: Server) -> AsyncIterator[None]:
        raise ValueError("no database")
        yield

    with pytest.raises(ValueError, match="no database"):  # noqa: SIM117
        with TestClient(Server("broken", lifespan=broken).asgi(), base_url=HOST):
            pass


def test_sessions_outlive_requests() -> None:
    with TestClient(starlette(a_server(), "/"), base_url=HOST) as client:
        session = post(client, "/mcp", Ask(hello())).headers["mcp-session-id"]
        headers = {"mcp-session-id": session, "mcp-protocol-version": "2025-11-25"}
        data = Ask(old("tools/call", 2, name="answer", arguments={}), headers)
        assert post(client, "/mcp", data).json()["result"]["structuredContent"] == {"result": 42}
        assert client.delete("/mcp", headers=headers).status_code == 204
        assert post(client, "/mcp", data).status_code == 404


async def test_it_answers_behind_a_root_path() -> None:
    """As behind a proxy that strips a prefix, and says so by root_path."""
    async with listening(a_server().asgi(), root_path="/behind") as place:
        assert (await place.ask(call("answer"))).value == 42


async def test_middleware_of_the_host_may_wrap_it() -> None:
    from starlette.middleware import Middleware
    from starlette.middleware.base import BaseHTTPMiddleware
    from starlette.middleware.gzip import GZipMiddleware

    class Marks(BaseHTTPMiddleware):
        async def dispatch(self, request: Any, call_next: Any) -> Any:
            response = await call_next(request)
            response.headers["x-marked"] = "yes"
            return response

    app = starlette(a_server(), "/", middleware=[Middleware(Marks), Middleware(GZipMiddleware)])
    async with listening(app) as place:
        answer = await place.ask(call("answer"))
        assert (answer.value, answer.headers["x-marked"]) == (42, "yes")
