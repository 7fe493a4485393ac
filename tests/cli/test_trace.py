"""The wire as `--trace` shows it, and what a client warns of."""

import io
import logging

import pytest

from dragoman import Client, Server, UnreachableError
from dragoman.app.target import Options
from dragoman.cli.session import Notes
from dragoman.cli.trace import Tracer, is_secret, masked
from dragoman.transport.tapped import TappedExchange


@pytest.mark.parametrize(
    "name",
    ["Authorization", "proxy-authorization", "Cookie", "X-API-Key", "mcp-session-id", "access_token", "accessToken",
     "clientSecret", "password", "db_password"],
)  # fmt: skip
def test_what_goes_under_a_secrets_name_is_masked(name) -> None:
    assert is_secret(name)
    assert masked({"a": [{name: "sesame", "city": "Lyon"}]}) == {"a": [{name: "***", "city": "Lyon"}]}


@pytest.mark.parametrize("name", ["progressToken", "tokens", "author", "mcp-protocol-version", "name", "keyboard"])
def test_other_names_are_shown(name) -> None:
    assert not is_secret(name)
    assert masked({name: "x"}) == {name: "x"}


async def test_both_directions_of_a_call_are_shown() -> None:
    server = Server("acme")

    @server.tool
    def login(password: str) -> str:
        return "welcome \x1b[2J"

    stream = io.StringIO()
    tracer = Tracer(stream)
    async with Client(server, options=Options(wrap=lambda exchange: TappedExchange(exchange, tracer))) as client:
        assert (await client.call_tool("login", {"password": "sesame"})).text == "welcome \x1b[2J"
    shown = stream.getvalue()
    assert '"name":"login"' in shown
    assert "--> " in shown and "<-- " in shown and "--- closed" in shown
    assert "welcome" in shown
    assert "sesame" not in shown
    assert "\x1b" not in shown


async def test_what_never_came_back_is_shown_too() -> None:
    stream = io.StringIO()
    tracer = Tracer(stream)
    options = Options(wrap=lambda exchange: TappedExchange(exchange, tracer))
    with pytest.raises(UnreachableError):
        async with Client(["/nonexistent/program"], options=options):
            pass
    assert "--- the command" in stream.getvalue()


def test_bytes_that_are_no_json_and_long_messages_are_shown_in_part() -> None:
    stream = io.StringIO()
    Tracer(stream).heard(b"<html>\x1b" + b"x" * 10_000, 0, None)
    assert "<html>\\x1b" in stream.getvalue()
    assert "(10007 characters)" in stream.getvalue()
    assert len(stream.getvalue()) < 5_000


def test_warnings_are_told_once_and_the_first_few() -> None:
    stream = io.StringIO()
    notes = Notes(stream)
    for text in ["a\x1b", "a\x1b", *(f"number {n}" for n in range(100))]:
        notes.emit(logging.LogRecord("dragoman", logging.WARNING, "", 0, text, (), None))
    lines = stream.getvalue().splitlines()
    assert lines[0] == "dragoman: a\\x1b"
    assert lines[-2:] == ["dragoman: number 3", "dragoman: there is more of this kind; --trace shows the wire"]
    assert len(lines) == 6
