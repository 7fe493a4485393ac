"""Models and Field constraints of pydantic, where the user's annotations have them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from typing import Annotated, Any

import annotated_types
import jsonschema
import msgspec
import pydantic
import pytest
from pydantic import BaseModel, Field

from dragoman.errors import RegistrationError
from dragoman.serving.endpoints import read_prompt_signature
from dragoman.serving.faults import ArgumentFaults, OutputMismatch
from dragoman.serving.pydantic_bridge import uses_pydantic
from dragoman.serving.signature import Plan, read_signature


class Context:
    pass


class Node(BaseModel):
    """A place in a tree.

    Attributes:
        kids: what hangs below
    """

    name: str = Field(description="what it is called")
    kids: list[Node] = []
    made_on: dt.date | None = None


@pydantic.dataclasses.dataclass
class Size:
    width: int


@dataclasses.dataclass
class Holder:
    node: Node


class Even(BaseModel):
    number: int

    @pydantic.field_validator("number")
    @classmethod
    def is_even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("must be even")
        return value


class Aliased(BaseModel):
    name: str = Field(alias="fullName")


class Record(msgspec.Struct):
    x: int


def plan_of(function) -> Plan:
    return read_signature(function, context_type=Context)


def tool(
    node: Node,
    count: Annotated[int, Field(ge=0, description="how many")] = 3,
    limit: int = Field(default=5, le=9, description="at most"),
    name: str = Field(..., min_length=2),
    tags: list[str] = Field(default_factory=lambda: ["t"]),
    *,
    plain: int = 1,
    size: Size | None = None,
    holder: Holder | None = None,
    ctx: Context,
) -> Node:
    """Do it."""
    return node


def test_models_and_fields_are_in_the_schema() -> None:
    schema = plan_of(tool).input_schema
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["required"] == ["node", "name"]
    properties = schema["properties"]
    assert properties["node"] == {"$ref": "#/$defs/Node"}
    assert properties["count"] == {"type": "integer", "minimum": 0, "description": "how many", "default": 3}
    assert properties["limit"] == {"type": "integer", "maximum": 9, "description": "at most", "default": 5}
    assert properties["name"] == {"type": "string", "minLength": 2}
    assert properties["tags"] == {"type": "array", "items": {"type": "string"}, "default": ["t"]}
    assert properties["size"] == {"anyOf": [{"$ref": "#/$defs/Size"}, {"type": "null"}], "default": None}
    assert schema["$defs"]["Node"] == {
        "type": "object",
        "description": "A place in a tree.",
        "properties": {
            "name": {"type": "string", "description": "what it is called"},
            "kids": {
                "type": "array", "items": {"$ref": "#/$defs/Node"}, "default": [], "description": "what hangs below",
            },
            "made_on": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}], "default": None},
        },
        "required": ["name"],
    }  # fmt: skip


def test_arguments_become_models() -> None:
    raw = b'{"node":{"name":"a","kids":[{"name":"b"}]},"name":"ab","size":{"width":1},"holder":{"node":{"name":"q"}}}'
    args, kwargs = plan_of(tool).decode(raw)
    assert args == (Node(name="a", kids=[Node(name="b")]), 3, 5, "ab", ["t"])
    assert kwargs == {"plain": 1, "size": Size(1), "holder": Holder(Node(name="q"))}


def test_a_default_inside_the_annotation_counts() -> None:
    def count(n: Annotated[int, Field(default=7, ge=1)]): ...

    plan = plan_of(count)
    assert plan.input_schema["properties"] == {"n": {"type": "integer", "minimum": 1, "default": 7}}
    assert plan.decode(b"{}") == ((7,), {})


def test_strings_that_mean_models_are_mended() -> None:
    raw = json.dumps({"node": json.dumps({"name": "a"}), "name": "ab", "count": "4", "plain": "2"}).encode()
    args, kwargs = plan_of(tool).decode(raw)
    assert args[:2] == (Node(name="a"), 4)
    assert kwargs["plain"] == 2


def test_all_faults_are_told_pydantics_and_ours() -> None:
    raw = b'{"node":{"name":3,"kids":[{}]},"name":"a","count":-1,"limit":99,"plain":"x","nam":1}'
    with pytest.raises(ArgumentFaults) as caught:
        plan_of(tool).decode(raw)
    assert str(caught.value).splitlines()[1:] == [
        "- $.nam: expected no argument of this name; did you mean 'name'?",
        "- $.node.name: expected a valid string, got 3",
        "- $.node.kids[0].name: expected a value, got nothing; it is required",
        "- $.count: expected greater than or equal to 0, got -1",
        "- $.limit: expected less than or equal to 9, got 99",
        '- $.name: got "a"; String should have at least 2 characters',
        '- $.plain: expected integer, got "x"',
    ]


def test_a_validator_of_the_user_speaks_for_itself() -> None:
    def check(even: Even): ...

    with pytest.raises(ArgumentFaults, match=r"\$\.even\.number: got 3; Value error, must be even"):
        plan_of(check).decode(b'{"even":{"number":3}}')
    assert plan_of(check).decode(b'{"even":{"number":4}}')[0] == (Even(number=4),)


def test_a_string_that_fits_stays_a_string() -> None:
    def either(value: str | Node): ...

    assert plan_of(either).decode(b'{"value":"{\\"name\\":\\"a\\"}"}')[0] == ('{"name":"a"}',)


@pytest.mark.parametrize("value", [Node(name="x"), {"name": "x"}])
def test_results_are_validated_and_written_by_the_model(value: Any) -> None:
    plan = plan_of(tool)
    result = plan.encode(value)
    structured = json.loads(msgspec.json.encode(result.structured_content))
    assert structured == {"name": "x", "kids": [], "made_on": None} == json.loads(result.content[0].text)
    jsonschema.validate(structured, plan.output_schema, cls=jsonschema.Draft202012Validator)


def test_a_result_that_breaks_the_promise_is_a_mismatch() -> None:
    with pytest.raises(OutputMismatch, match=r"\$\.name: expected a value, got nothing"):
        plan_of(tool).encode({"nam": "x"})


def test_lists_of_models_are_wrapped_and_aliases_kept() -> None:
    def people() -> list[Aliased]: ...

    plan = plan_of(people)
    assert plan.output_schema["properties"] == {"result": {"type": "array", "items": {"$ref": "#/$defs/Aliased"}}}
    assert list(plan.output_schema["$defs"]["Aliased"]["properties"]) == ["fullName"]
    result = plan.encode([Aliased(fullName="A B")])
    assert msgspec.json.encode(result.structured_content) == b'{"result":[{"fullName":"A B"}]}'


def test_a_model_is_json_also_where_nothing_was_promised() -> None:
    def anything(): ...

    assert plan_of(anything).encode(Node(name="q")).content[0].text == '{"name":"q","kids":[],"made_on":null}'
    assert plan_of(anything).encode([Aliased(fullName="A")]).content[0].text == '[{"fullName":"A"}]'


def test_arguments_of_prompts_may_be_models() -> None:
    def ask(node: Node, n: Annotated[int, Field(gt=0)] = 1): ...

    plan = read_prompt_signature(ask, context_type=Context)
    raw = json.dumps({"node": json.dumps({"name": "a"}), "n": "2"}).encode()
    assert plan.decode(raw) == ((Node(name="a"), 2), {})


@pytest.mark.parametrize(
    "annotation, answer",
    [
        (Node, True),
        (list[Node | None], True),
        (Holder, True),
        (Size, True),
        (Annotated[int, Field(ge=0)], True),
        (Annotated[int, annotated_types.Ge(0)], True),
        (dict[str, tuple[int, Even]], True),
        (Record, False),
        (Annotated[int, msgspec.Meta(ge=0)], False),
        (dict[str, list[int]], False),
        (Any, False),
    ],
    ids=str,
)
def test_pydantic_is_seen_wherever_it_is(annotation: Any, answer: bool) -> None:
    assert uses_pydantic(annotation) is answer


def test_models_and_structs_in_one_parameter_are_refused() -> None:
    def mixed(value: Node | Record): ...
    def apart(node: Node, record: Record): ...

    with pytest.raises(RegistrationError, match=r"parameter value has a type without a schema: .*Record"):
        plan_of(mixed)
    assert plan_of(apart).decode(b'{"node":{"name":"a"},"record":{"x":1}}')[0] == (Node(name="a"), Record(1))
