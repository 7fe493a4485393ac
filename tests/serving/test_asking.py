"""Asking: the same lines of user code in both eras, in tools, prompts and resources, `async def` and `def`."""

import asyncio
import logging
from typing import Any

import pytest
from tests.protocol.fixtures import LEGACY, MODERN
from tests.serving.person import CAPABLE, Person, accept, by_message

from dragoman import Context, DeclinedError, LocalError, PeerError, RequestError, Server, ask

eras = pytest.mark.parametrize("version", [MODERN, LEGACY[0]])
NAME = accept(value="Ada")
YES = accept(value=True)


def two_questions() -> Server:
    """Return a server whose tools, prompt and resource ask a name, then whether it is right; each in both colours."""
    server = Server("asker")

    async def greet(ctx: Context, greeting: str = "Hello") -> str:
        name = await ctx.elicit("Who?", str)
        return f"{greeting}, {name}" if await ctx.elicit("Sure?", bool) else "nobody"

    def greet_plainly(ctx: Context, greeting: str = "Hello") -> str:
        name = ctx.elicit("Who?", str)
        return f"{greeting}, {name}" if ctx.elicit("Sure?", bool) else "nobody"

    for name, function in (("async", greet), ("plain", greet_plainly)):
        server.add_tool(function, name=name)
        server.add_prompt(function, name=name)

    @server.resource("asker://async")
    async def read(ctx: Context) -> str:
        return await greet(ctx)

    @server.resource("asker://plain/{greeting}")
    def read_plainly(greeting: str, ctx: Context) -> str:
        return greet_plainly(ctx, greeting)

    return server


REQUESTS = [
    ("tools/call", {"name": "async", "arguments": {}}),
    ("tools/call", {"name": "plain", "arguments": {}}),
    ("prompts/get", {"name": "async", "arguments": {}}),
    ("prompts/get", {"name": "plain", "arguments": {}}),
    ("resources/read", {"uri": "asker://async"}),
    ("resources/read", {"uri": "asker://plain/Hello"}),
]


@eras
@pytest.mark.parametrize("method, params", REQUESTS, ids=lambda value: value if isinstance(value, str) else None)
async def test_the_same_code_asks_everywhere(version: str, method: str, params: dict[str, Any]) -> None:
    """MRTR-01, MRTR-02, MRTR-04, LEG-19"""
    person = Person(two_questions(), by_message({"Who?": NAME, "Sure?": YES}), version)
    response = await person.ask(method, **params)
    assert "Hello, Ada" in str(response["result"])
    assert [asked["message"] for _, asked in person.asked] == ["Who?", "Sure?"]
    assert {method for method, _ in person.asked} == {"elicitation/create"}


async def test_each_round_asks_one_thing_and_carries_a_state() -> None:
    """MRTR-03, MRTR-09, BASE-05"""
    person = Person(two_questions(), by_message({}), MODERN)
    first = (await person.leg("tools/call", name="async"))["result"]
    assert first["resultType"] == "input_required"
    assert first["inputRequests"] == {
        "question-1": {
            "method": "elicitation/create",
            "params": {
                "mode": "form",
                "message": "Who?",
                "requestedSchema": {
                    "type": "object",
                    "properties": {"value": {"type": "string"}},
                    "required": ["value"],
                },
            },
        }
    }
    second = await person.leg(
        "tools/call", name="async", requestState=first["requestState"], inputResponses={"question-1": NAME}
    )
    assert list(second["result"]["inputRequests"]) == ["question-2"]
    assert second["result"]["requestState"] != first["requestState"]


async def test_a_request_that_is_sent_again_is_answered_again() -> None:
    person = Person(two_questions(), by_message({}), MODERN)
    state = (await person.leg("tools/call", name="async"))["result"]["requestState"]
    legs = [
        await person.leg("tools/call", name="async", requestState=state, inputResponses={"question-1": NAME})
        for _ in range(2)
    ]
    assert [list(leg["result"]["inputRequests"]) for leg in legs] == [["question-2"], ["question-2"]]
    for leg in legs:
        last = await person.leg(
            "tools/call",
            name="async",
            requestState=leg["result"]["requestState"],
            inputResponses={"question-2": YES},
        )
        assert last["result"]["content"][0]["text"] == "Hello, Ada"


async def test_a_missing_answer_is_asked_for_again_and_a_strange_one_is_ignored() -> None:
    """MRTR-10, MRTR-11"""
    person = Person(two_questions(), by_message({}), MODERN)
    first = (await person.leg("tools/call", name="async"))["result"]
    again = await person.leg(
        "tools/call", name="async", requestState=first["requestState"], inputResponses={"question-2": YES, "x": 1}
    )
    assert again["result"]["inputRequests"] == first["inputRequests"]
    nothing = await person.leg("tools/call", name="async", requestState=first["requestState"])
    assert nothing["result"]["inputRequests"] == first["inputRequests"]


async def test_an_answer_to_a_question_that_was_not_asked_yet_is_not_taken() -> None:
    """MRTR-11"""
    person = Person(two_questions(), by_message({}), MODERN)
    state = (await person.leg("tools/call", name="async"))["result"]["requestState"]
    both = {"question-1": NAME, "question-2": YES}
    second = (await person.leg("tools/call", name="async", requestState=state, inputResponses=both))["result"]
    assert list(second["inputRequests"]) == ["question-2"]
    # Without a state, a client that knows the questions can answer them with its first request.
    at_once = (await person.leg("tools/call", name="async", inputResponses=both))["result"]
    assert at_once["content"][0]["text"] == "Hello, Ada"


@pytest.mark.parametrize(
    "answer",
    [None, 1, [], {}, {"action": "maybe"}, accept(), accept(value=None), accept(value=["Ada"]), {"action": "accept"}],
)
async def test_an_answer_that_does_not_fit_is_an_error_and_the_question_still_stands(answer: Any) -> None:
    """MRTR-12, ELIC-19"""
    person = Person(two_questions(), by_message({}), MODERN)
    state = (await person.leg("tools/call", name="async"))["result"]["requestState"]
    bad = await person.leg("tools/call", name="async", requestState=state, inputResponses={"question-1": answer})
    assert bad["error"]["code"] == -32602
    assert bad["error"]["message"].startswith("inputResponses.question-1 does not fit elicitation/create: ")
    good = await person.leg("tools/call", name="async", requestState=state, inputResponses={"question-1": NAME})
    assert list(good["result"]["inputRequests"]) == ["question-2"]


STRANGE = [
    {"requestState": "nonsense"},
    {"requestState": ""},
    {"name": "plain"},
    {"arguments": {"greeting": "Hi"}},
]


@pytest.mark.parametrize("change", STRANGE, ids=str)
async def test_a_state_is_good_for_its_own_request_alone(change: dict[str, Any]) -> None:
    """MRTR-06, MRTR-07; the same error whatever is wrong"""
    person = Person(two_questions(), by_message({}), MODERN)
    state = (await person.leg("tools/call", name="async", arguments={}))["result"]["requestState"]
    params = {"name": "async", "arguments": {}, "requestState": state, "inputResponses": {"question-1": NAME}}
    assert "result" in await person.leg("tools/call", **params)
    assert (await person.leg("tools/call", **params | change))["error"] == REFUSED


REFUSED = {"code": -32602, "message": "requestState is not valid for this request; start again without it"}


async def test_a_state_is_good_for_its_own_method_and_server_alone() -> None:
    """MRTR-07"""
    server = two_questions()
    person = Person(server, by_message({}), MODERN)
    params = {"name": "async", "arguments": {}}
    state = (await person.leg("tools/call", **params))["result"]["requestState"]
    assert (await person.leg("prompts/get", requestState=state, **params))["error"] == REFUSED
    secrets = ["one secret of sixteen bytes"]
    states = []
    for name in ("one", "two"):
        other = Server(name, secrets=secrets)
        other.add_tool(tool_that_asks, name="async")
        states.append(
            (await Person(other, by_message({}), MODERN).leg("tools/call", **params))["result"]["requestState"]
        )
        there = await Person(other, by_message({}), MODERN).leg("tools/call", requestState=states[0], **params)
        assert ("result" in there) == (name == "one")


async def tool_that_asks(ctx: Context) -> str:
    return str(await ctx.elicit("Who?", str))


# --- what the client can do -----------------------------------------------------------------------------------

NEEDS = [
    ({}, {"elicitation": {"form": {}}}, lambda ctx: ctx.elicit("Who?", str)),
    ({"elicitation": {"url": {}}}, {"elicitation": {"form": {}}}, lambda ctx: ctx.elicit("Who?", str)),
    ({"elicitation": {}}, {"elicitation": {"url": {}}}, lambda ctx: ctx.elicit("Go", url="https://a.example/b")),
    ({"elicitation": {}}, {"sampling": {}}, lambda ctx: ctx.sample("Hi")),
    ({"sampling": {}}, {"sampling": {"tools": {}}}, lambda ctx: ctx.sample("Hi", tools=[])),
    ({"sampling": {}}, {"sampling": {"tools": {}}}, lambda ctx: ctx.sample("Hi", tool_choice={"mode": "none"})),
    ({"sampling": {}}, {"sampling": {"context": {}}}, lambda ctx: ctx.sample("Hi", include_context="allServers")),
    ({"sampling": {}}, {"roots": {}}, lambda ctx: ctx.roots()),
]


@eras
@pytest.mark.parametrize("has, lacks, question", NEEDS)
async def test_what_the_client_did_not_declare_is_not_asked(version: str, has: Any, lacks: Any, question: Any) -> None:
    """MRTR-05, ELIC-02, SAMP-02, SAMP-03, ERR-09"""
    server = Server("asker")

    @server.tool
    async def need(ctx: Context) -> str:
        return str(await question(ctx))

    answers = by_message(
        {"Who?": NAME, "Go": {"action": "accept"}, "sampling/createMessage": SAID, "roots/list": NO_ROOTS}
    )
    person = Person(server, answers, version, has)
    error = (await person.ask("tools/call", name="need"))["error"]
    assert person.asked == []
    assert error["code"] == (-32021 if version == MODERN else -32600)
    assert error.get("data") == ({"requiredCapabilities": lacks} if version == MODERN else None)
    able = Person(server, answers, version, CAPABLE)
    assert "result" in await able.ask("tools/call", name="need")
    assert len(able.asked) == 1


SAID = {"role": "assistant", "content": {"type": "text", "text": "Hi"}, "model": "m", "stopReason": "endTurn"}
NO_ROOTS: dict[str, Any] = {"roots": []}


@eras
async def test_a_tool_can_go_another_way_when_the_client_cannot_ask(version: str) -> None:
    server = Server("asker")

    @server.tool
    async def greet(ctx: Context) -> str:
        try:
            return str(await ctx.elicit("Who?", str))
        except RequestError:
            return "whoever you are"

    person = Person(server, by_message({}), version, {})
    assert (await person.call("greet"))["content"][0]["text"] == "whoever you are"


# --- declining -------------------------------------------------------------------------------------------------


@eras
@pytest.mark.parametrize("action, said", [("decline", "declined"), ("cancel", "closed the question without an answer")])
@pytest.mark.parametrize("name", ["async", "plain"])
async def test_a_no_that_nobody_catches_reads_well(version: str, action: str, said: str, name: str) -> None:
    """ELIC-08"""
    person = Person(two_questions(), by_message({"Who?": {"action": action}}), version)
    result = (await person.ask("tools/call", name=name))["result"]
    assert (result["isError"], result["content"][0]["text"]) == (True, f"The user {said}: Who?")
    prompt = (await person.ask("prompts/get", name=name))["error"]
    assert prompt["message"] == f"The user {said}: Who?"


@eras
async def test_a_no_can_be_caught(version: str) -> None:
    server = Server("asker")

    @server.tool
    async def greet(ctx: Context) -> str:
        try:
            return str(await ctx.elicit("Who?", str))
        except DeclinedError as error:
            return f"{error.action}: {await ctx.elicit('Then what?', str)}"

    person = Person(server, by_message({"Who?": {"action": "cancel"}, "Then what?": NAME}), version)
    assert (await person.call("greet"))["content"][0]["text"] == "cancel: Ada"


# --- several at once -------------------------------------------------------------------------------------------


@eras
@pytest.mark.parametrize("plain", [False, True])
async def test_several_questions_go_out_together(version: str, plain: bool) -> None:
    server = Server("asker")

    def questions() -> dict[str, Any]:
        return {
            "who": ask.form("Who?", str),
            "page": ask.page("Sign in", "https://a.example/in"),
            "model": ask.sample("Hi", max_tokens=5),
            "roots": ask.roots(),
        }

    async def all_at_once(ctx: Context) -> str:
        found = await ctx.ask_all(questions())
        return f"{found['who']} {found['page']} {found['model'].content.text} {found['roots'][0].uri}"

    def all_plainly(ctx: Context) -> str:
        found = ctx.ask_all(questions())
        return f"{found['who']} {found['page']} {found['model'].content.text} {found['roots'][0].uri}"

    server.add_tool(all_plainly if plain else all_at_once, name="all")
    answers = {
        "Who?": NAME,
        "Sign in": {"action": "accept"},
        "sampling/createMessage": SAID,
        "roots/list": {"roots": [{"uri": "file:///home"}]},
    }
    person = Person(server, by_message(answers), version)
    assert (await person.call("all"))["content"][0]["text"] == "Ada True Hi file:///home"
    assert len(person.asked) == 4
    assert person.rounds == (2 if version == MODERN else 0)


async def test_of_several_questions_only_the_unanswered_are_asked_again() -> None:
    """MRTR-10"""
    server = Server("asker")

    @server.tool
    async def both(ctx: Context) -> str:
        found = await ctx.ask_all({"a": ask.form("A?", str), "b": ask.form("B?", bool)})
        return f"{found['a']} {found['b']}"

    person = Person(server, by_message({}), MODERN)
    first = (await person.leg("tools/call", name="both"))["result"]
    assert list(first["inputRequests"]) == ["a", "b"]
    second = (
        await person.leg(
            "tools/call", name="both", requestState=first["requestState"], inputResponses={"b": accept(value=False)}
        )
    )["result"]
    assert list(second["inputRequests"]) == ["a"]
    last = await person.leg(
        "tools/call", name="both", requestState=second["requestState"], inputResponses={"a": NAME, "b": YES}
    )
    assert last["result"]["content"][0]["text"] == "Ada False"


@eras
@pytest.mark.parametrize("together", ["gather", "group"])
async def test_two_questions_at_the_same_time_are_refused_with_the_way_out(
    version: str, together: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = Server("asker")

    @server.tool
    async def both(ctx: Context) -> str:
        if together == "gather":
            await asyncio.gather(ctx.elicit("A?", str), ctx.elicit("B?", str))
        else:
            async with asyncio.TaskGroup() as group:
                group.create_task(ctx.elicit("A?", str))
                group.create_task(ctx.elicit("B?", str))
        return "never"

    person = Person(server, by_message({"A?": NAME, "B?": NAME}), version)
    with caplog.at_level(logging.ERROR, "dragoman"):
        response = await person.ask("tools/call", name="both")
    assert "error" in response or response["result"]["isError"]
    assert "ctx.ask_all({...})" in caplog.text
    assert "never" not in str(response)


async def test_of_two_questions_at_the_same_time_none_stays_open(caplog: pytest.LogCaptureFixture) -> None:
    server = Server("asker")

    @server.tool
    async def both(ctx: Context) -> str:
        await asyncio.gather(ctx.elicit("A?", str), ctx.elicit("B?", str))
        return "never"

    class Slow(Person):
        def admit(self, body: bytes) -> Any:
            call = super().admit(body)
            call.door.ask = self.wait
            return call

        async def wait(self, method: str, params: Any) -> Any:
            await asyncio.Event().wait()

    person = Slow(server, by_message({}), LEGACY[0])
    with caplog.at_level(logging.ERROR, "dragoman"):
        assert (await person.call("both"))["isError"]
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        assert not (await asyncio.wait(others, timeout=5))[1]


@eras
async def test_one_question_in_a_task_group_is_asked(version: str) -> None:
    server = Server("asker")

    @server.tool
    async def one(ctx: Context) -> str:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(ctx.elicit("Who?", str))
        return str(task.result())

    person = Person(server, by_message({"Who?": NAME}), version)
    assert (await person.call("one"))["content"][0]["text"] == "Ada"


async def test_a_failure_beside_a_question_is_not_lost(caplog: pytest.LogCaptureFixture) -> None:
    server = Server("asker")

    async def fail() -> None:
        raise ZeroDivisionError("seven by nought")

    @server.tool
    async def one(ctx: Context) -> str:
        async with asyncio.TaskGroup() as group:
            group.create_task(ctx.elicit("Who?", str))
            group.create_task(fail())
        return "never"

    with caplog.at_level(logging.ERROR, "dragoman"):
        response = await Person(server, by_message({}), MODERN).leg("tools/call", name="one")
    assert response["error"]["code"] == -32603
    assert "seven by nought" in caplog.text


# --- how a run stops -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("plain", [False, True])
async def test_catching_everything_does_not_swallow_a_question_and_finally_runs(plain: bool) -> None:
    server = Server("asker")
    done: list[str] = []

    async def careful(ctx: Context) -> str:
        try:
            return str(await ctx.elicit("Who?", str))
        except Exception:
            return "swallowed"
        finally:
            done.append("finally")

    def careful_plainly(ctx: Context) -> str:
        try:
            return str(ctx.elicit("Who?", str))
        except Exception:
            return "swallowed"
        finally:
            done.append("finally")

    server.add_tool(careful_plainly if plain else careful, name="careful")
    person = Person(server, by_message({"Who?": NAME}), MODERN)
    assert (await person.call("careful"))["content"][0]["text"] == "Ada"
    assert done == ["finally", "finally"]


async def test_middleware_sees_every_run() -> None:
    server = two_questions()
    seen: list[str] = []

    @server.middleware
    async def watch(call: Any, handler: Any) -> Any:
        seen.append("begin")
        try:
            return await handler(call)
        finally:
            seen.append("end")

    person = Person(server, by_message({"Who?": NAME, "Sure?": YES}), MODERN)
    await person.ask("tools/call", name="async")
    assert seen == ["begin", "end"] * 3


async def changing(ctx: Context, runs: list[int], key: str) -> str:
    runs.append(1)
    return str(await ctx.elicit(f"Is it {len(runs)}?", str, key=key))


@pytest.mark.parametrize("key", ["", "number"])
async def test_questions_that_change_between_runs_are_both_named(key: str, caplog: pytest.LogCaptureFixture) -> None:
    server = Server("asker")
    runs: list[int] = []

    @server.tool
    async def change(ctx: Context) -> str:
        return await changing(ctx, runs, key)

    person = Person(server, lambda *asked: NAME, MODERN)
    with caplog.at_level(logging.ERROR, "dragoman"):
        response = await person.ask("tools/call", name="change")
    assert response["result"]["isError"]
    named = "this run asks elicitation/create 'Is it 2?' where the last asked elicitation/create 'Is it 1?'"
    assert named in caplog.text


async def test_an_answered_question_that_changes_is_named_too(caplog: pytest.LogCaptureFixture) -> None:
    server = Server("asker")
    runs: list[int] = []

    @server.tool
    async def change(ctx: Context) -> str:
        runs.append(1)
        await ctx.elicit("First?" if len(runs) < 3 else "Other?", str)
        return str(await ctx.elicit("Second?", str))

    person = Person(server, lambda *asked: NAME, MODERN)
    with caplog.at_level(logging.ERROR, "dragoman"):
        response = await person.ask("tools/call", name="change")
    assert response["result"]["isError"]
    assert "asks elicitation/create 'Other?' where the last asked elicitation/create 'First?'" in caplog.text


async def test_a_question_with_a_key_need_not_be_asked_in_every_run() -> None:
    server = Server("asker")
    signed_in: list[int] = []

    @server.tool
    async def show(ctx: Context) -> str:
        if not signed_in:
            await ctx.elicit("Sign in", url="https://a.example/in", key="sign in")
        return str(await ctx.elicit("Who?", str, key="who"))

    def answers(method: str, asked: dict[str, Any]) -> Any:
        signed_in.append(1)
        return {"action": "accept"} if "url" in asked else NAME

    person = Person(server, answers, MODERN)
    assert (await person.call("show"))["content"][0]["text"] == "Ada"


@pytest.mark.parametrize("keys", [("a", "a"), ("question-2", "")])
async def test_a_key_is_used_once(keys: tuple[str, str], caplog: pytest.LogCaptureFixture) -> None:
    server = Server("asker")

    @server.tool
    async def twice(ctx: Context) -> str:
        return f"{await ctx.elicit('A?', str, key=keys[0])} {await ctx.elicit('B?', str, key=keys[1])}"

    with caplog.at_level(logging.ERROR, "dragoman"):
        response = await Person(server, lambda *asked: NAME, MODERN).ask("tools/call", name="twice")
    assert response["result"]["isError"]
    assert f"the key {keys[0]!r} was asked before in this call" in caplog.text


async def test_questions_without_end_are_stopped(caplog: pytest.LogCaptureFixture) -> None:
    server = Server("asker")

    @server.tool
    async def endless(ctx: Context) -> str:
        while True:
            await ctx.ask_all({f"{number}": ask.form(f"{number}?", bool) for number in range(101)})

    with caplog.at_level(logging.ERROR, "dragoman"):
        await Person(server, lambda *asked: YES, MODERN).ask("tools/call", name="endless")
    assert "more than 100 questions in one call" in caplog.text


async def test_only_tools_prompts_and_resources_can_ask_in_the_stateless_era(caplog: pytest.LogCaptureFixture) -> None:
    """MRTR-02, X-12"""
    server = Server("asker")

    @server.method("asker/greet")
    async def greet(ctx: Context) -> dict[str, Any]:
        return {"name": await ctx.elicit("Who?", str)}

    with caplog.at_level(logging.ERROR, "dragoman"):
        modern = await Person(server, by_message({}), MODERN).leg("asker/greet")
    assert modern["error"]["code"] == -32603
    assert "asker/greet cannot ask: only prompts/get, resources/read, tools/call can" in caplog.text


# --- where there is a way back ---------------------------------------------------------------------------------


async def test_a_client_that_answers_with_an_error_or_nonsense_is_told_of_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """ELIC-08"""
    person = Person(two_questions(), lambda *asked: PeerError(-32603, "no screen"), LEGACY[0])
    with caplog.at_level(logging.ERROR, "dragoman"):
        assert (await person.ask("tools/call", name="async"))["result"]["isError"]
        assert "no screen" in caplog.text
        person.answers = by_message({"Who?": accept(value=["Ada"])})
        assert (await person.ask("tools/call", name="async"))["result"]["isError"]
    assert "the client's answer to elicitation/create 'Who?' does not fit" in caplog.text


async def test_a_model_that_the_user_will_not_have_asked_is_a_no() -> None:
    server = Server("asker")

    @server.tool
    async def think(ctx: Context) -> str:
        return str(await ctx.sample("Hm?"))

    person = Person(server, lambda *asked: PeerError(-1, "User rejected sampling request"), LEGACY[0])
    result = await person.call("think")
    assert (result["isError"], result["content"][0]["text"]) == (True, "The user declined: sampling/createMessage")


async def test_a_state_is_good_for_its_own_user_alone() -> None:
    """MRTR-07, ELIC-16"""
    person = Person(two_questions(), by_message({}), MODERN)
    person.subject = "ada"
    state = (await person.leg("tools/call", name="async"))["result"]["requestState"]
    params = {"name": "async", "requestState": state, "inputResponses": {"question-1": NAME}}
    for other in ("eve", None, ""):
        person.subject = other
        assert (await person.leg("tools/call", **params))["error"] == REFUSED
    person.subject = "ada"
    assert "result" in await person.leg("tools/call", **params)


async def test_a_page_has_no_type(caplog: pytest.LogCaptureFixture) -> None:
    server = Server("asker")

    @server.tool
    async def confused(ctx: Context) -> str:
        return str(await ctx.elicit("Go", str, url="https://a.example"))

    with caplog.at_level(logging.ERROR, "dragoman"):
        await Person(server, by_message({}), MODERN).leg("tools/call", name="confused")
    assert "ask for a type, or a url" in caplog.text


@eras
async def test_a_call_that_was_answered_asks_nobody(version: str) -> None:
    server = Server("asker")
    left: list[Context] = []

    @server.tool
    async def leave(ctx: Context) -> str:
        left.append(ctx)
        return "left"

    person = Person(server, by_message({"Who?": NAME}), version)
    await person.call("leave")
    with pytest.raises(LocalError, match="tools/call was answered or given up already: nobody is there to be asked"):
        await left[0].elicit("Who?", str)
    assert person.asked == []


async def test_what_is_no_question_is_named(caplog: pytest.LogCaptureFixture) -> None:
    server = Server("asker")

    @server.tool
    async def wrong(ctx: Context) -> str:
        return str(await ctx.ask_all({"who": str}))

    with caplog.at_level(logging.ERROR, "dragoman"):
        await Person(server, by_message({}), MODERN).leg("tools/call", name="wrong")
    assert "'who' is no question: make it with ask.form, ask.page, ask.sample or ask.roots" in caplog.text


@eras
@pytest.mark.parametrize("plain", [True, False], ids=["def", "async def"])
@pytest.mark.parametrize("content, found", [({}, "None"), ({"value": 3}, "3")], ids=["left empty", "given"])
async def test_what_may_be_left_empty_is_none(version: str, plain: bool, content: dict[str, Any], found: str) -> None:
    server = Server("asker")

    @server.tool(name="def")
    def count(ctx: Context) -> str:
        return f"{ctx.elicit('How many?', int | None)} and {ctx.ask_all({'n': ask.form('How many?', int | None)})}"

    @server.tool(name="async def")
    async def count_later(ctx: Context) -> str:
        many = await ctx.elicit("How many?", int | None)
        return f"{many} and {await ctx.ask_all({'n': ask.form('How many?', int | None)})}"

    person = Person(server, lambda method, params: accept(**content), version)
    response = await person.ask("tools/call", name="def" if plain else "async def", arguments={})
    assert response["result"]["content"][0]["text"] == f"{found} and {{'n': {found}}}"
