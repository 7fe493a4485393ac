"""Tools' plans: literal schemas, defaults, places of arguments, and what a call decodes to."""

import datetime as dt
import enum
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from types import FrameType
from typing import Annotated, Any, Literal

import msgspec
import pytest

from dragoman.serving.faults import ArgumentFaults
from dragoman.serving.signature import Plan, read_signature


class Context:
    pass


class Unit(enum.Enum):
    """What degrees mean."""

    LOW = "low"
    MID = "mid"
    HIGH = "high"


def plan_of(function, **how: Any) -> Plan:
    return read_signature(function, context_type=Context, **how)


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def test_a_function_becomes_a_plan() -> None:
    plan = plan_of(add)
    assert (plan.name, plan.description, plan.is_async, plan.context_parameter) == (
        "add",
        "Add two numbers.",
        False,
        None,
    )
    assert plan.input_schema == {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
        "additionalProperties": False,
    }
    args, kwargs = plan.decode(msgspec.Raw(b'{"b":3,"a":2}'))
    assert (args, kwargs) == ((2, 3), {})
    assert plan.encode(add(*args)).content[0].text == "5"


def test_a_function_without_arguments_has_the_smallest_schema() -> None:
    def now() -> None: ...

    plan = plan_of(now)
    assert plan.input_schema == {"type": "object", "additionalProperties": False}
    assert plan.decode(b"{}") == plan.decode(b"null") == ((), {})
    with pytest.raises(ArgumentFaults, match="it takes none"):
        plan.decode(b'{"a":1}')


def test_descriptions_come_from_annotations_then_docstrings() -> None:
    def tool(
        a: Annotated[int, "from text"],
        b: Annotated[int, msgspec.Meta(description="from Meta", ge=1, le=9)],
        c: int,
        d: list[Annotated[str, "an inner one"]],
    ):
        """Do it.

        Args:
            a: not this
            c: from docstring
        """

    plan = plan_of(tool)
    assert plan.description == "Do it."
    assert plan.input_schema["properties"] == {
        "a": {"type": "integer", "description": "from text"},
        "b": {"type": "integer", "minimum": 1, "maximum": 9, "description": "from Meta"},
        "c": {"type": "integer", "description": "from docstring"},
        "d": {"type": "array", "items": {"type": "string", "description": "an inner one"}},
    }


def test_defaults_are_written_as_json() -> None:
    sentinel = object()

    def tool(
        day: dt.date = dt.date(2024, 2, 29),
        unit: Unit = Unit.MID,
        data: bytes = b"hi",
        tags: list[str] = ["a"],
        none: int | None = None,
        secret: Any = sentinel,
    ): ...

    schema = plan_of(tool).input_schema
    defaults = {name: value.get("default", "absent") for name, value in schema["properties"].items()}
    assert defaults == {
        "day": "2024-02-29", "unit": "mid", "data": "aGk=", "tags": ["a"], "none": None, "secret": "absent",
    }  # fmt: skip
    assert "required" not in schema
    assert plan_of(tool).decode(b"{}")[0] == (dt.date(2024, 2, 29), Unit.MID, b"hi", ["a"], None, sentinel)


def test_a_default_that_can_change_is_fresh_in_each_call() -> None:
    def tool(tags: list[str] = ["a"]): ...

    plan = plan_of(tool)
    plan.decode(b"{}")[0][0].append("b")
    assert plan.decode(b"{}")[0] == (["a"],)


def test_enums_and_literals_keep_their_order() -> None:
    def tool(unit: Unit, pick: Literal["z", "a", "m"], mixed: Literal["b", 1, None]): ...

    schema = plan_of(tool).input_schema
    assert schema["$defs"] == {
        "Unit": {"type": "string", "description": "What degrees mean.", "enum": ["low", "mid", "high"]}
    }
    assert schema["properties"] == {
        "unit": {"$ref": "#/$defs/Unit"},
        "pick": {"type": "string", "enum": ["z", "a", "m"]},
        "mixed": {"enum": ["b", 1, None]},
    }


def test_dates_have_their_formats_and_bytes_their_encoding() -> None:
    def tool(a: dt.datetime, b: dt.date, c: bytes, d: list[dt.datetime]): ...

    assert plan_of(tool).input_schema["properties"] == {
        "a": {"type": "string", "format": "date-time"},
        "b": {"type": "string", "format": "date"},
        "c": {"type": "string", "contentEncoding": "base64"},
        "d": {"type": "array", "items": {"type": "string", "format": "date-time"}},
    }


def test_extra_keywords_reach_the_schema() -> None:
    def tool(region: Annotated[str, msgspec.Meta(extra_json_schema={"x-mcp-header": "Region"})]): ...

    assert plan_of(tool).input_schema["properties"]["region"] == {"type": "string", "x-mcp-header": "Region"}


def test_keywords_go_by_name_and_the_rest_by_place() -> None:
    def tool(a: int, /, b: int, ctx: Context, c: int = 3, *, d: int, e: int = 5): ...

    plan = plan_of(tool)
    arguments = plan.decode(b'{"a":1,"b":2,"d":4}')
    assert arguments == ((1, 2, 3), {"d": 4, "e": 5})
    assert plan.place(arguments, "C") == ((1, 2, "C", 3), {"d": 4, "e": 5})
    with pytest.raises(ArgumentFaults, match=r"\$\.ctx: expected no argument of this name"):
        plan.decode(b'{"a":1,"b":2,"d":4,"ctx":1}')


def test_two_classes_of_one_name_have_two_definitions() -> None:
    @dataclass
    class Point:
        x: int

    first = Point

    @dataclass
    class Point:  # type: ignore[no-redef]
        y: int

    def tool(a: first, b: Point, c: list[first]): ...

    schema = plan_of(tool).input_schema
    assert schema["properties"]["a"] == {"$ref": "#/$defs/Point"}
    assert schema["properties"]["b"] == {"$ref": "#/$defs/Point_2"}
    assert schema["properties"]["c"] == {"type": "array", "items": {"$ref": "#/$defs/Point"}}
    assert list(schema["$defs"]["Point"]["properties"]) == ["x"]
    assert list(schema["$defs"]["Point_2"]["properties"]) == ["y"]


def test_a_declared_output_schema_replaces_the_one_of_the_annotation() -> None:
    own = {"type": "object", "properties": {"result": {"type": "integer", "minimum": 0}}}
    plan = plan_of(add, output_schema=own)
    assert plan.output_schema == own
    assert msgspec.json.encode(plan.encode(3).structured_content) == b'{"result":3}'
    assert plan_of(add, output_schema=False).output_schema is None


def test_names_that_are_awkward_as_fields_are_still_names() -> None:
    def tool(self_: int, _hidden: int, type: int, items: int, __x__: int, match: int = 1): ...

    plan = plan_of(tool)
    assert plan.decode(b'{"self_":1,"_hidden":2,"type":3,"items":4,"__x__":5}') == ((1, 2, 3, 4, 5, 1), {})


def test_a_call_costs_about_one_decode_and_one_encode() -> None:
    """One function of ours each; what they call is the codec's."""
    plan = plan_of(add)
    entered: list[str] = []

    def profile(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and "dragoman" in frame.f_code.co_filename and frame.f_code.co_filename != __file__:
            entered.append(frame.f_code.co_name)

    sys.setprofile(profile)
    try:
        plan.decode(b'{"a":2,"b":3}')
        plan.encode(5)
    finally:
        sys.setprofile(None)
    assert entered == ["decode", "encode"]


def test_without_pydantic_in_the_program_it_is_not_imported() -> None:
    source = """
        import sys
        from dragoman.serving.signature import read_signature
        from dataclasses import dataclass
        class Context: ...
        @dataclass
        class Point:
            x: int
        def tool(p: Point | list[Point], n: "int" = 3) -> list[Point]: ...
        plan = read_signature(tool, context_type=Context)
        plan.encode(plan.decode(b'{"p":"{\\\\"x\\\\":1}"}')[0][:1])
        assert "pydantic" not in sys.modules
        assert "difflib" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(source)], check=True)
