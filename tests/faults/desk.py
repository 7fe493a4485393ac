"""A server in a process of its own, to which faults happen: `python -m tests.faults.desk [LIMITS]`, limits as JSON.

Times that it tells are those of the monotonic clock, which on one machine is the same in every process.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import threading
import time

ahead = 0.0  # seconds by which the wall clock is wrong: an hour more at each SIGUSR1, an hour less at each SIGUSR2
_right = time.time


def jump(number: int, _: object) -> None:
    global ahead
    ahead += 3600 if number == signal.SIGUSR1 else -3600


# Before anything of ours keeps the clock that it found.
time.time = lambda: _right() + ahead

from dragoman import Client, Context, KeyAuth, Limits, Server, ToolError  # noqa: E402
from dragoman.errors import TransportError  # noqa: E402

HELD = 10.0  # seconds: longer than any call takes that need not wait
KEYS = 16  # callers that can be told apart, `key-0` and so on, where the server is started with "--keys"


def desk(limits: Limits, **options: object) -> Server:
    """Return the server."""
    server = Server("desk", limits=limits, **options)  # type: ignore[arg-type]
    cancelled: dict[str, float] = {}
    began: dict[str, float] = {}
    told: dict[str, int] = {}

    @server.tool
    async def add(a: int, b: int) -> int:
        return a + b

    @server.tool
    async def nap(name: str, seconds: float) -> str:
        """Wait, and remember when that began and when it was cancelled."""
        began[name] = time.monotonic()
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            cancelled[name] = time.monotonic()
            raise
        return name

    @server.tool
    async def noted() -> dict[str, dict[str, float]]:
        return {"began": began, "cancelled": cancelled}

    @server.tool
    def block(seconds: float) -> str:
        """Hold a thread without using the processor."""
        time.sleep(seconds)
        return "blocked"

    @server.tool
    def spin(seconds: float) -> str:
        """Hold a thread, and the interpreter as far as it lets itself be held."""
        until = time.thread_time() + seconds
        while time.thread_time() < until:
            sum(range(1000))
        return "spun"

    released = threading.Event()

    @server.tool
    def hold(computing: bool) -> str:
        """Hold a thread until somebody calls `release`, or for a long while."""
        until = time.monotonic() + HELD
        while not released.is_set() and time.monotonic() < until:
            if computing:
                sum(range(1000))
            else:
                released.wait(HELD)
        return "released" if released.is_set() else "forgotten"

    @server.tool
    async def release() -> str:
        """Let all go on that `hold`."""
        released.set()
        return "released"

    @server.tool
    async def burn(seconds: float) -> str:
        """Hold the event loop, as a function that computes does."""
        until = time.thread_time() + seconds
        while time.thread_time() < until:
            sum(range(1000))
        return "burnt"

    @server.tool
    async def outer(url: str, seconds: float) -> str:
        """Call a plain function of this server, over HTTP."""
        async with Client(url, mode="modern") as client:
            return (await client.call_tool("block", {"seconds": seconds})).text

    @server.tool
    def outer_plain(url: str, seconds: float, patience: float) -> str:
        """Do the same from a plain function, which holds a thread meanwhile."""
        try:
            with Client.sync(url, mode="modern", timeout=patience) as client:
                return client.call_tool("block", {"seconds": seconds}).text
        except TransportError as error:
            raise ToolError(str(error)) from None

    @server.tool
    async def charge(name: str, ctx: Context) -> str:
        """Do what must not be done twice, and say how far it is."""
        told[name] = told.get(name, 0) + 1
        await ctx.progress(1, 2)
        await ctx.progress(2, 2)
        return f"charged {name}"

    @server.tool
    async def charges() -> dict[str, int]:
        return told

    @server.tool
    async def flood(events: int, size: int, ctx: Context) -> int:
        """Say much, to somebody who may not read it."""
        for number in range(events):
            await ctx.progress(number, events, "x" * size)
        return events

    @server.tool
    async def change(times: int) -> float:
        """Say so many times that a list changed, a thousand times a second, and when that was for the last time."""
        begun = time.monotonic()
        for number in range(times):
            server.notify_tools_changed()
            if number % 10 == 9:
                await asyncio.sleep(max(begun + number / 1000 - time.monotonic(), 0))
        return time.monotonic()

    @server.tool
    def hoard(megabytes: int, seconds: float) -> int:
        """Hold memory for a while."""
        held = bytearray(megabytes * 1024 * 1024)
        time.sleep(seconds)
        return len(held)

    @server.tool
    async def clock() -> float:
        return time.time()

    @server.tool
    async def ask(ctx: Context) -> str:
        return await ctx.elicit("Who?", str)

    @server.tool(task="optional")
    async def report(name: str, seconds: float) -> str:
        """Take a while, as a task where the client wants one."""
        await asyncio.sleep(seconds)
        return f"reported {name}"

    @server.tool
    async def tasks() -> int:
        """How many tasks the event loop has."""
        return len(asyncio.all_tasks())

    return server


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, jump)
    signal.signal(signal.SIGUSR2, jump)
    given = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
    keys = given.pop("keys", 0)
    auth = KeyAuth({f"key-{number:016}": f"caller-{number}" for number in range(keys)}) if keys else None
    desk(Limits(**given), **({"auth": auth} if auth else {})).run("http", port=0)
