"""What a client can be pointed at, and what is said of what it cannot."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.app.reaching import COMMAND, SAMPLE

from dragoman import Client, LocalError, NotApprovedError, Server
from dragoman.app.launching import launch_of
from dragoman.app.target import Options, way_to
from dragoman.transport.memory import MemoryExchange
from dragoman.transport.process import ProcessExchange
from dragoman.transport.sse_client import EitherHttp


def exchange(target: Any, headers: dict[str, str] | None = None, **options: Any) -> Any:
    return way_to(target, headers or {}, Options(**options)).dial()


def test_a_url_leads_over_http_and_hides_its_query() -> None:
    made = exchange("http://example.com:8080/mcp?key=secret")
    assert isinstance(made, EitherHttp) and made.where == "http://example.com:8080/mcp"
    assert isinstance(exchange("HTTPS://example.com"), EitherHttp)


@pytest.mark.parametrize("target", [["python", "x.py", "--flag"], ("python", "x.py", "--flag")])
def test_a_list_of_words_is_a_command(target: Any) -> None:
    made = exchange(target)
    assert isinstance(made, ProcessExchange) and made.where == "the command 'python x.py --flag'"


def test_a_server_is_called_in_memory() -> None:
    server = Server("inside")
    assert isinstance(exchange(server), MemoryExchange) and isinstance(exchange(server.service), MemoryExchange)
    assert exchange(server).where == "server 'inside' in this process"


def words(made: Any) -> tuple[str, ...]:
    return made._command.words


def test_an_entry_of_a_configuration_is_a_command_or_a_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERE", "/somewhere")
    entry = {
        "command": "${HERE}/run",
        "args": ["--level", "${LEVEL:-low}", "${env:HERE}"],
        "env": {"KEY": "${HERE}"},
        "cwd": "/tmp",
        "disabled": False,
    }
    made = exchange(entry)
    assert words(made) == ("/somewhere/run", "--level", "low", "/somewhere")
    assert made._command.env == {"KEY": "/somewhere"} and made._command.cwd == "/tmp"
    remote = exchange({"type": "http", "url": "http://example.com/mcp", "headers": {"X-A": "1"}}, {"x-b": "2"})
    assert remote._http._headers == {"X-A": "1", "x-b": "2"}


def test_a_whole_configuration_needs_one_server_or_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    one = {"mcpServers": {"a": {"command": "run-a"}}}
    assert words(exchange(one)) == ("run-a",)
    two = {"servers": {"a": {"command": "run-a"}, "b": {"command": ["run", "b"]}}}
    with pytest.raises(LocalError, match=r"has 2 servers \('a', 'b'\): say which"):
        exchange(two)
    file = tmp_path / "servers.json"
    file.write_text(json.dumps(two))
    with pytest.raises(NotApprovedError, match="'run'"):
        exchange(f"{file}#b")
    launch = launch_of(f"{file}#b")
    assert launch is not None
    assert words(exchange(f"{file}#b", approved=launch.digest)) == ("run", "b")
    with pytest.raises(LocalError, match="has no server 'c'; it has 'a', 'b'"):
        exchange(f"{file}#c")


async def test_a_python_file_is_run(tmp_path: Path) -> None:
    plain = tmp_path / "plain.py"
    plain.write_text("from dragoman import Server\nserver = Server('in a file')\n")
    async with Client(str(plain)) as client:
        assert client.server_info is not None and client.server_info.name == "in a file"
    async with Client(Path(SAMPLE)) as client:
        assert (await client.call_tool("add", {"a": 1, "b": 2})).value == 3


async def test_a_server_of_a_python_file_is_named(tmp_path: Path) -> None:
    two = tmp_path / "two.py"
    two.write_text("from dragoman import Server\na, b = Server('first'), Server('second')\n")
    async with Client(f"{two}:b") as client:
        assert client.server_info is not None and client.server_info.name == "second"
    with pytest.raises(LocalError, match=r"there is no file 'none\.py'"):
        exchange("none.py:b")


async def test_an_entry_with_environment_reaches_the_process() -> None:
    text = "import os; from dragoman import Server\nServer(os.environ['NAME']).run()"
    entry = {"command": sys.executable, "args": ["-c", text], "env": {"NAME": "from the entry"}}
    async with Client({"mcpServers": {"x": entry}}) as client:
        assert client.server_info is not None and client.server_info.name == "from the entry"


@pytest.mark.parametrize(
    "target, told",
    [
        ("python server.py --x", "give a command as a list of words"),
        ("no-such-file.py", "there is no file 'no-such-file.py'"),
        ("no-such-file.json", "cannot read 'no-such-file.json': No such file"),
        ("ftp://example.com", "only http:// and https://"),
        ("http://", "names no host"),
        ("http://[::1", "is no URL"),
        ("http://user:pass@example.com/", "pass an Authorization header"),
        ([], "the command is empty"),
        ([""], "the command is empty"),
        ({}, "needs either a command or a url"),
        ({"command": "a", "url": "http://b"}, "needs either a command or a url"),
        ({"command": "a", "args": "b"}, r"Expected `array`, got `str` - at `\$.args`"),
        ({"command": "${NO_SUCH_VARIABLE}"}, "wants the environment variable NO_SUCH_VARIABLE, which is not set"),
        ({"mcpServers": {}}, r"has 0 servers \(none\)"),
        ({"mcpServers": {"a": 5}}, "has no server 'a'"),
        (5, "cannot connect to int: give a URL"),
        (b"python", "cannot connect to bytes"),
        (None, "cannot connect to NoneType"),
    ],
)
def test_what_cannot_be_connected_to_is_refused_with_what_can(target: Any, told: str) -> None:
    with pytest.raises(LocalError, match=told):
        Client(target)


@pytest.mark.parametrize(
    "text, told", [("{", "is not JSON"), ("[]", "holds no JSON object"), ("{}", "no table mcpServers")]
)
def test_a_configuration_file_that_is_none_is_refused(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(LocalError, match=told):
        Client(f"{file}#a")


def test_the_era_is_remembered_per_command_with_its_environment_never_for_memory() -> None:
    keys = {way_to(COMMAND, {}, Options()).key, way_to(COMMAND, {}, Options(env={"A": "1"})).key}
    assert len(keys) == 2 and "" not in keys
    assert way_to(Server("x"), {}, Options()).key == ""


def test_an_exchange_can_be_wrapped() -> None:
    made: list[Any] = []

    def wrap(inner: Any) -> Any:
        made.append(inner)
        return inner

    assert exchange(Server("x"), wrap=wrap) is made[0]
