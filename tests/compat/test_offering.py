"""What a fastmcp server offers through middleware, transforms, providers and visibility, asked as a client asks."""

from __future__ import annotations

import json

import pytest
from tests.transport.raw_http import listening

from dragoman import Client, PeerError, ToolError

MODES = pytest.mark.parametrize("mode", ["modern", "legacy"])

SUMS = """
    from fastmcp import Context, FastMCP

    mcp = FastMCP("sums")

    @mcp.tool(tags={"sums"})
    def add(a: int, b: int = 1) -> int:
        "Add two numbers."
        return a + b

    @mcp.tool(tags={"texts"})
    def shout(text: str) -> str:
        "Write a text in capitals."
        return text.upper()

    @mcp.resource("config://app")
    def config() -> str:
        return "on"

    @mcp.resource("user://{name}/profile")
    def profile(name: str) -> str:
        return f"I am {name}"

    @mcp.prompt
    def hello(name: str = "you") -> str:
        "Say hello."
        return f"Hello {name}"
"""


def sums(more: str) -> str:
    return SUMS + "\n" + more


async def names(client) -> list[str]:
    return [tool.name for tool in await client.list_tools()]


HOOKS = """
    from fastmcp.exceptions import ToolError
    from fastmcp.server.middleware import Middleware, MiddlewareContext

    seen = []

    class Watch(Middleware):
        async def on_message(self, context: MiddlewareContext, call_next):
            seen.append(f"message {context.method}")
            return await call_next(context)

        async def on_request(self, context, call_next):
            seen.append("request")
            return await call_next(context)

        async def on_call_tool(self, context, call_next):
            seen.append(f"tool {context.message.name} of {context.fastmcp_context.fastmcp.name}")
            if context.message.name == "shout":
                raise ToolError("not so loud")
            context.message.arguments["b"] = 10
            result = await call_next(context)
            result.structured_content = {"result": result.structured_content["result"] + 1}
            return result

        async def on_list_tools(self, context, call_next):
            tools = await call_next(context)
            return [tool for tool in tools if "texts" not in tool.tags]

        async def on_read_resource(self, context, call_next):
            result = await call_next(context)
            result.contents[0].content += "!"
            return result

        async def on_get_prompt(self, context, call_next):
            context.message.arguments = {"name": "all"}
            return await call_next(context)

    mcp.add_middleware(Watch())

    @mcp.tool
    def what() -> list[str]:
        return list(seen)
"""


@MODES
async def test_middleware_sees_and_changes_what_is_asked_and_answered(loaded, mode) -> None:
    async with Client(loaded(sums(HOOKS)), mode=mode) as client:
        assert await names(client) == ["add", "what"]
        assert (await client.call_tool("add", {"a": 1})).structured == {"result": 12}
        with pytest.raises(ToolError, match=r"^not so loud$"):
            await client.call_tool("shout", {"text": "x"})
        assert (await client.read("config://app")).text == "on!"
        [message] = (await client.prompt("hello")).messages
        assert message.content.text == "Hello all"


async def test_hooks_run_from_general_to_special_and_middleware_from_first_to_last(loaded) -> None:
    server = loaded(
        sums("""
    from fastmcp.server.middleware import Middleware

    order = []

    class One(Middleware):
        def __init__(self, name):
            self.name = name

        async def on_message(self, context, call_next):
            order.append(f"{self.name} message")
            return await call_next(context)

        async def on_request(self, context, call_next):
            order.append(f"{self.name} request")
            return await call_next(context)

        async def on_call_tool(self, context, call_next):
            order.append(f"{self.name} tool")
            return await call_next(context)

    mcp.add_middleware(One("a"))
    mcp.add_middleware(One("b"))

    @mcp.tool(output_schema=None)
    def what() -> str:
        return ", ".join(order[-6:])
    """)
    )
    async with Client(server) as client:
        assert (await client.call_tool("what")).text == ("a message, a request, a tool, b message, b request, b tool")


async def test_a_failure_reaches_middleware_as_what_it_was(loaded) -> None:
    server = loaded("""
    from fastmcp import FastMCP
    from fastmcp.server.middleware.error_handling import ErrorHandlingMiddleware, RetryMiddleware

    errors = ErrorHandlingMiddleware()
    mcp = FastMCP("shaky", middleware=[errors, RetryMiddleware(max_retries=2, base_delay=0.0)])
    tries = []

    @mcp.tool
    def shaky() -> int:
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionError("not yet")
        return len(tries)

    @mcp.tool
    def broken() -> int:
        tries.append(1)
        raise ValueError("never")

    @mcp.tool
    def stats() -> dict[str, int]:
        return {"tries": len(tries), **errors.get_error_stats()}
    """)
    async with Client(server) as client:
        assert (await client.call_tool("shaky")).structured == {"result": 3}
        with pytest.raises(ToolError, match=r"^Error calling tool broken: never$"):
            await client.call_tool("broken")
        assert (await client.call_tool("stats")).structured == {"tries": 4, "ValueError:tools/call": 1}


async def test_requests_over_the_rate_are_refused_and_those_within_it_answered(loaded) -> None:
    server = loaded(
        sums("""
    from fastmcp.server.middleware.rate_limiting import RateLimitingMiddleware

    class Calls(RateLimitingMiddleware):
        async def on_request(self, context, call_next):
            if context.method != "tools/call":
                return await call_next(context)
            return await super().on_request(context, call_next)

    mcp.add_middleware(Calls(max_requests_per_second=0.001, burst_capacity=2))
    """)
    )
    async with Client(server) as client:
        for _ in range(2):
            await client.call_tool("add", {"a": 1})
        with pytest.raises(PeerError, match="limit exceeded") as refused:
            await client.call_tool("add", {"a": 1})
        assert refused.value.code == -32000


async def test_answers_are_kept_for_whom_they_were_made_and_results_are_cut(loaded) -> None:
    server = loaded("""
    from fastmcp import FastMCP
    from fastmcp.server.middleware.caching import CallToolSettings, ResponseCachingMiddleware
    from fastmcp.server.middleware.response_limiting import ResponseLimitingMiddleware

    kept = ResponseCachingMiddleware(call_tool_settings=CallToolSettings(excluded_tools=["fresh"]))
    mcp = FastMCP("kept", middleware=[kept, ResponseLimitingMiddleware(max_size=200, tools=["long"])])
    calls = []

    @mcp.tool
    def counted(step: int) -> int:
        calls.append(step)
        return len(calls)

    @mcp.tool
    def fresh() -> int:
        calls.append(0)
        return len(calls)

    @mcp.tool
    def long() -> str:
        return "x" * 1000
    """)
    async with Client(server) as client:
        assert [(await client.call_tool("counted", {"step": n})).value for n in (1, 1, 2)] == [1, 1, 2]
        assert [(await client.call_tool("fresh")).value for _ in range(2)] == [3, 4]
        cut = (await client.call_tool("long")).text
        assert cut.startswith("xxx") and cut.endswith("[Response truncated due to size limit]") and len(cut) <= 200


async def test_logging_and_timing_tell_of_requests_and_of_arguments_only_if_asked(loaded, caplog) -> None:
    server = loaded(
        sums("""
    from fastmcp.server.middleware.logging import LoggingMiddleware, StructuredLoggingMiddleware
    from fastmcp.server.middleware.timing import DetailedTimingMiddleware

    mcp.add_middleware(LoggingMiddleware(methods=["tools/call"]))
    mcp.add_middleware(StructuredLoggingMiddleware(include_payloads=True, methods=["prompts/get"]))
    mcp.add_middleware(DetailedTimingMiddleware())
    """)
    )
    with caplog.at_level("INFO"):
        async with Client(server) as client:
            await client.call_tool("shout", {"text": "secret"})
            await client.prompt("hello", {"name": "shown"})
    assert "event=request_start method=tools/call source=client" in caplog.text
    assert "Tool 'shout' completed in" in caplog.text and "secret" not in caplog.text
    structured = [json.loads(one.message) for one in caplog.records if one.message.startswith("{")]
    assert "shown" in structured[0]["payload"] and structured[1]["event"] == "request_success"


@MODES
async def test_what_is_disabled_is_neither_listed_nor_answered_until_it_is_enabled(loaded, mode) -> None:
    more = """
    mcp.disable(tags={"sums"}).disable(names={"config://app"})

    @mcp.tool
    def allow() -> str:
        mcp.enable(names={"add"})
        return "done"
    """
    async with Client(loaded(sums(more)), mode=mode) as client:
        assert await names(client) == ["shout", "allow"]
        assert [one.uri for one in await client.list_resources()] == []
        with pytest.raises(PeerError, match="Unknown tool: 'add'"):
            await client.call_tool("add", {"a": 1})
        with pytest.raises(PeerError, match="not found: config://app"):
            await client.read("config://app")
        await client.call_tool("allow")
        assert (await client.call_tool("add", {"a": 1})).value == 2


async def test_only_what_is_enabled_so_is_visible(loaded) -> None:
    async with Client(loaded(sums('    mcp.enable(tags={"texts"}, only=True)'))) as client:
        assert await names(client) == ["shout"]
        assert await client.list_prompts() == [] and await client.list_resource_templates() == []


async def test_a_session_switches_things_on_for_itself(loaded) -> None:
    more = """
    mcp.disable(tags={"sums"})

    @mcp.tool
    async def activate(ctx: Context) -> str:
        await ctx.enable_components(tags={"sums"})
        return "on"

    @mcp.tool
    async def reset(ctx: Context) -> str:
        await ctx.reset_visibility()
        return "off"
    """
    async with Client(loaded(sums(more))) as client:
        assert "add" not in await names(client)
        await client.call_tool("activate")
        assert "add" in await names(client)
        assert (await client.call_tool("add", {"a": 1})).value == 2
        await client.call_tool("reset")
        assert "add" not in await names(client)


async def test_visibility_over_http_without_a_session_or_a_user_is_refused(loaded) -> None:
    more = """
    @mcp.tool
    async def activate(ctx: Context) -> str:
        await ctx.enable_components(tags={"sums"})
        return "on"

    @mcp.tool
    async def hide(ctx: Context) -> str:
        await ctx.disable_components(tags={"texts"})
        return "off"
    """
    async with listening(loaded(sums(more)).asgi()) as place:
        url = f"http://127.0.0.1:{place.port}/mcp"
        async with Client(url, mode="modern") as client:
            with pytest.raises(ToolError, match="belongs to a session or a user"):
                await client.call_tool("activate")
        async with Client(url, mode="legacy") as one, Client(url, mode="legacy") as other:
            assert (await one.call_tool("hide")).value == "off"
            assert "shout" not in await names(one) and "shout" in await names(other)


TRANSFORMS = """
    from fastmcp.server.transforms import Namespace, ToolTransform, VersionFilter
    from fastmcp.tools.tool_transform import ArgTransformConfig, ToolTransformConfig

    first = ArgTransformConfig(name="first", description="The first")
    arguments = {"a": first, "b": ArgTransformConfig(hide=True, default=5)}
    mcp.add_transform(ToolTransform({"add": ToolTransformConfig(name="plus", description="More", arguments=arguments)}))
    mcp.add_transform(Namespace("my"))
"""


@MODES
async def test_transforms_rename_and_what_was_renamed_is_not_there_any_more(loaded, mode) -> None:
    async with Client(loaded(sums(TRANSFORMS)), mode=mode) as client:
        tools = {tool.name: tool for tool in await client.list_tools()}
        assert list(tools) == ["my_plus", "my_shout"]
        assert tools["my_plus"].description == "More"
        assert tools["my_plus"].input_schema["properties"] == {"first": {"type": "integer", "description": "The first"}}
        assert (await client.call_tool("my_plus", {"first": 1})).value == 6
        with pytest.raises(ToolError, match="no argument 'b'"):
            await client.call_tool("my_plus", {"first": 1, "b": 2})
        for old in ("add", "plus", "my_add"):
            with pytest.raises(PeerError, match="Unknown tool"):
                await client.call_tool(old, {"a": 1})
        assert [one.uri_template for one in await client.list_resource_templates()] == ["user://my/{name}/profile"]
        read = await client.read("user://my/ann/profile")
        assert read.text == "I am ann" and read.contents[0].uri == "user://my/ann/profile"
        with pytest.raises(PeerError, match="not found"):
            await client.read("user://ann/profile")
        assert (await client.prompt("my_hello")).messages[0].content.text == "Hello you"


async def test_a_tool_is_made_of_a_tool_with_a_function_in_between(loaded) -> None:
    server = loaded(
        sums("""
    from fastmcp.tools import Tool
    from fastmcp.tools.tool_transform import ArgTransform, forward, forward_raw

    def divide(a: float, b: float) -> float:
        "Divide."
        return a / b

    async def checked(by: float, **kwargs) -> float:
        if by == 0:
            raise ValueError("by zero")
        return await forward(by=by, **kwargs)

    async def half(a: float) -> float:
        return await forward_raw(a=a, b=2)

    by = {"b": ArgTransform(name="by")}
    mcp.add_tool(Tool.from_tool(divide, name="checked", transform_fn=checked, transform_args=by))
    mcp.add_tool(Tool.from_tool(divide, name="half", transform_fn=half))
    mcp.add_tool(Tool.from_function(divide, name="plain", description="As it is"))
    """)
    )
    async with Client(server) as client:
        tools = {tool.name: tool for tool in await client.list_tools()}
        assert sorted(tools["checked"].input_schema["properties"]) == ["a", "by"]
        assert sorted(tools["checked"].input_schema["required"]) == ["a", "by"]
        assert list(tools["half"].input_schema["properties"]) == ["a"]
        assert tools["plain"].description == "As it is"
        assert (await client.call_tool("checked", {"a": 1, "by": 4})).value == 0.25
        assert (await client.call_tool("half", {"a": 3})).value == 1.5
        assert (await client.call_tool("plain", {"a": 3, "b": 2})).value == 1.5
        with pytest.raises(ToolError, match="by zero"):
            await client.call_tool("checked", {"a": 1, "by": 0})
        with pytest.raises(ToolError, match="no argument 'b'"):
            await client.call_tool("checked", {"a": 1, "by": 1, "b": 2})


SEARCH = """
    from fastmcp.server.transforms.search import BM25SearchTransform, RegexSearchTransform

    mcp.add_transform(%s)
    mcp.disable(names={"hidden"})

    @mcp.tool
    def hidden() -> str:
        "Add nothing."
        return "never"
"""


async def test_search_stands_in_for_all_tools_and_finds_only_what_its_caller_sees(loaded) -> None:
    async with Client(loaded(sums(SEARCH % 'BM25SearchTransform(always_visible=["shout"])'))) as client:
        assert await names(client) == ["shout", "search_tools", "call_tool"]
        found = json.loads((await client.call_tool("search_tools", {"query": "add numbers"})).text)
        assert [tool["name"] for tool in found] == ["add"]
        assert (await client.call_tool("call_tool", {"name": "add", "arguments": {"a": 1}})).value == 2
        with pytest.raises(PeerError, match="Unknown tool: 'hidden'"):
            await client.call_tool("call_tool", {"name": "hidden"})


async def test_a_pattern_finds_tools_in_linear_time_or_is_refused(loaded) -> None:
    async with Client(loaded(sums(SEARCH % "RegexSearchTransform(max_results=1)"))) as client:
        found = json.loads((await client.call_tool("search_tools", {"pattern": "^(ADD|shout)"})).text)
        assert [tool["name"] for tool in found] == ["add"]
        assert (await client.call_tool("search_tools", {"pattern": "(x+x+)+y"})).text == "[]"
        for bad in ("(", "a" * 501):
            with pytest.raises(ToolError, match="pattern"):
                await client.call_tool("search_tools", {"pattern": bad})


async def test_prompts_and_resources_are_had_through_tools(loaded) -> None:
    more = """
    from fastmcp.server.transforms import PromptsAsTools, ResourcesAsTools

    mcp.add_transform(PromptsAsTools(mcp))
    mcp.add_transform(ResourcesAsTools(mcp))
    """
    async with Client(loaded(sums(more))) as client:
        [hello] = json.loads((await client.call_tool("list_prompts")).text)
        assert hello["arguments"] == [{"name": "name", "description": None, "required": False}]
        said = json.loads((await client.call_tool("get_prompt", {"name": "hello", "arguments": {"name": "ann"}})).text)
        assert said == {"messages": [{"role": "user", "content": "Hello ann"}]}
        found = json.loads((await client.call_tool("list_resources")).text)
        assert [one.get("uri", one.get("uri_template")) for one in found] == ["config://app", "user://{name}/profile"]
        assert (await client.call_tool("read_resource", {"uri": "user://ann/profile"})).text == "I am ann"


PROVIDER = """
    from fastmcp.resources import ResourceTemplate
    from fastmcp.server.providers import Provider
    from fastmcp.tools import Tool, ToolResult

    class Shout(Tool):
        async def run(self, arguments):
            return ToolResult(structured_content={"said": arguments["text"] * 2})

    class Words(Provider):
        async def _list_tools(self):
            schema = {"type": "object", "properties": {"text": {"type": "string"}}}
            return [Shout(name=name, parameters=schema) for name in ("one", "two")]

    inner = FastMCP("inner")

    @inner.tool
    async def whoami(ctx: Context) -> str:
        return ctx.fastmcp.name

    @inner.resource("inner://{name}")
    def named(name: str) -> str:
        return f"inner {name}"

    inner.disable(names={"none"})
    mcp.add_provider(Words(), namespace="words")
    mcp.mount(inner, "in")
"""


@MODES
async def test_providers_and_mounted_servers_with_transforms_offer_what_they_have(loaded, mode) -> None:
    async with Client(loaded(sums(PROVIDER)), mode=mode) as client:
        assert await names(client) == ["add", "shout", "words_one", "words_two", "in_whoami"]
        assert (await client.call_tool("words_two", {"text": "ab"})).structured == {"said": "abab"}
        assert (await client.call_tool("in_whoami")).value == "inner"
        assert (await client.read("inner://in/x")).text == "inner x"
        with pytest.raises(PeerError, match="Unknown tool"):
            await client.call_tool("two", {"text": "ab"})


async def test_questions_pass_through_what_is_in_front(loaded) -> None:
    more = """
    from fastmcp.server.middleware.timing import TimingMiddleware

    mcp.add_middleware(TimingMiddleware())

    @mcp.tool
    async def ask(ctx: Context) -> str:
        return (await ctx.elicit("Sure?", bool)).data and "yes"
    """
    for mode in ("modern", "legacy"):
        async with Client(loaded(sums(more)), mode=mode, on_elicit=lambda question: {"value": True}) as client:
            assert (await client.call_tool("ask")).value == "yes"


async def test_a_proxy_stands_for_a_server_elsewhere_and_can_be_mounted(loaded) -> None:
    async with listening(loaded(SUMS).asgi()) as place:
        server = loaded(
            f"""
    from fastmcp import FastMCP
    from fastmcp.server import create_proxy

    mcp = FastMCP("front")
    mcp.mount(create_proxy("http://127.0.0.1:{place.port}/mcp"), namespace="far")
    mcp.disable(names={{"far_shout"}})
    """,
            file="front.py",
        )
        async with Client(server) as client:
            assert await names(client) == ["far_add"]
            assert (await client.call_tool("far_add", {"a": 1})).value == 2
            assert (await client.read("user://far/ann/profile")).text == "I am ann"


async def test_skills_are_read_below_their_folder_and_nowhere_else(loaded, tmp_path) -> None:
    skill = tmp_path / "skills" / "sewing"
    skill.mkdir(parents=True)
    (skill / "SKILL.md").write_text("---\nname: sewing\ndescription: Sews.\n---\n# Sewing\n", "utf-8")
    (skill / "more.md").write_text("more", "utf-8")
    (tmp_path / "skills" / "secret.txt").write_text("secret", "utf-8")
    (skill / "link.md").symlink_to(tmp_path / "skills" / "secret.txt")
    server = loaded(f"""
    from fastmcp import FastMCP
    from fastmcp.server.providers.skills import SkillsDirectoryProvider

    mcp = FastMCP("skills", providers=[SkillsDirectoryProvider(roots={str(tmp_path / "skills")!r})])
    """)
    async with Client(server) as client:
        listed = {one.uri: one.description for one in await client.list_resources()}
        assert listed["skill://sewing/SKILL.md"] == "Sews."
        manifest = json.loads((await client.read("skill://sewing/_manifest")).text)
        assert [file["path"] for file in manifest["files"]] == ["SKILL.md", "more.md"]
        assert (await client.read("skill://sewing/more.md")).text == "more"
        for bad in ("link.md", "../secret.txt", "nothing.md"):
            with pytest.raises(PeerError, match="not found"):
                await client.read(f"skill://sewing/{bad}")
