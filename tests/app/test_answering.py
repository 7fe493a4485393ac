"""A client whose callbacks answer what a server asks: the same over every transport and in every era."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.app import asker
from tests.app.reaching import over_http

from dragoman import Client, DeadlineError, DeclinedError, LocalError, MalformedError, PeerError, ToolError
from dragoman.app.target import Options
from dragoman.calling.rounds import Unanswered
from dragoman.wire.content import TextContent
from dragoman.wire.questions import CreateMessage, CreateMessageResult, Elicit, ElicitResult, Root

COMMAND = [sys.executable, str(Path(asker.__file__))]
eras = pytest.mark.parametrize("mode", ["modern", "legacy"])


@pytest.fixture(params=["memory", "stdio", "http"])
async def target(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    if request.param == "memory":
        yield asker.server
    elif request.param == "stdio":
        yield COMMAND
    else:
        async with over_http(asker.server.asgi()) as url:
            yield url


@eras
async def test_a_form_is_filled_in_defaults_included(target: Any, mode: str) -> None:
    """ELIC-06, LEG-19, MRTR-13 to MRTR-15"""
    asked: list[Elicit] = []

    async def on_elicit(question: Elicit) -> Any:
        asked.append(question)
        return {"street": "Main St", "speed": "fast"} if question.message == "Where to?" else True

    async with Client(target, mode=mode, on_elicit=on_elicit) as client:
        result = await client.call_tool("send")
    assert result.value == {"street": "Main St", "number": 7, "speed": "fast", "fragile": True}
    assert [question.message for question in asked] == ["Where to?", "Sure?"]
    assert asked[0].requested_schema["required"] == ["street"]


@eras
async def test_prompts_and_resources_ask_too(target: Any, mode: str) -> None:
    """MRTR-02"""
    async with Client(target, mode=mode, on_elicit=lambda question: "Ada") as client:
        assert (await client.read("asker://book")).text == "book: Ada"
        assert (await client.prompt("write")).messages[0].content.text == "Dear Ada"


@eras
async def test_a_page_a_model_and_folders_are_answered(target: Any, mode: str, tmp_path: Path) -> None:
    """ELIC-07, SAMP-04, SAMP-10"""
    seen: list[Any] = []

    def on_visit(question: Elicit) -> bool:
        seen.append(question.url)
        return True

    async def on_sample(request: CreateMessage) -> str:
        seen.append(request.max_tokens)
        return "a test"

    roots = [tmp_path, "file:///srv", Root(uri="file:///home", name="mine")]
    async with Client(target, mode=mode, on_visit=on_visit, on_sample=on_sample, roots=roots) as client:
        assert (await client.call_tool("visit")).text == "paid"
        assert (await client.call_tool("think")).text == "unknown: a test"
        assert (await client.call_tool("folders")).value == [tmp_path.as_uri(), "file:///srv", "file:///home"]
    assert seen == ["https://pay.example/1", 10]


@eras
async def test_a_model_may_give_a_whole_result_and_folders_may_come_from_a_function(target: Any, mode: str) -> None:
    whole = CreateMessageResult(role="assistant", content=TextContent(text="42"), model="deep", stop_reason="endTurn")

    async def roots() -> list[str]:
        return ["file:///now"]

    async with Client(target, mode=mode, on_sample=lambda request: whole, roots=roots) as client:
        assert (await client.call_tool("think")).text == "deep: 42"
        assert (await client.call_tool("folders")).value == ["file:///now"]


@pytest.mark.parametrize("action", ["decline", "cancel"])
@eras
async def test_a_user_may_say_no(target: Any, mode: str, action: str) -> None:
    async def on_elicit(question: Elicit) -> Any:
        if action == "cancel":
            raise DeclinedError(question.message, "cancel")
        return None

    words = "declined" if action == "decline" else "closed the question"
    async with Client(target, mode=mode, on_elicit=on_elicit, on_visit=lambda question: False) as client:
        with pytest.raises(ToolError, match=words):
            await client.call_tool("send")
        with pytest.raises(ToolError, match="declined"):
            await client.call_tool("visit")


@eras
async def test_several_questions_are_answered_at_the_same_time(target: Any, mode: str) -> None:
    """MRTR-13"""
    both = asyncio.Barrier(2)

    async def on_elicit(question: Elicit) -> str:
        async with asyncio.timeout(20):
            await both.wait()
        return question.message[0]

    async with Client(target, mode=mode, on_elicit=on_elicit, roots=["/"]) as client:
        assert (await client.call_tool("together")).text == "F S 1"


@eras
async def test_parallel_calls_get_each_their_own_answers(target: Any, mode: str) -> None:
    """MRTR-16"""

    async def on_elicit(question: Elicit) -> str:
        await asyncio.sleep(0)
        return question.message[7]

    async with Client(target, mode=mode, on_elicit=on_elicit) as client:
        calls = [client.call_tool("often", {"times": times}) for times in range(1, 6)]
        assert [result.text for result in await asyncio.gather(*calls)] == ["0", "01", "012", "0123", "01234"]


@eras
async def test_a_plain_function_waits_on_a_thread_and_holds_up_nothing(target: Any, mode: str) -> None:
    asked, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def on_elicit(question: Elicit) -> str:
        loop.call_soon_threadsafe(asked.set)
        assert go_on.wait(20)
        return "x"

    async with Client(target, mode=mode, on_elicit=on_elicit) as client:
        call = asyncio.create_task(client.call_tool("often", {"times": 1}))
        await asked.wait()
        assert (await client.read("asker://steady")).text == "steady"
        go_on.set()
        assert (await call).text == "x"


@eras
async def test_the_time_of_answering_counts_and_the_client_lives_on(target: Any, mode: str) -> None:
    """MRTR-18"""
    cancelled = asyncio.Event()

    async def on_elicit(question: Elicit) -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return "never"

    async with Client(target, mode=mode, on_elicit=on_elicit) as client:
        with pytest.raises(DeadlineError, match="tools/call"):
            await client.call_tool("often", {"times": 1}, timeout=0.8)
        async with asyncio.timeout(20):
            await cancelled.wait()
        assert (await client.read("asker://steady")).text == "steady"


async def test_a_question_that_the_server_withdraws_is_cancelled() -> None:
    """LEG-15: notifications/cancelled for the server's own request."""
    for way in ("stdio", "http"):
        async with over_http(asker.server.asgi()) as url:
            cancelled = asyncio.Event()

            async def on_elicit(question: Elicit, cancelled: asyncio.Event = cancelled) -> str:
                try:
                    await asyncio.sleep(60)
                finally:
                    cancelled.set()
                return "never"

            async with Client(url if way == "http" else COMMAND, mode="legacy", on_elicit=on_elicit) as client:
                assert (await client.call_tool("impatient")).text == "too late"
                async with asyncio.timeout(20):
                    await cancelled.wait()


async def test_a_callback_that_is_missing_is_named() -> None:
    async with Client(asker.server, mode="modern", on_elicit=lambda question: "x") as client:
        for tool, name in (("visit", "on_visit"), ("think", "on_sample"), ("folders", "roots")):
            with pytest.raises(PeerError, match=f"give the client {name}") as caught:
                await client.call_tool(tool)
            assert caught.value.code == -32021
        assert (await client.call_tool("often", {"times": 1})).text == "x"
    async with Client(asker.server, mode="modern", on_visit=lambda question: True) as client:
        with pytest.raises(PeerError, match="give the client on_elicit"):
            await client.call_tool("send")
        assert (await client.call_tool("visit")).text == "paid"


async def test_what_a_callback_raises_reaches_the_caller_as_it_is() -> None:
    def broken(question: Elicit) -> Any:
        raise ZeroDivisionError("broken")

    def tardy(question: Elicit) -> Any:
        raise TimeoutError("its own")

    def refuse(request: CreateMessage) -> None:
        return None

    async with Client(asker.server, mode="modern", on_elicit=broken, on_sample=refuse, roots=["/"]) as client:
        with pytest.raises(ZeroDivisionError, match="broken"):
            await client.call_tool("send")
        with pytest.raises(ZeroDivisionError, match="broken"):
            await client.call_tool("together")
        with pytest.raises(DeclinedError):
            await client.call_tool("think")
    async with Client(asker.server, mode="modern", on_elicit=tardy) as client:
        with pytest.raises(TimeoutError, match="its own"):
            await client.call_tool("send")


async def test_a_callback_that_fails_in_a_session_is_logged_and_the_server_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(question: Elicit) -> Any:
        raise ZeroDivisionError("my secret")

    async with Client(COMMAND, mode="legacy", on_elicit=broken) as client:
        with pytest.raises((ToolError, PeerError)) as caught:
            await client.call_tool("send")
    assert "my secret" not in str(caught.value) and "my secret" in caplog.text


async def test_an_answer_that_does_not_fit_the_form_is_refused_here() -> None:
    """ELIC-19"""
    async with Client(asker.server, mode="modern", on_elicit=lambda question: {"number": 1}) as client:
        with pytest.raises(LocalError, match="'Where to\\?' lacks street"):
            await client.call_tool("send")


async def test_rounds_are_bounded() -> None:
    """MRTR-18"""
    async with Client(asker.server, mode="modern", on_elicit=lambda question: "x") as client:
        assert (await client.call_tool("often", {"times": 10})).text == "x" * 10
        with pytest.raises(MalformedError, match="asked more than 10 times"):
            await client.call_tool("often", {"times": 11})
    options = Options(rounds=12)
    async with Client(asker.server, mode="modern", on_elicit=lambda question: "x", options=options) as client:
        assert (await client.call_tool("often", {"times": 11})).text == "x" * 11


@pytest.mark.parametrize("target", ["memory", "http"], indirect=True)
async def test_a_call_is_left_and_gone_on_with_by_another_client(target: Any) -> None:
    """A command would have to keep its keys in a store."""
    async with Client(target, mode="modern") as client:
        left = await client.begin_tool("send")
    assert isinstance(left, Unanswered) and left.state
    [key] = left.questions
    assert left.questions[key]["params"]["message"] == "Where to?"
    kept = msgspec.json.decode(msgspec.json.encode(left), type=Unanswered)
    assert kept == left

    async with Client(target, mode="modern") as client:
        with pytest.raises(LocalError, match="no question 'other'"):
            await client.resume(kept, {"other": 1})
        with pytest.raises(LocalError, match="has no answer"):
            await client.resume(kept, {})
        second = await client.resume(kept, {key: {"street": "Main St"}})
        assert isinstance(second, Unanswered)
        [sure] = second.questions
        done = await client.resume(second, {sure: True})
        assert not isinstance(done, Unanswered) and done.value["street"] == "Main St"
        declined = await client.resume(kept, {key: ElicitResult(action="accept", content={"street": "B"})})
        assert isinstance(declined, Unanswered)
        with pytest.raises(ToolError, match="declined"):
            await client.resume(kept, {key: None})


async def test_a_call_that_asks_nothing_is_done_at_once_by_hand_too() -> None:
    async with Client(asker.server, mode="modern") as client:
        result = await client.begin_tool("change", {"kind": "tools"})
        assert not isinstance(result, Unanswered) and result.text == "said"


async def test_by_hand_a_session_still_answers_by_callbacks() -> None:
    async with Client(asker.server, mode="legacy", on_elicit=lambda question: "x") as client:
        result = await client.begin_tool("often", {"times": 2})
        assert not isinstance(result, Unanswered) and result.text == "xx"


def test_the_synchronous_client_answers_and_resumes() -> None:
    with Client.sync(asker.server, on_elicit=lambda question: "x") as client:
        assert client.call_tool("often", {"times": 2}).text == "xx"
        left = client.begin_tool("often", {"times": 1})
        assert isinstance(left, Unanswered)
        result = client.resume(left, dict.fromkeys(left.questions, "by hand"))
        assert not isinstance(result, Unanswered) and result.text == "by hand"


def test_what_cannot_be_set_is_refused_at_once() -> None:
    for roots in (["https://example.com/"], "file:///one", [7]):
        with pytest.raises(LocalError, match="root"):
            Client(asker.server, roots=roots)  # type: ignore[arg-type]
    with pytest.raises(LocalError, match="sampling has no 'tool'"):
        Client(asker.server, options=Options(sampling=["tool"]))
    with pytest.raises(TypeError, match="no setting 'on_elict'"):
        Client(asker.server, on_elict=print)  # type: ignore[call-arg]
    assert Client(asker.server, roots=["file:///one"], options=Options(sampling=["tools"]), on_elicit=print)


async def test_an_unknown_option_of_a_call_is_refused() -> None:
    async with Client(asker.server) as client:
        with pytest.raises(TypeError, match="no option 'timout'"):
            await client.call_tool("change", {"kind": "tools"}, timout=1)  # type: ignore[call-arg]
        assert (await client.call_tool("change", {"kind": "tools"}, timeout=20)).text == "said"


async def test_questions_are_not_logged_as_faults(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "dragoman"):
        async with Client(asker.server, mode="legacy", on_elicit=lambda question: "x") as client:
            await client.call_tool("often", {"times": 1})
    assert not caplog.records
