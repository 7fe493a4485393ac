"""Listening for changes, and what the client keeps until it hears of them: every transport, every era."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from tests.app import asker
from tests.app.reaching import over_http

from dragoman import Client, ClosedError, Context, LocalError, Server
from dragoman.calling.changes import Change
from dragoman.calling.listening import Listening
from dragoman.protocol.exchange import Prepared
from dragoman.wire.lifecycle import Cacheable

COMMAND = [sys.executable, str(Path(asker.__file__))]
eras = pytest.mark.parametrize("mode", ["modern", "legacy"])
STEADY = "asker://steady"


@pytest.fixture(params=["memory", "stdio", "http"])
async def target(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    if request.param == "memory":
        yield asker.server
    elif request.param == "stdio":
        yield COMMAND
    else:
        async with over_http(asker.server.asgi()) as url:
            yield url


async def soon(changes: Any) -> Change | None:
    async with asyncio.timeout(20):
        return await anext(changes, None)


@contextlib.asynccontextmanager
async def heard(listening: Listening) -> AsyncIterator[Any]:
    async with listening as begun, contextlib.aclosing(aiter(begun)) as changes:
        yield changes


@eras
async def test_changes_are_heard_as_they_come(target: Any, mode: str) -> None:
    """SUB-01, SUB-04, LEG-10, LEG-18"""
    async with Client(target, mode=mode) as client, heard(client.listen(uris=[STEADY])) as changes:
        for kind in ("tools", "prompts", "resources"):
            await client.call_tool("change", {"kind": kind})
            assert await soon(changes) == Change(kind)
        await client.call_tool("change", {"kind": "resource", "uri": "asker://other"})
        await client.call_tool("change", {"kind": "resource", "uri": STEADY})
        assert await soon(changes) == Change("resource", STEADY)


@eras
async def test_only_what_was_asked_for_is_heard(target: Any, mode: str) -> None:
    """SUB-02"""
    async with Client(target, mode=mode) as client, heard(client.listen(tools=False, resources=False)) as changes:
        for kind in ("tools", "resources", "prompts"):
            await client.call_tool("change", {"kind": kind})
        assert await soon(changes) == Change("prompts")


@eras
async def test_two_listen_at_once_and_each_hears_its_own(target: Any, mode: str) -> None:
    """SUB-07"""
    async with (
        Client(target, mode=mode) as client,
        heard(client.listen(tools=False)) as one,
        heard(client.listen(prompts=False)) as other,
    ):
        await client.call_tool("change", {"kind": "tools"})
        await client.call_tool("change", {"kind": "prompts"})
        assert (await soon(one), await soon(other)) == (Change("prompts"), Change("tools"))
        await client.call_tool("change", {"kind": "resources"})
        assert (await soon(one), await soon(other)) == (Change("resources"), Change("resources"))


@eras
async def test_leaving_the_loop_ends_the_listening(target: Any, mode: str) -> None:
    """SUB-08"""
    async with Client(target, mode=mode) as client:
        listening = client.listen(uris=[STEADY])
        async with listening:
            await client.call_tool("change", {"kind": "tools"})
            async for change in listening:
                assert change == Change("tools")
                break
        assert (await client.call_tool("change", {"kind": "tools"})).text == "said"


@eras
async def test_closing_the_client_ends_the_iteration(target: Any, mode: str) -> None:
    client = Client(target, mode=mode)
    await client.open()
    async with heard(client.listen()) as changes:
        waiting = asyncio.create_task(soon(changes))
        await asyncio.create_task(client.close())
        assert await waiting is None
    with pytest.raises(ClosedError):
        await soon(aiter(client.listen()))


async def test_a_server_that_stops_ends_the_iteration() -> None:
    """SUB-09"""
    server = Server("short")
    server.add_tool(lambda: "x", name="x")
    async with Client(server, mode="modern") as client, heard(client.listen()) as changes:
        server.notify_tools_changed()
        server.service.closing()
        assert await soon(changes) == Change("tools")
        assert await soon(changes) is None


@eras
async def test_the_same_change_comes_once_however_often_it_happened(mode: str) -> None:
    async with Client(asker.server, mode=mode) as client, heard(client.listen()) as changes:
        for _ in range(50):
            await client.call_tool("change", {"kind": "tools"})
        await client.call_tool("change", {"kind": "prompts"})
        assert [await soon(changes), await soon(changes)] == [Change("tools"), Change("prompts")]


@eras
async def test_a_server_that_tells_of_nothing_is_an_error_that_says_so(mode: str) -> None:
    """SUB-06"""
    server = Server("dull")
    server.add_tool(lambda: "x", name="x")
    async with Client(server, mode=mode) as client:
        with pytest.raises(LocalError, match="tells of none"):
            async with client.listen(tools=False, resources=False):
                pass
        async with heard(client.listen()) as changes:
            server.notify_tools_changed()
            assert await soon(changes) == Change("tools")


def test_the_synchronous_client_listens_too() -> None:
    async def tell(call: Any, handler: Any) -> Any:
        result = await handler(call)
        if call.method == "resources/subscribe":
            server.notify_resource_updated(call.params.uri)
        return result

    server = Server("telling", middleware=[tell])
    server.add_resource(lambda: "x", "x://a", name="a")
    with Client.sync(server, mode="legacy") as client:
        changes = client.listen(uris=["x://a"])
        assert next(changes) == Change("resource", "x://a")
        changes.close()
        assert client.read("x://a").text == "x"


# --- what is kept -----------------------------------------------------------------------------------------------


def counting(ttl_ms: int = 60_000) -> tuple[Server, list[str]]:
    """Return a server whose results hold for a while, and the list of the requests that reached it."""
    asked: list[str] = []

    async def count(call: Any, handler: Any) -> Any:
        asked.append(call.method)
        result = await handler(call)
        result = result.result if isinstance(result, Prepared) else result
        holds = isinstance(result, Cacheable) and getattr(call.params, "uri", "") != "counted://two"
        return structs.replace(result, ttl_ms=ttl_ms) if holds else result

    server = Server("counted", middleware=[count])
    server.add_tool(lambda: "x", name="x")

    @server.resource("counted://one")
    def one() -> str:
        return "one"

    @server.resource("counted://two")
    def two() -> str:
        return "two"

    return server, asked


async def test_lists_and_resources_are_asked_for_once_while_they_hold() -> None:
    """CACHE-05, CACHE-08"""
    server, asked = counting()
    async with Client(server, mode="modern") as client:
        for _ in range(3):
            tools = await client.list_tools()
            assert [tool.name for tool in tools] == ["x"]
            # What a caller does to its list is its own affair.
            tools[0].input_schema["mine"] = True
            tools.clear()
            assert len(await client.list_resources()) == 2
            assert (await client.read("counted://one")).text == "one"
            assert (await client.read("counted://two")).text == "two"
    assert asked.count("tools/list") == asked.count("resources/list") == 1
    # CACHE-08: the one says for how long it holds, the other does not.
    assert asked.count("resources/read") == 1 + 3


@pytest.mark.parametrize("mode, settings", [("modern", {"cache": False}), ("legacy", {})])
async def test_nothing_is_kept_where_that_is_off_or_the_era_says_nothing(mode: str, settings: Any) -> None:
    server, asked = counting()
    async with Client(server, mode=mode, **settings) as client:
        for _ in range(2):
            await client.list_tools()
            await client.read("counted://one")
    assert (asked.count("tools/list"), asked.count("resources/read")) == (2, 2)


async def test_what_is_stale_at_once_is_asked_for_again() -> None:
    server, asked = counting(0)
    async with Client(server, mode="modern") as client:
        for _ in range(2):
            await client.list_tools()
    assert asked.count("tools/list") == 2


async def test_a_change_that_is_heard_of_drops_what_is_kept() -> None:
    """CACHE-09"""
    server, asked = counting()
    async with Client(server, mode="modern") as client, heard(client.listen(uris=["counted://one"])) as changes:
        for _ in range(2):
            await client.list_tools()
            await client.read("counted://one")
        assert (asked.count("tools/list"), asked.count("resources/read")) == (1, 1)
        server.notify_tools_changed()
        await soon(changes)
        server.notify_resource_updated("counted://one")
        await soon(changes)
        await client.list_tools()
        await client.read("counted://one")
        assert (asked.count("tools/list"), asked.count("resources/read")) == (2, 2)


async def test_other_credentials_share_nothing() -> None:
    """CACHE-07"""
    server, asked = counting()
    async with Client(server, mode="modern") as client:
        for token in ("a", "b", "a"):
            await client.read("counted://one", headers={"authorization": f"Bearer {token}"})
    assert asked.count("resources/read") == 2


async def test_a_resource_that_asked_is_not_kept() -> None:
    """CACHE-06"""
    server, asked = counting()

    @server.resource("counted://asks")
    async def asks(ctx: Context) -> str:
        return str(await ctx.elicit("Who?", str))

    async with Client(server, mode="modern", on_elicit=lambda question: "Ada") as client:
        for _ in range(2):
            assert (await client.read("counted://asks")).text == "Ada"
    assert asked.count("resources/read") == 4


async def test_what_the_server_says_of_itself_is_kept_while_it_holds() -> None:
    server, asked = counting()
    async with Client(server, mode="modern") as client:
        first = asked.count("server/discover")
        for _ in range(3):
            assert (await client.discover()).tools
        assert client.server_info is not None and client.server_info.name == "counted"
    assert asked.count("server/discover") <= first + 1
