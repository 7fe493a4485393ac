"""dragoman.yaml, read: what is wrong is named with its place and the nearest that is right; others may not write it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.settings import shape
from dragoman.connectors.settings.reading import MAX_BYTES, read_settings, settings_of
from dragoman.connectors.settings.shape import Settings
from dragoman.connectors.source import SourceError

GOOD = b"""
server: {name: acme}
sources:
  manuals: ./manuals
  shop: {kind: database, url: shop.db, scopes: [shop:read]}
prompts:
  weekly: {text: "About {topic}", arguments: {topic: {about: what}}}
auth: {issuer: https://login.example.com}
"""


def test_a_file_says_what_it_says() -> None:
    found = settings_of(GOOD)
    assert found.server.name == "acme"
    assert found.sources["manuals"] == "./manuals"
    assert found.prompts["weekly"].arguments["topic"].about == "what"
    assert settings_of(b'{"sources": {"a": "./a"}}', json=True).sources == {"a": "./a"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"sorces: {a: b}", "no key 'sorces'; did you mean 'sources'"),
        (b"server: {nam: x}", "server: there is no key 'nam'; did you mean 'name'"),
        (b"prompts: {weekly: {txt: hi}}", "prompts.weekly: there is no key 'txt'; did you mean 'text'"),
        (b"server: {name: 3}", "server.name: expected text, got a whole number"),
        (b"server: {profile: gpt}", "server.profile: "),
        (b"sources: [a]", "sources: expected a mapping, got a list"),
        (b"sources: {A B: x}", "sources: 'A B' is no name: names are of small letters, digits and dashes"),
        (b"sources:\n\ta: b", "no YAML in line 2, column 1: a tab stands where YAML wants spaces"),
        (b"sources:\n  a: b: c", "no YAML in line 2, column 7: a second colon"),
        (b"sources: {a: &x b, c: *x}", "it has an alias"),
        (b"a: 1\na: 2", "key 'a' twice"),
        (b"sources: {a: !!python/object:os.system x}", "tag of its own"),
        (b"sources: {", "no YAML in line 1, column 11"),
        (b"\xff\xfe", "not UTF-8"),
        (b"- a", "not a mapping"),
        (b"[" * 10_000, "nested too deeply|no YAML"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(data: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        settings_of(data)


@given(st.binary(max_size=300) | st.text(st.sampled_from("ab:{}[]-\n &*!#'\""), max_size=80).map(str.encode))
def test_any_bytes_are_settings_or_a_clear_refusal(data: bytes) -> None:
    try:
        found: object = settings_of(data)
    except ValueError as fault:
        found = str(fault)
    assert isinstance(found, Settings) or (isinstance(found, str) and len(found) > 5)


def test_a_file_that_others_can_write_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    file = tmp_path / "dragoman.yaml"
    file.write_bytes(GOOD)
    file.chmod(0o644)
    assert read_settings(file).settings.server.name == "acme"
    for mode in (0o664, 0o646):
        file.chmod(mode)
        with pytest.raises(SourceError, match=r"others can write .*dragoman.yaml.*chmod go-w"):
            read_settings(file)
    file.chmod(0o600)
    tmp_path.chmod(0o777)
    with pytest.raises(SourceError, match="others can write"):
        read_settings(file)
    tmp_path.chmod(0o755)


def test_a_file_is_bounded_and_has_to_be_there(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    file = tmp_path / "dragoman.yaml"
    with pytest.raises(SourceError, match="cannot be read: No such file"):
        read_settings(file)
    file.write_bytes(b"#" * (MAX_BYTES + 1))
    file.chmod(0o600)
    with pytest.raises(SourceError, match="more than 262,144 bytes"):
        read_settings(file)
    file.write_bytes(b"#" * 1000 + GOOD)
    assert read_settings(file).folder == tmp_path


def test_every_key_stands_in_the_documentation() -> None:
    page = (Path(__file__).parents[3] / "docs" / "data" / "settings.md").read_text("utf-8")
    shapes = (Settings, shape.ServerSettings, shape.Access, shape.Rule, shape.PromptSettings, shape.PromptArgument)
    keys = {key for one in shapes for key in one.__struct_encode_fields__}
    assert [key for key in sorted(keys) if f"`{key}`" not in page and f".{key}`" not in page] == []
