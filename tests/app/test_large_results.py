"""A result too large to send becomes a link, and the pages behind it give all of it back: in every era, everywhere."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.transport.raw_http import Ask, call, hello, in_process, listening, modern, old
from tests.transport.stdio_peer import call as line_call
from tests.transport.stdio_peer import request, serving

from dragoman import Server

SIZE = 3_000_000
LEGACY = ["2025-11-25", "2025-06-18", "2025-03-26"]
Post = Callable[[Ask], Awaitable[Any]]


def a_server() -> Server:
    server = Server("large")

    @server.tool
    def text(size: int) -> str:
        return ("0123456789" * (size // 10 + 1))[:size]

    return server


def link_in(result: Any) -> str:
    """Return the URI of the first page, whether it comes as a link or, before there were links, as text."""
    found = json.dumps(result["content"])
    at = found.index("result://")
    return found[at:].split('"')[0].split(")")[0].split(",")[0].split(" ")[0]


async def whole(read: Callable[[str], Awaitable[Any]], uri: str) -> str:
    parts = []
    while uri:
        (contents,) = (await read(uri))["contents"]
        parts.append(contents["text"])
        assert len(contents["text"]) <= 256 * 1024
        # `_meta` of contents came with 2025-06-18; before, one counts.
        following = contents.get("_meta", {}).get("next", "")
        if not following and "_meta" not in contents and len(contents["text"]) == 256 * 1024:
            stem, _, number = uri.rpartition("/")
            following = f"{stem}/{int(number) + 1}"
        uri = following
    return "".join(parts)


async def check_modern(post: Post) -> None:
    async def read(uri: str) -> Any:
        return (await post(modern("resources/read", 2, uri=uri))).json["result"]

    result = (await post(call("text", size=SIZE))).json["result"]
    assert len(json.dumps(result)) < 10_000
    assert await whole(read, link_in(result)) == ("0123456789" * (SIZE // 10))
    small = (await post(call("text", size=1000))).json["result"]
    assert "result://" not in json.dumps(small)


async def check_legacy(post: Post, version: str) -> None:
    greeted = await post(Ask(hello(version)))
    headers = {"mcp-protocol-version": version, "mcp-session-id": greeted.headers["mcp-session-id"]}

    async def ask(method: str, **params: Any) -> Any:
        return (await post(Ask(old(method, 2, **params), headers))).json["result"]

    async def read(uri: str) -> Any:
        return await ask("resources/read", uri=uri)

    result = await ask("tools/call", name="text", arguments={"size": SIZE})
    assert len(json.dumps(result)) < 10_000
    assert await whole(read, link_in(result)) == ("0123456789" * (SIZE // 10))


async def test_without_a_socket() -> None:
    app = a_server().asgi()
    await check_modern(lambda ask: in_process(app, ask))
    for version in LEGACY:
        await check_legacy(lambda ask: in_process(app, ask), version)


async def test_over_a_socket() -> None:
    async with listening(a_server().asgi()) as place:
        await check_modern(place.ask)
        await check_legacy(place.ask, LEGACY[0])


@pytest.mark.parametrize("version", [None, "2024-11-05"])
async def test_over_stdio(tmp_path: Path, version: str | None) -> None:
    with serving(tmp_path) as peer:
        if version is not None:
            peer.write(hello(version) + b"\n")
            assert peer.answer()["result"]["protocolVersion"] == version

        async def read(uri: str) -> Any:
            peer.write(
                request(2, "resources/read", uri=uri) if version is None else old("resources/read", 2, uri=uri) + b"\n"
            )
            return peer.answer()["result"]

        data = {"name": "text", "arguments": {"size": SIZE}}
        peer.write(line_call(1, "text", size=SIZE) if version is None else old("tools/call", 1, **data) + b"\n")
        result = peer.answer()["result"]
        assert len(json.dumps(result)) < 10_000
        assert await whole(read, link_in(result)) == "x" * SIZE


async def test_a_page_that_is_not_there_is_not_found() -> None:
    app = a_server().asgi()
    answer = await in_process(app, modern("resources/read", uri="result://made-up/1"))
    assert answer.code == -32602
