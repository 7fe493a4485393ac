"""Results: what is written, what the schema promises, and what is refused for breaking the promise."""

import datetime as dt
import enum
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NoReturn, NotRequired, TypedDict

import msgspec
import pytest
from msgspec import UNSET

from dragoman.errors import LocalError, RegistrationError
from dragoman.serving.faults import OutputMismatch
from dragoman.serving.outputs import output_of
from dragoman.serving.parameters import MISSING
from dragoman.serving.results import Image, ResourceLink, ToolResult
from dragoman.wire.content import ImageContent, TextContent
from dragoman.wire.tools import CallToolResult


@dataclass
class Forecast:
    """Tomorrow.

    Attributes:
        high: degrees Celsius
    """

    high: float
    note: str = ""


class Movie(TypedDict):
    name: str
    year: NotRequired[int]


class Node(msgspec.Struct):
    kids: "list[Node]" = []


class Tone(enum.Enum):
    WARM = "warm"


GIF = Image(b"GIF89a")
GIF_BLOCK = ImageContent(data="R0lGODlh", mime_type="image/gif")
LINK = ResourceLink(uri="a:b", name="b")


def wire(result: CallToolResult) -> dict[str, Any]:
    return json.loads(msgspec.json.encode(result))


def encode(returns: Any, value: Any, declared: Any = None) -> dict[str, Any]:
    return wire(output_of(returns, declared, "here").encode(value))


def said(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text}]


@pytest.mark.parametrize(
    "returns, value, text, structured",
    [
        (int, 5, "5", {"result": 5}),
        (int, 2**80, str(2**80), {"result": 2**80}),
        (float, 1.5, "1.5", {"result": 1.5}),
        (float, 2, "2", {"result": 2}),
        (bool, True, "true", {"result": True}),
        (str, 'a "b"', 'a "b"', {"result": 'a "b"'}),
        (str | None, None, "null", {"result": None}),
        (str | None, "x", "x", {"result": "x"}),
        (bytes, b"hi", '"aGk="', {"result": "aGk="}),
        (list[int], [1, 2], "[1,2]", {"result": [1, 2]}),
        (list[Movie], [], "[]", {"result": []}),
        (tuple[int, str], (1, "a"), '[1,"a"]', {"result": [1, "a"]}),
        (set[str], {"a"}, '["a"]', {"result": ["a"]}),
        (Tone, Tone.WARM, '"warm"', {"result": "warm"}),
        (dt.date, dt.date(2024, 2, 29), '"2024-02-29"', {"result": "2024-02-29"}),
        (int | Forecast, Forecast(1), '{"high":1,"note":""}', {"result": {"high": 1, "note": ""}}),
        (Forecast, Forecast(1.5, "x"), '{"high":1.5,"note":"x"}', {"high": 1.5, "note": "x"}),
        (Forecast, {"high": 2}, '{"high":2}', {"high": 2}),
        (Movie, {"name": "M"}, '{"name":"M"}', {"name": "M"}),
        (dict[str, int], {"a": 1}, '{"a":1}', {"a": 1}),
        (dict[str, Any], {"a": None}, '{"a":null}', {"a": None}),
        (dict, {}, "{}", {}),
        (list, [1], "[1]", {"result": [1]}),
        (Node, Node([Node()]), '{"kids":[{"kids":[]}]}', {"kids": [{"kids": []}]}),
        (Path, Path("a"), '"a"', {"result": "a"}),
        (MISSING, {"a": 1}, '{"a":1}', {"a": 1}),
        (MISSING, [1], "[1]", {"result": [1]}),
        (Any, 3, "3", {"result": 3}),
        (Any, Forecast(1.0), '{"high":1.0,"note":""}', {"high": 1.0, "note": ""}),
        (None, 3, "3", {"result": 3}),
        (Iterator[int], (n for n in (1, 2)), "[1,2]", {"result": [1, 2]}),
    ],
)
def test_a_value_is_text_and_structured_content(returns: Any, value: Any, text: str, structured: Any) -> None:
    assert encode(returns, value) == {"content": said(text), "structuredContent": structured}


@pytest.mark.parametrize(
    "returns, value, content",
    [
        (None, None, []),
        (NoReturn, None, []),
        (MISSING, None, []),
        (MISSING, "hi", said("hi")),
        (Any, "hi", said("hi")),
        (MISSING, [], None),
        (Image, GIF, [GIF_BLOCK]),
        (list[Image], [GIF, GIF], [GIF_BLOCK, GIF_BLOCK]),
        (list[Image], [], []),
        (list[str | Image], ["see", GIF], [TextContent(text="see"), GIF_BLOCK]),
        (tuple[str, Image], ("see", GIF), [TextContent(text="see"), GIF_BLOCK]),
        (Image | str, "none", said("none")),
        (Image | None, None, []),
        (ResourceLink, LINK, [LINK]),
        (list[TextContent], [TextContent(text="a")], said("a")),
        (MISSING, GIF, [GIF_BLOCK]),
        (MISSING, ["see", GIF, {"a": 1}], [TextContent(text="see"), GIF_BLOCK, TextContent(text='{"a":1}')]),
    ],
)
def test_content_is_content_without_a_schema(returns: Any, value: Any, content: Any) -> None:
    output = output_of(returns, None, "here")
    assert output.schema is None
    if content is None:
        assert wire(output.encode(value)) == {"content": said("[]"), "structuredContent": {"result": []}}
    else:
        assert wire(output.encode(value)) == {"content": json.loads(msgspec.json.encode(content))}


@pytest.mark.parametrize(
    "result, expected",
    [
        (ToolResult("hi"), {"content": said("hi")}),
        (ToolResult(structured=[1]), {"content": said("[1]"), "structuredContent": [1]}),
        (ToolResult(structured="x"), {"content": said("x"), "structuredContent": "x"}),
        (ToolResult(structured=None), {"content": said("null"), "structuredContent": None}),
        (ToolResult(["a"], {"b": 1}), {"content": said("a"), "structuredContent": {"b": 1}}),
        (ToolResult([], {"b": 1}), {"content": [], "structuredContent": {"b": 1}}),
        (ToolResult("no", is_error=True), {"content": said("no"), "isError": True}),
        (ToolResult("m", meta={"k": 1}), {"content": said("m"), "_meta": {"k": 1}}),
        (CallToolResult(content=[], structured_content=3), {"content": [], "structuredContent": 3}),
    ],
)
@pytest.mark.parametrize("returns", [MISSING, ToolResult, int, Forecast, list[Image]])
def test_an_explicit_result_is_taken_at_its_word(returns: Any, result: Any, expected: dict[str, Any]) -> None:
    assert encode(returns, result) == expected


def test_schemas_are_objects_and_say_what_is_inside() -> None:
    assert output_of(int, None, "").schema == {
        "type": "object",
        "properties": {"result": {"type": "integer"}},
        "required": ["result"],
    }
    assert output_of(Forecast, None, "").schema == {
        "description": "Tomorrow.",
        "type": "object",
        "properties": {
            "high": {"type": "number", "description": "degrees Celsius"},
            "note": {"type": "string", "default": ""},
        },
        "required": ["high"],
    }
    assert output_of(bytes, None, "").schema["properties"]["result"] == {"type": "string", "contentEncoding": "base64"}
    assert output_of(dict[str, int], None, "").schema == {"type": "object", "additionalProperties": {"type": "integer"}}
    assert output_of(Annotated[int, "the sum"], None, "").schema["properties"]["result"]["description"] == "the sum"


def test_a_recursive_result_keeps_its_definition() -> None:
    schema = output_of(Node, None, "").schema
    assert schema["type"] == "object"
    assert schema["properties"]["kids"]["items"] == {"$ref": "#/$defs/Node"}
    assert schema["$defs"]["Node"]["type"] == "object"


@pytest.mark.parametrize(
    "returns, value, fault",
    [
        (int, "five", '$: expected integer, got "five"'),
        (int, True, "$: expected integer, got true"),
        (int, None, "$: expected integer, got null"),
        (float, float("nan"), "$: expected number, got null"),
        (float, float("inf"), "$: expected number, got null"),
        (str, 3, "$: expected string, got 3"),
        (list[int], [1, "a"], '$[1]: expected integer, got "a"'),
        (list[float], [float("nan")], "$[0]: expected number, got null"),
        (Forecast, {"high": "warm"}, '$.high: expected number, got "warm"'),
        (Forecast, {}, "$.high: expected number, got nothing; it is required"),
        (Forecast, None, "$: expected object, got null"),
        (Movie, {"name": 1}, "$.name: expected string, got 1"),
        (Tone, "hot", '$: expected one of "warm", got "hot"'),
        (int, object(), "$: expected a value with a JSON form; a value of type object cannot be written as JSON"),
        (dict, {"a": object()}, "$: expected a value with a JSON form"),
        (MISSING, "a\udcff", "$: expected text in Unicode"),
        (str, "a\udcff", "$: expected a value with a JSON form"),
        (MISSING, object(), "$: expected a value with a JSON form"),
    ],
)
def test_a_broken_promise_is_told_with_path_and_expectation(returns: Any, value: Any, fault: str) -> None:
    with pytest.raises(OutputMismatch) as caught:
        output_of(returns, None, "file.py:1 in f()").encode(value)
    assert str(caught.value.fault).startswith(fault)
    assert caught.value.where == "file.py:1 in f()"
    assert str(caught.value).endswith("(file.py:1 in f())")


def test_a_missing_image_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=r"cannot read .*no\.png for Image"):
        encode(Image, Image(tmp_path / "no.png"))


def test_a_return_type_without_schema_is_refused() -> None:
    with pytest.raises(RegistrationError, match=r"the return annotation: type complex has no JSON form.*\(here\)"):
        output_of(complex, None, "here")
    assert output_of(complex, False, "here").schema is None


@pytest.mark.parametrize(
    "declared, value, structured",
    [
        ({"type": "object", "properties": {"a": {"type": "integer"}}}, {"a": 1}, {"a": 1}),
        ({"type": "array"}, [1], [1]),
        ({"type": "object", "properties": {"result": {"type": "array"}}}, [1], {"result": [1]}),
    ],
)
def test_a_declared_schema_stands_as_it_is(declared: dict[str, Any], value: Any, structured: Any) -> None:
    output = output_of(MISSING, declared, "here")
    assert output.schema == declared
    assert wire(output.encode(value))["structuredContent"] == structured


def test_no_schema_can_be_asked_for() -> None:
    output = output_of(int, False, "here")
    assert output.schema is None
    assert output.encode(3).structured_content is not UNSET
