"""Changes that servers tell of reach those who listen, over the file's own bus if it has one."""

from __future__ import annotations

import asyncio
from typing import Any

from dragoman import Client
from dragoman.compat import fast, server
from dragoman.compat.context import Context
from dragoman.compat.lowlevel import Server as LowServer
from dragoman.compat.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ToolsListChanged,
)
from dragoman.compat.tools import Tool
from dragoman.wire.notices import PROMPTS_CHANGED, RESOURCE_UPDATED, RESOURCES_CHANGED, TOOLS_CHANGED


async def heard(native: Any, act: Any, count: int) -> list[tuple[str, str]]:
    """Return the first `count` changes that a listener of the server hears while `act` runs."""
    feed = native.service.bus.open(lambda topic: True)
    try:
        await act
        return [await asyncio.wait_for(feed.next(), 5) for _ in range(count)]
    finally:
        feed.close()


async def test_a_tool_tells_of_changes_to_everybody_who_listens() -> None:
    mcp = server.MCPServer("x")

    @mcp.tool()
    async def change(ctx: Context) -> str:
        await ctx.notify_tools_changed()
        await ctx.notify_resources_changed()
        await ctx.session.send_prompt_list_changed()
        await ctx.notify_resource_updated("a:b")
        return "done"

    async with Client(mcp.native) as client:
        told = await heard(mcp.native, client.call_tool("change"), 4)
    assert told == [(TOOLS_CHANGED, ""), (RESOURCES_CHANGED, ""), (PROMPTS_CHANGED, ""), (RESOURCE_UPDATED, "a:b")]


async def test_two_servers_on_one_bus_hear_of_each_other() -> None:
    bus = InMemorySubscriptionBus()
    one, two = server.MCPServer("one", subscriptions=bus), server.MCPServer("two", subscriptions=bus)

    @one.tool()
    async def change(ctx: Context) -> str:
        await ctx.notify_resource_updated("a:b")
        return "done"

    async with Client(one.native) as client:
        assert await heard(two.native, client.call_tool("change"), 1) == [(RESOURCE_UPDATED, "a:b")]
    assert await heard(one.native, bus.publish(ToolsListChanged()), 1) == [(TOOLS_CHANGED, "")]


async def test_a_low_level_server_listens_to_the_bus_of_its_handler() -> None:
    bus = InMemorySubscriptionBus()
    low = LowServer("low", on_subscriptions_listen=ListenHandler(bus))
    assert await heard(low.native, bus.publish(ResourceUpdated(uri="a:b")), 1) == [(RESOURCE_UPDATED, "a:b")]
    assert await heard(low.native, bus.publish(PromptsListChanged()), 1) == [(PROMPTS_CHANGED, "")]
    assert await heard(low.native, bus.publish(ResourcesListChanged()), 1) == [(RESOURCES_CHANGED, "")]
    heard_too: list[Any] = []
    stop = bus.subscribe(heard_too.append)
    await bus.publish(ToolsListChanged())
    stop()
    await bus.publish(ToolsListChanged())
    assert heard_too == [ToolsListChanged()]


async def test_a_tool_added_while_running_is_told_and_listed() -> None:
    mcp = server.FastMCP("x", tools=[Tool.from_function(lambda: 1, name="one", description="First")])

    async def add() -> None:
        mcp.add_tool(lambda: 2, name="two")

    assert await heard(mcp.native, add(), 1) == [(TOOLS_CHANGED, "")]
    async with Client(mcp.native) as client:
        assert [(tool.name, tool.description or "") for tool in await client.list_tools()] == [
            ("one", "First"),
            ("two", ""),
        ]


async def test_what_is_switched_off_is_not_served() -> None:
    mcp = fast.FastMCP("x")
    mcp.tool(lambda: 1, name="off", enabled=False)
    mcp.tool(lambda: 1, name="on", enabled=True)
    mcp.resource("a:off", name="off", enabled=False)(lambda: "x")
    mcp.resource("a:on", name="on")(lambda: "x")
    mcp.prompt("off", enabled=False)(lambda: "x")
    mcp.prompt("on")(lambda: "x")
    async with Client(mcp.native) as client:
        assert [tool.name for tool in await client.list_tools()] == ["on"]
        assert [resource.name for resource in await client.list_resources()] == ["on"]
        assert [prompt.name for prompt in await client.list_prompts()] == ["on"]
