"""A server over HTTP as its owner starts it: the address, what it says, and how it ends."""

import asyncio
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.transport.raw_http import Ask, call
from tests.transport.stdio_peer import PATIENCE

from dragoman import LocalError, Server
from dragoman.app.http import listen

PROGRAM = """
import asyncio, sys
from dragoman import Limits, Server
server = Server("over http", version="1.0", limits=Limits(drain_seconds=1.0))

@server.tool
async def add(a: int, b: int) -> int:
    return a + b

@server.tool
async def wait(seconds: float) -> str:
    print("waiting", file=sys.stderr, flush=True)
    await asyncio.sleep(seconds)
    return "waited"

if __name__ == "__main__":
    server.run("http", port=0)
"""


@contextmanager
def started(folder: Path, program: str = PROGRAM) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run a program; yield it and the port that it says it serves."""
    file = folder / "server.py"
    file.write_text(program)
    with subprocess.Popen([sys.executable, str(file)], stderr=subprocess.PIPE, text=True) as process:
        try:
            said = process.stderr.readline()
            found = re.fullmatch(r"over http 1\.0 serves http://127\.0\.0\.1:(\d+)/mcp \(.*\)\n", said)
            assert found, said + process.stderr.read()
            yield process, int(found[1])
        finally:
            process.kill()


def post(port: int, data: Ask) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        headers = dict(data.fields(f"127.0.0.1:{port}"))
        connection.request("POST", "/mcp", data.body, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_it_says_where_it_serves_and_in_which_versions(tmp_path: Path) -> None:
    with started(tmp_path) as (process, port):
        assert post(port, call("add", a=1, b=2))[1]["result"]["structuredContent"] == {"result": 3}
        process.terminate()
        process.wait(PATIENCE)
        assert process.stderr.read() == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_without_a_traceback_even_with_a_call_running(tmp_path: Path, number: signal.Signals) -> None:
    with started(tmp_path) as (process, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        data = call("wait", seconds=600)
        connection.request("POST", "/mcp", data.body, dict(data.fields(f"127.0.0.1:{port}")))
        assert process.stderr.readline() == "waiting\n"
        process.send_signal(number)
        response = connection.getresponse()
        answer = json.loads(response.read())
        assert (response.status, answer["error"]["code"]) == (503, -32603)
        connection.close()
        assert process.wait(PATIENCE) in (0, -number)
        assert "Traceback" not in process.stderr.read()


def test_a_start_that_fails_is_said_and_is_an_exit_status(tmp_path: Path) -> None:
    broken = PROGRAM.replace(
        'server = Server("over http", version="1.0", limits=Limits(drain_seconds=1.0))',
        "from contextlib import asynccontextmanager\n"
        "@asynccontextmanager\nasync def lifespan(server):\n    raise ValueError('no database')\n    yield\n"
        'server = Server("over http", version="1.0", lifespan=lifespan)',
    )
    with started(tmp_path, broken) as (process, _):
        said = process.stderr.read()
        assert process.wait(PATIENCE) == 1
        assert "no database" in said
        assert "could not start" in said


# --- addresses that cannot be had ------------------------------------------------------------------------------


def test_a_port_in_use_is_told_with_what_to_do() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LocalError, match=rf"port {port} on 127\.0\.0\.1 is in use; .* another port"):
            listen("127.0.0.1", port)
    listen("127.0.0.1", port).close()


def test_run_raises_for_a_port_in_use() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(LocalError, match="in use"):
        Server("late").run("http", port=taken.getsockname()[1])


@pytest.mark.parametrize(("host", "port"), [("no such host.invalid", 0), ("192.0.2.1", 0), ("127.0.0.1", 70000)])
def test_an_address_that_is_not_ours_is_told(host: str, port: int) -> None:
    with pytest.raises(LocalError, match=re.escape(str(port or host))):
        listen(host, port)


@pytest.mark.skipif(sys.platform == "win32", reason="ports below 1024 are free to all there")
def test_a_privileged_port_is_told_with_what_to_do(tmp_path: Path) -> None:
    floor = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    if floor.exists() and int(floor.read_text()) <= 1:
        pytest.skip("no port is privileged here")
    program = (
        "import os\nif os.getuid() == 0:\n    os.setuid(65534)\n"
        "from dragoman.errors import LocalError\n"
        "try:\n    listen('127.0.0.1', 1)\nexcept LocalError as error:\n    print(error)\n"
    )
    # Imported before the privileges go: the files may be readable for root only.
    done = subprocess.run(
        [sys.executable, "-c", "from dragoman.app.http import listen\n" + program],
        capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.stdout == "port 1 needs privileges; choose one above 1023\n", done.stderr


def test_ipv6_is_served_under_its_address() -> None:
    from dragoman.app.http import address

    try:
        listener = listen("::1", 0)
    except LocalError:
        pytest.skip("no IPv6 here")
    with listener:
        assert re.fullmatch(r"http://\[::1\]:\d+/mcp", address(listener, "/mcp"))


def test_unknown_transports_are_told() -> None:
    with pytest.raises(LocalError, match="'stdio' or 'http'"):
        Server("x").run("carrier pigeon")


async def test_a_body_does_not_wait_for_its_head_to_be_acknowledged() -> None:
    accepted: asyncio.Queue[int] = asyncio.Queue()

    def look(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.put_nowait(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    listener = listen("127.0.0.1", 0)
    async with await asyncio.start_server(look, sock=listener):
        _, writer = await asyncio.open_connection(*listener.getsockname())
        assert await accepted.get() != 0
        writer.close()
        await writer.wait_closed()
