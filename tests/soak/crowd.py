"""Clients that do everything that can be done, one thing after the other, and notice when something is wrong."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from dragoman import Client
from dragoman.app.target import Options
from dragoman.errors import ToolError
from dragoman.ports.exchange import Exchange, Incoming, Outgoing

PATIENCE = 60.0  # seconds that anything may take
Act = Callable[[Client, str], Awaitable[None]]


class Soaking:
    """What came of it so far: `did` by name, `faults` in words, `took` the seconds of plain calls since a look.

    `refused` counts what the server had too much to do for and the client sent again by itself, which is no fault; what
    is refused until a client gives up is one.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.did: Counter[str] = Counter()
        self.faults: list[str] = []
        self.took: list[float] = []
        self.refused = 0
        self.over = asyncio.Event()

    @property
    def acts(self) -> dict[str, Act]:
        """What clients do."""
        return {
            "add": self.add, "listed": listed, "charge": charge, "ask": ask, "task": task, "give up": give_up,
            "block": block, "wrong": wrong, "listen": listen,
        }  # fmt: skip

    async def everything(self, target: Any, mode: str) -> None:
        """Do everything once."""
        async with Client(target, mode=mode, on_elicit=lambda question: "Ada") as client:
            for name, act in self.acts.items():
                await act(client, name)

    async def visit(self, name: str, target: Any, mode: str, pause: float) -> None:
        """Be one client until it is over: connect, do something between twenty and sixty times, leave, and so on."""
        dice = random.Random(f"{self.seed} {name}")
        order: list[str] = []
        acts = self.acts
        options = Options(wrap=self.counting)
        while not self.over.is_set():
            act = "open"
            try:
                async with Client(
                    target, mode=mode, timeout=PATIENCE, on_elicit=lambda question: "Ada", options=options
                ) as client:
                    for number in range(dice.randint(20, 60)):
                        if self.over.is_set():
                            break
                        order = order or dice.sample(list(acts), len(acts))
                        act = order.pop()
                        async with asyncio.timeout(PATIENCE):
                            await acts[act](client, f"{name}-{number}")
                        self.did[act] += 1
                        act = "nothing"
                        await asyncio.sleep(dice.uniform(0, 2 * pause))
            except Exception as error:
                self.faults.append(f"{name}, {act}: {error!r}")
                await asyncio.sleep(1)

    def counting(self, way: Exchange) -> Exchange:
        """Return `way`, with refusals counted."""
        send = way.send

        async def counted(request: Outgoing) -> Incoming:
            answer = await send(request)
            self.refused += answer.status in (429, 503)
            return answer

        way.send = counted  # type: ignore[method-assign]
        return way

    async def add(self, client: Client, name: str) -> None:
        begun = time.monotonic()
        assert (await client.call_tool("add", {"a": 1, "b": len(name)})).structured == {"result": 1 + len(name)}
        self.took.append(time.monotonic() - begun)


async def listed(client: Client, name: str) -> None:
    assert len(await client.list_tools()) > 10


async def charge(client: Client, name: str) -> None:
    heard: list[float] = []
    result = await client.call_tool("charge", {"name": "one"}, on_progress=lambda told: heard.append(told.progress))
    assert result.text == "charged one" and heard == [1, 2], heard


async def ask(client: Client, name: str) -> None:
    assert (await client.call_tool("ask")).text == "Ada"


async def task(client: Client, name: str) -> None:
    handle = await client.start_task("report", {"name": name, "seconds": 0.2})
    assert (await handle.result()).text == f"reported {name}"


async def give_up(client: Client, name: str) -> None:
    waiting = asyncio.ensure_future(client.call_tool("report", {"name": name, "seconds": 60}))
    await asyncio.sleep(0.05)
    waiting.cancel()
    assert isinstance((await asyncio.gather(waiting, return_exceptions=True))[0], asyncio.CancelledError)


async def block(client: Client, name: str) -> None:
    assert (await client.call_tool("block", {"seconds": 0.01})).text == "blocked"


async def wrong(client: Client, name: str) -> None:
    try:
        await client.call_tool("add", {"a": "one"})
    except ToolError:
        return
    raise AssertionError("a wrong argument was taken")


async def listen(client: Client, name: str) -> None:
    async with client.listen() as changes:
        await client.call_tool("change", {"times": 1})
        async for _ in changes:
            break
