"""Our client at other packages' servers: a list of checks each, and what each check found.

A server of `peers/` offers what `server.py` does and gets the same checks as our server gets from their clients.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from dragoman import Client, McpError, PeerError, ToolError
from dragoman.wire.content import ImageContent
from dragoman.wire.prompts import PromptReference

PATIENCE = 60.0  # seconds a check may take: a hang is a failure
Check = Callable[[Client], Awaitable[None]]
Found = dict[str, str]  # check -> what was wrong, "" for nothing
FURTHER = ("completion", "sampling", "roots")  # what only some servers are asked


async def visit(target: Any, mode: str, checks: dict[str, Check], settings: dict[str, Any]) -> Found:
    """Return what each of `checks` found; a server that cannot be reached fails all of them, by the same words."""
    found: Found = {}
    try:
        async with asyncio.timeout(PATIENCE * 2), Client(target, mode=mode, timeout=PATIENCE, **settings) as client:
            for name, check in checks.items():
                found[name] = await _told(check, client)
    except (McpError, OSError, TimeoutError) as error:
        for name in checks:
            found.setdefault(name, f"the connection: {type(error).__name__}: {error}")
    return found


async def _told(check: Check, client: Client) -> str:
    try:
        async with asyncio.timeout(PATIENCE):
            await check(client)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


async def refused(calling: Awaitable[Any], kind: type[Exception], words: str) -> None:
    """Fail unless `calling` raises a `kind` that says `words`."""
    try:
        result = await calling
    except kind as error:
        if words.lower() not in str(error).lower():
            raise AssertionError(f"{error} does not say {words!r}") from error
        return
    raise AssertionError(f"no {kind.__name__} but {result!r}")


# --- servers that offer what ours does ------------------------------------------------------------------------


def fellow(version: str) -> tuple[dict[str, Check], dict[str, Any]]:
    """Return the checks of a server of `peers/` which should speak `version`, and the client's settings for them."""
    asked: list[Any] = []

    def on_elicit(question: Any) -> dict[str, Any]:
        asked.append(question)
        return {"street": "Main St", "express": True}

    checks = {
        "hello": partial(hello, version, "interop"),
        "list": listing,
        "call": call,
        "error": error,
        "resources": resources,
        "prompts": prompts,
        "progress": progress,
        "elicitation": partial(elicitation, asked),
    }
    return checks, {"on_elicit": on_elicit}


async def hello(version: str, name: str, client: Client) -> None:
    assert client.version == version, client.version
    assert client.server_info is not None and client.server_info.name == name, client.server_info


def speaks(version: str) -> Check:
    """Return the check that `version` is spoken, and that the server says who it is."""

    async def check(client: Client) -> None:
        assert client.version == version, client.version
        assert client.server_info is not None, "it does not say who it is"

    return check


async def listing(client: Client) -> None:
    tools = {tool.name: tool for tool in await client.list_tools()}
    assert set(tools) == {"add", "fail", "order", "steps"}, set(tools)
    assert tools["add"].input_schema["required"] == ["a", "b"]


async def call(client: Client) -> None:
    result = await client.call_tool("add", {"a": 40, "b": 2})
    assert (result.value, result.structured, result.text) == (42, {"result": 42}, "42"), result.wire
    many = await asyncio.gather(*(client.call_tool("add", {"a": n, "b": n}) for n in range(20)))
    assert [one.value for one in many] == [2 * n for n in range(20)]


async def error(client: Client) -> None:
    await refused(client.call_tool("fail"), ToolError, "there is no ink left")
    await refused(client.call_tool("add", {"a": "forty", "b": 2}), ToolError, "a")
    # A tool that there is not: an error of the protocol or of the tool, as the server's package has it.
    await refused(client.call_tool("nothing"), McpError, "nothing")
    assert (await client.call_tool("add", {"a": 1, "b": 2})).value == 3


async def resources(client: Client) -> None:
    assert [item.uri for item in await client.list_resources()] == ["config://app"]
    assert [item.uri_template for item in await client.list_resource_templates()] == ["user://{id}/name"]
    assert (await client.read("config://app")).text == '{"dark":true}'
    assert (await client.read("user://7/name")).text == "user 7"
    await refused(client.read("config://nothing"), PeerError, "")


async def prompts(client: Client) -> None:
    assert [prompt.name for prompt in await client.list_prompts()] == ["greet"]
    prompt = await client.prompt("greet", {"name": "Ada"})
    assert prompt.messages[0].content.text == "Say something kind to Ada.", prompt


async def progress(client: Client) -> None:
    heard: list[Any] = []
    result = await client.call_tool("steps", {"count": 3}, on_progress=heard.append)
    assert result.text == "done", result
    marks = [(one.progress, one.total, one.message) for one in heard]
    assert marks == [(1, 3, "step 1"), (2, 3, "step 2"), (3, 3, "step 3")], marks


async def elicitation(asked: list[Any], client: Client) -> None:
    asked.clear()
    result = await client.call_tool("order", {"item": "tea"})
    assert result.text == "tea to Main St, express", result
    assert [question.message for question in asked] == ["Where to?"], asked


# --- servers that people run ----------------------------------------------------------------------------------


def everything() -> tuple[dict[str, Check], dict[str, Any]]:
    """Return the checks of the reference server that has everything."""
    asked: list[Any] = []

    def on_elicit(question: Any) -> dict[str, Any]:
        asked.append(question)
        return {"name": "Ada"}

    async def check_list(client: Client) -> None:
        assert {"echo", "get-sum", "get-structured-content"} <= {tool.name for tool in await client.list_tools()}

    async def check_call(client: Client) -> None:
        assert "42" in (await client.call_tool("get-sum", {"a": 40, "b": 2})).text
        weather = await client.call_tool("get-structured-content", {"location": "Chicago"})
        assert set(weather.structured) == {"temperature", "conditions", "humidity"}, weather
        image = await client.call_tool("get-tiny-image")
        assert any(isinstance(block, ImageContent) for block in image.content), image

    async def check_error(client: Client) -> None:
        await refused(client.call_tool("get-sum", {"a": "forty"}), McpError, "a")
        await refused(client.call_tool("nothing"), McpError, "nothing")

    async def check_resources(client: Client) -> None:
        listed = await client.list_resources()
        assert listed and (await client.read(listed[0].uri)).text
        assert await client.list_resource_templates()
        assert (await client.read("demo://resource/dynamic/text/3")).text
        assert (await client.read("demo://resource/dynamic/blob/4")).data

    async def check_prompts(client: Client) -> None:
        names = [prompt.name for prompt in await client.list_prompts()]
        assert "simple-prompt" in names and "args-prompt" in names, names
        assert (await client.prompt("args-prompt", {"city": "Basel"})).messages

    async def check_completion(client: Client) -> None:
        found = await client.complete(PromptReference(name="completable-prompt"), "department", "E")
        assert found.values == ["Engineering"], found

    async def check_progress(client: Client) -> None:
        heard: list[Any] = []
        given = {"duration": 1, "steps": 3}
        assert (await client.call_tool("trigger-long-running-operation", given, on_progress=heard.append)).text
        assert [one.progress for one in heard] == [1, 2, 3], heard

    async def check_elicitation(client: Client) -> None:
        assert "Ada" in (await client.call_tool("trigger-elicitation-request")).text
        assert len(asked) == 1

    async def check_sampling(client: Client) -> None:
        result = await client.call_tool("trigger-sampling-request", {"prompt": "hello", "maxTokens": 10})
        assert "words of a model" in result.text, result

    async def check_roots(client: Client) -> None:
        assert "a-folder" in (await client.call_tool("get-roots-list")).text

    checks: dict[str, Check] = {
        "hello": lambda client: hello("2025-11-25", "mcp-servers/everything", client),
        "list": check_list,
        "call": check_call,
        "error": check_error,
        "resources": check_resources,
        "prompts": check_prompts,
        "progress": check_progress,
        "elicitation": check_elicitation,
        "completion": check_completion,
        "sampling": check_sampling,
        "roots": check_roots,
    }
    return checks, {
        "on_elicit": on_elicit,
        "on_sample": lambda request: "words of a model",
        "roots": ["/a-folder"],
    }


def filesystem(folder: Path) -> dict[str, Check]:
    """Return the checks of the server of folders, which is given `folder`, a resolved path."""

    async def check_list(client: Client) -> None:
        assert {"read_text_file", "write_file", "list_directory"} <= {tool.name for tool in await client.list_tools()}

    async def check_call(client: Client) -> None:
        path = str(folder / "note.txt")
        await client.call_tool("write_file", {"path": path, "content": "tea\n"})
        assert (folder / "note.txt").read_text("utf-8") == "tea\n"
        read = await client.call_tool("read_text_file", {"path": path})
        assert (read.text, read.structured) == ("tea\n", {"content": "tea\n"}), read
        assert "note.txt" in (await client.call_tool("list_directory", {"path": str(folder)})).text

    async def check_error(client: Client) -> None:
        await refused(client.call_tool("read_text_file", {"path": str(folder.parent)}), ToolError, "denied")

    return {"list": check_list, "call": check_call, "error": check_error}


def memory(kept: Path) -> dict[str, Check]:
    """Return the checks of the server that keeps a graph, in the file `kept`."""

    async def check_list(client: Client) -> None:
        assert {"create_entities", "read_graph"} <= {tool.name for tool in await client.list_tools()}

    async def check_call(client: Client) -> None:
        entity = {"name": "Ada", "entityType": "person", "observations": ["likes tea"]}
        await client.call_tool("create_entities", {"entities": [entity]})
        graph = await client.call_tool("read_graph")
        assert graph.structured == {"entities": [entity], "relations": []}, graph
        assert "Ada" in kept.read_text("utf-8")

    async def check_error(client: Client) -> None:
        await refused(client.call_tool("create_entities", {"entities": "Ada"}), McpError, "entities")

    return {"list": check_list, "call": check_call, "error": check_error}


def clock() -> dict[str, Check]:
    """Return the checks of the server of times."""

    async def check_list(client: Client) -> None:
        assert {tool.name for tool in await client.list_tools()} == {"get_current_time", "convert_time"}

    async def check_call(client: Client) -> None:
        given = {"source_timezone": "Asia/Tokyo", "time": "12:00", "target_timezone": "UTC"}
        assert "03:00" in (await client.call_tool("convert_time", given)).text

    async def check_error(client: Client) -> None:
        await refused(client.call_tool("get_current_time", {"timezone": "Mars/North"}), ToolError, "Mars/North")

    return {"list": check_list, "call": check_call, "error": check_error}


def git(repository: Path) -> dict[str, Check]:
    """Return the checks of the server of repositories, which is given `repository` with one commit, "First"."""

    async def check_list(client: Client) -> None:
        assert {"git_status", "git_log"} <= {tool.name for tool in await client.list_tools()}

    async def check_call(client: Client) -> None:
        assert "First" in (await client.call_tool("git_log", {"repo_path": str(repository)})).text

    async def check_error(client: Client) -> None:
        missing = {"repo_path": str(repository), "revision": "nothing"}
        await refused(client.call_tool("git_show", missing), McpError, "nothing")

    return {"list": check_list, "call": check_call, "error": check_error}


def fetch() -> dict[str, Check]:
    """Return the checks of the server that fetches pages, without a network: its lists, and what it refuses."""

    async def check_list(client: Client) -> None:
        assert [tool.name for tool in await client.list_tools()] == ["fetch"]

    async def check_error(client: Client) -> None:
        await refused(client.call_tool("fetch", {"url": ""}), McpError, "url")

    async def check_prompts(client: Client) -> None:
        assert [prompt.name for prompt in await client.list_prompts()] == ["fetch"]

    return {"list": check_list, "error": check_error, "prompts": check_prompts}
