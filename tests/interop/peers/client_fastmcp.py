"""FastMCP as a client of our server: `client_fastmcp.py VERSION MODE URL` or `VERSION MODE COMMAND ARGS...`."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from fastmcp.exceptions import ToolError
from mcp import MCPError

version, mode, target, *args = sys.argv[1:]
asked: list[tuple[str, Any]] = []


async def on_elicit(message: str, response_type: type, params: Any, context: Any) -> Any:
    asked.append((message, params.requested_schema))
    return response_type(street="Main St", express=True)


async def hello(client: Client) -> None:
    assert client.server_info.name == "interop", client.server_info
    assert client.protocol_version == version, client.protocol_version


async def listing(client: Client) -> None:
    tools = {tool.name: tool for tool in await client.list_tools()}
    assert set(tools) == {"add", "fail", "go", "order", "steps"}, set(tools)
    assert tools["add"].input_schema["required"] == ["a", "b"]


async def call(client: Client) -> None:
    result = await client.call_tool("add", {"a": 40, "b": 2})
    # A bare value comes as an object with `result`: what unwraps it is a mark of FastMCP's own in the output schema.
    assert (result.data.result, result.structured_content) == (42, {"result": 42}), result
    many = await asyncio.gather(*(client.call_tool("add", {"a": n, "b": n}) for n in range(20)))
    assert [one.data.result for one in many] == [2 * n for n in range(20)]


async def refused(calling: Awaitable[Any], kind: type[Exception], words: str) -> None:
    try:
        await calling
    except kind as error:
        if words not in str(error):
            raise AssertionError(f"{error} does not say {words!r}") from error
    else:
        raise AssertionError(f"nothing said {words!r}")


async def error(client: Client) -> None:
    await refused(client.call_tool("fail"), ToolError, "there is no ink left")
    await refused(client.call_tool("add", {"a": "forty", "b": 2}), ToolError, "a")
    await refused(client.call_tool("nothing"), MCPError, "nothing")


async def resources(client: Client) -> None:
    assert [str(item.uri) for item in await client.list_resources()] == ["config://app"]
    assert [item.uri_template for item in await client.list_resource_templates()] == ["user://{id}/name"]
    assert (await client.read_resource("config://app"))[0].text == '{"dark":true}'
    assert (await client.read_resource("user://7/name"))[0].text == "user 7"
    await refused(client.read_resource("config://nothing"), MCPError, "not found")


async def prompts(client: Client) -> None:
    assert [prompt.name for prompt in await client.list_prompts()] == ["greet"]
    prompt = await client.get_prompt("greet", {"name": "Ada"})
    assert prompt.messages[0].content.text == "Say something kind to Ada."


async def progress(client: Client) -> None:
    heard: list[tuple[float, float | None, str | None]] = []
    going: list[Any] = []

    async def on_progress(done: float, total: float | None, message: str | None) -> None:
        heard.append((done, total, message))
        if len(heard) == 3:
            going.append(asyncio.ensure_future(client.call_tool("go")))  # the tool ends once we have heard it all

    result = await client.call_tool("steps", {"count": 3}, progress_handler=on_progress)
    assert result.data.result == "done", result
    await asyncio.gather(*going)
    assert heard == [(1, 3, "step 1"), (2, 3, "step 2"), (3, 3, "step 3")], heard


async def elicitation(client: Client) -> None:
    result = await client.call_tool("order", {"item": "tea"})
    assert result.data.result == "tea to Main St, express", result
    assert [message for message, _ in asked] == ["Where to?"], asked
    assert asked[0][1]["properties"]["street"]["type"] == "string", asked


CHECKS: dict[str, Callable[[Client], Awaitable[None]]] = {
    "hello": hello,
    "list": listing,
    "call": call,
    "error": error,
    "resources": resources,
    "prompts": prompts,
    "progress": progress,
    "elicitation": elicitation,
}


async def main() -> None:
    transport: Any = target if target.startswith("http") else StdioTransport(target, args)
    async with Client(transport, mode=mode, elicitation_handler=on_elicit, timeout=20) as client:
        for name, check in CHECKS.items():
            note = ""
            try:
                await check(client)
            except Exception as failed:
                note = f"{type(failed).__name__}: {failed}"
            print(json.dumps({"check": name, "note": note}), flush=True)


asyncio.run(main())
