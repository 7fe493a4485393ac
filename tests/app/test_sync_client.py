"""The client without asyncio: the same results and errors, anywhere, and nothing left behind."""

from __future__ import annotations

import asyncio
import inspect
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from tests.app.reaching import COMMAND
from tests.app.sample import server

from dragoman import Client, ClosedError, DeadlineError, LocalError, ToolError, UnreachableError
from dragoman.app.sync_client import SyncClient
from dragoman.wire.prompts import PromptReference


@pytest.mark.parametrize("target", [server, COMMAND], ids=["memory", "stdio"])
def test_every_method_gives_what_it_gives_with_asyncio(target: Any) -> None:
    with Client.sync(target) as client:
        assert client.version == "2026-07-28" and client.instructions == "Add things."
        assert client.server_info is not None and client.server_info.name == "sample"
        assert client.discover().tools == client.server_capabilities.tools
        assert "add" in [tool.name for tool in client.list_tools()]
        assert client.call_tool("add", {"a": 1, "b": 2}, timeout=5).value == 3
        assert [resource.uri for resource in client.list_resources()] == ["sample://greeting"]
        assert len(client.list_resource_templates()) == 1
        assert client.read("sample://greeting").text == "hello"
        assert [prompt.name for prompt in client.list_prompts()] == ["ask"]
        assert len(client.prompt("ask", {"name": "Ada"}).messages) == 1
        assert client.complete(PromptReference(name="ask"), "name", "A").values == ["Ada", "Alan"]
        assert client.request("sample/double", {"number": 2})["doubled"] == 4
        client.ping()
        with pytest.raises(ToolError, match="no, thanks"):
            client.call_tool("refuse")
        with pytest.raises(DeadlineError):
            client.call_tool("wait", {"seconds": 60}, timeout=0.1)


def test_the_two_clients_have_the_same_methods() -> None:
    def public(kind: type) -> set[str]:
        return {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}

    assert public(Client) - {"sync"} == public(SyncClient)


def test_progress_comes_from_a_thread_of_its_own_before_the_answer() -> None:
    seen: list[tuple[float, bool]] = []
    here = threading.current_thread()
    with Client.sync(server) as client:
        client.call_tool(
            "count",
            {"to": 2},
            on_progress=lambda progress: seen.append((progress.progress, threading.current_thread() is here)),
        )
    assert seen == [(1, False), (2, False)]


async def test_it_works_on_a_thread_whose_event_loop_runs() -> None:
    with Client.sync(server) as client:
        assert client.call_tool("add", {"a": 1, "b": 2}).value == 3


def test_several_threads_share_one_client() -> None:
    found: list[int] = []
    with Client.sync(server) as client:
        threads = [
            threading.Thread(target=lambda n=n: found.append(client.call_tool("add", {"a": n, "b": 0}).value))
            for n in range(10)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(found) == list(range(10))


def test_nothing_is_left_after_closing_or_after_failing_to_open() -> None:
    before = set(threading.enumerate())
    with Client.sync(server) as client:
        client.ping()
    client.close()
    with pytest.raises(UnreachableError):
        Client.sync(["no-such-program"]).open()
    assert set(threading.enumerate()) <= before


def test_a_client_that_is_not_open_says_so() -> None:
    client = Client.sync(server)
    with pytest.raises(ClosedError, match="not open"):
        client.ping()
    with client:
        with pytest.raises(LocalError, match="opens once"):
            client.open()
        client.ping()
    with pytest.raises(ClosedError, match="not open"):
        client.ping()


def test_a_callback_that_would_wait_for_itself_is_told_instead_of_hanging() -> None:
    told: list[str] = []
    with Client.sync(server) as client:

        def again(_: Any) -> None:
            try:
                client.ping()
            except LocalError as error:
                told.append(str(error))

        client.call_tool("count", {"to": 1}, on_progress=again)
    assert told == ["a callback cannot wait for its own client; hand the work to another thread"]


WAITING = f"""
import sys
from dragoman import Client
try:
    with Client.sync({COMMAND!r}) as client:
        client.call_tool("wait", {{"seconds": 60}}, on_progress=lambda _: print("waiting", flush=True))
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_ends_the_call_and_the_server() -> None:
    with subprocess.Popen([sys.executable, "-c", WAITING], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "waiting\n"
        begun = time.monotonic()
        program.send_signal(signal.SIGINT)
        # Its stdout ends when the program and all that inherited it have ended.
        assert program.stdout.read() == "interrupted\n"
        assert program.wait(10) == 0
        assert time.monotonic() - begun < 8


def test_a_program_that_forgets_to_close_still_ends() -> None:
    text = f"from dragoman import Client\nc = Client.sync({COMMAND!r})\nc.open()\nprint(c.version)"
    ended = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=20, check=True)
    assert ended.stdout == "2026-07-28\n"


async def test_a_loop_that_waits_for_a_sync_client_is_not_needed_by_it() -> None:
    """The server in memory runs on the client's own thread, so blocking this loop cannot block it."""

    async def other() -> str:
        await asyncio.sleep(0)
        return "ran"

    task = asyncio.create_task(other())
    with Client.sync(server) as client:
        assert client.call_tool("wait", {"seconds": 0.01}).text == "waited"
    assert await task == "ran"
