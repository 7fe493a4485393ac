"""What a call costs when much is there: a thousand tools, ten thousand sessions or open streams; their memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import load
from bench import Bench
from environments import SERVERS
from over_http import LIVES, costs
from processes import Served, serving

FEWER = 2  # lives of servers (over_http.py), where opening takes long
AT_ONCE = 8  # connections that open things: fewer than a crowd, which would be refused
LISTEN = load.modern("subscriptions/listen", notifications={"toolsListChanged": True})


def tools(bench: Bench) -> None:
    """One tool and a thousand."""
    for _ in range(LIVES):
        with (
            serving(bench.ours, SERVERS / "ours.py", "PORT", "tools=1000") as many,
            serving(bench.ours, SERVERS / "ours.py", "PORT") as one,
        ):
            _compare(bench, "1,000 tools", (many, one), 1.05, LIVES)


def sessions(bench: Bench) -> None:
    """Idle sessions of the older era."""
    count = 1_000 if bench.quick else 10_000
    command = (bench.ours, SERVERS / "ours.py", "PORT", "roomy")
    for _ in range(FEWER):
        with serving(*command) as many, serving(*command) as none:
            asyncio.run(_sessions(many.port, 100))  # what the first ones bring along
            before = many.memory()
            asyncio.run(_sessions(many.port, count))
            each = (many.memory() - before) / count
            bench.table.middle("memory of an idle session, KiB", [each / 1024], 4)
            _compare(bench, f"{count:,} sessions", (many, none), 1.1, FEWER)


async def _sessions(port: int, count: int) -> None:
    async def some(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def ask(sent: load.Request) -> bytes:
            while True:
                writer.write(sent.data(port))
                status, head, body = await load.answer(reader)
                if status < 300:
                    return head
                if status != 503:
                    raise RuntimeError(f"no session: {status} {body[:200]!r}")
                await asyncio.sleep(0.2)  # it is behind, since the machine does other things

        hello = {"protocolVersion": load.OLDER, "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
        first = load.Request(load.message("initialize", hello))
        for _ in range(number):
            head = await ask(first)
            identifier = load.session_of(head)
            await ask(load.Request(b'{"jsonrpc":"2.0","method":"notifications/initialized"}', load.within(identifier)))
        writer.close()

    await asyncio.gather(*(some(count // AT_ONCE) for _ in range(AT_ONCE)))


def streams(bench: Bench) -> None:
    """Clients that listen for changes."""
    count = 1_000 if bench.quick else 10_000
    command = (bench.ours, SERVERS / "ours.py", "PORT", "roomy")
    for _ in range(FEWER):
        with serving(*command) as many, serving(*command) as none:
            asyncio.run(_with_streams(bench, many, none, count))


async def _with_streams(bench: Bench, many: Served, none: Served, count: int) -> None:
    async with _listening(many.port, 50):
        pass
    before = many.memory()
    async with _listening(many.port, count):
        each = (many.memory() - before) / count
        bench.table.middle("memory of an open stream, KiB", [each / 1024], 24)
        # In a thread, so that what comes on the streams is read meanwhile.
        await asyncio.to_thread(_compare, bench, f"{count:,} open streams", (many, none), 1.2, FEWER)


@asynccontextmanager
async def _listening(port: int, count: int) -> AsyncIterator[None]:
    """Hold so many streams open, each of which has said its first word."""
    writers: list[asyncio.StreamWriter] = []

    async def some(number: int) -> None:
        opened = 0
        while opened < number:
            # What waits on this side is small, so that ten thousand fit.
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
            writer.write(LISTEN.data(port))
            if b" 200 " not in await reader.readline():
                writer.transport.abort()
                await asyncio.sleep(0.2)  # it is behind, since the machine does other things
                continue
            await reader.readuntil(b"acknowledged")
            writers.append(writer)
            opened += 1

    await asyncio.gather(*(some(count // AT_ONCE) for _ in range(AT_ONCE)))
    try:
        yield
    finally:
        for writer in writers:
            writer.transport.abort()


def _compare(bench: Bench, what: str, servers: tuple[Served, Served], target: float, lives: int) -> None:
    many, few = servers
    got = costs(bench, {"many": (many, load.CALL), "few": (few, load.CALL)}, max(4, bench.rounds // lives))
    bench.table.ratio(
        f"tools/call with {what}: CPU, of a bare server's", got["many"], got["few"], target, names=(what, "none")
    )


def lists(bench: Bench) -> None:
    """`tools/list` of a thousand tools, against a file of that size."""
    wanted = load.modern("tools/list")
    with serving(bench.ours, SERVERS / "ours.py", "PORT", "tools=1000") as ours:
        _, body = asyncio.run(load.exchange(ours.port, wanted))
        if body.count(b'"inputSchema"') != 1000:
            raise RuntimeError(f"not a thousand tools: {body[:200]!r}")
        with serving(bench.ours, SERVERS / "static.py", "PORT", len(body)) as file:
            got = costs(bench, {"list": (ours, wanted), "static": (file, wanted)})
    what = f"tools/list of 1,000 tools ({len(body) // 1000} kB): CPU, of a static file's"
    bench.table.ratio(what, got["list"], got["static"], 1.2, names=("list", "static"))
