"""One client, any server: the same transcript over every transport and in every era."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from msgspec import UNSET
from tests.app.reaching import COMMAND, reaching
from tests.app.sample import server

from dragoman import (
    Client,
    ClosedError,
    Context,
    DeadlineError,
    LocalError,
    McpError,
    PeerError,
    Server,
    ToolError,
    UnreachableError,
    VersionError,
)
from dragoman.app.target import Options
from dragoman.wire.notices import LogMessage, Progress
from dragoman.wire.prompts import PromptReference

WAYS = ["memory", "stdio", "http"]
MODES = ["auto", "legacy", "2025-03-26"]
VERSIONS = {"auto": "2026-07-28", "legacy": "2025-11-25"}


@pytest.fixture(params=WAYS)
async def target(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    async with reaching(request.param, server) as found:
        yield found


# A process takes a while to start: the tests that do no harm to it share one for each mode, and so a loop.
together = pytest.mark.asyncio(loop_scope="module")
everywhere = [(way, mode) for way in WAYS for mode in MODES]


@contextlib.asynccontextmanager
async def opened(target: Any, mode: str) -> AsyncIterator[Client]:
    async with Client(target, mode=mode) as client:
        assert client.version == VERSIONS.get(mode, mode)
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def commanded() -> AsyncIterator[dict[str, Client]]:
    async with contextlib.AsyncExitStack() as stack:
        yield {mode: await stack.enter_async_context(opened(COMMAND, mode)) for mode in MODES}


@pytest_asyncio.fixture(loop_scope="module", params=everywhere, ids="-".join)
async def client(request: pytest.FixtureRequest, commanded: dict[str, Client]) -> AsyncIterator[Client]:
    way, mode = request.param
    if way == "stdio":
        yield commanded[mode]
        return
    async with reaching(way, server) as target, opened(target, mode) as client:
        yield client


@together
async def test_the_server_says_who_it_is(client: Client) -> None:
    info = client.server_info
    assert info is not None and (info.name, info.version) == ("sample", "1.2.3")
    assert client.instructions == "Add things."
    assert client.server_capabilities.tools is not UNSET


@together
async def test_tools_are_listed_and_called(client: Client) -> None:
    tools = {tool.name: tool for tool in await client.list_tools()}
    assert tools["add"].description == "Add two numbers."
    assert tools["add"].input_schema["required"] == ["a", "b"]
    result = await client.call_tool("add", {"a": 1, "b": 2})
    assert result.text == "3" and not result.is_error
    assert str(result.value) == "3"


@together
async def test_structured_values_come_back_as_they_were(client: Client) -> None:
    result = await client.call_tool("record", {"name": "x"})
    if client.version >= "2025-06-18":
        assert result.value == result.structured == {"name": "x", "empty": None}
        added = await client.call_tool("add", {"a": 1, "b": 2})
        assert added.structured == {"result": 3} and added.value == 3
    else:
        assert not result.has_structured and '"empty"' in result.value


@together
async def test_progress_is_told_in_order_and_before_the_answer(client: Client) -> None:
    seen: list[Progress] = []
    result = await client.call_tool("count", {"to": 3}, on_progress=seen.append)
    assert result.text == "counted"
    assert [(p.progress, p.total, p.message) for p in seen] == [(n, 3, f"at {n}") for n in (1, 2, 3)]


@together
async def test_a_coroutine_may_take_progress_too_and_is_finished_before_the_answer(client: Client) -> None:
    seen: list[float] = []

    async def slowly(progress: Progress) -> None:
        await asyncio.sleep(0)
        seen.append(progress.progress)

    await client.call_tool("count", {"to": 2}, on_progress=slowly)
    assert seen == [1, 2]


@together
async def test_a_failing_tool_raises_and_its_result_is_at_hand(client: Client) -> None:
    with pytest.raises(ToolError, match="no, thanks") as caught:
        await client.call_tool("refuse")
    assert caught.value.result.is_error
    quiet = await client.call_tool("refuse", raise_on_error=False)
    assert quiet.is_error and quiet.text == "no, thanks"


@together
async def test_errors_of_the_server_are_peer_errors(client: Client) -> None:
    with pytest.raises(PeerError, match="unknown tool") as caught:
        await client.call_tool("absent")
    assert caught.value.code == -32602
    with pytest.raises(PeerError):
        await client.read("sample://absent")
    with pytest.raises(PeerError):
        await client.prompt("absent")


@together
async def test_resources_are_listed_and_read(client: Client) -> None:
    assert [resource.uri for resource in await client.list_resources()] == ["sample://greeting"]
    assert [t.uri_template for t in await client.list_resource_templates()] == ["sample://numbers/{number}"]
    greeting = await client.read("sample://greeting")
    assert (greeting.text, greeting.data, greeting.mime_type) == ("hello", b"hello", "text/plain")
    assert (await client.read("sample://numbers/7")).data == b"\x07"


@together
async def test_prompts_are_listed_and_filled_in(client: Client) -> None:
    [prompt] = await client.list_prompts()
    assert prompt.description == "Ask somebody."
    filled = await client.prompt("ask", {"name": "Ada"})
    assert [message.content.text for message in filled.messages] == ["How are you, Ada?"]


@together
async def test_arguments_are_completed(client: Client) -> None:
    assert (await client.complete(PromptReference(name="ask"), "name", "A")).values == ["Ada", "Alan"]


@together
async def test_ping_discover_and_methods_of_the_servers_own(client: Client) -> None:
    await client.ping()
    assert (await client.discover()).tools is not UNSET
    assert (await client.request("sample/double", {"number": 21}))["doubled"] == 42
    with pytest.raises(PeerError) as caught:
        await client.request("sample/double")
    assert (caught.value.code, caught.value.data) == (-7, {"wanted": "number"})


@together
async def test_many_calls_at_once_get_each_their_own_answer(client: Client) -> None:
    results = await asyncio.gather(*[client.call_tool("add", {"a": n, "b": 0}) for n in range(120)])
    assert [result.text for result in results] == [str(n) for n in range(120)]


@together
async def test_a_call_that_takes_too_long_is_cancelled_and_the_client_lives_on(client: Client) -> None:
    with pytest.raises(DeadlineError, match=r"tools/call.*0\.3 s"):
        await client.call_tool("wait", {"seconds": 60}, timeout=0.3)
    assert (await client.call_tool("add", {"a": 1, "b": 1})).text == "2"


@pytest.mark.parametrize("mode", MODES)
async def test_closing_ends_the_calls_under_way_from_another_task(target: Any, mode: str) -> None:
    async with opened(target, mode) as client:
        begun = asyncio.Event()
        call = asyncio.create_task(client.call_tool("wait", {"seconds": 60}, on_progress=lambda _: begun.set()))
        await begun.wait()
        await asyncio.create_task(client.close())
        with pytest.raises(ClosedError):
            await call
        with pytest.raises(ClosedError):
            await client.call_tool("add", {"a": 1, "b": 1})


@together
async def test_a_cancelled_task_is_cancelled_and_others_live_on(client: Client) -> None:
    begun = asyncio.Event()
    call = asyncio.create_task(client.call_tool("wait", {"seconds": 60}, on_progress=lambda _: begun.set()))
    await begun.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await client.call_tool("add", {"a": 2, "b": 2})).text == "4"


async def test_the_server_hears_of_a_cancelled_call() -> None:
    for mode in ("modern", "legacy"):
        async with Client(COMMAND, mode=mode) as client:
            begun = asyncio.Event()
            call = asyncio.create_task(
                client.call_tool("wait", {"seconds": 60}, on_progress=lambda _, begun=begun: begun.set())
            )
            await begun.wait()
            call.cancel()
            await asyncio.wait({call})
            with pytest.raises(ClosedError, match="wait was cancelled\nmy last words"):
                await client.call_tool("die")


async def test_a_client_opens_in_one_task_and_closes_in_another(target: Any) -> None:
    client = Client(target)
    await asyncio.create_task(client.open())
    assert (await asyncio.create_task(client.call_tool("add", {"a": 1, "b": 2}))).text == "3"
    await asyncio.create_task(client.close())
    await client.close()


async def test_a_client_that_is_not_open_says_so(target: Any) -> None:
    client = Client(target)
    with pytest.raises(LocalError, match="not open"):
        await client.list_tools()
    async with client:
        with pytest.raises(LocalError, match="opens once"):
            await client.open()


async def test_log_messages_reach_whoever_asked_for_them() -> None:
    talkative = Server("talkative")

    @talkative.tool
    async def speak(ctx: Context) -> str:
        await ctx.log("debug", "quiet")
        await ctx.log("warning", {"loud": True}, "mouth")
        return "said"

    for mode in ("modern", "legacy"):
        heard: list[LogMessage] = []
        options = Options(log_level="info")
        async with Client(talkative, mode=mode, on_log=heard.append, options=options) as client:
            await client.call_tool("speak")
        assert [(m.level, m.data, m.logger) for m in heard] == [("warning", {"loud": True}, "mouth")]


async def test_a_callback_that_fails_harms_nothing_but_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: Progress) -> None:
        raise ValueError("callback broke")

    async with Client(server) as client:
        with caplog.at_level(logging.ERROR, "dragoman"):
            assert (await client.call_tool("count", {"to": 1}, on_progress=broken)).text == "counted"
    assert "callback broke" in caplog.text


async def test_headers_are_seen_by_the_server_over_http_and_in_memory() -> None:
    echo = Server("echo")

    @echo.tool
    async def header(ctx: Context) -> str:
        return f"{ctx.headers.get('x-one')} {ctx.headers.get('x-two')}"

    for way in ("memory", "http"):
        for mode in ("modern", "legacy"):
            async with reaching(way, echo) as target, Client(target, mode=mode, headers={"X-One": "1"}) as client:
                assert (await client.call_tool("header", headers={"x-two": "2"})).text == "1 2"
                assert (await client.call_tool("header")).text == "1 None"


async def test_headers_are_refused_where_they_cannot_travel() -> None:
    with pytest.raises(LocalError, match="headers travel over HTTP only"):
        Client(COMMAND, headers={"x-one": "1"})
    async with Client(COMMAND) as client:
        with pytest.raises(LocalError, match="headers travel over HTTP only"):
            await client.call_tool("add", {"a": 1, "b": 2}, headers={"x-one": "1"})
        assert (await client.call_tool("add", {"a": 1, "b": 2})).text == "3"


async def test_arguments_that_a_tool_wants_in_headers_are_repeated_there() -> None:
    async with reaching("http", server) as url, Client(url) as client:
        await client.list_tools()
        assert (await client.call_tool("region", {"name": "Zürich"})).text == "=?base64?WsO8cmljaA==?="
    async with reaching("http", server) as url, Client(url) as client:
        # Never listed: the server asks for the header, the client lists the tools and calls again (HTTP-39).
        assert (await client.call_tool("region", {"name": "eu"})).text == "eu"


async def test_the_eras_of_a_server_in_memory_do_not_mix() -> None:
    async with Client(server, mode="legacy") as old, Client(server, mode="modern") as new:
        assert (await old.call_tool("add", {"a": 1, "b": 1})).text == (
            await new.call_tool("add", {"a": 1, "b": 1})
        ).text
        assert (old.version, new.version) == ("2025-11-25", "2026-07-28")


@pytest.mark.parametrize("mode", ["modren", "2020-01-01", ""])
def test_an_unknown_mode_is_refused_with_what_there_is(mode: str) -> None:
    with pytest.raises(LocalError, match=r"unknown mode.*auto, modern, legacy or a version, one of 2026-07-28"):
        Client(server, mode=mode)
    assert Client(server, mode="2024-11-05")


async def test_nothing_at_the_address_is_told_plainly() -> None:
    with pytest.raises(UnreachableError, match=r"http://127\.0\.0\.1:1/mcp cannot be reached: Connection refused"):
        async with Client("http://127.0.0.1:1/mcp"):
            pass


async def test_an_exception_inside_the_block_comes_out_as_it_is(target: Any) -> None:
    async def use() -> None:
        async with Client(target) as client:
            await client.ping()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await use()


def test_every_error_of_the_client_is_of_one_tree() -> None:
    kinds = [PeerError, VersionError, ClosedError, DeadlineError, UnreachableError, LocalError, ToolError]
    assert all(issubclass(kind, McpError) for kind in kinds)
    with contextlib.suppress(McpError):
        raise DeadlineError("late")


# --- the server's lifespan ---------------------------------------------------------------------------------------


def a_living_server() -> tuple[Server, list[str]]:
    diary: list[str] = []

    @contextlib.asynccontextmanager
    async def live(server: Server) -> AsyncIterator[str]:
        diary.append("begun")
        yield "open"
        diary.append("ended")

    server = Server("living", lifespan=live)

    @server.tool
    async def state(ctx: Context) -> str:
        return str(ctx.state)

    return server, diary


async def test_the_last_client_in_memory_ends_the_server_that_the_first_began() -> None:
    server, diary = a_living_server()
    async with Client(server) as first:
        async with Client(server) as second:
            assert (await second.call_tool("state")).text == "open"
        assert diary == ["begun"]
        assert (await first.call_tool("state")).text == "open"
    assert diary == ["begun", "ended"]
    async with Client(server) as third:
        assert (await third.call_tool("state")).text == "open"
    assert diary == ["begun", "ended"] * 2


async def test_a_server_that_is_served_otherwise_outlives_its_clients_in_memory() -> None:
    server, diary = a_living_server()
    async with server.lifespan():
        async with Client(server) as client:
            assert (await client.call_tool("state")).text == "open"
        assert diary == ["begun"]
    assert diary == ["begun", "ended"]


async def test_a_server_that_does_not_begin_is_left_at_once() -> None:
    @contextlib.asynccontextmanager
    async def live(server: Server) -> AsyncIterator[None]:
        raise ValueError("no database")
        yield

    server = Server("stillborn", lifespan=live)
    for _ in range(2):
        with pytest.raises(ValueError, match="no database"):
            await Client(server).__aenter__()
