"""TOML and YAML: what is not touched stays byte for byte, and what cannot be done that way is refused."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.configs import documents, yamltext
from dragoman.configs.documents import ABSENT, change, load
from dragoman.configs.faults import UnreadableError

GOOSE = (
    b"# a\nextensions:\n  one:\n    cmd: x # why\n    args: [a, b]\n# in between\n  two:\n    cmd: y\n# end\nother: 1\n"
)
CODEX = (
    b'# a\nmodel = "m" # why\n\n[mcp_servers.one]\ncommand = "x"\nargs = [\n  "a", # first\n]\n\n[z]\nb = 1979-05-27\n'
)

words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=12)
tables = st.dictionaries(
    words.filter(bool), words | st.integers() | st.booleans() | st.lists(words, max_size=3), min_size=1, max_size=4
)


@pytest.mark.parametrize("kind, data, key", [("yaml", GOOSE, "extensions"), ("toml", CODEX, "mcp_servers")])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_a_table_goes_in_and_out_without_a_trace(kind: str, data: bytes, key: str, newline: bytes) -> None:
    data = data.replace(b"\n", newline)
    more = change(data, kind, (key, "new"), {"cmd": "z", "args": ["1", "-y"], "env": {"A": "yes"}})
    assert load(more, kind)[key]["new"] == {"cmd": "z", "args": ["1", "-y"], "env": {"A": "yes"}}
    assert more.count(b"\n") == more.count(newline)
    assert change(more, kind, (key, "new"), ABSENT) == data


@settings(max_examples=40)
@given(tables)
def test_any_table_can_be_written_to_yaml(table: dict[str, object]) -> None:
    after = change(GOOSE, "yaml", ("extensions", "new"), table)
    assert documents.same(load(after, "yaml")["extensions"]["new"], table)


@settings(max_examples=40)
@given(tables)
def test_any_table_can_be_written_to_toml(table: dict[str, object]) -> None:
    try:
        after = change(CODEX, "toml", ("mcp_servers", "new"), table)
    except UnreadableError:
        return  # refused rather than written otherwise
    assert documents.same(load(after, "toml")["mcp_servers"]["new"], table)


@settings(max_examples=40)
@given(st.text(alphabet="a:- \n#{}[]&*!|>'\"\t", max_size=30))
def test_any_yaml_is_read_or_refused(text: str) -> None:
    with suppress(UnreadableError):
        yamltext.load(text)


@settings(max_examples=40)
@given(st.binary(max_size=30), st.sampled_from(["json", "yaml", "toml"]))
def test_any_bytes_are_read_or_refused(data: bytes, kind: str) -> None:
    with suppress(UnreadableError):
        assert isinstance(load(data, kind), dict)


def test_a_value_that_changes_leaves_its_neighbours_and_their_comments() -> None:
    table = {"cmd": "z", "args": ["a", "b"]}
    assert change(GOOSE, "yaml", ("extensions", "one"), table) == GOOSE.replace(b"cmd: x # why", b"cmd: z")
    table = {"command": "y", "args": ["a"]}
    assert change(CODEX, "toml", ("mcp_servers", "one"), table) == CODEX.replace(b'"x"', b'"y"')


def test_the_last_table_of_toml_may_take_its_parent_with_it() -> None:
    data = b'model = "m"\n'
    more = change(data, "toml", ("mcp_servers", "a"), {"command": "x", "env": {"A": "b"}})
    assert load(change(more, "toml", ("mcp_servers", "a"), ABSENT), "toml").get("mcp_servers", {}) == {}


@pytest.mark.parametrize(
    "bad, good",
    [
        (b"extensions: {a: {cmd: x}}\n", b"extensions:\n  a: {cmd: x}\n"),
        (b"extensions: [a]\n", b"extensions:\n"),
        (b"extensions: &e\n  a: {cmd: x}\nold: *e\n", b"extensions: &e\n  a: {cmd: x}\n"),
    ],
)
def test_yaml_that_would_have_to_be_laid_out_anew_is_refused(bad: bytes, good: bytes) -> None:
    with pytest.raises(UnreadableError):
        change(bad, "yaml", ("extensions", "b"), {"cmd": "y"})
    assert load(change(good, "yaml", ("extensions", "b"), {"cmd": "y"}), "yaml")["extensions"]["b"] == {"cmd": "y"}


def test_an_anchor_that_is_given_again_names_what_came_last_and_nobody_is_warned() -> None:
    assert yamltext.load("a: &x [1]\nb: *x\nc: &x 2\nd: *x\n") == {"a": [1], "b": [1], "c": 2, "d": 2}


def test_aliases_that_multiply_are_refused() -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    for before, name in zip("abcdef", "bcdefg", strict=True):
        bomb += f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
    with pytest.raises(UnreadableError, match="with aliases counted"):
        yamltext.load(bomb)
    assert len(yamltext.load(bomb.split("d:", maxsplit=1)[0])["c"]) == 10


def test_a_value_that_holds_itself_is_refused() -> None:
    with pytest.raises(UnreadableError, match="holds itself"):
        yamltext.load("a: &a [*a]\n")


def test_a_file_that_is_too_large_is_refused() -> None:
    with pytest.raises(UnreadableError, match="16777216"):
        load(b" " * (documents.MAX_BYTES + 1), "json")
    assert load(b" " * 100, "json") == {}


def test_true_is_not_one() -> None:
    assert not documents.same({"a": [True]}, {"a": [1]})
    assert documents.same({"a": [True, float("nan")]}, {"a": [True, float("nan")]})
