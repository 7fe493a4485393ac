"""Header fields: whose they are, and which arguments they repeat."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from dragoman.calling.fields import ToolFields, check_fields
from dragoman.errors import LocalError
from dragoman.wire.tools import Tool


@pytest.mark.parametrize(
    "name",
    ["Mcp-Method", "MCP-PROTOCOL-VERSION", "mcp-session-id", "Mcp-Param-Region", "Content-Type", "host", "Accept"],
)
def test_the_protocols_own_fields_are_not_the_callers(name: str) -> None:
    with pytest.raises(LocalError, match="set by the client itself"):
        check_fields({name: "x"})
    check_fields({f"X-{name}": "x"})


@pytest.mark.parametrize("name, value", [("a b", "x"), ("", "x"), ("a:", "x"), ("ü", "x")])
def test_a_name_that_is_none_is_refused(name: str, value: str) -> None:
    with pytest.raises(LocalError, match="no header name"):
        check_fields({name: value})


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\nb", "ü", "\x00"])
def test_a_value_that_would_break_out_is_refused(value: str) -> None:
    with pytest.raises(LocalError, match="holds characters"):
        check_fields({"x-a": value})
    check_fields({"x-a": "Bearer abc\tdef"})


def tool(name: str, schema: dict[str, Any]) -> Tool:
    return Tool(name=name, input_schema={"type": "object", "properties": schema})


def test_tools_with_broken_rules_are_left_out_and_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    fields = ToolFields()
    tools = [
        tool("plain", {"a": {"type": "string"}}),
        tool("good", {"a": {"type": "string", "x-mcp-header": "A"}}),
        tool("bad", {"a": {"type": "number", "x-mcp-header": "A"}}),
    ]
    with caplog.at_level(logging.WARNING, "dragoman"):
        assert [kept.name for kept in fields.sift(tools)] == ["plain", "good"]
    assert "tool 'bad' is left out" in caplog.text and "'plain'" not in caplog.text
    assert fields.of("good", {"a": "x", "b": "y"}) == {"mcp-param-a": "x"}
    assert fields.of("good", {"a": None}) == fields.of("plain", {"a": "x"}) == fields.of("absent", {}) == {}


def test_a_new_listing_replaces_the_old_one() -> None:
    fields = ToolFields()
    fields.sift([tool("t", {"a": {"type": "string", "x-mcp-header": "A"}})])
    fields.sift([tool("t", {"a": {"type": "string"}})])
    assert fields.of("t", {"a": "x"}) == {}
