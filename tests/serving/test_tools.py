"""Tools: listed, called, failing as results, bounded in size and in time."""

import asyncio
import threading
from typing import Annotated, Any

import msgspec
import pytest
from tests.protocol.fixtures import LEGACY, META, MODERN, Line, post, routing, written

from dragoman import Client, Context, Limits, RegistrationError, Server, ToolError


async def listed(server: Server, version: str = MODERN) -> list[dict[str, Any]]:
    return list((await Line(server).ask("tools/list", version))["result"]["tools"])


async def test_a_tool_is_listed_as_it_was_written() -> None:
    """TOOL-01, TOOL-04, TOOL-07"""
    server = Server("tools")

    @server.tool(title="Add", read_only=True, idempotent=True, destructive=False, open_world=False, meta={"a.b/c": 1})
    async def add(a: int, b: int = 2) -> int:
        """Add two numbers."""
        return a + b

    (tool,) = await listed(server)
    assert (tool["name"], tool["title"], tool["description"]) == ("add", "Add", "Add two numbers.")
    hints = {"readOnlyHint": True, "idempotentHint": True, "destructiveHint": False, "openWorldHint": False}
    assert (tool["annotations"], tool["_meta"]) == (hints, {"a.b/c": 1})
    assert tool["inputSchema"]["type"] == tool["outputSchema"]["type"] == "object"
    assert tool["inputSchema"]["required"] == ["a"]
    found = (await Line(server).ask("server/discover"))["result"]["capabilities"]
    assert found["tools"] == {"listChanged": True}


async def test_the_order_is_that_of_registration_for_everybody() -> None:
    """TOOL-02, TOOL-03"""
    server = Server("tools", limits=Limits(listed=2))

    def nothing() -> None: ...

    for name in "cabed":
        server.add_tool(nothing, name=name)
    names: list[str] = []
    params: dict[str, Any] = {}
    while True:
        page = (await Line(server).ask("tools/list", **params))["result"]
        names += [tool["name"] for tool in page["tools"]]
        if "nextCursor" not in page:
            break
        params = {"cursor": page["nextCursor"]}
    assert names == list("cabed")


@pytest.mark.parametrize("cursor", ["", "zz", "AAAA", "Mg=", "OTk5OQ=="])
async def test_a_cursor_that_is_not_ours_is_refused(cursor: str) -> None:
    """PAGE-04, ERR-14"""
    server = Server("tools")

    @server.tool
    def nothing() -> None: ...

    assert (await Line(server).ask("tools/list"))["result"]["tools"] != []  # the first page is kept by now
    assert (await Line(server).ask("tools/list", cursor=cursor))["error"]["code"] == -32602


@pytest.mark.parametrize("version", [MODERN, *LEGACY])
async def test_an_unknown_tool_is_an_error_that_names_the_nearest(version: str) -> None:
    """ERR-15, TOOL-13"""
    server = Server("tools")

    @server.tool
    async def forecast() -> int:
        return 1

    error = (await Line(server).ask("tools/call", version, name="forcast"))["error"]
    assert error == {"code": -32602, "message": "unknown tool 'forcast'; did you mean 'forecast'?"}
    long = (await Line(server).ask("tools/call", version, name="x" * 100_000))["error"]
    assert len(long["message"]) < 300


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("version", [MODERN, LEGACY[0]])
async def test_a_failed_job_is_a_result_that_the_model_reads(plain: bool, version: str) -> None:
    """TOOL-13"""
    server = Server("tools")

    async def async_tool() -> int:
        raise ToolError("out of paper")

    def plain_tool() -> int:
        raise ToolError("out of paper")

    server.add_tool(plain_tool if plain else async_tool, name="print")
    result = await Line(server).call("print", version)
    assert result["isError"] is True
    assert result["content"] == [{"type": "text", "text": "out of paper"}]
    assert "structuredContent" not in result


async def test_wrong_arguments_are_a_result_that_says_how_to_mend_them() -> None:
    """TOOL-13, TOOL-18"""
    server = Server("tools")

    @server.tool
    async def add(a: int, b: int) -> int:
        return a + b

    result = await Line(server).call("add", a="x", c=1)
    assert result["isError"] is True
    text = result["content"][0]["text"]
    assert "$.a" in text and "$.b" in text and "$.c" in text


@pytest.mark.parametrize("arguments", [None, {}])
async def test_arguments_may_be_missing_null_or_empty(arguments: Any) -> None:
    """TOOL-06"""
    server = Server("tools")

    @server.tool
    async def one() -> int:
        return 1

    line = Line(server)
    for params in ({"arguments": arguments}, {}):
        answer = await line.ask("tools/call", name="one", **params)
        assert answer["result"]["structuredContent"] == {"result": 1}
    assert (await line.ask("tools/call", name="one", arguments=[]))["result"]["isError"] is True


async def test_a_file_name_that_is_not_text_fails_as_a_result() -> None:
    """TOOL-13"""
    server = Server("tools")

    @server.tool
    async def names() -> Any:
        return "caf\udce9.txt"

    @server.tool
    async def says() -> int:
        raise ToolError("no file caf\udce9.txt")

    assert (await Line(server).call("names"))["isError"] is True
    assert (await Line(server).call("says"))["content"][0]["text"] == "no file caf?.txt"


async def test_a_result_that_breaks_its_promise_is_a_failure() -> None:
    """TOOL-09"""
    server = Server("tools")

    @server.tool
    async def number() -> int:
        return "seven"  # type: ignore[return-value]

    result = await Line(server).call("number")
    assert result["isError"] is True and "seven" not in str(result)


# --- time -------------------------------------------------------------------------------------------------------


async def test_an_async_tool_that_takes_too_long_is_stopped() -> None:
    server = Server("tools")
    ended: list[str] = []

    @server.tool(timeout=0.01)
    async def slow() -> int:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("yes")
        return 1

    result = await Line(server).call("slow")
    assert result["isError"] is True
    assert result["content"][0]["text"] == "slow took longer than 0.01 seconds and was stopped"
    assert ended == ["yes"]


@pytest.mark.parametrize("http", [True, False])
async def test_a_plain_tool_that_takes_too_long_is_left_behind_and_can_see_it(http: bool) -> None:
    server = Server("tools")
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    started: list[str] = []

    @server.tool(timeout=0.01)
    def slow(ctx: Context) -> int:
        started.append("yes")
        while not ctx.cancelled:
            threading.Event().wait(0.001)
        loop.call_soon_threadsafe(stopped.set)
        return 1

    while not started:  # on a busy machine the time may be up before the thread has its turn
        if http:
            body = written("tools/call", {"name": "slow", "_meta": META})
            answer = await post(server.asgi(), body, routing("tools/call", "slow"))
            assert answer.status == 200
            result = answer.json["result"]
        else:
            result = await Line(server).call("slow")
        assert result["isError"] is True and "0.01 seconds" in result["content"][0]["text"]
    await stopped.wait()


async def test_a_timeout_inside_a_tool_is_not_mistaken_for_its_own() -> None:
    server = Server("tools")

    @server.tool(timeout=60)
    async def asks() -> int:
        raise TimeoutError("the database took too long")

    text = (await Line(server).call("asks"))["content"][0]["text"]
    assert "log" in text and "60" not in text


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_timeout_is_more_than_nothing(timeout: float) -> None:
    with pytest.raises(RegistrationError, match="timeout is in seconds"):
        Server("tools").tool(timeout=timeout)(lambda_like)
    Server("tools").tool(timeout=0.5)(lambda_like)


def lambda_like() -> None: ...


# --- headers, registration --------------------------------------------------------------------------------------


def by_region() -> Server:
    server = Server("tools")
    schema = {
        "type": "object",
        "properties": {"region": {"type": "string", "x-mcp-header": "Region"}},
        "required": ["region"],
    }

    @server.tool(input_schema=schema)
    async def query(region: str) -> str:
        return region

    return server


@pytest.mark.parametrize(
    ("region", "header", "code"),
    [
        ("eu", "eu", None),
        ("eu", None, -32020),
        ("eu", "us", -32020),
        (None, None, "isError"),
    ],
)
async def test_a_parameter_that_a_header_repeats_must_agree_with_it(region: Any, header: Any, code: Any) -> None:
    """HTTP-25, HTTP-36"""
    body = written("tools/call", {"name": "query", "arguments": {"region": region}, "_meta": META})
    headers = routing("tools/call", "query") | ({} if header is None else {"mcp-param-region": header})
    answer = await post(by_region().asgi(), body, headers)
    if code == -32020:
        assert (answer.status, answer.code) == (400, -32020)
    else:
        assert answer.json["result"].get("isError") == (True if code else None)


async def test_where_there_are_no_headers_nothing_is_repeated() -> None:
    """HTTP-31"""
    line = Line(by_region())
    assert (await line.call("query", LEGACY[0], region="eu"))["content"][0]["text"] == "eu"


def test_a_header_rule_that_cannot_be_is_told_at_registration() -> None:
    """HTTP-27, HTTP-28"""
    server = Server("tools")
    schema = {"type": "object", "properties": {"a": {"type": "number", "x-mcp-header": "A"}}}
    with pytest.raises(RegistrationError, match="tool 'f'"):
        server.tool("f", input_schema=schema)(lambda_like)


def test_two_tools_of_one_name_are_refused_with_both_places() -> None:
    """TOOL-07"""
    server = Server("tools")
    server.tool(lambda_like)
    with pytest.raises(RegistrationError, match=r"already, from .*test_tools.py:.*test_tools.py"):
        server.tool("lambda_like")(lambda_like)


async def test_a_list_that_became_empty_is_still_a_list() -> None:
    """VER-16"""
    server = Server("tools")
    server.tool(lambda_like)
    assert server.remove_tool("lambda_like") is True
    assert server.remove_tool("lambda_like") is False
    line = Line(server)
    assert (await line.ask("tools/list"))["result"]["tools"] == []
    assert "tools" in (await line.ask("server/discover"))["result"]["capabilities"]
    assert (await line.ask("tools/call", name="lambda_like"))["error"]["code"] == -32602


async def test_plain_tools_run_beside_the_loop_and_async_ones_on_it() -> None:
    server = Server("tools")

    @server.tool
    def plain() -> bool:
        return threading.current_thread() is threading.main_thread()

    @server.tool
    async def on_loop() -> bool:
        return threading.current_thread() is threading.main_thread()

    assert (await Line(server).call("plain"))["structuredContent"] == {"result": False}
    assert (await Line(server).call("on_loop"))["structuredContent"] == {"result": True}


def test_without_headers_a_parameter_that_headers_repeat_is_just_a_parameter() -> None:
    """HTTP-31: stdio has no headers, so it cannot lack one."""
    server = Server("mirrored")

    @server.tool
    def region(name: Annotated[str, msgspec.Meta(extra_json_schema={"x-mcp-header": "Region"})]) -> str:
        return name

    for headers in ({}, {"x-tenant": "a"}):
        with Client.sync(server, headers=headers) as client:
            assert client.call_tool("region", {"name": "north"}).value == "north"
