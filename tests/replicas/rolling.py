"""Replicas that are stopped and started again one after the other, and clients that must not notice.

What clients do, and how long people take to answer, comes from a seed. Effects are compared with what clients heard.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sys
import warnings
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import mcp
import mcp_types
from tests.faults.measure import SLACK, figure, times
from tests.replicas.crowd import ROOT, Proxy
from tests.servers.private import free_port

from dragoman import Client

PATIENCE = 20.0 if SLACK > 1 else 60.0  # seconds that anything may take
Act = Callable[[str], Awaitable[str]]
SAID = {"Who?": "Ada", "Sure?": True}


class Replica:
    """One process of the desk, and its port."""

    def __init__(self, store: str, effects: Path) -> None:
        self.port = free_port()
        self._words = [sys.executable, "-m", "tests.replicas.desk", store, str(effects), str(self.port)]
        self._process: asyncio.subprocess.Process | None = None
        self._said: asyncio.Task[bytes] | None = None
        self.faults: list[str] = []

    async def start(self) -> None:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *self._words, cwd=ROOT, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=pipe
        )
        assert self._process.stderr is not None
        first = await self._process.stderr.readline()
        assert b"/mcp" in first, first + await self._process.stderr.read()
        self._said = asyncio.ensure_future(self._process.stderr.read())

    async def stop(self) -> None:
        """Ask the process to end, and wait until it has; what it logged is a fault."""
        assert self._process is not None and self._said is not None
        self._process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            status, said = await self._process.wait(), await self._said
        if said or status not in (0, -signal.SIGTERM):
            self.faults.append(f"a replica ended with {status}: {said.decode()}")

    async def end(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        if self._said is not None:
            await self._said


@contextlib.asynccontextmanager
async def replicas(number: int, store: str, effects: Path) -> AsyncIterator[tuple[Proxy, list[Replica]]]:
    """Yield so many processes over one store, and a proxy in front of them."""
    effects.touch()
    made = [Replica(store, effects) for _ in range(number)]
    try:
        await asyncio.gather(*(one.start() for one in made))
        proxy = Proxy([one.port for one in made])
        serving = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
        proxy.url = f"http://127.0.0.1:{serving.sockets[0].getsockname()[1]}/mcp"
        try:
            yield proxy, made
        finally:
            serving.close()
    finally:
        await asyncio.gather(*(one.end() for one in made))


class Visitor:
    """A client that does one thing after the other until it is told to stop."""

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self.dice = random.Random(f"{name} {seed}")
        self.did: Counter[str] = Counter()
        self.wanted: list[str] = []  # effects, each of which must be there once
        self.faults: list[str] = []
        self.ready = asyncio.Event()
        self.heard = asyncio.Event()

    async def answer(self, message: str) -> Any:
        """Take as long as people take, made short."""
        await asyncio.sleep(self.dice.uniform(0, 0.5))
        return SAID[message]

    async def go_on(self, acts: dict[str, Act], stopped: asyncio.Event) -> None:
        self.ready.set()
        while not stopped.is_set() or sum(self.did.values()) < len(acts):
            # Each once before any comes again.
            act = self.dice.choice([name for name in acts if self.did[name] == min(self.did[name] for name in acts)])
            item = f"{self.name}-{act}-{self.did[act]}"
            self.did[act] += 1
            try:
                async with asyncio.timeout(PATIENCE):
                    found = await acts[act](item)
                if found:
                    self.wanted.append(found)
            except Exception as error:
                self.faults.append(f"{item}: {error!r}")


def expect(found: str, wanted: str, effect: str = "") -> str:
    """Return the effect that a call must have had. Raises AssertionError if it says something else."""
    assert found == wanted, f"{found!r}, and not {wanted!r}"
    return effect


async def ours(visitor: Visitor, url: str, mode: str, stopped: asyncio.Event) -> None:
    """Visit with our client."""
    async with Client(
        url, mode=mode, timeout=PATIENCE, on_elicit=lambda asked: visitor.answer(asked.message)
    ) as client:

        async def count(item: str) -> str:
            told: list[float] = []
            result = await client.call_tool("count", on_progress=lambda progress: told.append(progress.progress))
            assert told == [1, 2, 3], told
            return expect(result.text, "counted")

        async def buy(item: str) -> str:
            result = await client.call_tool("buy", {"item": item})
            return expect(result.text, "Ada True", f"charged {item}")

        async def task(tool: str, item: str, text: str, effect: str) -> str:
            handle = await client.start_task(tool, {"item": item})
            assert handle.id
            # As another process would, that has only what was saved.
            return expect((await client.resume_task(handle.saved()).result()).text, text, effect)

        async def look(item: str) -> str:
            assert len(await client.list_tools()) == 7
            return expect((await client.read(f"desk://{item}")).text, item)

        acts: dict[str, Act] = {
            "count": count,
            "buy": buy,
            "look": look,
            "report": lambda item: task("report", item, f"reported {item}", ""),
            "ship": lambda item: task("ship", item, f"shipped {item}", f"shipped {item}"),
            "approve": lambda item: task("approve", item, f"Ada {item}", f"charged {item}"),
        }
        async with client.listen(tools=False, prompts=False, resources=False, uris=["desk://news"]) as changes:

            async def hear() -> None:
                async for change in changes:
                    if str(change.uri) == "desk://news":
                        visitor.heard.set()
                visitor.faults.append("the subscription ended")

            hearing = asyncio.create_task(hear())
            await visitor.go_on(acts, stopped)
            hearing.cancel()


async def theirs(visitor: Visitor, url: str, mode: str, stopped: asyncio.Event) -> None:
    """Visit with the official client, which has no tasks."""

    async def answer(context: Any, params: Any) -> Any:
        return mcp_types.ElicitResult(action="accept", content={"value": await visitor.answer(params.message)})

    async def told(message: Any) -> None:
        if isinstance(message, mcp_types.ResourceUpdatedNotification):
            visitor.heard.set()

    async with mcp.Client(
        url, mode=mode, read_timeout_seconds=PATIENCE, elicitation_callback=answer, message_handler=told
    ) as client:

        async def call(tool: str, arguments: dict[str, Any]) -> str:
            result = await client.call_tool(tool, arguments)
            assert not result.is_error, result.content
            text: str = result.content[0].text
            return text

        async def look(item: str) -> str:
            assert len((await client.list_tools()).tools) == 7
            found = await client.read_resource(f"desk://{item}")
            return expect(found.contents[0].text, item)

        async def count(item: str) -> str:
            return expect(await call("count", {}), "counted")

        async def buy(item: str) -> str:
            return expect(await call("buy", {"item": item}), "Ada True", f"charged {item}")

        async def ship(item: str) -> str:
            return expect(await call("ship", {"item": item}), f"shipped {item}", f"shipped {item}")

        acts: dict[str, Act] = {"count": count, "buy": buy, "look": look, "ship": ship}
        if mode == "legacy":
            with warnings.catch_warnings():  # that this revision is not the newest
                warnings.simplefilter("ignore", mcp.MCPDeprecationWarning)
                await client.subscribe_resource("desk://news")
            await visitor.go_on(acts, stopped)
        else:

            async def hear() -> None:
                # It ends when the server says so; going on is its user's.
                while True:
                    async with client.listen(resource_subscriptions=["desk://news"]) as changes:
                        async for _ in changes:
                            visitor.heard.set()

            hearing = asyncio.create_task(hear())
            await visitor.go_on(acts, stopped)
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)


async def until_heard(url: str, visitors: list[Visitor]) -> None:
    """Have a change told until each has heard of it."""
    for visitor in visitors:
        visitor.heard.clear()
    try:
        async with Client(url) as client, asyncio.timeout(PATIENCE):
            while not all(visitor.heard.is_set() for visitor in visitors):
                await client.call_tool("change", {"uri": "desk://news"})
                await asyncio.sleep(0.2)
    except TimeoutError:
        for visitor in visitors:
            if not visitor.heard.is_set():
                visitor.faults.append(f"{visitor.name} hears nothing any more")


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def rolled(store: str, seed: int, folder: Path) -> tuple[list[Visitor], list[str]]:
    """Return the visitors of three replicas that were restarted in turn, and what went wrong.

    One of each kind in `make test`; in `make faults` up to 24 of ours and 6 official ones, and up to three rounds.
    """
    effects = folder / "effects"
    stopped = asyncio.Event()
    many, rounds = {ours: times(1, 12), theirs: times(1, 3)}, times(1, 3)
    kinds = [
        (f"{name}-{number}", visit, mode)
        for name, visit, mode in (
            ("new", ours, "modern"),
            ("old", ours, "legacy"),
            ("their-new", theirs, "auto"),
            ("their-old", theirs, "legacy"),
        )
        for number in range(many[visit])
    ]
    visitors = [Visitor(name, seed) for name, _, _ in kinds]
    dice = random.Random(seed)
    async with replicas(3, store, effects) as (proxy, made):
        visits = [
            asyncio.create_task(visit(visitor, proxy.url, mode, stopped))
            for visitor, (_, visit, mode) in zip(visitors, kinds, strict=True)
        ]
        for visitor, visiting in zip(visitors, visits, strict=True):
            ready = asyncio.ensure_future(visitor.ready.wait())
            await asyncio.wait({ready, visiting}, return_when=asyncio.FIRST_COMPLETED)
            ready.cancel()
        for _ in range(rounds):
            for replica in dice.sample(made, len(made)):
                await asyncio.sleep(dice.uniform(0, 0.5))
                await replica.stop()
                await replica.start()
        await until_heard(proxy.url, visitors)
        stopped.set()
        ends = await asyncio.gather(*visits, return_exceptions=True)
    faults = [repr(_innermost(end)) for end in ends if end is not None]
    faults += proxy.lost
    faults += [fault for visitor in visitors for fault in visitor.faults]
    faults += [fault for replica in made for fault in replica.faults]
    done = Counter(effects.read_text().splitlines())
    figure("F18", "clients of ours", 2 * many[ours])
    figure("F18", "official clients", 2 * many[theirs])
    figure("F18", "restarts of a replica under them", len(made) * rounds)
    figure("F18", "calls, questions and tasks", sum(visitor.did.total() for visitor in visitors))
    figure("F18", "errors that a client saw", len(faults))
    wanted = [effect for visitor in visitors for effect in visitor.wanted]
    faults += [f"{effect}: {done[effect]} times" for effect in wanted if done[effect] != 1]
    faults += [f"{line}: {times} times" for line, times in done.items() if times != 1 and "reported" not in line]
    return visitors, faults
