"""Nothing of ours sends anybody to an address that stands in a path (threat 40): registered ones are the only."""

from __future__ import annotations

import pytest
from tests.auth.desk import CALLBACK, desk
from tests.transport.raw_http import listening, modern

from dragoman import Server

PATHS = [
    "//evil.example", "//evil.example/", "//evil.example/mcp/", "/\\evil.example/", "/%2f/evil.example/", "/mcp/",
    "/mcp//evil.example/", "/mcp/..//evil.example/", "/.well-known//evil.example/",
    "///evil.example/%2e%2e/", "/;@evil.example/", "/authorize/", "//evil.example/authorize/",
]  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_no_path_makes_a_server_redirect(method: str) -> None:
    """sec/40 (CVE-2026-44427): with and without a slash at its end, of a server and of the authorization server."""
    async with listening(Server("plain").asgi()) as place, desk() as there:
        for path in PATHS:
            answer = await place.ask(modern("server/discover")._replace(path=path, method=method))
            assert not 300 <= answer.status < 400 and "location" not in answer.headers, path
            reply = await there.own.ask(method, there.url + path)
            assert not 300 <= reply.status < 400 and "location" not in reply.headers, path
        assert (await place.ask(modern("server/discover"))).status == 200


async def test_a_redirect_goes_where_the_client_registered() -> None:
    """sec/40: the legal twin."""
    async with desk() as there:
        assert (await there.browser.allow(there.asks())).startswith(f"{CALLBACK}?")
