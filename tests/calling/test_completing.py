"""What a completion is asked by is judged here, and said in words of Python."""

from typing import Any

import pytest

from dragoman import Client, LocalError, Server
from dragoman.calling.completing import completing
from dragoman.wire.prompts import PromptReference, ResourceReference

ASK = PromptReference(name="ask")


@pytest.mark.parametrize("ref", [ASK, ResourceReference(uri="a://{b}"), {"type": "ref/prompt", "name": "ask"}])
def test_a_reference_an_argument_and_what_is_typed_are_sent_as_they_are(ref: Any) -> None:
    assert completing(ref, "a", "x", None) == {"ref": ref, "argument": {"name": "a", "value": "x"}}
    assert completing(ref, "a", "", {"b": "1"})["context"] == {"arguments": {"b": "1"}}


@pytest.mark.parametrize(
    "given, told",
    [
        (("ask", "a", "x", None), r"ref is PromptReference\(name=...\) or ResourceReference\(uri=...\).*not 'ask'"),
        ((None, "a", "x", None), "ref is PromptReference.*not 'None'"),
        ((object(), "a", "x", None), "ref is PromptReference.*not '<object"),
        (({"type": "ref/promp", "name": "ask"}, "a", "x", None), "ref is PromptReference.*ref/promp"),
        ((PromptReference(name=3), "a", "x", None), "ref is PromptReference.*name=3"),  # type: ignore[arg-type]
        ((ASK, 3, "x", None), "argument is the name of the argument to complete, a str and not int"),
        ((ASK, {"name": "a", "value": "x"}, "x", None), "argument is the name .* not dict"),
        ((ASK, "a", None, None), "value is what is typed of it so far, a str and not NoneType"),
        ((ASK, "a", "x", ["b"]), "context has the arguments that are chosen already, a dict of names and strings"),
        ((ASK, "a", "x", {"b": 3}), "context has"),
        ((ASK, "a", "x", {"b": object()}), "context has"),
    ],
)
def test_what_cannot_be_sent_is_told_with_what_to_give(given: tuple[Any, Any, Any, Any], told: str) -> None:
    with pytest.raises(LocalError, match=told):
        completing(*given)


async def test_a_client_refuses_it_before_anything_is_sent() -> None:
    server = Server("s")
    server.add_prompt(lambda name: name, name="ask")
    server.completion("ask", "name")(lambda typed: ["Ada"])
    async with Client(server) as client:
        with pytest.raises(LocalError, match="ref is PromptReference"):
            await client.complete("ask", "name", "A")  # type: ignore[arg-type]
        assert (await client.complete(ASK, "name", "A")).values == ["Ada"]
