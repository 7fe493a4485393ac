"""What one call costs that goes through a mounted server or a proxy: CPU time of all that is involved, in one process.

python benchmarks/proxy.py
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from dragoman import Client, Server
from dragoman.testing.ways import serving_http

WARM, ROUNDS = 200, 3


def fixture() -> Server:
    server = Server("behind")

    @server.tool
    async def add(a: int, b: int = 2) -> int:
        return a + b

    return server


async def cost(target: Any, tool: str, mode: str, calls: int) -> float:
    """Return microseconds of CPU time per call, the best of three rounds."""
    async with Client(target, mode=mode) as client:
        for _ in range(WARM):
            await client.call_tool(tool, {"a": 1})
        best = float("inf")
        for _ in range(ROUNDS):
            begun = time.process_time()
            for _ in range(calls):
                await client.call_tool(tool, {"a": 1})
            best = min(best, (time.process_time() - begun) / calls)
    return best * 1e6


async def main() -> None:
    behind, mounted, both = fixture(), Server("mounted"), Server("both")
    mounted.mount(behind, "in")
    both.mount(Server.proxy(behind), "in")
    ways = [
        ("direct", behind, "add"),
        ("mounted", mounted, "in_add"),
        ("proxy", Server.proxy(behind), "add"),
        ("mounted proxy", both, "in_add"),
    ]
    for mode in ("modern", "legacy"):
        for name, target, tool in ways:
            print(f"in memory, {mode}: {name:<14} {await cost(target, tool, mode, 1000):7.1f} us")
    async with serving_http(behind) as url, serving_http(Server.proxy(url)) as proxy:
        for mode in ("modern", "legacy"):
            print(f"over HTTP, {mode}: {'direct':<14} {await cost(url, 'add', mode, 300):7.1f} us")
            print(f"over HTTP, {mode}: {'proxy':<14} {await cost(proxy, 'add', mode, 300):7.1f} us")


if __name__ == "__main__":
    asyncio.run(main())
