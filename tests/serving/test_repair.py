"""Lenience: what is meant is mended, what fits is never touched, and every fault is told."""

import contextlib
import json
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.serving.faults import ArgumentFaults
from dragoman.serving.repair import mend
from dragoman.serving.signature import read_signature


class Context:
    pass


@dataclass
class Place:
    lat: float
    lon: float = 0.0
    tags: list[str] | None = None


def decode(annotation: Any, raw: str) -> Any:
    def tool(x): ...

    tool.__annotations__["x"] = annotation
    return read_signature(tool, context_type=Context).decode(raw.encode())[0][0]


@pytest.mark.parametrize(
    "annotation, raw, value",
    [
        (int, '{"x":"3"}', 3),
        (int, '{"x":3.0}', 3),
        (float, '{"x":"2.5"}', 2.5),
        (bool, '{"x":"true"}', True),
        (int | None, '{"x":"null"}', None),
        (list[int], '{"x":["1",2]}', [1, 2]),
        (list[int], '{"x":"[1,2]"}', [1, 2]),
        (list[str] | None, '{"x":"[\\"a\\"]"}', ["a"]),
        (Place, '{"x":"{\\"lat\\":\\"1.5\\"}"}', Place(1.5)),
        (Place, '{"x":{"lat":1,"tags":"[\\"a\\"]"}}', Place(1.0, 0.0, ["a"])),
        (list[Place], '{"x":["{\\"lat\\":1}"]}', [Place(1.0)]),
        (dict[str, Place], '{"x":{"a":"{\\"lat\\":1}"}}', {"a": Place(1.0)}),
        (Place | dict[str, int], '{"x":"{\\"lat\\":\\"2\\"}"}', Place(2.0)),
        (dict, '{"x":"{}"}', {}),
        (Literal[1, 2], '{"x":"2"}', 2),
        (int, '"{\\"x\\":3}"', 3),
    ],
    ids=str,
)
def test_what_is_meant_is_mended(annotation: Any, raw: str, value: Any) -> None:
    assert decode(annotation, raw) == value


@pytest.mark.parametrize("annotation", [str, str | list[int], str | Place, str | int | None, Any, list[int] | str])
@pytest.mark.parametrize("text", ["[1,2]", '{"lat":1}', "3", "true", "null", ""])
def test_a_string_that_fits_stays_the_string_it_is(annotation: Any, text: str) -> None:
    assert decode(annotation, json.dumps({"x": text})) == text


def test_a_string_that_fits_stays_also_inside_an_object_that_is_mended() -> None:
    @dataclass
    class Note:
        text: str | list[int]
        title: str
        tags: list[str]

    value = decode(Note, json.dumps({"x": {"text": "[1]", "title": "{}", "tags": '["a"]'}}))
    assert value == Note("[1]", "{}", ["a"])


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers())
def test_a_valid_string_beside_a_faulty_number_is_not_touched(text: str, number: int) -> None:
    def tool(name: str, either: str | list[int], count: int): ...

    plan = read_signature(tool, context_type=Context)
    raw = json.dumps({"name": text, "either": text, "count": str(number)}).encode()
    assert plan.decode(raw) == ((text, text, number), {})


@pytest.mark.parametrize(
    "annotation, raw, line",
    [
        (int, '{"x":"three"}', '$.x: expected integer, got "three"'),
        (int, "{}", "$.x: expected integer, got nothing; it is required"),
        (int, '{"x":1,"xx":2}', "$.xx: expected no argument of this name; did you mean 'x'?"),
        (Place, '{"x":{"lon":1}}', "$.x.lat: expected number, got nothing; it is required"),
        (list[Place], '{"x":[{"lat":1},{"lat":"q"}]}', '$.x[1].lat: expected number, got "q"'),
        (dict[str, Place], '{"x":{"a":{"lat":"q"}}}', "$.x[...].lat: expected number"),
        (Place, '{"x":"{\\"lat\\":\\"q\\"}"}', '$.x.lat: expected number, got "q"'),
        (dict[int, str], '{"x":{"a":"b"}}', "$.x: expected keys: integer"),
        (Literal["low", "high"], '{"x":"hihg"}', '$.x: expected one of "low", "high", got "hihg"; did you mean'),
        (list[int], '{"x":"[1"}', '$.x: expected array, got "[1"'),
        (list[int], '{"x":"{}"}', '$.x: expected array, got "{}"'),
        (int | None, '{"x":[]}', "$.x: expected integer or null, got []"),
        (int, "[1]", "$: expected an object, with one member for each argument, got [1]"),
        (int, '{"x":', "$: expected an object in JSON; Input data was truncated"),
        (Place | list[int], '{"x":5}', "$.x: expected object or array, got 5"),
    ],
    ids=str,
)
def test_a_fault_says_where_what_and_what_instead(annotation: Any, raw: str, line: str) -> None:
    with pytest.raises(ArgumentFaults) as caught:
        decode(annotation, raw)
    assert str(caught.value).splitlines()[1].startswith(f"- {line}")


def test_a_check_of_the_user_speaks_for_itself() -> None:
    @dataclass
    class Even:
        number: int

        def __post_init__(self) -> None:
            if self.number % 2:
                raise ValueError("must be even")

    with pytest.raises(ArgumentFaults, match=r"\$\.x\[1\]: got \{\"number\":3\}; must be even$"):
        decode(list[Even], '{"x":[{"number":2},{"number":3}]}')
    assert decode(list[Even], '{"x":[{"number":2}]}') == [Even(2)]


def test_every_faulty_argument_is_told_and_no_other() -> None:
    def tool(a: int, b: int, c: list[int], d: int = 4): ...

    with pytest.raises(ArgumentFaults) as caught:
        read_signature(tool, context_type=Context).decode(b'{"a":"x","b":"2","c":[null],"e":1}')
    assert [fault.path for fault in caught.value.faults] == ["$.e", "$.a", "$.c[0]"]


def test_a_huge_value_is_not_echoed() -> None:
    with pytest.raises(ArgumentFaults) as caught:
        decode(int, json.dumps({"x": "9" * 10 + "x" * 100_000}))
    assert len(str(caught.value)) < 300
    with pytest.raises(ArgumentFaults) as caught:
        decode(Place | Literal["a"] | dict[str, int], json.dumps({"x": "b" * 100_000}))
    assert len(str(caught.value)) < 600
    with pytest.raises(ArgumentFaults) as caught:
        decode(int, json.dumps({"y" * 100_000: 1}))
    assert len(str(caught.value)) < 400


def test_strings_are_parsed_only_so_deep() -> None:
    schema = {"$ref": "#/$defs/N"}
    defs = {"N": {"type": "object", "properties": {"n": schema}}}
    deep: Any = {}
    for _ in range(6):
        deep = {"n": json.dumps(deep)}
    mended = mend(deep, schema, defs)
    levels = 0
    while isinstance(mended.get("n"), dict):
        mended, levels = mended["n"], levels + 1
    assert levels == 3


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)
)


@given(st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), json_values) | json_values)
def test_any_json_gives_values_or_faults_never_a_crash(value: Any) -> None:
    def tool(a: int, b: Place | list[int] = [], c: dict[str, Place] = {}, *, d: Literal["x", 1] = "x"): ...

    plan = read_signature(tool, context_type=Context)
    with contextlib.suppress(ArgumentFaults):
        args, kwargs = plan.decode(json.dumps(value).encode())
        assert type(args[0]) is int and kwargs["d"] in ("x", 1)


@given(st.binary())
def test_any_bytes_give_values_or_faults_never_a_crash(raw: bytes) -> None:
    def tool(a: int = 1): ...

    with contextlib.suppress(ArgumentFaults):
        assert len(read_signature(tool, context_type=Context).decode(raw)[0]) == 1
