"""The same work in many orders: steps of tasks are held back by a seed, and a call is cancelled at each of its steps.

A seed gives the same order again: FAULTS_SEED=n runs that one alone.
"""

import asyncio
import multiprocessing
import os
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from tests.faults.measure import PATIENCE, figure, grown

from dragoman import Client, Context, Server
from dragoman.testing import no_leaks

PARTS = os.cpu_count() or 1


class Unsteady(asyncio.SelectorEventLoop):
    """An event loop in which steps of tasks come later than they might, as the dice have it.

    Only these: what else is called soon has an order that transports count on.
    """

    dice: random.Random | None = None

    def call_soon(self, callback: Callable[..., Any], *args: Any, context: Any = None) -> asyncio.Handle:
        if self.dice is None or not hasattr(getattr(callback, "__self__", None), "get_coro"):
            return super().call_soon(callback, *args, context=context)
        turns = self.dice.choice((0, 0, 0, 1, 2, 5))
        if not turns:
            return super().call_soon(callback, *args, context=context)
        return super().call_soon(self._later, turns, callback, args, context)

    def _later(self, turns: int, callback: Callable[..., Any], args: Any, context: Any) -> None:
        if turns > 1:
            super().call_soon(self._later, turns - 1, callback, args, context)
        else:
            super().call_soon(callback, *args, context=context)


def busy() -> Server:
    server = Server("busy")

    @server.tool
    async def add(a: int, b: int) -> int:
        await asyncio.sleep(0)
        return a + b

    @server.tool
    async def ask(ctx: Context) -> str:
        await ctx.progress(1)
        return await ctx.elicit("Who?", str)

    @server.tool
    async def wait() -> None:
        await asyncio.sleep(PATIENCE)

    return server


async def work(mode: str) -> None:
    """Do several things at once, one of which is given up, and see that each has its own answer."""
    server = busy()
    async with asyncio.timeout(PATIENCE), Client(server, mode=mode, on_elicit=lambda question: "Ada") as client:
        heard: list[float] = []
        waiting = asyncio.ensure_future(client.call_tool("wait"))
        adding = [client.call_tool("add", {"a": at, "b": 1}) for at in range(5)]
        asking = client.call_tool("ask", on_progress=lambda progress: heard.append(progress.progress))
        asyncio.get_running_loop().call_soon(waiting.cancel)
        *sums, asked = await asyncio.gather(*adding, asking)
        assert [result.structured for result in sums] == [{"result": at + 1} for at in range(5)]
        assert asked.text == "Ada" and set(heard) == {1}
        assert (await asyncio.gather(waiting, return_exceptions=True))[0].__class__ is asyncio.CancelledError
        assert len(await client.list_tools()) == 3


def test_in_any_order_of_steps_each_call_has_its_answer() -> None:
    """F30"""
    seeds = [int(os.environ["FAULTS_SEED"])] if "FAULTS_SEED" in os.environ else range(grown(12, 10_000))
    if len(seeds) < 1000:
        ordered(seeds)
    else:
        # As many at once as there are processors: each is a process that has nothing of this one.
        parts = [[*seeds[first::PARTS]] for first in range(PARTS)]
        with ProcessPoolExecutor(PARTS, multiprocessing.get_context("spawn")) as pool:
            for done in [pool.submit(ordered, part) for part in parts]:
                done.result()
    figure("F30", "orders in which each call had its answer", len(seeds))


def ordered(seeds: Sequence[int]) -> None:
    """Do the work in the order of each seed."""
    for seed in seeds:
        loop = Unsteady()
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.get_loop()
            loop.dice = random.Random(seed)
            try:
                runner.run(work("modern" if seed % 2 else "legacy"))
            except BaseException as error:
                error.add_note(f"with FAULTS_SEED={seed}")
                raise
            finally:
                loop.dice = None


async def test_a_call_that_is_cancelled_at_any_step_leaves_nothing_and_harms_no_other() -> None:
    """F30"""
    server = busy()
    steps = 0
    async with no_leaks():
        for mode in ("modern", "legacy"):
            async with Client(server, mode=mode, on_elicit=lambda question: "Ada") as client:
                for tool, arguments in (("ask", {}), ("add", {"a": 1, "b": 1})):
                    at, cut = 0, True
                    while cut:
                        calling = asyncio.ensure_future(client.call_tool(tool, arguments))
                        for _ in range(at):
                            await asyncio.sleep(0)
                        cut = calling.cancel()
                        await asyncio.gather(calling, return_exceptions=True)
                        assert (await client.call_tool("add", {"a": at, "b": 1})).structured == {"result": at + 1}
                        at += 1
                    steps += at
    assert steps > 12
    figure("F30", "steps at which a call was cancelled", steps)
