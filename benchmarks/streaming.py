"""Progress events on one stream, and arguments and results of a megabyte."""

from __future__ import annotations

import asyncio
import time

import load
from bench import Bench
from environments import SERVERS
from processes import Served, serving
from slices import Side

MEGABYTE = 1_000_000
TIMES = 10  # calls of a megabyte in one slice
EVENTS = 8_000
READING = """import msgspec, time
sent = b'{"jsonrpc":"2.0","id":1,"params":{"name":"take","arguments":{"text":"' + b"x" * 10**6 + b'"}}}'
began = time.process_time()
for _ in range(100): msgspec.json.decode(sent)
print(len(sent) * 100 / (time.process_time() - began) / 1e6)"""
WRITING = """import msgspec, time
text = "x" * 500_000
sent = {"result": {"content": [{"type": "text", "text": text}], "structuredContent": {"result": text}}}
began = time.process_time()
for _ in range(100): done = msgspec.json.encode(sent)
print(len(done) * 100 / (time.process_time() - began) / 1e6)"""


def progress(bench: Bench) -> None:
    """Add events per second of one call that does nothing but tell how far it is."""
    with (
        serving(bench.ours, SERVERS / "ours.py", "PORT", "roomy") as a,
        serving(bench.mcp, SERVERS / "official.py", "PORT", "stream") as b,
        serving(bench.ours, SERVERS / "floor_roomy.py", "PORT") as c,
    ):
        sides = {
            "ours": lambda: asyncio.run(_events(a, EVENTS)),
            "mcp": lambda: asyncio.run(_events(b, EVENTS // 5)),
            "floor": lambda: asyncio.run(_events(c, EVENTS)),
        }
        got = bench.turns(
            sides, warm=lambda: [asyncio.run(_events(side, 200)) for side in (a, b, c)], rounds=bench.fewer
        )
    bench.table.best("progress on one stream: events per second", got, 20_000, at_least=True, unit="events/s")


async def _events(side: Served, count: int) -> float:
    """Return events per second. Raises RuntimeError unless every one of them came."""
    sent = load.modern(name="count", arguments={"to": count}, _meta={"progressToken": "one"})
    began = time.perf_counter()
    status, head, body = await _whole(side.port, sent)
    taken = time.perf_counter() - began
    events = body.count(b"notifications/progress")
    if status != 200 or events != count:
        raise RuntimeError(f"{events} of {count} events: {head!r} {body[-300:]!r}")
    return count / taken


async def _whole(port: int, sent: load.Request) -> tuple[int, bytes, bytes]:
    """Return a response with all its chunks, read in large pieces so that reading is not what is measured."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    writer.write(sent.data(port))
    got: list[bytes] = []
    while True:
        got.append(await reader.read(2**20))
        if not got[-1] or got[-1].endswith(b"0\r\n\r\n"):
            break
    writer.close()
    head, _, body = b"".join(got).partition(b"\r\n\r\n")
    return int(head.split()[1]), head, body


def large(bench: Bench) -> None:
    """Add megabytes per second of CPU, each way, and the memory that one such call takes.

    Beside them what a bare ASGI application does with the same bytes, and reading or writing them as JSON alone.
    """
    # A message is what is on the wire: a text comes back as content and as structured content, so half of it is enough.
    ways = {
        "argument": (load.modern(name="take", arguments={"text": "x" * MEGABYTE}), READING),
        "result": (load.modern(name="give", arguments={"size": MEGABYTE // 2}), WRITING),
    }
    for way, (sent, program) in ways.items():
        with (
            serving(bench.ours, SERVERS / "ours.py", "PORT", "roomy") as a,
            serving(bench.mcp, SERVERS / "official.py", "PORT") as b,
            serving(bench.ours, SERVERS / "floor_roomy.py", "PORT", first=sent) as c,
        ):
            # First, since what a process has grown by it may keep, and then takes no more.
            peaks = {"ours": _peak(a, sent) / MEGABYTE, "mcp": _peak(b, sent) / MEGABYTE}
            sides: dict[str, Side] = {
                name: lambda sent=sent, side=side: _rate(side, sent)
                for name, side in (("ours", a), ("mcp", b), ("floor", c))
            }
            got = bench.turns(sides, lambda sides=sides: [side() for side in sides.values()], bench.fewer * 2)
        alone: dict[str, Side] = {"JSON alone": lambda program=program: float(bench.output(bench.ours, "-c", program))}
        got |= bench.turns(alone, rounds=bench.fewer)
        bench.table.best(f"1 MB {way}: MB per second of CPU", got, 200, at_least=True, unit="MB/s")
        bench.table.add(f"1 MB {way}: peak memory of one call, of its size", peaks["ours"], 4, values=peaks, unit="x")


def _rate(side: Served, sent: load.Request) -> float:
    before = side.cpu()
    asyncio.run(_many(side.port, sent, TIMES))
    return MEGABYTE * TIMES / (side.cpu() - before) / 1e6


def _peak(side: Served, sent: load.Request) -> float:
    """Return by how many bytes one call makes the process larger than it was, at most."""
    side.forget_peak()
    before = side.memory()
    asyncio.run(_many(side.port, sent, 1))
    return side.memory("VmHWM") - before


async def _many(port: int, sent: load.Request, times: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    data = sent.data(port)
    for _ in range(times):
        writer.write(data)
        status, _, body = await load.answer(reader)
        if status != 200 or b'"isError":true' in body or b"resource_link" in body:
            raise RuntimeError(f"HTTP {status}: {body[:300]!r}")
    writer.close()
