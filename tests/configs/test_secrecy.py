"""Secrets are seen by name and shape, and what stands for them says where they are."""

import pytest

from dragoman.configs.entry import Entry
from dragoman.configs.secrecy import masked, masked_line, named_secret, variable, without_secrets
from dragoman.configs.values import Ref, shown

KEY = "sk-0123456789abcdefghijkl"


@pytest.mark.parametrize(
    "name", ["API_KEY", "githubToken", "Authorization", "X-Api-Key", "DB_PASSWORD", "cookie", "pat"]
)
def test_names_of_secrets(name: str) -> None:
    assert named_secret(name)


@pytest.mark.parametrize("name", ["MONKEY", "AUTHOR", "path", "PATTERN", "KEYBOARD", "X-Team", "tokenizer"])
def test_names_of_other_things(name: str) -> None:
    assert not named_secret(name)


def stdio(*args: str, **env: str) -> Entry:
    return Entry(
        name="my srv",
        transport="stdio",
        command=("x",),
        args=tuple((arg,) for arg in args),
        env={name: (value,) for name, value in env.items()},
    )


def test_a_variable_that_is_a_secret_becomes_a_reference_to_it() -> None:
    safe, moved = without_secrets(stdio(API_KEY="abc", LANG="de"))
    assert safe.env == {"API_KEY": (Ref("env", "API_KEY"),), "LANG": ("de",)}
    assert [one.name for one in moved] == ["API_KEY"]


@pytest.mark.parametrize(
    "args, safe",
    [
        (("--token", "abc"), ["--token", "${env:MY_SRV_TOKEN}"]),
        (("--api-key=abc", "y"), ["--api-key=${env:MY_SRV_API_KEY}", "y"]),
        (("-y", KEY), ["-y", "${env:MY_SRV_TOKEN}"]),
        (("postgres://u:pw@h/db",), ["postgres://${env:MY_SRV_TOKEN}@h/db"]),
        (("https://h/mcp?api_key=abc&x=1",), ["https://h/mcp?api_key=${env:MY_SRV_TOKEN}&x=1"]),
        (("--keyboard", "abc"), ["--keyboard", "abc"]),
    ],
)
def test_secrets_among_arguments(args: tuple[str, ...], safe: list[str]) -> None:
    assert [shown(arg) for arg in without_secrets(stdio(*args))[0].args] == safe


def test_a_header_keeps_its_scheme() -> None:
    entry = Entry(name="a", transport="http", url=("https://h",), headers={"Authorization": ("Bearer abc",)})
    safe, _ = without_secrets(entry)
    assert safe.headers == {"Authorization": ("Bearer ", Ref("env", "A_AUTHORIZATION"))}
    assert masked(entry).headers == {"Authorization": ("Bearer ***",)}


def test_what_is_a_reference_already_stays() -> None:
    entry = Entry(name="a", transport="stdio", command=("x",), env={"API_KEY": (Ref("prompt", "k"),)})
    assert without_secrets(entry) == (entry, [])


def test_keys_that_only_the_client_knows_are_looked_at_too() -> None:
    entry = Entry(name="a", transport="http", url=("u",), extra={"oauth": {"clientId": "i", "clientSecret": "s"}})
    safe, moved = without_secrets(entry)
    assert safe.extra == {"oauth": {"clientId": "i"}}
    assert [(one.slot, one.name) for one in moved] == [("key clientSecret", "")]


@pytest.mark.parametrize(
    "line, hidden",
    [
        ('+      "API_KEY": "abc", // mine', '+      "API_KEY": "***", // mine'),
        ('-token = "abc"', '-token = "***"'),
        ("+    API_KEY: abc", '+    API_KEY: "***"'),
        (f'+  "args": ["{KEY}"]', '+  "args": ["***"]'),
        ('+  "url": "https://u:p@h/?token=abc"', '+  "url": "https://***@h/?token=***"'),
        ('+      "API_KEY": "${env:API_KEY}"', '+      "API_KEY": "${env:API_KEY}"'),
        ('+bearer_token_env_var = "A_TOKEN"', '+bearer_token_env_var = "A_TOKEN"'),
        ('+      "LANG": "de"', '+      "LANG": "de"'),
    ],
)
def test_a_line_of_a_diff_shows_no_secret(line: str, hidden: str) -> None:
    assert masked_line(line) == hidden


def test_a_name_for_a_variable_is_one_that_shells_take() -> None:
    assert variable("my server", "X-Api-Key") == "MY_SERVER_X_API_KEY"
    assert variable("1st", "key") == "MCP_1ST_KEY"
