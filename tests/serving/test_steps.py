"""Steps: once, however often the function runs, and whatever is sent twice."""

import asyncio
import logging
import sqlite3
import threading
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from tests.protocol.fixtures import LEGACY, MODERN
from tests.serving.person import Person, accept, by_message

from dragoman import Context, LocalError, Server
from dragoman.serving.steps import step_of

eras = pytest.mark.parametrize("version", [MODERN, LEGACY[0]])
colours = pytest.mark.parametrize("plain", [False, True])
ANSWERS = by_message({"How much?": accept(value=5), "Sure?": accept(value=True)})


@dataclass
class Receipt:
    number: int
    amount: int


def shop(charged: list[int], *, plain: bool = False, single_use: bool = False, **options: Any) -> Server:
    """Return a server that charges between two questions, and ships after the last."""
    server = Server("shop", **options)

    def charge(amount: int) -> Receipt:
        charged.append(amount)
        return Receipt(len(charged), amount)

    async def buy(ctx: Context) -> str:
        amount = await ctx.elicit("How much?", int)

        def charge_it() -> Receipt:
            return charge(amount)

        receipt = await ctx.step("charge", charge_it)
        sure = await ctx.elicit("Sure?", bool)
        await ctx.step("ship", lambda: charged.append(-1))
        return f"{receipt!r} {sure}"

    def buy_plainly(ctx: Context) -> str:
        amount = ctx.elicit("How much?", int)

        def charge_it() -> Receipt:
            return charge(amount)

        receipt = ctx.step("charge", charge_it)
        sure = ctx.elicit("Sure?", bool)
        ctx.step("ship", lambda: charged.append(-1))
        return f"{receipt!r} {sure}"

    server.add_tool(buy_plainly if plain else buy, name="buy", single_use=single_use)
    return server


@eras
@colours
async def test_a_step_between_two_questions_runs_once(version: str, plain: bool) -> None:
    charged: list[int] = []
    person = Person(shop(charged, plain=plain), ANSWERS, version)
    assert (await person.call("buy"))["content"][0]["text"] == "Receipt(number=1, amount=5) True"
    assert charged == [5, -1]


@colours
async def test_a_request_that_is_sent_again_runs_no_step_again(plain: bool) -> None:
    charged: list[int] = []
    person = Person(shop(charged, plain=plain), ANSWERS, MODERN)
    state = (await person.leg("tools/call", name="buy"))["result"]["requestState"]
    legs = [
        await person.leg("tools/call", name="buy", requestState=state, inputResponses={"question-1": accept(value=5)})
        for _ in range(3)
    ]
    assert charged == [5]
    # Each of the three goes on by itself, and it is still one call.
    for leg in legs * 2:
        done = await person.leg(
            "tools/call",
            name="buy",
            requestState=leg["result"]["requestState"],
            inputResponses={"question-2": accept(value=True)},
        )
        assert done["result"]["content"][0]["text"] == "Receipt(number=1, amount=5) True"
    assert charged == [5, -1]


async def test_two_calls_are_two() -> None:
    charged: list[int] = []
    person = Person(shop(charged), ANSWERS, MODERN)
    await person.call("buy")
    await person.call("buy")
    assert charged == [5, -1, 5, -1]


@colours
async def test_a_step_that_was_cut_off_is_in_doubt_and_not_run_again(
    plain: bool, caplog: pytest.LogCaptureFixture
) -> None:
    server = Server("shop")
    charged: list[int] = []
    cut = [True]

    def charge() -> None:
        charged.append(1)
        if cut[0]:
            raise KeyboardInterrupt  # what ends a process in the middle; no answer, no record

    async def buy(ctx: Context) -> str:
        await ctx.elicit("Sure?", bool)
        await ctx.step("charge", charge)
        return "bought"

    def buy_plainly(ctx: Context) -> str:
        ctx.elicit("Sure?", bool)
        ctx.step("charge", charge)
        return "bought"

    server.add_tool(buy_plainly if plain else buy, name="buy")
    person = Person(server, ANSWERS, MODERN)
    state = (await person.leg("tools/call", name="buy"))["result"]["requestState"]
    again = {"name": "buy", "requestState": state, "inputResponses": {"question-1": accept(value=True)}}
    if plain:
        await person.leg("tools/call", **again)
    else:
        with pytest.raises(KeyboardInterrupt):
            await person.leg("tools/call", **again)
    cut[0] = False
    with caplog.at_level(logging.ERROR, "dragoman"):
        response = await person.leg("tools/call", **again)
    assert response["result"]["isError"]
    assert charged == [1]
    assert "whether it took effect is unknown" in caplog.text


@colours
async def test_a_step_that_says_that_it_failed_runs_again(plain: bool) -> None:
    server = Server("shop")
    tries: list[str] = []

    def charge(key: str) -> str:
        tries.append(key)
        if len(tries) == 1:
            raise OSError("no connection")
        return "charged"

    async def buy(ctx: Context) -> str:
        await ctx.elicit("Sure?", bool)
        return str(await ctx.step("charge", charge))

    def buy_plainly(ctx: Context) -> str:
        ctx.elicit("Sure?", bool)
        return str(ctx.step("charge", charge))

    server.add_tool(buy_plainly if plain else buy, name="buy")
    person = Person(server, ANSWERS, MODERN)
    state = (await person.leg("tools/call", name="buy"))["result"]["requestState"]
    again = {"name": "buy", "requestState": state, "inputResponses": {"question-1": accept(value=True)}}
    assert (await person.leg("tools/call", **again))["result"]["isError"]
    assert (await person.leg("tools/call", **again))["result"]["content"][0]["text"] == "charged"
    # Whoever acts is handed the same key both times, so that it can tell.
    assert tries[0] == tries[1]
    assert len(tries) == 2


@eras
async def test_async_steps_and_the_steps_of_plain_functions_that_return_coroutines(version: str) -> None:
    server = Server("shop")

    async def fetch() -> list[int]:
        await asyncio.sleep(0)
        return [1, 2]

    @server.tool
    async def on_the_loop(ctx: Context) -> str:
        return str(await ctx.step("fetch", fetch))

    @server.tool
    def in_a_thread(ctx: Context) -> str:
        return str(ctx.step("fetch", fetch))

    person = Person(server, ANSWERS, version)
    assert (await person.call("on_the_loop"))["content"][0]["text"] == "[1, 2]"
    assert (await person.call("in_a_thread"))["content"][0]["text"] == "[1, 2]"


@eras
async def test_the_step_of_a_plain_function_runs_in_its_thread(version: str) -> None:
    server = Server("shop")

    @server.tool
    def count(ctx: Context) -> str:
        # A connection of sqlite3 is for the thread that made it.
        connection = sqlite3.connect(":memory:")
        try:
            row = ctx.step("count", lambda: connection.execute("SELECT 7").fetchone()[0])
        finally:
            connection.close()
        return f"{row} {ctx.step('where', threading.get_ident) == threading.get_ident()}"

    assert (await Person(server, ANSWERS, version).call("count"))["content"][0]["text"] == "7 True"


@eras
async def test_two_steps_of_one_name_are_refused(version: str, caplog: pytest.LogCaptureFixture) -> None:
    server = Server("shop")

    @server.tool
    async def twice(ctx: Context) -> int:
        await ctx.step("charge", lambda: 1)
        return int(await ctx.step("charge", lambda: 2))

    with caplog.at_level(logging.ERROR, "dragoman"):
        assert (await Person(server, ANSWERS, version).call("twice"))["isError"]
    assert "there was a step 'charge' before in this call; every step needs a name of its own" in caplog.text


@eras
@pytest.mark.parametrize("result, told", [(object(), "cannot be written as JSON"), ("x" * 300_000, "262144 bytes")])
async def test_what_cannot_be_kept_is_told(
    version: str, result: Any, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = Server("shop")

    @server.tool
    async def keep(ctx: Context) -> str:
        return str(await ctx.step("keep", lambda: result))

    with caplog.at_level(logging.ERROR, "dragoman"):
        assert (await Person(server, ANSWERS, version).call("keep"))["isError"]
    assert "the step 'keep' took effect, but its result" in caplog.text
    assert told in caplog.text


@colours
async def test_a_question_in_a_step_is_refused_and_the_step_given_back(
    plain: bool, caplog: pytest.LogCaptureFixture
) -> None:
    server = Server("shop")

    async def wrong(ctx: Context) -> str:
        return str(await ctx.step("ask", lambda: ctx.elicit("Sure?", bool)))

    def wrong_plainly(ctx: Context) -> str:
        return str(ctx.step("ask", lambda: ctx.elicit("Sure?", bool)))

    server.add_tool(wrong_plainly if plain else wrong, name="wrong")
    with caplog.at_level(logging.ERROR, "dragoman"):
        assert "requestState" not in (await Person(server, ANSWERS, MODERN).leg("tools/call", name="wrong"))["result"]
    assert "the step 'ask' asks a question: ask before the step, and hand it the answer" in caplog.text


def test_a_step_takes_the_key_only_if_it_needs_an_argument() -> None:
    def keyed(key: str) -> str:
        return key

    amount = 5
    for run, expected in [
        (keyed, "k"),
        (lambda key: key, "k"),
        (lambda: "none", "none"),
        (lambda amount=amount: amount, 5),
        (partial(keyed, "bound"), "bound"),
        (lambda *more: len(more), 0),
        (dict, {}),
    ]:
        assert step_of(run)[0]("k") == expected


def test_a_result_is_read_back_as_what_the_step_says_it_returns() -> None:
    def receipt() -> Receipt: ...  # type: ignore[empty-body]
    def unknown() -> "NotThere": ...  # type: ignore[name-defined, empty-body]  # noqa: F821

    assert step_of(receipt)[1] is Receipt
    assert step_of(lambda: 1)[1] is Any
    with pytest.raises(LocalError, match="annotated to return what is not there: name 'NotThere'"):
        step_of(unknown)
