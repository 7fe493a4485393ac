"""What cannot be registered is told at once, by the function's name and its place in the file."""

import re
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest

from dragoman import Context, LocalError, RegistrationError, Server

HERE = Path(__file__).name


def refused(match: str) -> Any:
    return pytest.raises(RegistrationError, match=match)


def assert_place(error: RegistrationError, function: Any) -> None:
    """The message says file and line of the function."""
    line = function.__code__.co_firstlineno
    found = re.findall(rf"{re.escape(HERE)}:(\d+)", str(error))
    assert found, str(error)
    assert abs(int(found[-1]) - line) <= 1, str(error)


@pytest.fixture
def server() -> Server:
    return Server("registry")


def test_two_tools_of_one_name_are_refused_and_the_first_stays(server: Server) -> None:
    def twice() -> int:
        return 1

    def other() -> int:
        return 2

    server.tool(twice)
    with refused("twice") as caught:
        server.tool("twice")(other)
    assert_place(caught.value, other)
    assert str(twice.__code__.co_firstlineno) in str(caught.value)
    server.tool("another")(other)


def test_two_prompts_and_two_resources_of_one_name_are_refused(server: Server) -> None:
    def greet() -> str:
        return "hello"

    server.prompt(greet)
    with refused("greet") as caught:
        server.prompt(greet)
    assert_place(caught.value, greet)
    server.resource("config://app")(greet)
    with refused("config://app") as caught:
        server.resource("config://app")(greet)
    assert_place(caught.value, greet)
    server.resource("config://other")(greet)


def test_a_schema_that_cannot_be_made_is_refused(server: Server) -> None:
    class Opaque:
        pass

    def takes(thing: Opaque) -> int:
        return 1

    def takes_any(*things: int) -> int:
        return 1

    for function, word in ((takes, "thing"), (takes_any, "things")):
        with refused(word) as caught:
            server.tool(function)
        assert_place(caught.value, function)
        assert function.__name__ in str(caught.value)


@pytest.mark.parametrize("template", ["config://{", "config://{a}{b", "config://{!x}", "config://}{"])
def test_a_template_that_does_not_parse_is_refused(server: Server, template: str) -> None:
    def read(a: str) -> str:
        return a

    with refused("does not parse") as caught:
        server.resource(template)(read)
    assert_place(caught.value, read)
    server.resource("config://{a}")(read)


def test_parameters_and_variables_must_be_the_same(server: Server) -> None:
    def read(city: str) -> str:
        return city

    for template, word in (("x://{town}", "town"), ("x://{city}/{more}", "more"), ("x://none", "city")):
        with refused(word) as caught:
            server.resource(template)(read)
        assert_place(caught.value, read)
    server.resource("x://{city}")(read)


@pytest.mark.parametrize("uri", ["no scheme", "relative/path", ""])
def test_a_resource_needs_a_uri(server: Server, uri: str) -> None:
    def read() -> str:
        return ""

    with refused("URI"):
        server.resource(uri)(read)


@pytest.mark.parametrize("header", ["", "a b", "a:b", "ä"])
def test_a_bad_header_name_is_refused(server: Server, header: str) -> None:
    def tool(region: Annotated[str, msgspec.Meta(extra_json_schema={"x-mcp-header": header})]) -> str:
        return region

    with refused("x-mcp-header") as caught:
        server.tool(tool)
    assert_place(caught.value, tool)


def test_a_header_for_a_number_is_refused_and_for_a_text_is_not(server: Server) -> None:
    def fraction(share: Annotated[float, msgspec.Meta(extra_json_schema={"x-mcp-header": "Share"})]) -> float:
        return share

    def region(region: Annotated[str, msgspec.Meta(extra_json_schema={"x-mcp-header": "Region"})]) -> str:
        return region

    with refused("x-mcp-header"):
        server.tool(fraction)
    server.tool(region)


def test_a_lambda_needs_a_name(server: Server) -> None:
    with refused("lambda") as caught:
        server.tool(lambda: 1)
    assert HERE in str(caught.value)
    server.tool(name="one")(lambda: 1)


@pytest.mark.parametrize("name", ["", "x" * 129, "a\nb", "\x1b[31m"])
def test_names_are_short_and_printable(server: Server, name: str) -> None:
    def tool() -> int:
        return 1

    if name:
        with refused("name"):
            server.tool(name=name)(tool)
    server.tool(name="x" * 128)(tool)


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_timeout_is_more_than_nothing(server: Server, timeout: float) -> None:
    def tool() -> int:
        return 1

    with refused("timeout") as caught:
        server.tool(timeout=timeout)(tool)
    assert_place(caught.value, tool)
    server.tool(timeout=0.5)(tool)


def test_an_option_that_does_not_exist_is_refused_with_the_nearest(server: Server) -> None:
    def tool() -> int:
        return 1

    with refused("'timeout'"):
        server.tool(timout=5)(tool)  # type: ignore[call-overload]
    with refused("'mime_type'"):
        server.resource("x://y", mimetype="text/plain")(tool)  # type: ignore[call-arg]
    with refused("'title'"):
        server.prompt(titel="x")(tool)  # type: ignore[call-overload]
    with refused("'instructions'"):
        Server("x", instruction="?")  # type: ignore[call-arg]
    with pytest.raises(LocalError, match="'allowed_hosts'"):
        server.asgi(allowed_host=["x"])  # type: ignore[call-arg]


def test_methods_of_the_protocol_cannot_be_replaced(server: Server) -> None:
    with refused("middleware"):
        server.method("tools/list")
    with refused("prefix"):
        server.add_extension("noprefix")
    server.add_extension("com.example/x")

    @server.method("com.example/echo")
    def echo(text: str) -> str:
        return text


def test_a_server_needs_a_name() -> None:
    with refused("name"):
        Server("")
    assert Server("x").name == "x"


def test_decorators_work_with_and_without_parentheses_and_return_the_function(server: Server) -> None:
    def a(x: int, ctx: Context) -> int:
        return x

    assert server.tool(a) is a
    assert server.tool()(lambda_named("b")).__name__ == "b"
    assert server.tool("c")(lambda_named("x")).__name__ == "x"
    assert server.tool(name="d")(lambda_named("y")).__name__ == "y"
    assert server.prompt(lambda_named("p")).__name__ == "p"
    assert server.prompt("q")(lambda_named("p")).__name__ == "p"


def lambda_named(name: str) -> Any:
    def function() -> str:
        return name

    function.__name__ = function.__qualname__ = name
    return function
