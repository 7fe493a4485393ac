"""Every supported type, both ways, with a JSON Schema validator as the judge of the schemas."""

import collections
import datetime as dt
import enum
import ipaddress
import json
import pathlib
import uuid
import zoneinfo
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, NotRequired, TypedDict, TypeVar

import jsonschema
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dragoman.errors import RegistrationError
from dragoman.serving.codec import Choice, adapt, encoder, parts
from dragoman.serving.faults import ArgumentFaults
from dragoman.serving.signature import Plan, read_signature


class Context:
    pass


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 3


@dataclass
class Point:
    x: float
    y: float = 0.0


@dataclass
class Box:
    corner: Point
    tags: list[str] = field(default_factory=list)


class Movie(TypedDict):
    name: str
    year: NotRequired[int]


class Pair(NamedTuple):
    left: int
    right: str = ""


class Tree(msgspec.Struct):
    value: int
    children: "list[Tree]" = []


class Circle(msgspec.Struct, tag=True):
    radius: float


class Square(msgspec.Struct, tag=True):
    side: float


T = TypeVar("T")


@dataclass
class Page(Generic[T]):
    items: list[T]


UserId = NewType("UserId", int)
Positive = Annotated[int, msgspec.Meta(gt=0)]

# Numbers that both JSON and Python keep exactly, and text without lone surrogates.
numbers = st.floats(allow_nan=False, allow_infinity=False)
words = st.text(st.characters(exclude_categories=["Cs"]))
points = st.builds(Point, numbers, numbers)
trees = st.recursive(st.builds(Tree, st.integers()), lambda kids: st.builds(Tree, st.integers(), st.lists(kids)))
movies = st.fixed_dictionaries({"name": words}, optional={"year": st.integers()})
moments = st.datetimes(timezones=st.just(dt.UTC))

TYPES: list[tuple[Any, st.SearchStrategy]] = [
    (int, st.integers()),
    (float, numbers),
    (bool, st.booleans()),
    (str, words),
    (bytes, st.binary()),
    (None, st.none()),
    (Any, st.one_of(st.none(), words, st.lists(st.integers()))),
    (object, words),
    (dict, st.dictionaries(words, st.integers())),
    (list, st.lists(words)),
    (dict[str, int], st.dictionaries(words, st.integers())),
    (dict[int, str], st.dictionaries(st.integers(-(2**63), 2**63 - 1), words)),
    (Mapping[str, float], st.dictionaries(words, numbers)),
    (list[int | None], st.lists(st.none() | st.integers())),
    (Sequence[str], st.lists(words)),
    (Iterable[int], st.lists(st.integers())),
    (zoneinfo.ZoneInfo, st.just(zoneinfo.ZoneInfo("UTC"))),
    (set[int], st.sets(st.integers())),
    (frozenset[str], st.frozensets(words)),
    (tuple[int, str], st.tuples(st.integers(), words)),
    (tuple[int, ...], st.lists(st.integers()).map(tuple)),
    (Literal["a", "b", 3, None], st.sampled_from(["a", "b", 3, None])),
    (Color, st.sampled_from(Color)),
    (Level, st.sampled_from(Level)),
    (int | str, st.integers() | words),
    (Color | None, st.none() | st.sampled_from(Color)),
    (Point, points),
    (Box, st.builds(Box, points, st.lists(words))),
    (Point | None, st.none() | points),
    (Movie, movies),
    (Pair, st.builds(Pair, st.integers(), words)),
    (Tree, trees),
    (Circle | Square, st.builds(Circle, numbers) | st.builds(Square, numbers)),
    (Page[int], st.builds(Page, st.lists(st.integers()))),
    (list[Box], st.lists(st.builds(Box, points))),
    (dt.date, st.dates()),
    (dt.datetime, moments),
    (dt.time, st.times()),
    (dt.timedelta, st.timedeltas(dt.timedelta(-1000), dt.timedelta(1000))),
    (uuid.UUID, st.uuids()),
    (Decimal, st.decimals(allow_nan=False, allow_infinity=False)),
    (UserId, st.integers()),
    (Positive, st.integers(min_value=1)),
    (Annotated[str, "what it is"], words),
    (pathlib.Path, st.sampled_from([pathlib.Path("a/b"), pathlib.Path("/c"), pathlib.Path()])),
    (list[pathlib.PurePosixPath], st.lists(st.just(pathlib.PurePosixPath("x")))),
    (ipaddress.IPv4Address, st.ip_addresses(v=4)),
    # What the codec takes only as a choice:
    (Point | Tree, points | trees),
    (list[int] | set[str] | None, st.none() | st.lists(st.integers())),
    (dict[str, Point | Movie], st.dictionaries(words, points | movies)),
    (int | pathlib.Path, st.integers() | st.just(pathlib.Path("q"))),
    (dt.date | uuid.UUID, st.dates() | st.uuids()),
]


def plan_of(annotation: Any) -> Plan:
    def function(x, *, ctx: Context) -> None: ...

    function.__annotations__ = {"x": annotation, "return": annotation, "ctx": Context}
    return read_signature(function, context_type=Context)


@pytest.mark.parametrize("annotation, values", TYPES, ids=[str(annotation) for annotation, _ in TYPES])
def test_a_value_of_each_type_goes_there_and_back(annotation: Any, values: st.SearchStrategy) -> None:
    plan = plan_of(annotation)
    incoming = jsonschema.Draft202012Validator(plan.input_schema)
    incoming.check_schema(plan.input_schema)
    assert plan.context_parameter == "ctx" and "ctx" not in plan.input_schema["properties"]

    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(values)
    def holds(value: Any) -> None:
        raw = encoder.encode({"x": value})
        incoming.validate(json.loads(raw))
        (back,), _ = plan.decode(raw)
        assert back == value
        assert annotation is Any or type(back) is type(value)
        result = plan.encode(value)
        if plan.output_schema is not None:
            assert plan.output_schema["type"] == "object"
            structured = json.loads(msgspec.json.encode(result.structured_content))
            jsonschema.validate(structured, plan.output_schema, cls=jsonschema.Draft202012Validator)

    holds()


@pytest.mark.parametrize(
    "annotation, bad, good",
    [
        (int, '"x"', "1"),
        (int, "1.5", "1"),
        (str, "1", '"1"'),
        (bool, "2", "true"),
        (bytes, '"***"', '"aGk="'),
        (set[int], '["a"]', "[1]"),
        (tuple[int, str], "[1]", '[1,"a"]'),
        (Literal["a"], '"b"', '"a"'),
        (Color, '"green"', '"red"'),
        (Point, '{"y":1}', '{"x":1}'),
        (Movie, "{}", '{"name":"a"}'),
        (Tree, '{"value":1,"children":[{}]}', '{"value":1,"children":[{"value":2}]}'),
        (Positive, "0", "1"),
        (Circle | Square, '{"type":"Oval"}', '{"type":"Circle","radius":1}'),
        (dt.date, '"tomorrow"', '"2024-02-29"'),
        (uuid.UUID, '"x"', '"c0ffee00-0000-4000-8000-000000000000"'),
        (pathlib.Path, "3", '"a"'),
        (zoneinfo.ZoneInfo, '"Mars/Base"', '"UTC"'),
        (ipaddress.IPv4Address, '"1.2.3"', '"1.2.3.4"'),
        (Point | Tree, '{"z":1}', '{"value":1}'),
        (int | pathlib.Path, "[]", '"a"'),
    ],
)
def test_what_does_not_fit_is_refused_and_its_twin_is_not(annotation: Any, bad: str, good: str) -> None:
    plan = plan_of(annotation)
    with pytest.raises(ArgumentFaults, match=r"^The arguments have a fault:\n- \$\.x"):
        plan.decode(f'{{"x":{bad}}}'.encode())
    assert len(plan.decode(f'{{"x":{good}}}'.encode())[0]) == 1


def test_a_choice_prefers_the_member_that_knows_all_keys() -> None:
    @dataclass
    class Wide:
        x: float
        value: int = 0

    assert plan_of(Point | Wide).decode(b'{"x":{"x":1,"value":2}}')[0] == (Wide(1.0, 2),)
    assert plan_of(Wide | Point).decode(b'{"x":{"x":1,"y":2}}')[0] == (Point(1.0, 2.0),)
    assert plan_of(Wide | Point).decode(b'{"x":{"x":1}}')[0] == (Wide(1.0),)


def test_what_msgspec_can_decode_is_left_alone() -> None:
    assert adapt(int | str | None) == int | str | None
    assert issubclass(adapt(Point | Box), Choice)
    assert adapt(list[int]) == list[int]


class Plain:
    name: str


@dataclass
class Holds:
    either: Point | Box


@pytest.mark.parametrize(
    "annotation, reason",
    [
        (complex, "parameter x: type complex has no JSON form; use a dataclass"),
        (Plain, "parameter x: type Plain has no JSON form"),
        (list[Plain], "parameter x: type Plain has no JSON form"),
        (Point | Plain, "parameter x: type Plain has no JSON form"),
        (Holds, "parameter x has a type without a schema: Type unions may not contain more than one dataclass"),
        (collections.Counter, "parameter x"),
    ],
)
def test_a_type_without_json_is_refused_by_name_and_place(annotation: Any, reason: str) -> None:
    with pytest.raises(RegistrationError) as caught:
        plan_of(annotation)
    assert str(caught.value).startswith(reason)
    assert "test_codec.py:" in caught.value.where and caught.value.where.endswith("in plan_of.function()")


@pytest.mark.parametrize(
    "value, text",
    [
        (collections.deque([1, 2]), b"[1,2]"),
        (collections.ChainMap({"a": 1}), b'{"a":1}'),
        ({"a": 1}.values(), b"[1]"),
        ((n for n in (1, 2)), b"[1,2]"),
        (pathlib.Path("a"), b'"a"'),
        (2**80, b"1208925819614629174706176"),
    ],
)
def test_values_near_to_json_are_written_as_json(value: Any, text: bytes) -> None:
    assert encoder.encode(value) == text


def test_parts_are_found_through_classes_and_metadata() -> None:
    assert {Point, Box, list[str], "text", float} <= set(parts(Annotated[list[Box], "text"]))
