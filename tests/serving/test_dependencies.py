"""Dependencies: made before a call, shared within it, released after it, seen by no client."""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import pytest

from dragoman import Client, Context, Depends, RegistrationError, Server, ToolError

seen: list[str] = []


@pytest.fixture(autouse=True)
def fresh() -> None:
    seen.clear()


async def pool() -> AsyncGenerator[int, None]:
    seen.append("pool opened")
    try:
        yield 10
    finally:
        seen.append("pool closed")


def connection(pool: Annotated[int, Depends(pool)], ctx: Context) -> Generator[int, None, None]:
    seen.append("connection opened")
    try:
        yield pool + (1 if ctx.server_name == "test" else 0)
    finally:
        seen.append("connection closed")


async def doubled(pool: int = Depends(pool)) -> int:
    return pool * 2


OPENED = ["pool opened", "connection opened"]
CLOSED = [*OPENED, "connection closed", "pool closed"]


def serving(function: Any) -> Server:
    server = Server("test")
    server.tool(function)
    return server


async def test_an_async_function_gets_them_and_clients_see_nothing_of_them() -> None:
    async def add(a: int, db: Annotated[int, Depends(connection)], b: int = 1, two: int = Depends(doubled)) -> int:
        assert seen == OPENED, "each provider runs once, before the function"
        return a + db + b + two

    async with Client(serving(add)) as client:
        assert set((await client.list_tools())[0].input_schema["properties"]) == {"a", "b"}
        assert (await client.call_tool("add", {"a": 1})).text == str(1 + 11 + 1 + 20)
    assert seen == CLOSED


async def test_a_plain_function_gets_them_in_its_thread_those_of_the_event_loop_too() -> None:
    def add(a: int, db: Annotated[int, Depends(connection)], two: int = Depends(doubled)) -> int:
        return a + db + two

    async with Client(serving(add)) as client:
        assert (await client.call_tool("add", {"a": 1})).text == "32"
    assert seen == CLOSED


@pytest.mark.parametrize("plain", [True, False])
async def test_they_are_released_when_the_function_fails(plain: bool) -> None:
    def fails(db: int = Depends(connection)) -> int:
        raise ToolError("no")

    async def fails_async(db: int = Depends(connection)) -> int:
        raise ToolError("no")

    async with Client(serving(fails if plain else fails_async)) as client:
        with pytest.raises(ToolError, match="no"):
            await client.call_tool("fails" if plain else "fails_async")
    assert seen == CLOSED


async def test_what_was_opened_is_closed_when_a_later_one_does_not_open() -> None:
    def broken(db: int = Depends(connection)) -> int:
        raise ToolError("the database is away")

    async def ask(db: int = Depends(broken)) -> int:
        return db

    async with Client(serving(ask)) as client:
        with pytest.raises(ToolError, match="the database is away"):
            await client.call_tool("ask")
    assert seen == CLOSED


async def test_the_context_of_the_function_is_that_of_its_providers() -> None:
    def caller(ctx: Context) -> str:
        return str(ctx.request_id)

    async def ask(ctx: Context, who: Annotated[str, Depends(caller)]) -> bool:
        return str(ctx.request_id) == who

    async with Client(serving(ask)) as client:
        assert (await client.call_tool("ask")).text == "true"


async def test_functions_that_are_context_managers_already_are_entered() -> None:
    managed = asynccontextmanager(pool)

    async def ask(pool: int = Depends(managed)) -> int:
        return pool

    async with Client(serving(ask)) as client:
        assert (await client.call_tool("ask")).text == "10"
    assert seen == ["pool opened", "pool closed"]


async def test_resources_and_prompts_have_them_as_well() -> None:
    server = Server("test")

    @server.resource("data://{name}")
    def data(name: str, two: int = Depends(doubled)) -> str:
        return f"{name} {two}"

    @server.prompt
    async def talk(topic: str, db: int = Depends(connection)) -> str:
        return f"{topic} {db}"

    async with Client(server) as client:
        assert (await client.read("data://x")).text == "x 20"
        assert (await client.prompt("talk", {"topic": "rain"})).messages[0].content.text == "rain 11"


async def test_a_call_that_asks_releases_them_and_gets_fresh_ones_with_the_answer() -> None:
    server = Server("test")

    @server.tool
    async def ask(ctx: Context, db: int = Depends(connection)) -> str:
        return f"{await ctx.elicit('Sure?', bool)} {db}"

    async with Client(server, on_elicit=lambda question: True) as client:
        assert (await client.call_tool("ask")).text == "True 11"
    assert seen == CLOSED * 2


def test_what_cannot_be_provided_is_told_when_it_is_registered() -> None:
    def needs_a_name(name: str) -> str:
        return name

    def circle(x: int = Depends(lambda: 1)) -> int:
        return x

    circle.__defaults__ = (Depends(circle),)
    for provider, reason in ((needs_a_name, "which nobody gives"), (circle, "needs itself"), (3, "cannot be called")):

        def tool(x: Any = Depends(provider)) -> str:  # type: ignore[arg-type]
            return str(x)

        with pytest.raises(RegistrationError, match=reason):
            Server("test").tool(tool)


async def test_a_function_without_any_is_left_as_it_is() -> None:
    def add(a: int, b: int) -> int:
        return a + b

    from dragoman.serving.dependencies import inject

    assert inject(add) is add
