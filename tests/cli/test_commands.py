"""list, call, read and prompt, done to a server in this process: what is asked for and what is printed."""

import io
import json
from argparse import Namespace
from typing import Literal

import pytest

from dragoman import Client, Image, PeerError, Server, TextContent, ToolError
from dragoman.cli import call, prompt, read
from dragoman.cli import list as listing
from dragoman.cli.outcome import UsageError
from dragoman.cli.terminal import Paper

PIXEL = b"\x89PNG\r\n\x1a\n"


def acme() -> Server:
    server = Server("acme", version="2.0")

    @server.tool
    def add(a: int, b: int = 2) -> int:
        """Add two numbers."""
        return a + b

    @server.tool
    def paint(colour: Literal["red", "blue"]) -> str:
        return f"\x1b[31m{colour}"

    @server.tool
    def fail() -> str:
        raise ToolError("the paint is dry")

    @server.tool
    def picture() -> Image:
        return Image(data=PIXEL, mime_type="image/png")

    @server.resource("config://app", mime_type="text/plain")
    def config() -> str:
        return "a=1"

    @server.resource("img://logo", mime_type="image/png")
    def logo() -> bytes:
        return PIXEL

    @server.prompt
    def greet(name: str, style: str = "plain") -> str:
        return f"Greet {name}, {style}"

    return server


async def done(command, *, server=None, terminal=False, **options) -> str:
    """Return what `command` prints for `options`."""
    out = io.StringIO()
    given = Namespace(**{"json": False, "out": None, "whole": None, "given": [], "detach": False, **options})
    async with Client(server or acme()) as client:
        await command.act(client, given, Paper(out, terminal=terminal))
    return out.getvalue()


async def test_a_list_shows_every_kind_with_parameters() -> None:
    shown = await done(listing, kinds=listing.KINDS)
    assert shown.startswith("acme 2.0, protocol 20")
    for line in (
        "  add(a: integer, b: integer = 2)\n      Add two numbers.",
        '  paint(colour: "red" | "blue")',
        "  config://app  config, text/plain",
        "  greet(name, style?)",
    ):
        assert line in shown


async def test_a_list_as_json_has_the_protocols_names() -> None:
    shown = json.loads(await done(listing, kinds=listing.KINDS, json=True))
    assert set(shown) == {
        "serverInfo", "protocolVersion", "instructions", "tools", "resources", "resourceTemplates", "prompts"
    }  # fmt: skip
    assert shown["serverInfo"] == {"name": "acme", "version": "2.0"}
    assert [tool["name"] for tool in shown["tools"]] == ["add", "paint", "fail", "picture"]
    assert [resource["uri"] for resource in shown["resources"]] == ["config://app", "img://logo"]


async def test_only_the_kinds_asked_for_are_listed() -> None:
    assert set(json.loads(await done(listing, kinds=["prompts"], json=True))) == {
        "serverInfo", "protocolVersion", "instructions", "prompts"
    }  # fmt: skip


async def test_a_server_with_nothing_says_so() -> None:
    assert "no tools and no resources and no prompts" in await done(
        listing, kinds=listing.KINDS, server=Server("empty", version="1")
    )


async def test_a_call_prints_the_text_and_as_json_the_whole_result() -> None:
    assert await done(call, tool="add", given=[("a", "5")]) == "7\n"
    whole = json.loads(await done(call, tool="add", whole={"a": 5, "b": 6}, json=True))
    assert whole["content"] == [{"type": "text", "text": "11"}]
    assert whole["structuredContent"] == {"result": 11}


async def test_a_result_is_raw_in_a_pipe_and_visible_on_a_terminal() -> None:
    assert await done(call, tool="paint", given=[("colour", "red")]) == "\x1b[31mred\n"
    assert await done(call, tool="paint", given=[("colour", "red")], terminal=True) == "\\x1b[31mred\n"


async def test_json_is_laid_out_for_people_and_left_alone_in_a_pipe() -> None:
    server = Server("acme")

    @server.tool
    def table() -> dict:
        return {"rows": [1]}

    assert await done(call, tool="table", server=server) == '{"rows":[1]}\n'
    shown = await done(call, tool="table", server=server, terminal=True)
    assert shown.startswith('{\n  "rows": [') and json.loads(shown) == {"rows": [1]}


async def test_a_tool_that_does_not_exist_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="no tool 'ad'; did you mean 'add'"):
        await done(call, tool="ad", given=[("a", "1")])
    assert await done(call, tool="add", given=[("a", "1")]) == "3\n"


async def test_a_tool_that_fails_raises_with_its_message() -> None:
    with pytest.raises(ToolError, match="the paint is dry"):
        await done(call, tool="fail")


async def test_wrong_arguments_are_refused_here_or_by_the_server() -> None:
    with pytest.raises(UsageError, match="a must be an integer"):
        await done(call, tool="add", given=[("a", "x")])
    with pytest.raises(ToolError):
        await done(call, tool="add", whole={"a": "x"})


async def test_an_image_is_told_of_and_saved_where_it_is_wanted(tmp_path, capsys) -> None:
    assert await done(call, tool="picture") == "[image image/png 9 bytes; use --json or --out FILE]\n"
    file = tmp_path / "p.png"
    assert await done(call, tool="picture", out=file) == ""
    assert file.read_bytes() == PIXEL
    assert "p.png: 8 bytes" in capsys.readouterr().err
    with pytest.raises(UsageError, match="cannot be written"):
        await done(call, tool="picture", out=tmp_path / "no" / "p.png")
    with pytest.raises(UsageError, match="no image"):
        await done(call, tool="add", given=[("a", "1")], out=file)


async def test_a_resource_is_printed_saved_or_shown_as_json(tmp_path) -> None:
    assert await done(read, uri="config://app") == "a=1\n"
    assert await done(read, uri="img://logo", terminal=True) == "[data image/png 9 bytes; use --json or --out FILE]\n"
    assert json.loads(await done(read, uri="config://app", json=True))["contents"][0]["text"] == "a=1"
    await done(read, uri="img://logo", out=tmp_path / "logo.png")
    assert (tmp_path / "logo.png").read_bytes() == PIXEL


async def test_a_resource_that_does_not_exist_is_the_servers_refusal() -> None:
    with pytest.raises(PeerError, match="config://nope"):
        await done(read, uri="config://nope")


async def test_a_prompt_is_filled_in() -> None:
    assert await done(prompt, name="greet", given={"name": "Ann"}) == "[user]\nGreet Ann, plain\n"
    messages = json.loads(await done(prompt, name="greet", given={"name": "Ann"}, json=True))["messages"]
    assert messages == [{"role": "user", "content": {"type": "text", "text": "Greet Ann, plain"}}]


@pytest.mark.parametrize(
    "name, given, told",
    [
        ("gret", {}, "no prompt 'gret'; did you mean 'greet'"),
        ("greet", {}, "needs more: name=..."),
        ("greet", {"name": "Ann", "stile": "x"}, "no argument 'stile'; did you mean 'style'"),
    ],
)
async def test_a_prompt_with_wrong_words_is_refused(name, given, told) -> None:
    with pytest.raises(UsageError) as refused:
        await done(prompt, name=name, given=given)
    assert told in str(refused.value)


async def test_what_a_hostile_server_calls_its_things_cannot_steer_the_terminal() -> None:
    server = Server("evil\x1b[2J", version="\u202e1")
    server.add_tool(lambda: "x", name="t", description="one\x1b]0;title\x07\ntwo")
    shown = await done(listing, kinds=["tools"], server=server)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "one\\x1b]0;title\\x07 two" in shown


async def test_a_description_is_reflowed_unless_it_is_laid_out() -> None:
    server = Server("acme")
    server.add_tool(lambda: "x", name="t", description=f"{'word ' * 30}\nend.\n\n- one\n- two")
    lines = (await done(listing, kinds=["tools"], server=server)).splitlines()
    assert "      - one" in lines
    assert "      - two" in lines
    assert all(len(line) <= 100 for line in lines)
    assert any(line.endswith("word end.") for line in lines)


def test_content_of_every_type_is_printed_in_words() -> None:
    from dragoman.cli import show
    from dragoman.wire.content import AnyContents, AudioContent, EmbeddedResource, ResourceLink

    out = io.StringIO()
    show.content(
        Paper(out, terminal=False),
        [
            TextContent(text="words"),
            AudioContent(data="AAAA", mime_type="audio/wav"),
            ResourceLink(uri="docs://a", name="a"),
            EmbeddedResource(resource=AnyContents(uri="docs://b", text="inside")),
        ],
    )
    assert out.getvalue().splitlines() == [
        "words",
        "[audio audio/wav 3 bytes; use --json or --out FILE]",
        "[resource docs://a; dragoman read prints it]",
        "inside",
    ]


def test_data_that_is_no_base64_is_refused() -> None:
    from dragoman import ImageContent
    from dragoman.cli import show

    assert show.binaries([ImageContent(data="AAAA", mime_type="image/png")]) == [b"\0\0\0"]
    with pytest.raises(UsageError, match="not base64"):
        show.binaries([ImageContent(data="?", mime_type="image/png")])


def test_several_parts_are_saved_beside_each_other(tmp_path) -> None:
    from dragoman.cli import show

    assert [p.name for p in show.save([b"1", b"2"], tmp_path / "a.png")] == ["a.png", "a-2.png"]


@pytest.mark.parametrize(
    "schema, shown",
    [
        ({"properties": {"a": {"type": "array", "items": {"type": "string"}}}, "required": ["a"]}, "a: list of string"),
        ({"properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}}}, "a?: string"),
        ({"properties": {"a": {"$ref": "#/$defs/Point"}}}, "a?: Point"),
        ({"properties": {"a": {}}, "required": ["a"]}, "a: any"),
        ({"properties": []}, ""),
        (None, ""),
    ],
)
def test_parameters_are_shown_in_short(schema, shown) -> None:
    from dragoman.cli.schemas import parameters

    assert parameters(schema) == shown


def test_arguments_from_stdin_are_utf_8_in_every_locale(monkeypatch) -> None:
    def given(data: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), "ascii"))

    given(b'\xef\xbb\xbf{"city": "M\xc3\xbcnchen"}')
    assert call.read_arguments("-") == {"city": "M\u00fcnchen"}
    given(b'{"a": "\xe9"}')
    with pytest.raises(UsageError, match="--args is not UTF-8: byte 7 of stdin is 0xe9"):
        call.read_arguments("-")
    assert call.read_arguments('{"a": 1}') == {"a": 1}
