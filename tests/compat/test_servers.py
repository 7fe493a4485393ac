"""The example servers in `servers/`, one for each style, over stdio for real."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.compat.conftest import HERE, SERVERS

from dragoman import PeerError, ToolError
from dragoman.wire.prompts import PromptReference, ResourceReference

ERAS = pytest.mark.parametrize("mode", ["modern", "legacy"])


def named(items):
    return {item.name: item for item in items}


def test_the_packages_are_hidden_from_the_servers() -> None:
    code = "import mcp"
    hidden = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(HERE / "blocker")}, capture_output=True, text=True
    )
    assert hidden.returncode == 1 and "hidden by the tests" in hidden.stderr
    shown = subprocess.run([sys.executable, "-c", "import msgspec"], env={"PYTHONPATH": str(HERE / "blocker")})
    assert shown.returncode == 0


@ERAS
async def test_tools_of_1_x_are_listed_as_they_were_written(running, mode) -> None:
    async with running("one_x.py", mode=mode) as client:
        tools = named(await client.list_tools())
    assert client.server_info.name == "one" and client.instructions == "Ask for sums."
    assert tools["add"].description == "Add two numbers."
    assert tools["add"].input_schema["required"] == ["a"]
    assert tools["add"].input_schema["properties"]["b"] == {"type": "integer", "default": 2}
    assert tools["add"].output_schema["properties"] == {"result": {"type": "integer"}}
    assert (tools["renamed"].title, tools["renamed"].description) == ("Renamed", "Another text")
    assert tools["renamed"].annotations.read_only_hint is True
    assert "ctx" not in tools["report"].input_schema.get("properties", {})
    for name in ("plain", "picture", "whole"):
        assert not tools[name].output_schema


@ERAS
async def test_tools_of_1_x_give_what_they_gave(running, mode) -> None:
    async with running("one_x.py", mode=mode) as client:
        assert (await client.call_tool("add", {"a": 1})).structured == {"result": 3}
        assert (await client.call_tool("renamed", {"text": "up"})).text == "UP"
        plain = await client.call_tool("plain", {"names": ["a", "b"]})
        assert [block.text for block in plain.content] == ["a", "b"] and not plain.has_structured
        [image] = (await client.call_tool("picture")).content
        assert (image.data, image.mime_type) == ("iVBORw0KGgo=", "image/png")
        assert [type(block).__name__ for block in (await client.call_tool("mixed")).content] == [
            "TextContent",
            "ImageContent",
        ]
        whole = await client.call_tool("whole")
        assert (whole.text, whole.structured, whole.meta["hidden"]) == ("shown", {"kept": True}, 1)


@ERAS
async def test_the_context_of_1_x_reports_reads_and_knows_the_lifespan(running, mode) -> None:
    logs, steps = [], []
    async with running("one_x.py", mode=mode, on_log=logs.append) as client:
        result = await client.call_tool("report", on_progress=steps.append)
    assert result.text == "hello from one; write tests"
    assert [(step.progress, step.total, step.message) for step in steps] == [(1, 2, "half")]
    if mode == "legacy":
        assert [(log.level, log.data, log.logger) for log in logs] == [("info", "starting", "report")]


async def test_failures_of_1_x_are_told_as_that_package_tells_them(running) -> None:
    async with running("one_x.py") as client:
        with pytest.raises(ToolError, match=r"^told to the model$"):
            await client.call_tool("fails", {"how": "tool"})
        with pytest.raises(ToolError, match=r"^Error executing tool fails: told to everybody$"):
            await client.call_tool("fails", {"how": "any"})
        with pytest.raises(PeerError) as refused:
            await client.call_tool("fails", {"how": "protocol"})
        assert (refused.value.code, refused.value.message, refused.value.data) == (
            -32050,
            "told to the client",
            {"why": "protocol"},
        )


@ERAS
async def test_resources_of_1_x_are_listed_and_read(running, mode) -> None:
    async with running("one_x.py", mode=mode) as client:
        assert [(r.uri, r.description) for r in await client.list_resources()] == [("notes://today", "Today's notes.")]
        assert [t.uri_template for t in await client.list_resource_templates()] == ["notes://{day}/lines/{line}"]
        assert (await client.read("notes://today")).text == "write tests"
        line = await client.read("notes://monday/lines/4")
        assert (line.text, line.contents[0].mime_type) == ('{"day":"monday","line":4}', "application/json")
        with pytest.raises(PeerError, match="not found"):
            await client.read("notes://monday/lines/x")


@ERAS
async def test_prompts_of_1_x_are_listed_filled_in_and_completed(running, mode) -> None:
    async with running("one_x.py", mode=mode) as client:
        prompts = named(await client.list_prompts())
        assert prompts["review"].title == "Review"
        assert [(a.name, a.required) for a in prompts["review"].arguments] == [("code", True), ("language", False)]
        review = await client.prompt("review", {"code": "x"})
        assert [(m.role, m.content.text) for m in review.messages] == [
            ("user", "Review this python: x"),
            ("assistant", "Gladly."),
        ]
        [asked] = (await client.prompt("ask", {"question": "why?"})).messages
        assert (asked.role, asked.content.text) == ("user", "why?")
        found = await client.complete(PromptReference(name="review"), "language", "py")
        assert found.values == ["python"]
        nothing = await client.complete(ResourceReference(uri="notes://{day}/lines/{line}"), "day", "m")
        assert nothing.values == []


@ERAS
async def test_a_server_for_2_x_runs(running, mode) -> None:
    async with running("two_x.py", mode=mode) as client:
        assert (client.server_info.title, client.server_info.version) == ("Two", "3.1")
        assert client.server_info.icons[0].mime_type == "image/png"
        assert client.server_capabilities.extensions == {"com.example/stamps": {"ink": "red"}}
        tools = named(await client.list_tools())
        assert list(tools["order"].input_schema["properties"]) == ["title"]
        assert tools["order"].annotations.open_world_hint is False
        ordered = await client.call_tool("order", {"title": "Dune"})
        assert ordered.structured == {"title": "Dune tomorrow", "copies": 2}
        assert (await client.call_tool("stamp", {"text": "paid"})).text == "[paid]"
        assert (await client.call_tool("whoami")).text == "dragoman dragoman"
        assert "tools/call" in (await client.call_tool("seen_methods")).structured["result"]
        echoed = await client.request("com.example/echo", {"text": "hi"})
        assert echoed["text"] == "hi"
        with pytest.raises(PeerError, match=r"com\.example/echo"):
            await client.request("com.example/echo", {})
        [shown] = (await client.prompt("look")).messages
        assert shown.content.mime_type == "image/gif"


async def test_failures_of_2_x_keep_the_words_of_a_crash_to_themselves(running) -> None:
    async with running("two_x.py") as client:
        with pytest.raises(ToolError) as crashed:
            await client.call_tool("crash")
        assert "secret" not in str(crashed.value) and "crash" in str(crashed.value)
        with pytest.raises(PeerError, match="not today"):
            await client.call_tool("refuse")


async def test_paths_in_templates_of_2_x_cannot_climb(running) -> None:
    async with running("two_x.py") as client:
        assert (await client.read("files://a/b.txt")).text == "a/b.txt"
        for uri in ("files://../etc/passwd", "files://a/../../b", "files:///etc/passwd", "files://none"):
            with pytest.raises(PeerError):
                await client.read(uri)


@ERAS
async def test_a_server_for_fastmcp_runs(running, mode) -> None:
    async with running("fast_style.py", mode=mode) as client:
        tools = named(await client.list_tools())
        assert set(tools) == {
            "measure", "named", "inject", "spelled_out", "file", "remember", "fails", "twice", "news_headlines",
        }  # fmt: skip
        assert tools["named"].meta == {"tags": ["a", "b"]} and tools["named"].annotations.read_only_hint is True
        assert list(tools["inject"].input_schema["properties"]) == ["text"]
        assert (await client.call_tool("measure", {"text": "abc"})).structured == {"text": "abc", "length": 3}
        assert (await client.call_tool("named")).text.startswith("stdio ")
        assert (await client.call_tool("inject", {"text": "water"})).text == "water from pool of fast"
        said = await client.call_tool("spelled_out", {"text": "hi"})
        assert (said.text, said.structured, said.meta["n"]) == ("said hi", {"said": "hi"}, 1)
        [table] = (await client.call_tool("file")).content
        assert (table.resource.text, table.resource.mime_type) == ("a,b\n1,2\n", "text/csv")
        await client.call_tool("remember", {"key": "k", "value": "v"})
        assert (await client.call_tool("remember", {"key": "k"})).text == "v"
        assert (await client.call_tool("twice")).structured == {"result": 2}
        with pytest.raises(ToolError, match=r"^no$"):
            await client.call_tool("fails")
        assert (await client.prompt("hello")).messages[0].content.text == "Say hello to World."


@ERAS
async def test_a_mounted_server_and_a_wild_template_of_fastmcp_are_served(running, mode) -> None:
    async with running("fast_style.py", mode=mode) as client:
        assert (await client.call_tool("news_headlines")).structured == {"result": ["all is well"]}
        assert [r.uri for r in await client.list_resources()] == ["news://news/front"]
        assert (await client.read("news://news/front")).text == '{"top":"all is well"}'
        assert (await client.read("docs://a/b.md")).text == "a/b.md 3"


@ERAS
async def test_a_low_level_server_of_1_x_runs_from_its_main(running, mode) -> None:
    logs = []
    async with running("lowlevel_one.py", mode=mode, on_log=logs.append) as client:
        assert client.server_info.name == "lowlevel-one"
        [tool] = await client.list_tools()
        assert tool.input_schema["required"] == ["city"]
        assert (await client.call_tool("weather", {"city": "Bath"})).structured == {"city": "Bath", "sun": True}
        with pytest.raises(ToolError, match=r"^Input validation error: \$.city: expected string, got nothing"):
            await client.call_tool("weather", {})
        with pytest.raises(ToolError, match=r"^Input validation error: \$.city: expected string, got 3"):
            await client.call_tool("weather", {"city": 3})
        with pytest.raises(ToolError, match=r"^Output validation error: \$.sun: expected boolean, got \"true\""):
            await client.call_tool("weather", {"city": "Nowhere"})
        with pytest.raises(ToolError, match="no tool other"):
            await client.call_tool("other", {})
        assert [r.uri for r in await client.list_resources()] == ["item://0", "item://1", "item://2", "item://3"]
        assert await client.list_resource_templates() == []
        assert (await client.read("item://2")).text == "item 2 item://2"
        assert not client.server_capabilities.prompts
    if mode == "legacy":
        assert [log.data for log in logs] == ["asked", "asked"]


@ERAS
async def test_a_low_level_server_of_2_x_runs(running, mode) -> None:
    async with running("lowlevel_two.py", mode=mode) as client:
        assert [tool.name for tool in await client.list_tools()] == ["shout"]
        shouted = await client.call_tool("shout", {"text": "hey"})
        assert (shouted.text, shouted.structured) == ("HEY", {"text": None})
        with pytest.raises(PeerError, match="'text'"):
            await client.call_tool("shout", {})
        [prompt] = await client.list_prompts()
        assert prompt.arguments[0].required is True
        assert (await client.prompt("hi", {"who": "you"})).messages[0].content.text == "hi you"


def test_every_example_server_here_is_tested() -> None:
    assert sorted(file.name for file in SERVERS.glob("*.py")) == [
        "asking.py",
        "fast_style.py",
        "lowlevel_one.py",
        "lowlevel_two.py",
        "one_x.py",
        "two_x.py",
    ]
