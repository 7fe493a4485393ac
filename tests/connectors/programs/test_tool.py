"""A tool's words are its owner's; a caller's values fill the places they were given, and no others."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.programs.tool import MAX_TEXT, Tool, argv_of, checked, schema_of, text_of, values_of
from dragoman.connectors.source import SourceError
from dragoman.errors import ToolError
from dragoman.protocol.validator import Validator


def tool(**said: Any) -> Tool:
    return checked("report", msgspec.convert(said, Tool))


def words(made: Tool, **arguments: Any) -> list[str]:
    return argv_of(made, made.commands()[0], values_of(made, arguments))


DAY = {"day": {"type": "string", "format": "date"}}
REPORT = {"argv": ["./stock.py", "--day", "{day}"], "params": DAY}


def test_values_fill_their_places() -> None:
    assert words(tool(**REPORT), day="2026-01-02") == ["./stock.py", "--day", "2026-01-02"]
    assert words(tool(argv=["x", "--day={day}", "{{kept}}"], params=DAY), day="d") == ["x", "--day=d", "{kept}"]


def test_a_list_is_left_out_while_a_parameter_in_it_has_no_value() -> None:
    made = tool(
        argv=["x", ["--top", "{top}"], ["--verbose", "{loud}"], "{files}"],
        params={
            "top": {"type": "integer", "optional": True},
            "loud": {"type": "boolean", "default": False},
            "files": {"type": "array", "default": []},
        },
    )
    assert words(made) == ["x"]
    assert words(made, top=3, loud=True, files=["a b", "c"]) == ["x", "--top", "3", "--verbose", "a b", "c"]


@pytest.mark.parametrize("argv", [["x", "{name}"], ["x", "--name", "{name}"], ["x", "{name}.txt"]])
def test_a_value_does_not_become_an_option(argv: list[str]) -> None:
    made = tool(argv=argv, params={"name": {}})
    with pytest.raises(ToolError, match="name may not begin with '-'"):
        words(made, name="--output=/etc/passwd")
    assert words(made, name="plain - text")[-1].startswith("plain")


@pytest.mark.parametrize(
    ("argv", "param", "value"),
    [
        (["x", "--", "{name}"], {}, "-n"),
        (["x", "--name={name}"], {}, "-n"),
        (["x", "{name}"], {"dash": True}, "-n"),
        (["x", "{name}"], {"type": "integer"}, -5),
    ],
    ids=["after --", "in an option's own word", "where its owner says so", "a number"],
)
def test_where_it_cannot_be_one_a_dash_is_fine(argv: list[str], param: dict[str, Any], value: Any) -> None:
    assert words(tool(argv=argv, params={"name": param}), name=value)[-1].endswith(str(value))


def test_one_of_many_values_is_judged_like_one_alone() -> None:
    made = tool(argv=["x", "{files}"], params={"files": {"type": "array"}})
    with pytest.raises(ToolError, match="files may not begin"):
        words(made, files=["a", "-rf"])
    assert words(made, files=["a", "b -rf"]) == ["x", "a", "b -rf"]


def test_zero_bytes_are_refused() -> None:
    with pytest.raises(ToolError, match="zero byte"):
        values_of(tool(**REPORT), {"day": "a\x00b"})
    assert values_of(tool(**REPORT), {"day": "ab"}) == {"day": "ab"}


@given(st.text(max_size=50).filter(lambda text: "\x00" not in text))
def test_any_value_stays_one_word(value: str) -> None:
    made = tool(argv=["x", "--name={name}", "end"], params={"name": {}})
    assert words(made, name=value) == ["x", f"--name={value}", "end"]
    assert text_of("<{name}>", {"name": value}) == f"<{value}>"


def test_arguments_are_judged_by_their_types() -> None:
    made = tool(
        argv=["x", "{day}", "{count}", "{size}"],
        params={**DAY, "count": {"type": "integer", "min": 1, "max": 9}, "size": {"enum": ["S", "L"], "default": "S"}},
    )
    judge = Validator(schema_of(made), own=True, of_object=True)
    assert b'"minimum":1,"maximum":9' in msgspec.json.encode(schema_of(made))  # as it was written, not 1.0

    def faults(**value: Any) -> list[Any]:
        return judge.violations(value, msgspec.json.encode(value))

    assert faults(day="2026-01-02", count=3) == []
    assert [str(fault) for fault in faults(count=3)] and faults(day="2026-01-02", count=10)
    assert faults(day="2026-01-02", count=1, size="M") and faults(day="2026-01-02", count=1, other=1)
    assert faults(day="yesterday", count=3) and faults(day="2026-13-02", count=3)
    assert faults(day="x" * (MAX_TEXT + 1), count=1)


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({}, "needs argv"),
        ({"argv": ["x"], "steps": [{"argv": ["y"]}]}, "not both"),
        ({"argv": ["{day}"], "params": DAY}, "cannot depend"),
        ({"argv": ["x", "{dya}"], "params": DAY}, "no parameter.*did you mean.*day"),
        ({"argv": ["x"], "params": {"a b": {}}}, "letters, digits and _"),
        ({"argv": ["x"], "progress": "("}, "no regular expression"),
        ({"argv": ["x"], "progress": "[0-9]+"}, "needs the groups"),
        ({"argv": ["x"], "exit_codes": {"300": "?"}}, "no exit code"),
        ({"argv": ["x", "{n}"], "params": {"n": {"type": "integer", "default": "many"}}}, "default does not fit"),
        ({"argv": ["x", "{n}"], "params": {"n": {"pattern": "("}}}, "make no schema"),
        ({"steps": [{"argv": ["x", "{steps.later}"]}, {"argv": ["y"], "name": "later"}]}, "no parameter"),
        ({"steps": [{"argv": ["x"]}], "stdin": "a"}, "in the step"),
    ],
)
def test_what_could_never_run_is_said_at_the_start(said: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SourceError, match=complaint):
        tool(**said)


def test_a_later_step_may_use_what_an_earlier_one_printed() -> None:
    later = {"argv": ["y", "{steps.first}", "{steps.1}"], "stdin": "{day}"}
    made = tool(steps=[{"argv": ["x"], "name": "first"}, later], params=DAY)
    second = made.commands()[1]
    assert argv_of(made, second, {"steps.first": "a", "steps.1": "b"}) == ["y", "a", "b"]
    with pytest.raises(ToolError, match=r"steps.first may not begin"):
        argv_of(made, second, {"steps.first": "-a", "steps.1": "b"})
