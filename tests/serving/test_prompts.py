"""Prompts, and completion of their arguments."""

from collections.abc import Mapping
from typing import Any

import pytest
from tests.protocol.fixtures import LEGACY, MODERN, Line

from dragoman import Image, RegistrationError, Server
from dragoman.wire.content import AnyContents, EmbeddedResource

PNG = b"\x89PNG\r\n\x1a\n"


def desk() -> Server:
    server = Server("prompts")

    @server.prompt(title="Greet")
    def greet(name: str, times: int = 1) -> str:
        """Greet somebody."""
        return f"hi {name} " * times

    @server.prompt
    async def show() -> list[Any]:
        return [
            "look",
            Image(PNG),
            EmbeddedResource(resource=AnyContents(uri="a://b", text="x", mime_type="text/plain")),
            ("assistant", "nice"),
        ]

    @server.completion("greet", "name")
    async def names(typed: str, chosen: Mapping[str, str]) -> list[str]:
        return [f"{typed}{number}{chosen.get('times', '')}" for number in range(int(chosen.get("count", "3")))]

    return server


@pytest.mark.parametrize("version", [MODERN, *LEGACY])
async def test_prompts_are_listed_with_their_arguments(version: str) -> None:
    """PROMPT-01"""
    greet, show = (await Line(desk()).ask("prompts/list", version))["result"]["prompts"]
    assert (greet["name"], greet["description"]) == ("greet", "Greet somebody.")
    assert [(each["name"], each["required"]) for each in greet["arguments"]] == [("name", True), ("times", False)]
    assert show == {"name": "show"}


async def test_a_prompt_is_filled_in() -> None:
    result = (await Line(desk()).ask("prompts/get", name="greet", arguments={"name": "Ann", "times": "2"}))["result"]
    assert result["messages"] == [{"role": "user", "content": {"type": "text", "text": "hi Ann hi Ann "}}]
    assert (result["description"], result["resultType"]) == ("Greet somebody.", "complete")


async def test_messages_hold_any_content() -> None:
    """PROMPT-04"""
    messages = (await Line(desk()).ask("prompts/get", name="show"))["result"]["messages"]
    assert [(each["role"], each["content"]["type"]) for each in messages] == [
        ("user", "text"), ("user", "image"), ("user", "resource"), ("assistant", "text")
    ]  # fmt: skip
    assert messages[1]["content"] == {"type": "image", "data": "iVBORw0KGgo=", "mimeType": "image/png"}


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"name": "great", "arguments": {}}, "unknown prompt 'great'; did you mean 'greet'?"),
        ({"name": "greet"}, "$.name"),
        ({"name": "greet", "arguments": None}, "$.name"),
        ({"name": "greet", "arguments": {"name": "x", "times": "often"}}, "$.times"),
        ({"name": "greet", "arguments": {"name": "x", "time": "2"}}, "times"),
        ({"name": "greet", "arguments": []}, "object"),
        ({}, "name"),
    ],
)
async def test_unknown_names_and_faulty_arguments_are_errors(params: dict[str, Any], said: str) -> None:
    """PROMPT-03, ERR-14"""
    error = (await Line(desk()).ask("prompts/get", **params))["error"]
    assert error["code"] == -32602 and said in error["message"]


async def test_arguments_may_be_null_where_none_is_needed() -> None:
    assert "result" in await Line(desk()).ask("prompts/get", name="show", arguments=None)


def test_two_prompts_of_one_name_are_refused() -> None:
    with pytest.raises(RegistrationError, match="there is a prompt 'greet' already"):
        desk().prompt("greet")(lambda_like)


def lambda_like() -> str:
    return ""


async def complete(ref: dict[str, str], argument: str, **rest: Any) -> dict[str, Any]:
    named = {"name": argument, "value": "a"}
    answer = await Line(desk()).ask("completion/complete", ref=ref, argument=named, **rest)
    return dict(answer.get("result") or answer["error"])


GREET = {"type": "ref/prompt", "name": "greet"}


async def test_suggestions_know_what_was_chosen_before() -> None:
    """PROMPT-06, PROMPT-08"""
    found = (await complete(GREET, "name"))["completion"]
    assert found == {"values": ["a0", "a1", "a2"], "total": 3, "hasMore": False}
    chosen = {"arguments": {"times": "!", "count": "1"}}
    assert (await complete(GREET, "name", context=chosen))["completion"]["values"] == ["a0!"]
    capabilities = (await Line(desk()).ask("server/discover"))["result"]["capabilities"]
    assert capabilities["completions"] == {}


@pytest.mark.parametrize(("count", "shown", "more"), [(100, 100, False), (101, 100, True)])
async def test_at_most_a_hundred_are_suggested(count: int, shown: int, more: bool) -> None:
    """PROMPT-07"""
    found = (await complete(GREET, "name", context={"arguments": {"count": str(count)}}))["completion"]
    assert (len(found["values"]), found["total"], found["hasMore"]) == (shown, count, more)


async def test_where_nobody_suggests_anything_there_is_nothing() -> None:
    assert (await complete(GREET, "else"))["completion"] == {"values": []}


@pytest.mark.parametrize(
    ("ref", "said"),
    [
        ({"type": "ref/prompt", "name": "great"}, "unknown prompt 'great'; did you mean 'greet'?"),
        ({"type": "ref/resource", "uri": "a://{b}"}, "unknown resource template 'a://{b}'"),
        ({"type": "ref/tool", "name": "x"}, "ref/tool"),
    ],
)
async def test_a_reference_to_nothing_known_is_refused(ref: dict[str, str], said: str) -> None:
    """ERR-14"""
    error = await complete(ref, "name")
    assert error["code"] == -32602 and said in error["message"]


async def test_a_templates_variables_are_completed_too() -> None:
    """PROMPT-08"""
    server = Server("prompts")

    @server.resource("a://{b}")
    def read(b: str) -> str:
        return b

    @server.completion("a://{b}", "b")
    async def some(typed: str, chosen: Mapping[str, str]) -> list[str]:
        return [typed + "!"]

    ref, argument = {"type": "ref/resource", "uri": "a://{b}"}, {"name": "b", "value": "x"}
    answer = await Line(server).ask("completion/complete", ref=ref, argument=argument)
    assert answer["result"]["completion"]["values"] == ["x!"]
