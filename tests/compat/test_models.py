"""Models with two spellings: what goes in comes out under the wire's names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.compat import questions, types
from dragoman.compat.models import Model, camel, from_wire, snake, to_wire
from dragoman.compat.refusal import UnsupportedAttributeError
from dragoman.wire import content
from dragoman.wire.tools import Tool as WireTool

WORD = st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True)
NAMES = st.lists(WORD, min_size=1, max_size=4).map("_".join)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(["mime_type", "input_schema", "uri_template", "read_only_hint", "meta", "name", "ttl_ms"]))
def test_a_wire_name_leads_back_to_the_python_name(name) -> None:
    assert snake(camel(name)) == name


@given(NAMES)
def test_spelling_twice_changes_nothing(name) -> None:
    assert snake(snake(name)) == snake(name)
    assert camel(camel(name)) == camel(name)


def test_both_spellings_make_and_read_the_same_value() -> None:
    one = types.ImageContent(type="image", data="aGk=", mimeType="image/png")
    two = types.ImageContent(data="aGk=", mime_type="image/png")
    assert one == two and one.mimeType == two.mime_type == "image/png"
    assert one.model_dump(exclude_none=True) == {"type": "image", "data": "aGk=", "mimeType": "image/png"}
    assert one.model_dump(by_alias=False, exclude_none=True)["mime_type"] == "image/png"


def test_a_missing_field_is_named_and_its_legal_twin_passes() -> None:
    with pytest.raises(TypeError, match="TextContent needs 'text'"):
        types.TextContent(type="text")
    assert types.TextContent(text="x").text == "x"


def test_an_attribute_that_does_not_exist_is_refused_by_name() -> None:
    text = types.TextContent(text="x")
    with pytest.raises(UnsupportedAttributeError, match=r"TextContent\.nothing is not supported by dragoman"):
        _ = text.nothing
    assert not hasattr(text, "nothing") and hasattr(text, "text")


def test_mappings_become_the_models_that_the_fields_name() -> None:
    message = types.PromptMessage(role="user", content={"type": "image", "data": "", "mimeType": "image/gif"})
    assert isinstance(message.content, types.ImageContent)
    result = types.ReadResourceResult(contents=[{"uri": "a:b", "blob": "aGk="}, {"uri": "a:c", "text": "t"}])
    assert [type(part).__name__ for part in result.contents] == ["BlobResourceContents", "TextResourceContents"]
    asked = questions.ElicitRequest(params={"mode": "url", "message": "m", "url": "https://example.com"})
    assert isinstance(asked.params, questions.ElicitRequestURLParams)


def test_defaults_are_not_shared_between_values() -> None:
    one, two = types.CallToolResult(), types.CallToolResult()
    one.content.append(types.TextContent(text="x"))
    assert two.content == []


def test_subclasses_of_users_have_fields_of_their_own() -> None:
    class Params(types.RequestParams):
        job_id: str
        limit: int = 10

    assert (Params(jobId="7").job_id, Params(job_id="7").limit) == ("7", 10)
    with pytest.raises(TypeError, match="job_id"):
        Params()


@given(st.text(), st.dictionaries(st.text(max_size=5), JSON, max_size=3))
def test_a_tool_reaches_the_wire_and_comes_back(name, schema) -> None:
    made = types.Tool(name=name, inputSchema=schema, annotations=types.ToolAnnotations(readOnlyHint=True))
    wire = to_wire(made, WireTool)
    assert (wire.name, wire.input_schema, wire.annotations.read_only_hint) == (name, schema, True)
    assert from_wire(types.Tool, wire) == made


@given(JSON)
def test_copies_dumps_and_json_hold_the_same(value) -> None:
    made = types.CallToolResult(structuredContent=value, content=[types.TextContent(text="x")])
    assert types.CallToolResult.model_validate(made.model_dump()) == made
    assert types.CallToolResult.model_validate_json(made.model_dump_json()) == made
    assert made.model_copy(update={"is_error": True}).isError is True


def test_what_does_not_fit_the_wire_is_said() -> None:
    with pytest.raises(ValueError, match=r"Tool does not fit the protocol: .*name"):
        to_wire(types.Tool(name=1, input_schema={}), WireTool)
    with pytest.raises(ValueError, match="mimeType"):
        to_wire(types.ImageContent(data="", mime_type=None), content.ImageContent)


def test_unknown_keywords_are_kept() -> None:
    kept = types.Tool(name="a", input_schema={}, somethingElse=1)
    assert kept.model_dump()["somethingElse"] == 1


def test_pydantic_models_may_hold_models() -> None:
    import pydantic

    class Holder(pydantic.BaseModel):
        block: types.TextContent

    text = types.TextContent(text="x")
    assert Holder(block=text).block is text


def test_a_model_without_fields_holds_what_it_is_given() -> None:
    assert Model(content="x").content == "x"
