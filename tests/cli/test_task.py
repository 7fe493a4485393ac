"""Tasks on the command line: started and left, asked after, waited for, cancelled."""

import asyncio
import io
import json
from argparse import Namespace
from typing import Any

import pytest

from dragoman import Client, Context, Limits, PeerError, Server
from dragoman.cli import call, task
from dragoman.cli.outcome import UsageError
from dragoman.cli.terminal import Paper


def jobs() -> Server:
    server = Server("jobs", limits=Limits(task_poll=0.01, drain_seconds=0.1))

    @server.tool(task="optional")
    async def slow(ctx: Context, seconds: float = 0) -> str:
        ctx.status("at it")
        await asyncio.sleep(seconds)
        return "slowly"

    return server


async def done(client: Client, command: Any, **options: Any) -> str:
    """Return what a command prints."""
    out = io.StringIO()
    given = {"json": False, "out": None, "whole": None, "given": [], "detach": False, **options}
    await command.act(client, Namespace(**given), Paper(out, terminal=False))
    return out.getvalue()


async def test_a_call_is_followed() -> None:
    async with Client(jobs()) as client:
        assert await done(client, call, tool="slow") == "slowly\n"


async def test_a_task_is_started_left_and_asked_after() -> None:
    async with Client(jobs()) as client:
        name = (await done(client, call, tool="slow", detach=True)).strip()
        assert await done(client, task, verb="result", id=name) == "slowly\n"
        assert await done(client, task, verb="get", id=name) == "completed at it\n"
        found = json.loads(await done(client, task, verb="get", id=name, json=True))
        assert (found["taskId"], found["status"]) == (name, "completed")
        assert found["result"]["content"][0]["text"] == "slowly"
        saved = json.loads(await done(client, call, tool="slow", detach=True, json=True))
        assert saved["tool"] == "slow"


async def test_a_call_that_is_answered_at_once_gives_its_result_instead_of_an_id(capsys) -> None:
    server = jobs()

    @server.tool
    def quick() -> str:
        return "quickly"

    async with Client(server) as client:
        assert await done(client, call, tool="quick", detach=True) == "quickly\n"
        assert capsys.readouterr().err == "answered at once: no task was made of it\n"
        whole = json.loads(await done(client, call, tool="quick", detach=True, json=True))
        assert whole["content"][0]["text"] == "quickly"


async def test_a_task_is_cancelled() -> None:
    async with Client(jobs()) as client:
        name = (await done(client, call, tool="slow", given=[("seconds", "60")], detach=True)).strip()
        assert (await done(client, task, verb="cancel", id=name)).startswith("cancelled")
        with pytest.raises(PeerError, match="cancelled"):
            await done(client, task, verb="result", id=name)


@pytest.mark.parametrize(
    ("words", "says"), [([], "One of"), (["look", "http://x/"], "One of"), (["get", "http://x/"], "which task")]
)
def test_what_is_missing_is_said(words: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        task.run(Namespace(words=words, command=None))
