"""Manifests of bundles: faults, questions, and the command that comes of them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.registry.faults import BundleError
from dragoman.registry.inputs import Secret, answered
from dragoman.registry.manifest import check, questions, read, recipe

HOME = Path("/home/ada")
FOLDER = Path("/data/files")
GOOD: dict[str, Any] = {
    "manifest_version": "0.3", "name": "files", "version": "1.0.0", "description": "Files", "author": {"name": "A"},
    "server": {
        "type": "node", "entry_point": "server/index.js",
        "mcp_config": {
            "command": "node",
            "args": ["${__dirname}/server/index.js", "${user_config.folders}", "--max=${user_config.max}", "${HOME}"],
            "env": {"KEY": "${user_config.key}", "OTHER": "a${/}b"},
            "platform_overrides": {"win32": {"command": "bin/server", "args": []}},
        },
    },
    "user_config": {
        "folders": {"type": "directory", "title": "F", "description": "Folders", "multiple": True, "required": True,
                    "default": ["${HOME}/Desktop", "${DOCUMENTS}"]},
        "max": {"type": "number", "title": "M", "description": "Most", "default": 10, "min": 1, "max": 100},
        "key": {"type": "string", "title": "K", "description": "Key", "sensitive": True},
    },
}  # fmt: skip


def text(**changes: Any) -> bytes:
    return json.dumps({key: value for key, value in {**GOOD, **changes}.items() if value is not ...}).encode()


def test_a_good_manifest_becomes_questions_and_a_command() -> None:
    assert check(text(), {"server/index.js", "manifest.json"}) == []
    found = read(text())
    asked = questions(found, HOME)
    assert [(one.name, one.kind, one.several, one.secret, one.default) for one in asked] == [
        ("folders", "filepath", True, False, ("/home/ada/Desktop", "/home/ada/Documents")),
        ("max", "number", False, False, ("10",)),
        ("key", "string", False, True, ()),
    ]
    answers = answered(asked, {"folders": ["/a", "/b c"], "key": [Secret("files/key")]})
    made = recipe(found, FOLDER, answers, HOME, "linux")
    assert made.words == (
        ("node",),
        ("/data/files/server/index.js",),
        ("/a",),
        ("/b c",),
        ("--max=10",),
        ("/home/ada",),
    )
    assert made.env == {"KEY": (Secret("files/key"),), "OTHER": ("a/b",)} and made.cwd == "/data/files"
    assert not made.exposed() and made.secrets() == ["files/key"]


def test_a_platform_has_words_of_its_own() -> None:
    made = recipe(read(text()), FOLDER, {}, HOME, "win32")
    assert made.words == (("/data/files/bin/server.exe",),)
    only = read(text(compatibility={"platforms": ["darwin"]}))
    with pytest.raises(BundleError, match="runs on darwin, and this is linux"):
        recipe(only, FOLDER, {}, HOME, "linux")
    recipe(only, FOLDER, {}, HOME, "darwin")


def test_uv_needs_the_version_that_has_it() -> None:
    server = {"type": "uv", "entry_point": "src/server.py"}
    assert recipe(read(text(manifest_version="0.4", server=server)), FOLDER, {}, HOME, "linux").shown() == [
        "uv", "run", "--directory", "/data/files", "/data/files/src/server.py"
    ]  # fmt: skip
    with pytest.raises(BundleError, match="uv is of manifest_version"):
        read(text(server=server))


@pytest.mark.parametrize(
    "changes, at",
    [
        ({"name": ...}, ""),
        ({"manifest_version": "9"}, "/manifest_version"),
        ({"manifest_version": ...}, ""),
        ({"author": "A"}, "/author"),
        ({"server": {"type": "node", "entry_point": "server/index.js"}}, "/server"),
        ({"server": {**GOOD["server"], "type": "perl"}}, "/server/type"),
        ({"server": {**GOOD["server"], "entry_point": "../x"}}, "/server/entry_point"),
        ({"user_config": {}}, "/server/mcp_config"),
        ({"homepage": "here"}, "/homepage"),
        (
            {"user_config": {**GOOD["user_config"], "max": {"type": "date", "title": "", "description": ""}}},
            "/user_config/max/type",
        ),
    ],
)
def test_a_fault_is_told_with_its_place(changes: dict[str, Any], at: str) -> None:
    found = check(text(**changes), {"server/index.js"})
    assert found[0].at == at and found[0].fatal
    if at != "/server/entry_point":  # which takes the list of members
        with pytest.raises(BundleError):
            read(text(**changes))


def test_the_older_name_of_the_version_counts() -> None:
    assert check(text(manifest_version=..., dxt_version="0.1"), {"server/index.js"}) == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*GOOD, "type", "args"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(st.sampled_from(sorted(GOOD)), json_values, st.binary(max_size=40))
def test_any_manifest_is_read_or_refused(name: str, value: Any, junk: bytes) -> None:
    for data in (json.dumps({**GOOD, name: value}).encode(), json.dumps(value).encode(), junk):
        try:
            found = read(data)
        except BundleError:
            continue
        recipe(found, FOLDER, {}, HOME, "linux")
        questions(found, HOME)
