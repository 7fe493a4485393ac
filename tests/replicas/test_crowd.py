"""Real processes over one store, behind a proxy that sends each request to the next: clients see one server."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import mcp
import mcp_types
import pytest
from tests.replicas.crowd import POINTS, charges, crowd

from dragoman import Client, McpError

PATIENCE = 20.0
ANSWERS: dict[str, Any] = {"Who?": "Ada", "Sure?": True}
DONE = "Ada receipt True"
Buy = Callable[[str, str], Awaitable[str]]


async def buy_with_ours(url: str, mode: str) -> str:
    """Return what the shop says. Raises McpError if it cannot be heard."""
    async with Client(url, mode=mode, timeout=PATIENCE, on_elicit=lambda asked: ANSWERS[asked.message]) as client:
        return (await client.call_tool("buy")).text


async def buy_with_theirs(url: str, mode: str) -> str:
    async def answer(context: Any, params: Any) -> Any:
        return mcp_types.ElicitResult(action="accept", content={"value": ANSWERS[params.message]})

    mode = "legacy" if mode == "legacy" else "auto"
    async with mcp.Client(url, mode=mode, read_timeout_seconds=PATIENCE, elicitation_callback=answer) as client:
        result = await client.call_tool("buy", {})
        text: str = result.content[0].text
        if result.is_error:
            raise McpError(text)
        return text


CLIENTS = pytest.mark.parametrize("buy", [buy_with_ours, buy_with_theirs])
MODES = pytest.mark.parametrize("mode", ["modern", "legacy"])


@CLIENTS
@MODES
async def test_a_card_is_charged_once_whichever_process_answers(buy: Buy, mode: str, tmp_path: Path) -> None:
    """LEG-19, MRTR-01"""
    async with crowd(2, tmp_path) as proxy:
        assert await buy(proxy.url, mode) == DONE
        assert len(set(proxy.went)) == 2
    assert charges(tmp_path) == 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
@MODES
async def test_a_process_killed_between_the_questions_never_charges_twice(mode: str, seed: int, tmp_path: Path) -> None:
    """LEG-12"""
    point, buy = POINTS[seed], (buy_with_ours, buy_with_theirs)[seed // 2]
    said = ""
    async with crowd(2 + seed % 2, tmp_path, point) as proxy:
        # The client is told, in time: a hang is what this is against.
        async with asyncio.timeout(PATIENCE):
            with contextlib.suppress(McpError, mcp.MCPError, ExceptionGroup):
                said = await buy(proxy.url, mode)
        assert not (tmp_path / "effects.kill").exists(), "nobody was killed"
        charged = charges(tmp_path)
        assert charged <= 1 and (said in ("", DONE)) and (charged == 1 or not said)
        assert charged == 1 or point in ("before the step", "before the effect")
        # The others go on, and a new call is a new purchase.
        assert await buy(proxy.url, mode) == DONE
        assert charges(tmp_path) == charged + 1


async def heard(client: Client, uri: str, ready: asyncio.Event) -> str:
    async with client.listen(tools=False, prompts=False, resources=False, uris=[uri]) as changes:
        ready.set()
        async for change in changes:
            return str(change.uri)
    return ""


@MODES
async def test_a_session_goes_on_over_three_processes(mode: str, tmp_path: Path) -> None:
    """LEG-09, LEG-12, LEG-18"""
    async with crowd(3, tmp_path) as proxy, Client(proxy.url, mode=mode, timeout=PATIENCE) as client:
        numbers = {(await client.call_tool("pid")).value for _ in range(6)}
        assert len(numbers) == 3
        # Its result is read in pages, wherever they were made.
        long = await client.call_tool("long")
        uri = next(block.uri for block in long.content if getattr(block, "uri", None))
        text = ""
        while uri:
            page = (await client.read(uri)).contents[0]
            text, uri = text + page.text, (page.meta or {}).get("next")
        assert len(text) == 3000
        ready = asyncio.Event()
        listening = asyncio.create_task(heard(client, "shop://a", ready))
        await ready.wait()
        async with asyncio.timeout(PATIENCE):
            while not listening.done():
                for _ in range(3):
                    await client.call_tool("change", {"uri": "shop://a"})
                await asyncio.wait([listening], timeout=0.2)
        assert listening.result() == "shop://a"


async def test_a_stream_that_was_closed_early_is_taken_up_anywhere(tmp_path: Path) -> None:
    """LEG-12, LEG-14"""
    told: list[float] = []
    async with crowd(2, tmp_path) as proxy, Client(proxy.url, mode="legacy", timeout=PATIENCE) as client:
        result = await client.call_tool("count", on_progress=lambda progress: told.append(progress.progress))
        assert result.text.startswith("counted by")
        assert told == [1, 2, 3]


async def test_giving_up_ends_the_call_wherever_it_runs(tmp_path: Path) -> None:
    async with crowd(2, tmp_path) as proxy, Client(proxy.url, mode="legacy", timeout=PATIENCE) as client:
        began = asyncio.Event()
        call = asyncio.create_task(client.call_tool("wait", on_progress=lambda _: began.set()))
        async with asyncio.timeout(PATIENCE):
            await began.wait()
            call.cancel()
            while "cancelled" not in (tmp_path / "effects").read_text():
                await asyncio.sleep(0.01)
