"""Starting a server, and what it says to whoever started it."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.transport.stdio_peer import PATIENCE, call, serving, value

from dragoman import LocalError, Server
from dragoman.app import running
from dragoman.app.saying import say


def test_run_knows_two_transports_and_says_so() -> None:
    with pytest.raises(LocalError, match="'stdio' or 'http'"):
        Server("x").run("carrier pigeon")


@pytest.mark.parametrize("transport", ["stdio", "http", "streamable-http", "anything"])
def test_a_command_line_may_take_over(monkeypatch: pytest.MonkeyPatch, transport: str) -> None:
    taken: list[Any] = []
    monkeypatch.setattr(running, "takeover", lambda *given: taken.append(given))
    server = Server("x")
    server.run(transport, host="0.0.0.0", port=1, path="/p")
    assert taken == [(server, transport, "0.0.0.0", 1, {"path": "/p"})]


def test_what_is_said_cannot_steer_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say("plain words")
    say("\x1b]0;title\x07\x1b[2Jred\r\n" + "x" * 1000)
    said = capsys.readouterr().err.split("\n")
    assert said[0] == "plain words"
    assert said[1].startswith("�]0;title��[2Jred��xxx")
    assert len(said[1]) == 300
    assert said[2:] == [""]


def test_a_closed_stderr_silences_and_harms_nothing(tmp_path: Path) -> None:
    with serving(tmp_path) as peer:
        peer.process.stderr.close()
        peer.write(call(1, "add", a=1, b=2) + call(2, "add", a=1, b=3))
        assert sorted(value(answer) for answer in peer.answers(2).values()) == [3, 4]
        peer.process.stdin.close()
        assert peer.process.wait(PATIENCE) in (0, 120)  # 120: Python itself could not flush a print


def test_the_greeting_tells_who_came_and_what_was_agreed_once(tmp_path: Path) -> None:
    with serving(tmp_path) as peer:
        peer.write(call(1, "add", a=1, b=2) + call(2, "add", a=1, b=2))
        peer.answers(2)
        assert peer.end() == (0, "peer's 1.0: peer 1 speaks 2026-07-28 over stdio\n")


def test_the_code_after_run_runs_when_the_client_has_left(tmp_path: Path) -> None:
    run = "\nserver.run()\nprint('and now the rest')\nsys.exit(7)\n"
    with serving(tmp_path, run=run) as peer:
        status, said = peer.end()
        assert status == 7
        assert "and now the rest" in said


def test_a_lifespan_opens_before_the_first_call_and_closes_after_the_last(tmp_path: Path) -> None:
    life = """
from contextlib import asynccontextmanager
@asynccontextmanager
async def lifespan(server):
    print("open")
    yield "state"
    print("closed")
server = Server("living", version="1", lifespan=lifespan)

@server.tool
async def state(ctx: Context) -> str:
    print("called")
    return ctx.state
"""
    with serving(tmp_path, life) as peer:
        peer.write(call(1, "state"))
        assert value(peer.answer()) == "state"
        said = peer.end()[1]
        assert [word for word in said.split() if word in ("open", "called", "closed")] == ["open", "called", "closed"]


def test_a_lifespan_that_fails_ends_the_process_with_its_traceback(tmp_path: Path) -> None:
    life = """
from contextlib import asynccontextmanager
@asynccontextmanager
async def lifespan(server):
    raise ValueError("no database")
    yield
server = Server("stillborn", lifespan=lifespan)
"""
    with serving(tmp_path, life) as peer:
        assert peer.line() == b""
        status, said = peer.left()
        assert status == 1
        assert "ValueError: no database" in said


def test_a_stdio_server_loads_no_http_and_no_client(tmp_path: Path) -> None:
    loaded = """
@server.tool
async def modules() -> list[str]:
    return sorted(sys.modules)
"""
    with serving(tmp_path, loaded) as peer:
        peer.write(call(1, "modules"))
        found = set(value(peer.answer()))
    unwanted = {"uvicorn", "h11", "httptools", "pydantic", "difflib", "sqlite3", "dragoman.transport.asgi"}
    assert not unwanted & found
    assert not [name for name in found if re.match(r"dragoman\.(calling|cli|compat|connectors)", name)]
    assert "dragoman.transport.serve_stdio" in found


def test_two_servers_may_run_one_after_the_other(tmp_path: Path) -> None:
    program = (
        "from dragoman import Server\nimport asyncio\nfrom dragoman.app.running import run_stdio\nimport os\n"
        "for name in ('one', 'two'):\n"
        "    server = Server(name)\n"
        "    ours, theirs = os.pipe(), os.pipe()\n"
        '    os.write(ours[1], b\'{"jsonrpc":"2.0","id":1,"method":"ping"}\\n\')\n'
        "    os.close(ours[1])\n"
        "    assert run_stdio(server, (ours[0], theirs[1])) is None\n"
        "    print(os.read(theirs[0], 1000).decode(), end='')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE)
    assert done.stdout == '{"id":1,"result":{},"jsonrpc":"2.0"}\n' * 2, done.stderr
