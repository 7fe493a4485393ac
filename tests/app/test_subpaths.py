"""Servers and authorization servers below a path: found where the RFCs say, whoever stands in front of them.

Three ways in front: nothing, another application that mounts them, a proxy that strips what it was called by. The
clients are ours and the official one; whatever forwarding headers say is believed by none.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import httpx2
import pytest
from mcp import Client as OfficialClient
from mcp.client.streamable_http import streamable_http_client
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from tests.auth.desk import APP, CALLBACK, Browser, beside
from tests.interop.test_official_login import Kept, provider
from tests.transport.raw_http import Ask, Place, call, listening

from dragoman import AuthorizationServer, Client, JWTAuth, OAuth

RESOURCE = "/.well-known/oauth-protected-resource"
ISSUER = "/.well-known/oauth-authorization-server"


class There(NamedTuple):
    """A server at /team/mcp, and its authorization server at /team/auth."""

    mcp: str
    issuer: str
    browser: Browser
    place: Place


Front = Callable[[Any, Any], Any]  # makes the application in front of a server's and an authorization server's


def direct(endpoint: Any, alone: Any) -> Any:
    return endpoint


def mounted(endpoint: Any, alone: Any) -> Any:
    """As docs/authorization.md has it: each below its path, and its metadata at the root of the host."""
    return Starlette(
        routes=[
            Route(f"{RESOURCE}/team/mcp", endpoint),
            Route(f"{ISSUER}/team/auth", alone),
            Mount("/team/auth", alone),
            Mount("/team", endpoint),
        ]
    )


def stripping(endpoint: Any, alone: Any) -> Any:
    """A proxy that takes the prefix off and tells the application by root_path, as `uvicorn --root-path` does."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        if path in (f"{RESOURCE}/team/mcp", f"{ISSUER}/team/auth"):
            await (endpoint if path.startswith(RESOURCE) else alone)(scope, receive, send)
        elif path.startswith("/team/auth"):
            await alone({**scope, "root_path": "/team/auth"}, receive, send)
        elif path.startswith("/team/"):
            await endpoint({**scope, "root_path": "/team"}, receive, send)
        else:
            raise AssertionError(path)

    return app


@contextlib.asynccontextmanager
async def there(front: Front) -> AsyncIterator[There]:
    apps: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await apps[0](scope, receive, send)

    async with listening(app) as place:
        origin = f"http://127.0.0.1:{place.port}"
        url, issuer = f"{origin}/team/mcp", f"{origin}/team/auth"
        together = front is direct
        resources = {} if together else {url: ["notes:write"]}
        auth = AuthorizationServer(issuer, login=lambda visitor: "ann", clients={"app": APP}, resources=resources)
        server = beside(auth if together else JWTAuth(issuer, algorithms=["ES256"]))  # type: ignore[arg-type]
        apps.append(front(server.asgi(url=url, path="/team/mcp" if together else "/mcp"), auth))
        async with server.lifespan():
            yield There(url, issuer, Browser(), place)
        await auth.close()


@pytest.mark.parametrize("front", [direct, mounted, stripping])
async def test_our_client_finds_logs_in_and_steps_up(front: Front) -> None:
    """AUTHRS-01, AUTHAS-01: RFC 9728, section 3.1; RFC 8414, section 3.1: the path comes behind the well-known part."""
    async with there(front) as found:
        auth = OAuth(on_authorize=found.browser.allow, redirect_uri=CALLBACK)
        async with Client(found.mcp, auth=auth, timeout=20) as client:
            assert (await client.call_tool("whoami", {})).text == "ann"
            assert (await client.call_tool("write", {})).text == "written"


@pytest.mark.parametrize("front", [direct, mounted, stripping])
async def test_the_official_client_finds_and_logs_in(front: Front) -> None:
    async with there(front) as found, contextlib.AsyncExitStack() as stack:
        login = provider(found, Kept())  # type: ignore[arg-type]
        http = await stack.enter_async_context(httpx2.AsyncClient(auth=login, timeout=20))
        client = await stack.enter_async_context(OfficialClient(streamable_http_client(found.mcp, http_client=http)))
        assert (await client.call_tool("whoami")).structured_content == {"result": "ann"}


@pytest.mark.parametrize("front", [direct, mounted, stripping])
async def test_metadata_name_the_configured_urls_whatever_headers_say(front: Front) -> None:
    """Sub-paths are configured, never guessed."""
    lies = {"x-forwarded-host": "evil.example", "x-forwarded-proto": "https", "x-forwarded-prefix": "/evil"}
    lies |= {"forwarded": "host=evil.example;proto=https"}
    async with there(front) as found:
        resource = (await found.place.ask(Ask(method="GET", path=f"{RESOURCE}/team/mcp", headers=lies))).json
        assert (resource["resource"], resource["authorization_servers"]) == (found.mcp, [found.issuer])
        metadata = (await found.place.ask(Ask(method="GET", path=f"{ISSUER}/team/auth", headers=lies))).json
        assert metadata["issuer"] == found.issuer
        for name in ("authorization_endpoint", "token_endpoint", "registration_endpoint", "jwks_uri"):
            assert metadata[name].startswith(f"{found.issuer}/")
        refused = await found.place.ask(call("whoami", headers=lies)._replace(path="/team/mcp"))
        assert refused.status == 401
        assert (
            f'resource_metadata="{found.mcp.replace("/team", f"{RESOURCE}/team")}"'
            in (refused.headers["www-authenticate"])
        )


async def test_nothing_lies_where_a_guess_would_look() -> None:
    async with there(direct) as found:
        for path in ("/token", "/authorize", "/team/token", f"/team{ISSUER}", f"{ISSUER}/team", f"{RESOURCE}/mcp"):
            answer = await found.place.ask(Ask(method="GET", path=path))
            assert answer.status in (401, 404), path
