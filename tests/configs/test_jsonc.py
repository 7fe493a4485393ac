"""JSON with comments is changed by few bytes: whatever the file looks like, the rest of it stays."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dragoman.configs import documents, jsonc
from dragoman.configs.documents import ABSENT, change
from dragoman.configs.faults import UnreadableError

scalars = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(allow_nan=False, allow_infinity=False)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(max_size=4), values, max_size=4)
gaps = st.sampled_from(["", " ", "\n", "\r\n", "\t", "// c\n", "/* , } */", "\n  // {\n  ", " /* \n */ "])


@st.composite
def documents_with_comments(draw: st.DrawFn) -> str:
    """A JSON object with gaps, comments and trailing commas thrown in between any two tokens."""

    def text(value: object) -> str:
        gap = lambda: draw(gaps)  # noqa: E731
        if isinstance(value, dict):
            inner = ",".join(
                f"{gap()}{json.dumps(k, ensure_ascii=False)}{gap()}:{gap()}{text(v)}{gap()}" for k, v in value.items()
            )
            return "{" + inner + ("," + gap() if value and draw(st.booleans()) else gap()) + "}"
        if isinstance(value, list):
            inner = ",".join(f"{gap()}{text(v)}{gap()}" for v in value)
            return "[" + inner + ("," + gap() if value and draw(st.booleans()) else gap()) + "]"
        return json.dumps(value, ensure_ascii=False)

    return draw(gaps) + text(draw(objects)) + draw(gaps)


@settings(max_examples=40)
@given(documents_with_comments())
def test_a_document_with_comments_is_read_as_without(text: str) -> None:
    held = jsonc.load(text)
    assert isinstance(held, dict)
    assert jsonc.load(json.dumps(held)) == held


@settings(max_examples=40)
@given(documents_with_comments(), st.text(max_size=4), values)
@example('{\n"":null/* , } */}/* , } */', "0", None)
def test_setting_a_member_changes_that_member_only(text: str, key: str, value: object) -> None:
    before = jsonc.load(text)
    after = jsonc.load(change(text.encode(), "json", (key,), value).decode())
    assert documents.same(after, {**before, key: value})


@settings(max_examples=40)
@given(documents_with_comments(), st.text(min_size=5, max_size=6), values)
def test_what_is_put_in_comes_out_without_a_trace(text: str, key: str, value: object) -> None:
    more = change(text.encode(), "json", (key,), value)
    again = change(more, "json", (key,), ABSENT).decode()
    assert documents.same(jsonc.load(again), jsonc.load(text))
    comments = re.compile(r'"(?:[^"\\]|\\.)*"|(//[^\r\n]*|/\*.*?\*/)', re.DOTALL)
    assert [c for c in comments.findall(again) if c] == [c for c in comments.findall(text) if c]
    if jsonc.load(text):
        assert "".join(again.split()) == "".join(text.split())


@settings(max_examples=40)
@given(documents_with_comments(), st.data())
def test_any_member_can_be_cut_out(text: str, data: st.DataObject) -> None:
    before = jsonc.load(text)
    if before:
        key = data.draw(st.sampled_from(sorted(before)))
        after = jsonc.load(change(text.encode(), "json", (key,), ABSENT).decode())
        assert documents.same(after, {k: v for k, v in before.items() if k != key})


@given(st.text(alphabet='{}[],:"\\/* \n1tn', max_size=30))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    with suppress_with(r"at line \d+, column \d+"):
        jsonc.load(text)


@contextmanager
def suppress_with(pattern: str) -> Iterator[None]:
    """Let UnreadableError pass, if it says what it has to."""
    try:
        yield
    except UnreadableError as error:
        if not re.search(pattern, str(error)):
            raise


@given(values)
def test_plain_json_is_read_as_the_standard_library_reads_it(value: object) -> None:
    assert documents.same(jsonc.load(json.dumps(value)), value)


@pytest.mark.parametrize(
    "bad, good",
    [
        ('{"a": 1', '{"a": 1}'),
        ("{'a': 1}", '{"a": 1}'),
        ('{"a" 1}', '{"a": 1}'),
        ('{"a": 01}', '{"a": 0}'),
        ('{"a": NaN}', '{"a": null}'),
        ('{"a": "\\x"}', '{"a": "\\n"}'),
        ('{"a": 1} x', '{"a": 1} // x'),
        ('{"a": 1 /* }', '{"a": 1 /* */ }'),
        ("{,}", "{}"),
        ("[1,,2]", "[1,2,]"),
        ("[" * 102 + "]" * 102, "[" * 100 + "]" * 100),
    ],
)
def test_what_no_client_would_read_is_refused(bad: str, good: str) -> None:
    with pytest.raises(UnreadableError, match="at line 1"):
        jsonc.load(bad)
    jsonc.load(good)


def test_a_key_that_stands_twice_is_not_changed() -> None:
    twice = b'{"mcpServers": {}, "mcpServers": {"a": {}}}'
    with pytest.raises(UnreadableError, match="'mcpServers' stands twice at line 1, column 20"):
        change(twice, "json", ("mcpServers", "b"), {})
    assert change(b'{"mcpServers": {"a": {}}}', "json", ("mcpServers", "b"), {}) == (
        b'{"mcpServers": {"a": {}, "b": {}}}'
    )


def test_line_ends_indentation_and_the_mark_of_the_file_are_taken_up() -> None:
    before = b'\xef\xbb\xbf{\r\n\t"s": {\r\n\t\t"a": 1 // one\r\n\t}\r\n}'
    after = change(before, "json", ("s", "b"), {"c": [2]})
    assert after == (
        b'\xef\xbb\xbf{\r\n\t"s": {\r\n\t\t"a": 1, // one\r\n\t\t"b": {\r\n'
        b'\t\t\t"c": [\r\n\t\t\t\t2\r\n\t\t\t]\r\n\t\t}'
        b"\r\n\t}\r\n}"
    )


def test_a_changed_table_keeps_the_comments_in_it() -> None:
    before = b'{"s": {\n  "a": 1, // one\n  "b": 2 // two\n}}'
    assert change(before, "json", ("s",), {"a": 3, "b": 2}) == b'{"s": {\n  "a": 3, // one\n  "b": 2 // two\n}}'


def test_an_element_goes_to_the_end_of_a_list() -> None:
    assert change(b'{"inputs": [{"id": "a"}]}', "json", ("inputs", 1), "b") == b'{"inputs": [{"id": "a"}, "b"]}'
