"""What is listed and cannot be used is caught, each by a line of its own; and changes of it are seen."""

from pathlib import Path
from typing import Any

import pytest
from tests.testing.offering import SAMPLES
from tests.testing.offering import server as offering

from dragoman import RequestError, Resource, Server, ToolError
from dragoman.testing import Way, check_offers, check_snapshot, connected, faults_of, snapshot, ways


@pytest.mark.parametrize("way", ways(transports=["memory", "http"]), ids=str)
async def test_a_server_without_fault_has_none(way: Way) -> None:
    async with connected(offering, way) as client:
        assert await faults_of(client, SAMPLES) == []
        await check_offers(client, SAMPLES)


async def test_a_resource_that_is_listed_and_cannot_be_read_is_caught() -> None:
    server = Server("faulty")

    @server.resource("faulty://gone")
    def gone() -> str:
        raise RequestError(-7, "it went away")

    async def lister(cursor: str | None) -> tuple[list[Resource], str | None]:
        return [Resource(uri="faulty://never", name="never")], None

    server.add_resource_lister(lister)
    async with connected(server) as client:
        first, second = await faults_of(client)
        with pytest.raises(AssertionError, match="2 faults in what the server offers"):
            await check_offers(client)
    assert first.startswith("resource 'faulty://gone' is listed, but cannot be read: it went away")
    assert second.startswith("resource 'faulty://never' is listed, but cannot be read: resource not found")


async def test_tools_templates_and_prompts_are_tried_with_their_samples() -> None:
    server = Server("faulty")

    @server.tool
    def fail(how: str) -> str:
        raise ToolError(how)

    @server.resource("faulty://{number}")
    def family(number: int) -> str:
        return str(number)

    @server.prompt
    def poem(theme: str) -> str:
        raise RequestError(-7, "no rhymes")

    async with connected(server) as client:
        assert await faults_of(client) == ["prompt 'poem' needs theme: give a sample of that"]
        samples: dict[str, dict[str, Any]] = {
            "fail": {"how": "badly"}, "faulty://{number}": {"number": "x"}, "poem": {"theme": "rain"}, "none": {},
        }  # fmt: skip
        tool, template, prompt, unknown = await faults_of(client, samples)
    assert tool == "tool 'fail' fails with its sample: badly"
    assert template.startswith("template 'faulty://{number}' fails with its sample: 'faulty://x': cannot be read")
    assert prompt.startswith("prompt 'poem' is listed, but cannot be got: no rhymes")
    assert unknown == "sample 'none': nothing of that name is listed"


async def test_schemas_that_are_none_are_caught_whoever_serves_them() -> None:
    """Our own server refuses them when they are registered, so a middleware plays a server that does not."""
    server = Server("faulty")
    server.add_tool(lambda: "x", name="bad")

    @server.middleware
    async def spoil(call: Any, handler: Any) -> Any:
        if call.method != "tools/list":
            return await handler(call)
        schema = {"type": "object", "properties": {"a": {"type": "colour"}}}
        tool = {"name": "bad", "inputSchema": schema, "outputSchema": {"$ref": "https://example.com/x"}}
        return {"tools": [tool, tool], "ttlMs": 0, "cacheScope": "private"}

    async with connected(server) as client:
        twice, *faults = await faults_of(client)
    assert twice == "tool 'bad' is listed twice"
    assert len(faults) == 4
    assert faults[0].startswith("tool 'bad': its input schema is at fault:")
    assert faults[1].startswith("tool 'bad': its output schema is at fault:")


async def test_a_list_that_cannot_be_had_is_a_fault_too() -> None:
    server = Server("faulty")
    server.add_tool(lambda: "x", name="fine")

    @server.middleware
    async def spoil(call: Any, handler: Any) -> Any:
        if call.method == "tools/list":
            raise RequestError(-7, "not today")
        return await handler(call)

    async with connected(server) as client:
        (fault,) = await faults_of(client)
    assert fault.startswith("a list cannot be had: not today")


async def test_a_snapshot_is_the_same_until_the_offers_change(tmp_path: Path) -> None:
    server = Server("shown", "1.0")
    server.add_tool(lambda: "x", name="one")
    file = tmp_path / "shown.json"
    async with connected(server, cache=False) as client:
        with pytest.raises(AssertionError, match="there is no snapshot"):
            await check_snapshot(client, file)
        await check_snapshot(client, file, update=True)
        await check_snapshot(client, file)
        assert file.read_text() == await snapshot(client)
        server.add_tool(lambda: "x", name="two")
        with pytest.raises(AssertionError, match=r'(?s)has changed.*\+ +"name": "two"'):
            await check_snapshot(client, file)
        server.remove_tool("two")
        await check_snapshot(client, file)


async def test_the_servers_version_is_no_part_of_its_snapshot() -> None:
    async with connected(Server("same", "1.0")) as one, connected(Server("same", "2.0")) as two:
        assert await snapshot(one) == await snapshot(two)
