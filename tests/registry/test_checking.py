"""`server.json` checked: every fault with its place, and its legal twin without one."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.registry.checking import check, schema_url

GOOD: dict[str, Any] = {
    "$schema": schema_url(),
    "name": "io.github.user/weather",
    "description": "Weather for cities",
    "title": "Weather",
    "version": "1.0.0",
    "repository": {"url": "https://github.com/user/weather", "source": "github", "subfolder": "src/weather"},
    "websiteUrl": "https://weather.example.com",
    "icons": [{"src": "https://weather.example.com/i.png", "mimeType": "image/png", "sizes": ["48x48", "any"]}],
    "packages": [
        {
            "registryType": "pypi",
            "registryBaseUrl": "https://pypi.org",
            "identifier": "weather-mcp",
            "version": "1.0.0",
            "runtimeHint": "uvx",
            "transport": {"type": "stdio"},
            "runtimeArguments": [
                {"type": "named", "name": "--python", "value": "{python}", "variables": {"python": {}}}
            ],
            "packageArguments": [
                {"type": "positional", "valueHint": "city", "isRequired": True, "isRepeated": True},
                {"type": "named", "name": "--units", "choices": ["c", "f"], "default": "c"},
            ],
            "environmentVariables": [{"name": "KEY", "isSecret": True, "isRequired": True, "format": "string"}],
        },
        {
            "registryType": "mcpb",
            "identifier": "https://github.com/user/weather/releases/download/v1/weather.mcpb",
            "fileSha256": "0" * 64,
            "transport": {"type": "stdio"},
        },
    ],
    "remotes": [
        {
            "type": "streamable-http",
            "url": "https://{tenant}.example.com/mcp",
            "variables": {"tenant": {"isRequired": True}},
            "headers": [{"name": "X-API-Key", "isSecret": True}],
        }
    ],
    "_meta": {"io.modelcontextprotocol.registry/publisher-provided": {"tool": "x"}},
}


def problems(value: Any, *, official: bool = True) -> list[tuple[str, str]]:
    return [(one.at, one.what) for one in check(json.dumps(value).encode(), official=official)]


def changed(path: str, value: Any) -> Any:
    """Return GOOD with one value changed; `...` takes it out."""
    held = json.loads(json.dumps(GOOD))
    *above, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    place = held
    for part in above:
        place = place[part]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return held


def test_a_good_file_has_no_faults() -> None:
    assert problems(GOOD) == []


@pytest.mark.parametrize(
    "path, value, at, what",
    [
        ("name", ..., "", "lacks name"),
        ("name", "weather", "/name", "not written as in io.github.user/weather"),
        ("name", "a/b/c", "/name", "not written"),
        ("description", "x" * 101, "/description", "at most 100"),
        ("description", 7, "/description", "has to be text, is a number"),
        ("version", "^1.2.3", "/version", "is a range or moves"),
        ("version", "1.x", "/version", "is a range or moves"),
        ("version", "1.2 || 1.3", "/version", "is a range or moves"),
        ("packages/0/version", "latest", "/packages/0/version", "is a range or moves"),
        ("packages/0/version", ..., "/packages/0", "needs version"),
        ("packages/0/transport", {"type": "pigeon"}, "/packages/0/transport/type", "none of stdio"),
        ("packages/0/transport", {"type": "sse"}, "/packages/0/transport", "lacks url"),
        ("packages/0/packageArguments/0/valueHint", ..., "/packages/0/packageArguments/0", "needs value, or valueHint"),
        ("packages/0/packageArguments/1/name", ..., "/packages/0/packageArguments/1", "lacks name"),
        ("packages/0/packageArguments/1/default", "k", "/packages/0/packageArguments/1/default", "none of the choices"),
        ("packages/0/environmentVariables/0/default", "hunter2", "/packages/0/environmentVariables/0", "everybody can"),
        ("packages/0/environmentVariables/0/format", "date", "/packages/0/environmentVariables/0/format", "none of"),
        ("packages/0/registryBaseUrl", "https://pypi.example", "/packages/0/registryBaseUrl", "https://pypi.org only"),
        ("packages/1/fileSha256", ..., "/packages/1", "needs fileSha256"),
        ("packages/1/fileSha256", "A" * 64, "/packages/1/fileSha256", "64 hexadecimal digits"),
        ("packages/1/identifier", "https://example.com/x.mcpb", "/packages/1/identifier", "GitHub and GitLab"),
        ("remotes/0/type", "stdio", "/remotes/0/type", "none of streamable-http"),
        ("remotes/0/url", "ftp://x", "/remotes/0/url", "not written as in"),
        ("remotes/0/url", "https://{who}.example.com", "/remotes/0/url", "{who} is not among the variables"),
        ("remotes/0/url", "http://localhost/mcp", "/remotes/0/url", "the reader's own machine"),
        ("repository/subfolder", "../up", "/repository/subfolder", "no path below"),
        ("repository/source", ..., "/repository", "lacks source"),
        ("icons/0/src", "http://x/i.png", "/icons/0/src", "not written as in https"),
        ("websiteUrl", "weather", "/websiteUrl", "no absolute URL"),
        ("packages/0/registry_type", "pypi", "/packages/0", "is written registryType today"),
        (
            "_meta",
            {"io.modelcontextprotocol.registry/publisher-provided": {"x": "y" * 4096}},
            "/_meta",
            "4096 are taken",
        ),
    ],
)
def test_a_fault_is_told_with_its_place(path: str, value: Any, at: str, what: str) -> None:
    found = check(json.dumps(changed(path, value)).encode())
    assert [(one.at, one.fatal) for one in found if what in one.what] == [(at, True)], found


@pytest.mark.parametrize(
    "path, value",
    [
        ("packages/0/runtimeHint", ...),
        ("websiteURL", "https://x.example"),
        ("$schema", ...),
        ("_meta", {"com.example/own": {}}),
        ("packages/0/registryType", "cargo"),
    ],
)
def test_what_a_registry_takes_all_the_same_is_no_fatal_fault(path: str, value: Any) -> None:
    found = check(json.dumps(changed(path, value)).encode())
    assert found and not any(one.fatal for one in found)


def test_the_official_registrys_own_rules_are_left_out_for_a_private_one() -> None:
    private = changed("packages/0/registryBaseUrl", "https://packages.example.com")
    assert problems(private) != [] and problems(private, official=False) == []


def test_an_image_names_its_tag_and_has_no_version() -> None:
    image = {"registryType": "oci", "identifier": "docker.io/user/app:1.0", "transport": {"type": "stdio"}}
    assert problems(changed("packages", [image])) == []
    assert problems(changed("packages", [{**image, "version": "1.0"}]))[0][0] == "/packages/0/version"
    assert "tag or a digest" in problems(changed("packages", [{**image, "identifier": "docker.io/user/app"}]))[0][1]
    assert (
        problems(changed("packages", [{**image, "identifier": "localhost:5000/app:1"}]))[0][0]
        == "/packages/0/identifier"
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(GOOD)), inner, max_size=4),
    max_leaves=12,
)


@given(st.binary(max_size=80) | json_values.map(lambda value: json.dumps(value).encode()))
def test_whatever_is_checked_the_answer_is_a_list(data: bytes) -> None:
    found = check(data)
    assert found and all(one.what for one in found)


@given(st.sampled_from(sorted(set(GOOD) - {"$schema"})), json_values)
def test_a_value_of_the_wrong_kind_anywhere_is_no_crash(name: str, value: Any) -> None:
    check(json.dumps({**GOOD, name: value}).encode())
    check(json.dumps(changed("packages/0", {**GOOD["packages"][0], "transport": value})).encode())


def test_deep_text_is_refused_before_it_is_read() -> None:
    assert "more than 64 levels deep" in check(b"[" * 100_000)[0].what


def test_a_name_that_stands_twice_is_refused() -> None:
    assert "twice" in check(b'{"name": "a/b", "name": "a/c"}')[0].what
