"""The official Python client logs a user in at our authorization server, and steps up."""

from contextlib import AsyncExitStack
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl
from tests.auth.desk import CALLBACK, Desk, desk


class Kept:
    """What the client keeps."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


def provider(there: Desk, kept: Kept) -> OAuthClientProvider:
    """Return the client's own login, whose user agrees to everything."""
    ended: list[str] = []

    async def show(url: str) -> None:
        ended.append(await there.browser.allow(url))

    async def wait() -> AuthorizationCodeResult:
        answer = dict(parse_qsl(urlsplit(ended[-1]).query))
        return AuthorizationCodeResult(code=answer["code"], state=answer["state"], iss=answer["iss"])

    metadata = OAuthClientMetadata(client_name="Official", redirect_uris=[AnyUrl(CALLBACK)])
    return OAuthClientProvider(there.mcp, metadata, kept, show, wait)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_it_logs_in_calls_and_steps_up(mode: str) -> None:
    kept = Kept()
    async with AsyncExitStack() as stack:
        there = await stack.enter_async_context(desk())
        http = await stack.enter_async_context(httpx2.AsyncClient(auth=provider(there, kept), timeout=20))
        way = streamable_http_client(there.mcp, http_client=http)
        client = await stack.enter_async_context(Client(way, mode=mode))  # type: ignore[arg-type]
        assert (await client.call_tool("whoami")).structured_content == {"result": "ann"}
        assert (await client.call_tool("write")).structured_content == {"result": "written"}
        assert kept.client is not None and kept.tokens is not None and kept.tokens.refresh_token
