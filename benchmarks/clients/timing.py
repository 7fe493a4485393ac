"""What every client does: call `add` for as long as each line of stdin says; print CPU and time per call, in us."""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

WARM, AGAIN = 100, 3  # calls before it counts: the first time, and after each pause


async def measure(client: Any, structured: Callable[[Any], Any]) -> None:
    """Say when the client is ready, then call and print until stdin ends. Raises RuntimeError if an answer is wrong."""
    given = {"a": 2, "b": 3}
    async with client:
        for _ in range(WARM):
            await client.call_tool("add", given)
        print("ready", flush=True)
        # Nothing goes on between two lines, so that waiting for one costs nothing.
        while seconds := sys.stdin.readline():
            for _ in range(AGAIN):
                await client.call_tool("add", given)
            before, began, count = time.process_time(), time.perf_counter(), 0
            while time.perf_counter() - began < float(seconds):
                result = await client.call_tool("add", given)
                count += 1
            cpu, wall = time.process_time() - before, time.perf_counter() - began
            if structured(result) != {"result": 5}:
                raise RuntimeError(result)
            print(json.dumps({"cpu_us": cpu * 1e6 / count, "wall_us": wall * 1e6 / count}), flush=True)
