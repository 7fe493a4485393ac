"""The official Python SDK, 1.x, as a client of our server: `client_mcp1.py VERSION MODE URL`, or a command."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from mcp import ClientSession, McpError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client
from mcp.types import ElicitResult
from pydantic import AnyUrl

version, _, target, *args = sys.argv[1:]
asked: list[Any] = []
Session = ClientSession


async def on_elicit(context: Any, params: Any) -> ElicitResult:
    asked.append(params)
    return ElicitResult(action="accept", content={"street": "Main St", "express": True})


async def listing(client: Session) -> None:
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert set(tools) == {"add", "fail", "go", "order", "steps"}, set(tools)
    assert tools["add"].inputSchema["required"] == ["a", "b"]


async def call(client: Session) -> None:
    result = await client.call_tool("add", {"a": 40, "b": 2})
    assert (result.content[0].text, result.structuredContent) == ("42", {"result": 42}), result
    many = await asyncio.gather(*(client.call_tool("add", {"a": n, "b": n}) for n in range(20)))
    assert [one.structuredContent["result"] for one in many] == [2 * n for n in range(20)]


async def error(client: Session) -> None:
    failed = await client.call_tool("fail")
    assert failed.isError and failed.content[0].text == "there is no ink left", failed
    assert (await client.call_tool("add", {"a": "forty", "b": 2})).isError
    await refused(client.call_tool("nothing"), "nothing")


async def refused(calling: Awaitable[Any], words: str) -> None:
    try:
        await calling
    except McpError as error:
        if words not in str(error):
            raise AssertionError(f"{error} does not say {words!r}") from error
    else:
        raise AssertionError(f"nothing said {words!r}")


async def resources(client: Session) -> None:
    assert [str(item.uri) for item in (await client.list_resources()).resources] == ["config://app"]
    templates = (await client.list_resource_templates()).resourceTemplates
    assert [item.uriTemplate for item in templates] == ["user://{id}/name"]
    assert (await client.read_resource(AnyUrl("config://app"))).contents[0].text == '{"dark":true}'
    assert (await client.read_resource(AnyUrl("user://7/name"))).contents[0].text == "user 7"
    await refused(client.read_resource(AnyUrl("config://nothing")), "not found")


async def prompts(client: Session) -> None:
    assert [prompt.name for prompt in (await client.list_prompts()).prompts] == ["greet"]
    prompt = await client.get_prompt("greet", {"name": "Ada"})
    assert prompt.messages[0].content.text == "Say something kind to Ada."


async def progress(client: Session) -> None:
    heard: list[tuple[float, float | None, str | None]] = []
    going: list[Any] = []

    async def on_progress(done: float, total: float | None, message: str | None) -> None:
        heard.append((done, total, message))
        if len(heard) == 3:
            going.append(asyncio.ensure_future(client.call_tool("go")))  # the tool ends once we have heard it all

    result = await client.call_tool("steps", {"count": 3}, progress_callback=on_progress)
    assert result.content[0].text == "done", result
    await asyncio.gather(*going)
    assert heard == [(1, 3, "step 1"), (2, 3, "step 2"), (3, 3, "step 3")], heard


async def elicitation(client: Session) -> None:
    result = await client.call_tool("order", {"item": "tea"})
    assert result.content[0].text == "tea to Main St, express", result
    assert [question.message for question in asked] == ["Where to?"], asked
    assert asked[0].requestedSchema["properties"]["street"]["type"] == "string", asked


CHECKS: dict[str, Callable[[Session], Awaitable[None]]] = {
    "list": listing,
    "call": call,
    "error": error,
    "resources": resources,
    "prompts": prompts,
    "progress": progress,
    "elicitation": elicitation,
}


async def main() -> None:
    if target.startswith("http"):
        streams: Any = streamablehttp_client(target)
    else:
        streams = stdio_client(StdioServerParameters(command=target, args=args))
    async with streams as pipes, ClientSession(*pipes[:2], elicitation_callback=on_elicit) as client:
        about = await client.initialize()
        fine = (about.serverInfo.name, about.protocolVersion) == ("interop", version)
        print(json.dumps({"check": "hello", "note": "" if fine else repr(about)}), flush=True)
        for name, check in CHECKS.items():
            note = ""
            try:
                await check(client)
            except Exception as failed:
                note = f"{type(failed).__name__}: {failed}"
            print(json.dumps({"check": name, "note": note}), flush=True)


asyncio.run(main())
