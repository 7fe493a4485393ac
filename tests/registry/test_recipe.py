"""Inputs asked, typed and put into words: never a shell's line, never a secret among the words by accident."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.registry.document import Package, read_server
from dragoman.registry.faults import EntryError
from dragoman.registry.inputs import Question, Secret, answered
from dragoman.registry.recipe import parts, questions, remote_inputs, remote_recipe


def package(**members: Any) -> Package:
    whole = {"registryType": "npm", "identifier": "x", "version": "1.0.0", "transport": {"type": "stdio"}, **members}
    return read_server({"name": "a.b/c", "description": "d", "version": "1.0.0", "packages": [whole]}).packages[0]


DATABASE = package(
    runtimeArguments=[
        {"type": "named", "name": "--network", "value": "host"},
        {"type": "named", "name": "-e", "value": "DB={db}", "isRequired": True,
         "variables": {"db": {"choices": ["pg", "my"]}}},
        {"type": "named", "name": "-y"},
    ],
    packageArguments=[
        {"type": "named", "name": "--port", "format": "number"},
        {"type": "positional", "valueHint": "table", "isRequired": True, "isRepeated": True},
        {"type": "positional", "value": "start"},
        {"type": "named", "name": "--verbose", "format": "boolean", "default": "false"},
    ],
    environmentVariables=[
        {"name": "PASSWORD", "isSecret": True, "isRequired": True},
        {"name": "SSL", "default": "prefer", "choices": ["prefer", "require"]},
        {"name": "DSN", "value": "pg://{user}@{host}", "variables": {"user": {"isSecret": True}}},
    ],
)  # fmt: skip


def test_what_is_asked_has_a_name_a_type_and_a_default() -> None:
    asked = {one.name: one for one in questions(DATABASE.inputs())}
    assert list(asked) == ["db", "port", "table", "verbose", "PASSWORD", "SSL", "user"]
    assert asked["db"].required and asked["db"].choices == ("pg", "my")
    assert asked["port"].kind == "number" and not asked["port"].required
    assert asked["table"].several and asked["PASSWORD"].secret and asked["SSL"].default == ("prefer",)


def test_answers_become_words_and_variables() -> None:
    answers = answered(
        questions(DATABASE.inputs()),
        {"db": ["pg"], "table": ["a; rm -rf /", "b"], "PASSWORD": [Secret("p")], "user": [Secret("u")]},
    )
    made = parts(DATABASE, answers)
    assert made.runtime == [("--network",), ("host",), ("-e",), ("DB=pg",), ("-y",)]
    assert made.package == [("a; rm -rf /",), ("b",), ("start",), ("--verbose",), ("false",)]
    assert made.env == {"PASSWORD": (Secret("p"),), "SSL": ("prefer",), "DSN": ("pg://", Secret("u"), "@{host}")}


@pytest.mark.parametrize(
    "given_, what",
    [
        ({}, "also needs: db, table, PASSWORD"),
        ({"db": ["other"]}, "db is one of: pg, my"),
        ({"db": ["pg", "my"]}, "db takes one value"),
        ({"port": ["eighty"]}, "port is a number"),
        ({"port": ["nan"]}, "port is a number"),
        ({"verbose": ["maybe"]}, "verbose is true or false"),
        ({"PASSWORD": ["hunter2"]}, "PASSWORD is a secret"),
        ({"colour": ["red"]}, "does not ask for colour; it asks for db"),
        ({"table": ["x\0y"]}, "no NUL"),
    ],
)
def test_an_answer_that_will_not_do_is_refused_without_saying_it(given_: dict[str, list[Any]], what: str) -> None:
    with pytest.raises(EntryError, match=what) as caught:
        answered(questions(DATABASE.inputs()), given_)
    assert "hunter2" not in str(caught.value)


def test_numbers_have_bounds_and_truth_has_words() -> None:
    one = Question(name="n", kind="number", least=1, most=5)
    assert one.checked("5") == "5" and Question(name="b", kind="boolean").checked("Yes") == "true"
    with pytest.raises(EntryError, match="from 1 to 5"):
        one.checked("6")


def test_two_inputs_of_one_name_are_asked_apart() -> None:
    twice = package(
        packageArguments=[
            {"type": "positional", "valueHint": "path"},
            {"type": "named", "name": "--path", "placeholder": "x"},
        ]
    )
    assert [one.name for one in questions(twice.inputs())] == ["path", "path-2"]
    assert parts(twice, {"path": ["a"], "path-2": ["b"]}).package == [("a",), ("--path",), ("b",)]


def test_a_variable_that_no_environment_can_have_is_refused() -> None:
    with pytest.raises(EntryError, match="no name of an environment variable"):
        parts(package(environmentVariables=[{"name": "A=B", "value": "x"}]), {})
    assert parts(package(environmentVariables=[{"name": "A_B", "value": "x"}]), {}).env == {"A_B": ("x",)}


REMOTE = read_server(
    {
        "name": "a.b/c", "description": "d", "version": "1",
        "remotes": [{
            "type": "streamable-http", "url": "https://{tenant}.example.com/{region}/mcp",
            "variables": {"tenant": {"isRequired": True}, "region": {"default": "eu", "choices": ["eu", "us"]}},
            "headers": [
                {"name": "X-Key", "isSecret": True},
                {"name": "Authorization", "value": "Bearer {t}", "isRequired": True,
                 "variables": {"t": {"isSecret": True}}},
            ],
        }],
    }
).remotes[0]  # fmt: skip


def test_a_remote_server_has_an_address_and_headers() -> None:
    asked = questions(remote_inputs(REMOTE))
    assert [(one.name, one.required, one.secret) for one in asked] == [
        ("tenant", True, False), ("region", True, False), ("X-Key", False, True), ("t", True, True)
    ]  # fmt: skip
    made = remote_recipe(REMOTE, answered(asked, {"tenant": ["acme"], "t": [Secret("t")]}))
    assert made.url == ("https://acme.example.com/eu/mcp",) and made.shown() == ["https://acme.example.com/eu/mcp"]
    assert made.headers == {"Authorization": ("Bearer ", Secret("t"))} and not made.exposed()


def test_a_header_or_an_address_that_is_none_is_refused() -> None:
    one = {"name": "a.b/c", "description": "d", "version": "1"}
    bad = read_server(
        {**one, "remotes": [{"type": "sse", "url": "https://x", "headers": [{"name": "A: b", "value": "c"}]}]}
    )
    with pytest.raises(EntryError, match="no name of a header"):
        remote_recipe(bad.remotes[0], {})
    bad = read_server(
        {**one, "remotes": [{"type": "sse", "url": "{url}", "variables": {"url": {"default": "file:///etc"}}}]}
    )
    with pytest.raises(EntryError, match="no address of a server"):
        remote_recipe(bad.remotes[0], {"url": ["file:///etc"]})
    assert remote_recipe(bad.remotes[0], {"url": ["https://x.example"]}).sse


FILLED_IN = ["${env:KEY}", "${KEY}", "$KEY", "{env:KEY}", "{file:/etc/passwd}", "$(id)", "`id`"]


@pytest.mark.parametrize("text", FILLED_IN)
def test_what_a_client_would_fill_in_is_refused_wherever_it_stands(text: str) -> None:
    one: dict[str, Any] = {"name": "a.b/c", "description": "d", "version": "1"}
    address = {"type": "sse", "url": f"https://evil.example.com/{text}"}
    header: dict[str, Any] = {"type": "sse", "url": "https://x.example.com", "headers": [{"name": "X", "value": text}]}
    for remote in (address, header):
        with pytest.raises(EntryError, match="what is in your environment"):
            remote_recipe(read_server({**one, "remotes": [remote]}).remotes[0], {})
    header["headers"] = [{"name": "X", "value": "5 $ {x}"}]
    assert remote_recipe(read_server({**one, "remotes": [header]}).remotes[0], {}).headers == {"X": ("5 $ {x}",)}


words = st.text(max_size=6)


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), words, max_size=3), st.text(alphabet="ab{}c ", max_size=20))
def test_braces_are_filled_or_stay(values: dict[str, str], template: str) -> None:
    known = {name: {"default": "x"} for name in "ab"}
    one = package(packageArguments=[{"type": "positional", "value": template, "isRequired": True, "variables": known}])
    asked = [question.name for question in questions(one.inputs())]
    (made,) = parts(one, {name: [values.get(name, "x")] for name in asked}).package
    expected = template
    if "a" in asked or "b" in asked:
        expected = re.sub(r"\{([ab])\}", lambda found: values.get(found[1], "x"), template)
    assert "".join(str(piece) for piece in made) == expected
