"""A client that knows tasks, in both eras, and a server whose tools can be tasks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from tests.protocol.fixtures import LEGACY, META, MODERN, PREFIX, Line, written
from tests.serving.person import CAPABLE, Answers, Person, accept

from dragoman import Context, Limits, RequestError, Server, ToolError, ask

TASKS = PREFIX + "tasks"
RELATED = PREFIX + "related-task"
HAS = {**CAPABLE, "extensions": {TASKS: {}}}
ENDED = ("completed", "failed", "cancelled")
FAST = Limits(task_poll=0.01, worker_seconds=0.5, drain_seconds=0.2)
NAME = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


class Owner(Person):
    """A client that has tasks; `version` is the era that it speaks."""

    def __init__(self, server: Server, version: str = MODERN, answers: Answers = lambda method, params: None) -> None:
        super().__init__(server, answers, version, HAS if version == MODERN else CAPABLE)

    async def one(self, method: str, **params: Any) -> dict[str, Any]:
        """Return the whole response to one request."""
        if self.version == MODERN:
            return await self.leg(method, **params)
        return await self.ask(method, **params)

    async def result(self, method: str, **params: Any) -> dict[str, Any]:
        """Return the result of a request that is answered with one."""
        response = await self.one(method, **params)
        assert "result" in response, response
        return dict(response["result"])

    async def code(self, method: str, **params: Any) -> int:
        """Return the code of the error that a request is answered with."""
        response = await self.one(method, **params)
        return int(response["error"]["code"])

    async def begin(self, name: str, wish: dict[str, Any] | None = None, **arguments: Any) -> dict[str, Any]:
        """Return the task that a call becomes, as its creation tells it."""
        if self.version == MODERN:
            task = await self.result("tools/call", name=name, arguments=arguments)
            assert task["resultType"] == "task", task
            return task
        created = await self.result("tools/call", name=name, arguments=arguments, task=wish or {})
        return dict(created["task"])

    async def get(self, task: dict[str, Any]) -> dict[str, Any]:
        """Return how a task stands."""
        return await self.result("tasks/get", taskId=task["taskId"])

    async def until(self, task: dict[str, Any], right: Callable[[dict[str, Any]], bool] | str = "") -> dict[str, Any]:
        """Return how a task stands once that is `right`, or it has that status, or has ended."""
        async with asyncio.timeout(20):
            while True:
                found = await self.get(task)
                if right(found) if callable(right) else found["status"] == right if right else found["status"] in ENDED:
                    return found
                await asyncio.sleep(0.005)

    async def ended(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Return how the task of a call ended."""
        return await self.until(await self.begin(name, **arguments))

    async def update(self, task: dict[str, Any], **answers: Any) -> dict[str, Any]:
        """Return the response to answers."""
        return await self.leg("tasks/update", taskId=task["taskId"], inputResponses=answers)


def office(**options: Any) -> Server:
    """Return a server with tools of all kinds; `effects` holds what they did."""
    server = Server("office", **{"limits": FAST, **options})
    effects: list[str] = []
    gate = asyncio.Event()
    server.effects, server.gate = effects, gate  # type: ignore[attr-defined]

    @server.tool(task="optional")
    async def add(a: int, b: int) -> int:
        return a + b

    @server.tool(task="optional")
    def plain(ctx: Context, words: str) -> str:
        ctx.status(f"saying {words}")
        return words

    @server.tool(task="optional")
    async def waits(ctx: Context, said: str = "waiting") -> str:
        ctx.status(said)
        effects.append("began")
        try:
            await gate.wait()
        except asyncio.CancelledError:
            effects.append("cancelled")
            raise
        effects.append("went on")
        return "waited"

    @server.tool(task="required")
    async def must() -> str:
        return "done"

    @server.tool
    async def never() -> str:
        return "at once"

    @server.tool(task="optional")
    async def fails() -> str:
        raise ToolError("It rains.")

    @server.tool(task="optional")
    async def breaks() -> str:
        raise RequestError(-32099, "broken", {"part": 7})

    @server.tool(task="optional")
    async def counts(ctx: Context, to: int) -> str:
        for number in range(1, to + 1):
            await ctx.progress(number, to, f"at {number}")
        return "counted"

    @server.tool(task="optional")
    async def greets(ctx: Context) -> str:
        first = await ctx.elicit("First?", NAME)
        last = await ctx.elicit("Last?", NAME)
        return f"{first['name']} {last['name']}"

    @server.tool(task="optional")
    async def both(ctx: Context) -> str:
        given = await ctx.ask_all({"a": ask.form("A?", NAME), "b": ask.form("B?", NAME)})
        return f"{given['a']['name']}{given['b']['name']}"

    @server.tool(task="optional")
    async def orders(ctx: Context) -> str:
        name = await ctx.elicit("Who?", NAME)
        receipt = await ctx.step("charge", lambda: effects.append(f"charged {name['name']}") or "paid")
        await ctx.detach()
        sure = await ctx.elicit("Sure?", NAME)
        return f"{receipt} by {name['name']}, {sure['name']}"

    return server


def named(name: str) -> dict[str, Any]:
    """Return the answer to a form that asks for a name."""
    return accept(name=name)


async def undeclared(server: Server, method: str, **params: Any) -> dict[str, Any]:
    """Return the response to a client of the stateless era that has no tasks."""
    return await Line(server).send(written(method, {**params, "_meta": META}))


def both_eras() -> tuple[str, str]:
    """Return the versions that have tasks."""
    return MODERN, LEGACY[0]


def within(seconds: float) -> Callable[[], bool]:
    """Return what says whether so many seconds have passed since."""
    begun = time.monotonic()
    return lambda: time.monotonic() - begun < seconds
