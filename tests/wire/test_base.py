"""Rules that every type on the wire keeps."""

import inspect
from importlib import import_module
from typing import Any

import msgspec
import pytest

from dragoman.wire.base import EMPTY, LOG_LEVELS, NULL, Icon, Wire

ROOMS = ["base", "content", "lifecycle", "notices", "prompts", "resources", "tools"]
TYPES = [
    kind
    for room in ROOMS
    for kind in vars(import_module(f"dragoman.wire.{room}")).values()
    if inspect.isclass(kind) and issubclass(kind, Wire) and kind.__module__.endswith(room)
]


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__name__)
def test_wire_types_are_frozen_camel_case_and_default_to_unset(kind: type[Wire]) -> None:
    config = kind.__struct_config__
    assert config.frozen
    for field in msgspec.structs.fields(kind):
        assert "_" not in field.encode_name.removeprefix("_"), field.encode_name
        if field.name in ("arguments", "raw"):
            continue  # raw JSON, whose absence is an empty object
        assert field.required or field.default is msgspec.UNSET, f"{field.name} has a default that could be dropped"


def test_absent_null_and_false_are_three_things() -> None:
    encode: Any = msgspec.json.encode
    assert encode(Icon(src="a")) == b'{"src":"a"}'
    assert encode(Icon(src="a", sizes=[])) == b'{"src":"a","sizes":[]}'
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"src":"a","theme":null}', type=Icon)


def test_levels_are_those_of_syslog_in_order() -> None:
    """LOG-04"""
    assert LOG_LEVELS == ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")


def test_the_constants_for_raw_json_are_what_they_say() -> None:
    assert bytes(EMPTY) == b"{}"
    assert memoryview(msgspec.Raw(b"null")) == NULL
    assert memoryview(msgspec.Raw(b"nul1")) != NULL and memoryview(EMPTY) != NULL
