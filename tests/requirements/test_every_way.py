"""Rules that hold whoever speaks and however: the same test in either kind of era, in memory and over HTTP."""

import asyncio
from typing import Any

import pytest

from dragoman import Client, Context, Limits, PeerError, Server
from dragoman.app.target import Options
from dragoman.protocol.eras import STATELESS
from dragoman.testing import Way, connected, reachable, ways
from dragoman.wire.jsonrpc import INVALID_PARAMS, MISSING_CAPABILITY
from dragoman.wire.prompts import PromptReference

NEAR = ways(transports=["memory", "http"])


def make() -> Server:
    server = Server("ruled", limits=Limits(listed=2))

    @server.tool
    async def talk(ctx: Context) -> str:
        await ctx.progress(1, 2)
        for level in ("debug", "info", "warning", "error"):
            await ctx.log(level, f"a {level}")  # type: ignore[arg-type]
        return "talked"

    @server.tool
    async def agree(ctx: Context) -> str:
        return str(await ctx.elicit("Sure?", bool))

    for number in range(5):
        server.add_tool(lambda: "", name=f"tool {number}")
        server.add_prompt(lambda: "", name=f"prompt-{number}")
        server.add_resource(lambda: "", f"ruled://{number}", name=f"resource {number}")

    @server.prompt
    def write(to: str, many: int = 1) -> str:
        return f"Dear {to}"

    @server.completion("write", "to")
    async def people(value: str, arguments: dict[str, str]) -> list[str]:
        return [f"{value}{number}" for number in range(150)]

    return server


@pytest.mark.parametrize("way", NEAR, ids=str)
async def test_all_pages_are_followed_and_each_entry_comes_once(way: Way) -> None:
    """PAGE-01, PAGE-02: two entries a page, whose cursors the client hands back as they are."""
    async with connected(make(), way) as client:
        assert [tool.name for tool in await client.list_tools()] == ["talk", "agree", *(f"tool {n}" for n in range(5))]
        assert [prompt.name for prompt in await client.list_prompts()] == [*(f"prompt-{n}" for n in range(5)), "write"]
        assert [found.uri for found in await client.list_resources()] == [f"ruled://{n}" for n in range(5)]


@pytest.mark.parametrize("way", NEAR, ids=str)
async def test_a_cursor_that_nobody_gave_is_an_error(way: Way) -> None:
    """PAGE-04"""
    async with connected(make(), way) as client:
        for method in ("tools/list", "prompts/list", "resources/list", "resources/templates/list"):
            with pytest.raises(PeerError) as caught:
                await client.request(method, {"cursor": "made up"})
            assert caught.value.code == INVALID_PARAMS
        assert len((await client.request("tools/list"))["tools"]) == 2


@pytest.mark.parametrize("way", NEAR, ids=str)
async def test_a_client_hears_the_levels_that_it_asked_for_and_those_above(way: Way) -> None:
    """LOG-01, LOG-02, LOG-04"""
    heard: list[Any] = []
    options = Options(log_level="warning")
    async with connected(make(), way, on_log=lambda told: heard.append(told.data), options=options) as client:
        assert client.server_capabilities.logging == {}
        await client.call_tool("talk")
    assert heard == ["a warning", "a error"]


@pytest.mark.parametrize("way", ways(STATELESS, ["memory", "http"]), ids=str)
async def test_what_one_client_can_do_is_not_taken_for_what_another_can(way: Way) -> None:
    """META-06: on one server, a request at a time."""
    async with (
        reachable(make(), way.transport) as target,
        Client(target, mode=way.era, on_elicit=lambda _: True) as able,
        Client(target, mode=way.era) as unable,
    ):
        for _ in range(2):
            assert (await able.call_tool("agree")).text == "True"
            with pytest.raises(PeerError) as caught:
                await unable.call_tool("agree")
            assert caught.value.code == MISSING_CAPABILITY


@pytest.mark.parametrize("way", NEAR, ids=str)
async def test_who_listens_for_changes_hears_no_progress_and_no_logs(way: Way) -> None:
    """SUB-02, SUB-05"""
    server, progress, logs = make(), [], []
    settings: dict[str, Any] = {"on_log": logs.append, "options": Options(log_level="debug")}
    async with connected(server, way, **settings) as client, client.listen(prompts=False) as changes:
        await client.call_tool("talk", on_progress=progress.append)
        server.disable("prompt-0")
        server.disable("tool 0")
        async with asyncio.timeout(10):
            assert (await anext(aiter(changes))).kind == "tools"
    assert (len(progress), len(logs)) == (1, 4)


@pytest.mark.parametrize("way", NEAR, ids=str)
async def test_a_hundred_suggestions_are_shown_and_more_are_told_of(way: Way) -> None:
    """PROMPT-07"""
    async with connected(make(), way) as client:
        found = await client.complete(PromptReference(name="write"), "to", "A")
        assert (len(found.values), found.total, found.has_more) == (100, 150, True)
        assert (await client.complete(PromptReference(name="write"), "many", "")).values == []
        with pytest.raises(PeerError) as caught:
            await client.complete(PromptReference(name="wrote"), "to", "A")
        assert caught.value.code == INVALID_PARAMS


@pytest.mark.parametrize("way", NEAR, ids=str)
async def test_arguments_of_prompts_are_checked(way: Way) -> None:
    """PROMPT-03"""
    async with connected(make(), way) as client:
        assert (await client.prompt("write", {"to": "Ada", "many": "2"})).messages
        for wrong in ({}, {"to": "Ada", "many": "several"}):
            with pytest.raises(PeerError) as caught:
                await client.prompt("write", wrong)
            assert caught.value.code == INVALID_PARAMS


@pytest.mark.parametrize("way", NEAR, ids=str)
async def test_just_what_is_there_is_declared(way: Way) -> None:
    """RES-01, PROMPT-01, TOOL-01"""
    bare = Server("bare")
    async with connected(bare, way) as client:
        found = client.server_capabilities
        assert not any((found.tools, found.resources, found.prompts, found.completions))
        with pytest.raises(PeerError):
            await client.request("prompts/list")
    async with connected(make(), way) as client:
        found = client.server_capabilities
        assert found.tools and found.resources and found.prompts and found.completions == {}
