"""A client in each era and on each transport, and nothing left when it is closed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.testing.offering import server as offering

from dragoman import Client, LocalError, Server
from dragoman.testing import ERAS, TRANSPORTS, Way, connected, no_leaks, reachable, serving_http, ways


@pytest.mark.parametrize("way", ways(), ids=str)
async def test_a_client_speaks_the_era_it_was_asked_for_and_leaves_nothing(way: Way) -> None:
    async with no_leaks(), asyncio.timeout(20), connected(offering, way) as client:
        assert client.version == way.era
        assert (await client.call_tool("add", {"a": 40})).structured == {"result": 42}
        assert client.server_info and client.server_info.name == "offering"


@pytest.mark.parametrize("era", ERAS)
async def test_every_era_is_reached_in_memory_and_over_http(era: str) -> None:
    for transport in ("memory", "http"):
        async with connected(offering, Way(era, transport)) as client:
            assert client.version == era
            assert [tool.name for tool in await client.list_tools()] == ["add", "agree", "count"]


def test_all_ways_are_the_product_and_the_unknown_is_refused() -> None:
    assert len(ways()) == 6 and len(ways(ERAS)) == 3 * len(ERAS)
    assert [str(way) for way in ways(ERAS[:1], ["http"])] == [f"http-{ERAS[0]}"]
    with pytest.raises(LocalError, match="there is no way by 'pigeon'; there are memory, stdio, http"):
        ways(transports=["pigeon"])
    with pytest.raises(LocalError, match="there is no way by 'tomorrow'"):
        ways(["tomorrow"])


async def test_the_newest_era_in_memory_is_what_there_is_without_a_way() -> None:
    async with connected(offering, on_elicit=lambda _: True) as client:
        assert client.version == ERAS[0]
        assert (await client.call_tool("agree")).text == "agreed: True"


async def test_a_server_that_is_in_no_file_needs_a_command() -> None:
    hidden = Server("hidden")
    with pytest.raises(LocalError, match="'hidden' cannot be run in a process of its own"):
        async with connected(hidden, Way(ERAS[0], "stdio")):
            pass
    async with reachable(hidden, "stdio", command=["program", "word"]) as target:
        assert target == ["program", "word"]


def living(seen: list[str]) -> Server:
    """Return a server that says when it begins and ends."""

    @asynccontextmanager
    async def lifespan(_: Server) -> AsyncIterator[None]:
        seen.append("began")
        yield
        seen.append("ended")

    return Server("living", lifespan=lifespan)


@pytest.mark.parametrize("transport", [transport for transport in TRANSPORTS if transport != "stdio"])
async def test_the_lifespan_ends_with_the_last_client(transport: str) -> None:
    seen: list[str] = []
    server = living(seen)
    way = Way(ERAS[0], transport)
    async with connected(server, way):
        async with connected(server, way) as inner:
            await inner.discover()
        assert seen == ["began"]
    assert seen == ["began", "ended"]


async def test_a_server_that_was_served_has_ended_and_let_go_of_its_store(tmp_path: Path) -> None:
    seen: list[str] = []
    async with no_leaks():
        stored = Server("stored", store=f"sqlite:///{tmp_path}/kept.db")
        async with serving_http(living(seen)) as url, serving_http(stored) as other:
            async with Client(url) as client, Client(other) as second:
                await client.discover()
                await second.discover()
            assert seen == ["began"]
    assert seen == ["began", "ended"]


async def test_any_asgi_application_can_be_served() -> None:
    async with serving_http(offering.asgi(path="/there"), path="/there") as url:
        assert url.endswith("/there")
        async with Client(url) as client:
            assert (await client.read("offering://text")).text == "text"
