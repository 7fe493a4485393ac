"""Names of `_meta` keys and extensions, judged by the letter."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman import Icon, RegistrationError, Server
from dragoman.protocol.keys import complaint_about, is_reserved

GOOD = ["", "a", "9", "a.b_c-d", "com.example/", "com.example/x", "a/b", "a1.b-2/c", "a-b.c/D_9.e", "x" * 256]
BAD = [
    "-a",
    "a-",
    "_",
    ".a",
    "a.",
    "/x",
    "1a/x",
    "a./x",
    ".a/x",
    "a..b/x",
    "a-/x",
    "a-.b/x",
    "a_b/x",
    "a/b/c",
    "é",
    "a b",
]


@pytest.mark.parametrize("key", GOOD)
def test_a_key_of_metadata_has_the_form_of_the_specification(key: str) -> None:
    """META-07, META-08"""
    assert complaint_about(key) is None


@pytest.mark.parametrize("key", [*BAD, "x" * 257, "a\n", "com.example/x\n"])
def test_a_key_of_another_form_is_told_what_is_wrong(key: str) -> None:
    """META-07, META-08"""
    assert complaint_about(key)


@given(st.text("ab1.-_/é", max_size=12))
def test_any_text_is_judged_as_the_grammar_says(key: str) -> None:
    """META-07, META-08: an independent reading of the two rules."""
    prefix, slash, name = key.rpartition("/")
    labels = prefix.split(".") if slash else []
    good = all(re.match(r"^[a-z]$|^[a-z][a-z0-9-]*[a-z0-9]$", label) for label in labels)
    good = good and (name == "" or (name[0].isalnum() and name[-1].isalnum() and name.isascii()))
    assert (complaint_about(key) is None) == bool(good and "/" not in name)


@pytest.mark.parametrize("key", ["x", "com.example/", "1.x/y", "a//b", "/x"])
def test_an_extensions_identifier_is_a_key_with_a_prefix(key: str) -> None:
    """VER-05"""
    server = Server("keys")
    with pytest.raises(RegistrationError, match=re.escape(repr(key))):
        server.add_extension(key)
    server.add_extension("com.example/x")


def test_registered_metadata_has_keys_of_that_form() -> None:
    """META-07, META-08"""
    server = Server("keys")

    def nothing() -> str:
        return ""

    for add in (server.add_tool, server.add_prompt, lambda function, **o: server.add_resource(function, "a://b", **o)):
        with pytest.raises(RegistrationError, match=r"'-x' of meta.*begin"):
            add(nothing, meta={"com.example/x": 1, "-x": 2})  # type: ignore[operator]
        add(nothing, meta={"com.example/x": 1, "y": 2})  # type: ignore[operator]


def test_reserved_prefixes_are_known_by_their_second_label() -> None:
    """META-09"""
    ours = ["io.modelcontextprotocol/x", "dev.mcp/", "com.mcp.tools/x", "org.modelcontextprotocol.api/x"]
    others = ["com.example.mcp/x", "mcp/x", "x", "modelcontextprotocol/x", "com.mcpx/x", "com.mcp.x"]
    assert [key for key in [*ours, *others] if is_reserved(key)] == ours


@pytest.mark.parametrize(
    "source", ["javascript:alert(1)", "file:///etc/passwd", "http://a/b.png", "ws://a", "x.png", ""]
)
def test_an_icon_is_an_https_or_data_uri(source: str) -> None:
    """ICON-02, ICON-04: what no client may show is refused where it is registered."""
    with pytest.raises(RegistrationError, match="https: or data:"):
        Server("icons", icons=[Icon(src=source)])
    with pytest.raises(RegistrationError, match="https: or data:"):
        Server("icons").add_prompt(lambda: "", name="p", icons=[Icon(src=source)])
    Server("icons", icons=[Icon(src="https://example.com/a.png"), Icon(src="data:image/png;base64,AA==")])
