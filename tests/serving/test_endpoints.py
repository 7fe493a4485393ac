"""Plans of prompts and resources: text in, declared types out."""

import datetime as dt
import enum
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import pytest

from dragoman.errors import LocalError, RegistrationError
from dragoman.serving.endpoints import NotServed, assistant, read_prompt_signature, read_resource_signature, user
from dragoman.serving.faults import ArgumentFaults, OutputMismatch
from dragoman.serving.results import Image, ResourceLink
from dragoman.wire.content import AnyContents, BlobContents, TextContent, TextContents
from dragoman.wire.prompts import GetPromptResult, PromptArgument, PromptMessage
from dragoman.wire.resources import ReadResourceResult


class Context:
    pass


class Tone(enum.Enum):
    WARM = "warm"
    COLD = "cold"


def prompt(function):
    return read_prompt_signature(function, context_type=Context)


def resource(function, *variables: str):
    return read_resource_signature(function, variables, context_type=Context)


def letter(to: str, day: dt.date, *, copies: int = 1, tags: list[str] = [], tone: Annotated[Tone, "how"] = Tone.WARM):
    """Write a letter.

    Args:
        to: who gets it
    """


def test_arguments_are_listed_with_description_and_type() -> None:
    plan = prompt(letter)
    assert plan.description == "Write a letter."
    assert plan.arguments == [
        PromptArgument(name="to", description="who gets it", required=True),
        PromptArgument(name="day", description="(date)", required=True),
        PromptArgument(name="copies", description="(integer)", required=False),
        PromptArgument(name="tags", description="(array)", required=False),
        PromptArgument(name="tone", description='how (one of "warm", "cold")', required=False),
    ]


def test_text_is_converted_to_the_declared_types() -> None:
    raw = b'{"to":"42","day":"2024-02-29","copies":"3","tags":"[\\"a\\"]","tone":"cold"}'
    assert prompt(letter).decode(raw) == (
        ("42", dt.date(2024, 2, 29)),
        {"copies": 3, "tags": ["a"], "tone": Tone.COLD},
    )


def test_a_field_left_empty_takes_the_default_except_where_it_is_text() -> None:
    def ask(question: str, limit: int = 5, note: str = "none"): ...

    assert prompt(ask).decode(b'{"question":"","limit":"","note":""}') == (("", 5, ""), {})


def test_all_faults_of_a_prompt_are_told() -> None:
    with pytest.raises(ArgumentFaults) as caught:
        prompt(letter).decode(b'{"day":"soon","copy":"2"}')
    assert str(caught.value).splitlines()[1:] == [
        "- $.copy: expected no argument of this name; did you mean 'copies'?",
        "- $.to: expected string, got nothing; it is required",
        '- $.day: expected date (YYYY-MM-DD), got "soon"',
    ]


@pytest.mark.parametrize("raw", [b"3", b"[]", b'"x"', b"{"])
def test_arguments_that_are_no_object_are_refused(raw: bytes) -> None:
    with pytest.raises(ArgumentFaults, match=r"\$: expected an object"):
        prompt(lambda: None).decode(raw)


@pytest.mark.parametrize("raw", [b"{}", b"null"])
def test_no_arguments_are_none(raw: bytes) -> None:
    assert prompt(lambda: None).decode(raw) == ((), {})


def test_the_context_is_put_where_the_function_wants_it() -> None:
    def first(ctx: Context, a: str): ...
    def named(a: str, *, ctx: Context | None = None): ...

    plan = prompt(first)
    assert plan.place(plan.decode(b'{"a":"x"}'), 7) == ((7, "x"), {})
    plan = prompt(named)
    assert plan.place(plan.decode(b'{"a":"x"}'), 7) == (("x",), {"ctx": 7})


def text(role: str, words: str) -> PromptMessage:
    return PromptMessage(role=role, content=TextContent(text=words))


@pytest.mark.parametrize(
    "value, messages",
    [
        ("hi", [text("user", "hi")]),
        (["a", "b"], [text("user", "a"), text("user", "b")]),
        ([user("a"), assistant("b")], [text("user", "a"), text("assistant", "b")]),
        (("assistant", "b"), [text("assistant", "b")]),
        ([("user", "a"), ("assistant", "b")], [text("user", "a"), text("assistant", "b")]),
        (("a", "b", "c"), [text("user", "a"), text("user", "b"), text("user", "c")]),
        ({"role": "assistant", "content": "b"}, [text("assistant", "b")]),
        ({"role": "user", "content": {"type": "text", "text": "q"}}, [text("user", "q")]),
        ({"x": 1}, [text("user", '{"x":1}')]),
        (ResourceLink(uri="a:b", name="b"), [PromptMessage(role="user", content=ResourceLink(uri="a:b", name="b"))]),
        (GetPromptResult(messages=[text("assistant", "z")]), [text("assistant", "z")]),
        (None, []),
    ],
)
def test_what_a_prompt_returns_becomes_messages(value: object, messages: list[PromptMessage]) -> None:
    assert prompt(letter).messages(value) == messages


def test_a_message_without_content_is_a_mismatch() -> None:
    with pytest.raises(OutputMismatch, match="a message whose content is not one"):
        prompt(letter).messages({"role": "user", "content": {"type": "text"}})


def test_variables_are_converted_to_the_declared_types() -> None:
    def report(year: int, tone: Tone, path: list[str]): ...

    plan = resource(report, "year", "tone", "path")
    assert plan.decode({"year": "2024", "tone": "cold", "path": ["a", "b"]}) == ((2024, Tone.COLD, ["a", "b"]), {})


def test_a_value_that_does_not_convert_is_not_served_and_its_twin_is() -> None:
    def report(year: int): ...

    plan = resource(report, "year")
    with pytest.raises(NotServed, match=r'^year: expected integer, got "last"$'):
        plan.decode({"year": "last"})
    assert plan.decode({"year": "1999"}) == ((1999,), {})


def test_an_optional_variable_may_be_missing_and_a_required_one_may_not() -> None:
    def search(query: str, page: int = 1): ...

    plan = resource(search, "query", "page")
    assert plan.decode({"query": "x"}) == (("x", 1), {})
    with pytest.raises(NotServed, match="query: expected string, got nothing"):
        plan.decode({"page": "2"})


def test_parameters_and_variables_must_be_the_same() -> None:
    def weather(city: str, ctx: Context): ...

    assert resource(weather, "city").context_index == 1
    with pytest.raises(RegistrationError, match=r"takes \{city\}, which the URI does not have .*endpoints\.py:\d+"):
        resource(weather)
    with pytest.raises(RegistrationError, match=r"the URI has \{day\}, which weather\(\) does not take"):
        resource(weather, "city", "day")


@dataclass
class Reading:
    degrees: float


@pytest.mark.parametrize(
    "value, kind, contents",
    [
        ("hi", None, AnyContents(uri="u:x", text="hi", mime_type="text/plain")),
        ("hi", "text/markdown", AnyContents(uri="u:x", text="hi", mime_type="text/markdown")),
        (b"hi", None, AnyContents(uri="u:x", blob="aGk=", mime_type="application/octet-stream")),
        ({"a": 1}, None, AnyContents(uri="u:x", text='{"a":1}', mime_type="application/json")),
        (Reading(1.5), msgspec.UNSET, AnyContents(uri="u:x", text='{"degrees":1.5}', mime_type="application/json")),
        ([1, 2], None, AnyContents(uri="u:x", text="[1,2]", mime_type="application/json")),
        (TextContents(uri="u:y", text="t"), None, AnyContents(uri="u:y", text="t")),
        ([BlobContents(uri="u:y", blob="eA==")], None, AnyContents(uri="u:y", blob="eA==")),
        (Image(b"GIF89a"), None, AnyContents(uri="u:x", blob="R0lGODlh", mime_type="image/gif")),
        (ReadResourceResult(contents=[AnyContents(uri="q:", text="")]), None, AnyContents(uri="q:", text="")),
    ],
)
def test_what_a_resource_returns_becomes_contents(value: object, kind: str | None, contents: AnyContents) -> None:
    assert resource(lambda: None).contents(value, "u:x", kind) == [contents]


def test_nothing_is_no_contents_and_what_has_no_json_is_a_mismatch(tmp_path: Path) -> None:
    plan = resource(lambda: None)
    assert plan.contents(None, "u:x") == []
    assert plan.contents([], "u:x") == [AnyContents(uri="u:x", text="[]", mime_type="application/json")]
    with pytest.raises(OutputMismatch, match="a value of type object cannot be written as JSON"):
        plan.contents(object(), "u:x")
    with pytest.raises(LocalError, match="cannot read"):
        plan.contents(Image(tmp_path / "no.png"), "u:x")
