"""What a server changes of its own is listed changed, and runs as it was registered."""

from typing import Any

import pytest

from dragoman import Altered, Client, Context, PeerError, RegistrationError, Server
from dragoman.protocol.eras import HANDSHAKE, STATELESS
from dragoman.wire.prompts import PromptReference


def make() -> Server:
    server = Server("own")

    @server.tool
    async def send(text: str, to: str, ctx: Context, urgent: bool = False) -> str:
        """Send a text."""
        return f"{text} to {to}, {urgent}, {await ctx.elicit('Sure?', bool)}"

    @server.prompt
    def greet(name: str, tone: str) -> str:
        return f"{tone} {name}"

    @server.completion("greet", "name")
    async def names(typed: str, chosen: object) -> list[str]:
        return ["Ada"]

    server.add_resource(lambda: "one", "data://one", name="one")
    return server


@pytest.mark.parametrize("version", [next(iter(STATELESS)), next(iter(HANDSHAKE))])
async def test_a_changed_tool_is_called_by_its_new_name_and_without_what_is_fixed(version: str) -> None:
    server = make()
    server.change(
        tools={"send": Altered(name="report", arguments={"to": "me"}, defaults={"text": "all well"}, tags=["out"])},
        prompts={"greet": Altered(name="hail", arguments={"tone": "Hail"})},
        resources={"data://one": Altered(description="The first.")},
    )
    async with Client(server, mode=version, on_elicit=lambda question: True) as client:
        (tool,) = await client.list_tools()
        assert (tool.name, tool.description) == ("report", "Send a text.")
        assert tool.input_schema["properties"]["text"]["default"] == "all well"
        assert "required" not in tool.input_schema
        assert (await client.call_tool("report")).text == "all well to me, False, True"
        assert (await client.call_tool("report", {"text": "help", "urgent": True})).text == "help to me, True, True"
        with pytest.raises(PeerError, match="takes no argument 'to'"):
            await client.call_tool("report", {"to": "others"})
        with pytest.raises(PeerError, match="unknown tool 'send'"):
            await client.call_tool("send", {"text": "a", "to": "b"})
        (prompt,) = await client.list_prompts()
        assert [argument.name for argument in prompt.arguments or ()] == ["name"]
        assert (await client.prompt("hail", {"name": "Ada"})).messages[0].content.text == "Hail Ada"
        assert (await client.complete(PromptReference(name="hail"), "name", "")).values == ["Ada"]
        assert (await client.list_resources())[0].description == "The first."
        assert (await client.read("data://one")).text == "one"
        server.disable(tags={"out"})
        with pytest.raises(PeerError, match="unknown tool 'report'"):
            await client.call_tool("report")


def test_a_change_that_cannot_be_changes_nothing() -> None:
    server = make()
    for change, complaint in (
        ({"sent": Altered(hide=True)}, "no tool 'sent' to change; did you mean 'send'"),
        ({"send": Altered(arguments={"form": 1})}, "has no argument 'form'"),
        ({"send": Altered(arguments={"to": 1}, defaults={"to": 2})}, "either fixed or has a default"),
        ({"send": Altered(arguments={"to": object()})}, "are no JSON"),
        ({"send": Altered(defaults={"to": 7})}, "7 is nothing for the argument 'to' of tool 'send': expected"),
        ({"send": Altered(name="a\n")}, "printable characters"),
    ):
        with pytest.raises(RegistrationError, match=complaint):
            server.change(tools=change)
    with pytest.raises(RegistrationError, match="keeps its URI"):
        server.change(resources={"data://one": Altered(name="two")})
    server.change(tools={"send": Altered(title="Send")})
    with pytest.raises(RegistrationError, match="changed already"):
        server.change(tools={"send": Altered(title="Again")})


async def test_what_is_hidden_can_be_shown_again() -> None:
    server = make()
    server.change(tools={"send": Altered(hide=True)})
    async with Client(server, cache=False) as client:
        assert await client.list_tools() == []
        server.enable("send")
        assert [tool.name for tool in await client.list_tools()] == ["send"]


def test_tags_are_a_set_of_texts() -> None:
    server = Server("tagged")
    with pytest.raises(RegistrationError, match="tags are a set of texts"):
        server.add_tool(lambda: 1, name="one", tags="admin")
    server.add_tool(lambda: 1, name="one", tags={"admin"})


async def test_what_has_a_tag_is_switched_off_and_on() -> None:
    server = Server("tagged")
    server.add_tool(lambda: 1, name="one", tags={"admin", "slow"})
    server.add_tool(lambda: 2, name="two", tags={"fast"})
    server.add_prompt(lambda: "three", name="three", tags={"admin"})
    server.disable(tags={"admin"}, kind="tool")
    async with Client(server, cache=False) as client:
        assert [tool.name for tool in await client.list_tools()] == ["two"]
        assert [prompt.name for prompt in await client.list_prompts()] == ["three"]
        server.enable(tags=["slow"])
        assert [tool.name for tool in await client.list_tools()] == ["one", "two"]


async def test_names_may_go_round() -> None:
    server = Server("round")
    for name in "abc":
        server.add_tool(lambda name=name: name, name=name)
    with pytest.raises(RegistrationError, match="there is a tool 'c' already"):
        server.change(tools={"a": Altered(name="b"), "b": Altered(name="c")})
    with pytest.raises(RegistrationError, match="there is a tool 'd' already"):
        server.change(tools={"a": Altered(name="d"), "b": Altered(name="d")})
    server.change(tools={"a": Altered(name="b"), "b": Altered(name="c"), "c": Altered(name="a")})
    async with Client(server) as client:
        assert [(await client.call_tool(name)).text for name in "abc"] == ["c", "a", "b"]


def test_what_is_no_server_is_not_mounted() -> None:
    outer: Any = Server("outer")
    with pytest.raises(RegistrationError, match="str is no Server"):
        outer.mount("https://example.com/mcp")
    outer.mount(Server("inner"))
