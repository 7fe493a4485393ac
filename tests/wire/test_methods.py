"""The table of methods."""

import msgspec
import pytest

from dragoman.wire.lifecycle import Params, Result
from dragoman.wire.methods import BARE, METHODS
from dragoman.wire.tools import CallTool


def test_every_method_is_listed_under_its_own_name_with_wire_types() -> None:
    for name, method in METHODS.items():
        assert method.name == name
        assert issubclass(method.params, Params) and issubclass(method.result, Result)


def test_only_methods_of_an_extension_belong_to_no_revision() -> None:
    custom = {name for name, method in METHODS.items() if method.custom}
    assert custom == {"skills/list", "skills/get", "resources/directory/read"}


def test_the_name_header_repeats_what_each_method_is_about() -> None:
    """HTTP-19, TASK-20"""
    named = {name: method.named_by for name, method in METHODS.items() if method.named_by}
    about_tasks = dict.fromkeys(("tasks/get", "tasks/update", "tasks/cancel"), "task_id")
    assert named == {"tools/call": "name", "prompts/get": "name", "resources/read": "uri", **about_tasks}
    for name, member in named.items():
        assert member in METHODS[name].params.__struct_fields__


def test_a_method_decodes_its_own_parameters() -> None:
    assert METHODS["tools/call"].decode(b'{"name":"x"}') == CallTool(name="x")
    with pytest.raises(msgspec.ValidationError, match="name"):
        METHODS["tools/call"].decode(b"{}")


def test_what_all_requests_have_is_read_from_any() -> None:
    assert BARE.decode(b'{"name":"x","_meta":{"progressToken":1}}').meta.progress_token == 1
