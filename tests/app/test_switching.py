"""What is switched off is gone for clients, keeps its place, and comes back; whoever listens is told."""

import asyncio

import pytest

from dragoman import Client, LocalError, PeerError, Server
from dragoman.protocol.eras import HANDSHAKE, STATELESS
from dragoman.testing import Way, connected, ways

NEWEST = [next(iter(STATELESS)), next(iter(HANDSHAKE))]


def make() -> Server:
    server = Server("switched")
    for name in ("one", "two", "three"):
        server.add_tool(lambda: "here", name=name)
    server.add_prompt(lambda: "hello", name="two")
    server.add_resource(lambda: "text", "a://b", name="b")
    server.add_resource(lambda x: x, "a://{x}/c", name="c")
    return server


@pytest.mark.parametrize("version", NEWEST)
async def test_a_disabled_tool_is_answered_as_an_unknown_one_and_comes_back_in_its_place(version: str) -> None:
    """SUB-13: changes of lists are told, whatever changed them."""
    server = make()
    async with Client(server, mode=version, cache=False) as client:
        server.disable("one", "two", kind="tool")
        assert [tool.name for tool in await client.list_tools()] == ["three"]
        assert [prompt.name for prompt in await client.list_prompts()] == ["two"]
        with pytest.raises(PeerError) as off:
            await client.call_tool("one")
        with pytest.raises(PeerError) as never:
            await client.call_tool("won")
        assert (off.value.code, str(off.value)) == (never.value.code, str(never.value).replace("won", "one"))
        server.enable("two")
        assert [tool.name for tool in await client.list_tools()] == ["two", "three"]
        server.enable("one")
        assert [tool.name for tool in await client.list_tools()] == ["one", "two", "three"]
        assert (await client.call_tool("one")).text == "here"


async def test_resources_go_by_uri_and_templates_by_their_text() -> None:
    server = make()
    async with Client(server, cache=False) as client:
        server.disable("a://b", "a://{x}/c")
        assert (await client.list_resources(), await client.list_resource_templates()) == ([], [])
        for uri in ("a://b", "a://1/c"):
            with pytest.raises(PeerError, match="not found"):
                await client.read(uri)
        server.enable("a://b", "a://{x}/c", kind="resource")
        assert (await client.read("a://b")).text == "text"
        assert (await client.read("a://1/c")).text == "1"


@pytest.mark.parametrize("way", ways(transports=["memory", "http"]), ids=str)
async def test_whoever_listens_hears_once_and_only_of_what_changed(way: Way) -> None:
    """SUB-13"""
    server = make()
    async with connected(server, way) as client, asyncio.timeout(10), client.listen() as changes:
        heard = aiter(changes)
        server.disable("three")
        assert (await anext(heard)).kind == "tools"
        server.disable("three")  # it is off already: nothing to tell
        server.enable("a://b")  # and this was never off
        server.disable("two", kind="prompt")
        assert (await anext(heard)).kind == "prompts"


def test_a_name_that_nothing_has_changes_nothing() -> None:
    server = make()
    with pytest.raises(LocalError, match="no tool, prompt or resource 'nine' to switch off"):
        server.disable("one", "nine")
    with pytest.raises(LocalError, match="no prompt 'one' to switch on"):
        server.enable("one", kind="prompt")
    with pytest.raises(LocalError, match="there are tool, prompt, resource"):
        server.disable("one", kind="color")  # type: ignore[arg-type]
    assert list(server.surface.tools.listing.names()) == ["one", "two", "three"]


def test_a_name_stays_taken_while_it_is_off() -> None:
    server = make()
    server.disable("one")
    with pytest.raises(LocalError, match="there is a tool 'one' already"):
        server.add_tool(lambda: "again", name="one")
    assert server.remove_tool("one")
    server.add_tool(lambda: "again", name="one")
