"""What every client does: call `add` as often as the command says, and print CPU and time per call."""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

WARM = 100


async def measure(client: Any, structured: Callable[[Any], Any]) -> None:
    """Call, and print. Raises RuntimeError if an answer is wrong."""
    count = int(sys.argv[1])
    async with client:
        for _ in range(WARM):
            await client.call_tool("add", {"a": 2, "b": 3})
        before, began = time.process_time(), time.perf_counter()
        for _ in range(count):
            result = await client.call_tool("add", {"a": 2, "b": 3})
        cpu, wall = time.process_time() - before, time.perf_counter() - began
    if structured(result) != {"result": 5}:
        raise RuntimeError(result)
    print(json.dumps({"cpu_us": cpu * 1e6 / count, "wall_us": wall * 1e6 / count}))
