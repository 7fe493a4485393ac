"""The official Python client with a bearer token reads a protected server, in both of its modes, over a real socket."""

from contextlib import AsyncExitStack

import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from tests.auth.issuing import RESOURCE, endpoint, issuing, protected
from tests.transport.raw_http import listening

from dragoman import JWTAuth


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_it_calls_what_its_token_allows_and_is_refused_the_rest(mode: str) -> None:
    async with AsyncExitStack() as stack:
        issuer = await stack.enter_async_context(issuing())
        place = await stack.enter_async_context(listening(endpoint(protected(JWTAuth(issuer.url)))))
        fields = {"authorization": f"Bearer {issuer.token(scope='notes', aud=RESOURCE)}"}
        http = await stack.enter_async_context(httpx2.AsyncClient(headers=fields))
        way = streamable_http_client(f"http://127.0.0.1:{place.port}/mcp", http_client=http)
        client = await stack.enter_async_context(Client(way, mode=mode))  # type: ignore[arg-type]
        assert client.protocol_version == ("2026-07-28" if mode == "auto" else "2025-11-25")
        assert [tool.name for tool in (await client.list_tools()).tools] == ["greet", "change", "wipe"]
        assert (await client.call_tool("greet")).structured_content == {"result": "hello"}
        assert (await client.read_resource("note://secret")).contents[0].text == "secret"  # type: ignore[union-attr]
        with pytest.raises(Exception) as caught:
            await client.call_tool("wipe")
        assert isinstance(caught.value, MCPError | httpx2.HTTPStatusError), caught.value


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_without_a_token_it_gets_nowhere(mode: str) -> None:
    async with issuing() as issuer, listening(endpoint(protected(JWTAuth(issuer.url)))) as place:
        with pytest.raises(Exception):
            async with Client(f"http://127.0.0.1:{place.port}/mcp", mode=mode) as client:  # type: ignore[arg-type]
                await client.list_tools()
        assert issuer.asked == []
