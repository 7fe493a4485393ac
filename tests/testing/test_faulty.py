"""The fault proxy does what it was told, to each direction, and nothing else; peers see what networks do."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from dragoman import Client, Server
from dragoman.errors import ClosedError, DeadlineError, LocalError
from dragoman.testing import FaultProxy, Faults, faulty, no_leaks, serving_http

PATIENCE = 10.0


@contextlib.asynccontextmanager
async def echoing(seed: int = 0) -> AsyncIterator[FaultProxy]:
    """Yield a proxy before a server that says everything again."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with faulty(f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}", seed=seed) as proxy:
        yield proxy
    server.close()


@contextlib.asynccontextmanager
async def dialled(proxy: FaultProxy) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        async with asyncio.timeout(PATIENCE):
            yield reader, writer
    finally:
        writer.close()


async def test_without_faults_every_byte_passes_and_nothing_is_left() -> None:
    async with no_leaks(), echoing() as proxy, dialled(proxy) as (reader, writer):
        writer.write(b"a" * 300_000)
        writer.write_eof()
        assert await reader.read(-1) == b"a" * 300_000
        assert (proxy.connections, proxy.passed["up"], proxy.passed["down"]) == (1, 300_000, 300_000)
        assert sum(proxy.done.values()) == 0


async def test_what_is_delayed_comes_late_and_whole() -> None:
    async with echoing() as proxy, dialled(proxy) as (reader, writer):
        proxy.inject(up=Faults(delay=0.05), down=Faults(delay=0.05))
        begun = time.monotonic()
        writer.write(b"slow")
        assert await reader.readexactly(4) == b"slow"
        assert time.monotonic() - begun >= 0.1
        assert proxy.done["delay"] == 2


async def test_a_blackhole_lets_nothing_pass_until_it_is_over() -> None:
    async with echoing() as proxy, dialled(proxy) as (reader, writer):
        proxy.inject(up=Faults(blackhole=True))
        writer.write(b"hello")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.05)
        assert proxy.done["blackhole"] == 1 and proxy.passed["up"] == 0
        proxy.heal()
        assert await reader.readexactly(5) == b"hello"


async def test_a_connection_is_closed_after_the_byte_that_was_said() -> None:
    async with echoing() as proxy, dialled(proxy) as (reader, writer):
        proxy.inject(down=Faults(truncate_after=3))
        writer.write(b"abcdef")
        assert await reader.read(-1) == b"abc"
        assert proxy.done["truncate"] == 1


async def test_a_connection_is_reset_after_the_byte_that_was_said_or_at_once() -> None:
    async with echoing() as proxy:
        async with dialled(proxy) as (reader, writer):
            proxy.inject(down=Faults(reset_after=2))
            writer.write(b"abcdef")
            with pytest.raises(ConnectionResetError):
                await reader.readexactly(6)
        proxy.heal()
        async with dialled(proxy) as (reader, writer):
            writer.write(b"x")
            assert await reader.readexactly(1) == b"x"
            assert proxy.reset() == 1
            with pytest.raises(ConnectionResetError):
                await reader.readexactly(1)


async def test_pieces_vanish_or_come_twice() -> None:
    async with echoing() as proxy:
        async with dialled(proxy) as (reader, writer):
            proxy.inject(up=Faults(duplicate=1.0))
            writer.write(b"ab")
            assert await reader.readexactly(4) == b"abab"
        async with dialled(proxy) as (reader, writer):
            proxy.inject(up=Faults(drop=1.0))
            writer.write(b"ab")
            writer.write_eof()
            assert await reader.read(-1) == b""
        assert (proxy.done["duplicate"], proxy.done["drop"]) == (1, 1)


async def kept(seed: int) -> bytes:
    """Return which of forty bytes, each a piece of its own, come through where half of them are dropped."""
    async with echoing(seed) as proxy, dialled(proxy) as (reader, writer):
        proxy.inject(up=Faults(drop=0.5))
        for number in range(40):
            seen = proxy.done["drop"] + proxy.passed["up"]
            writer.write(bytes([number]))
            while proxy.done["drop"] + proxy.passed["up"] == seen:
                await asyncio.sleep(0)
        writer.write_eof()
        return await reader.read(-1)


async def test_the_same_seed_has_the_same_faults_and_another_has_others() -> None:
    first = await kept(1)
    assert 5 < len(first) < 35
    assert await kept(1) == first != await kept(2)


async def test_where_nobody_listens_the_connection_is_reset() -> None:
    async with faulty("http://127.0.0.1:1/mcp") as proxy, dialled(proxy) as (reader, _):
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1)


async def test_the_address_keeps_all_but_host_and_port() -> None:
    async with faulty("redis://ann:hush@127.0.0.1/7") as proxy:
        assert proxy.url == f"redis://ann:hush@127.0.0.1:{proxy.port}/7"
    for url in ("tcp://127.0.0.1", "nothing"):
        with pytest.raises(LocalError, match="no host, or no port"):
            async with faulty(url):
                pass


@pytest.mark.parametrize("wrong", [{"drop": 1.1}, {"duplicate": -0.1}, {"delay": -1.0}, {"reset_after": -1}])
def test_faults_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(LocalError):
        Faults(**wrong)  # type: ignore[arg-type]
    Faults(drop=1, duplicate=0.5, delay=0, reset_after=0)


async def test_a_client_sees_silence_and_cut_ends_as_typed_errors_and_then_works_again() -> None:
    server = Server("adder")

    @server.tool
    def add(a: int, b: int) -> int:
        return a + b

    two = {"a": 1, "b": 1}
    async with serving_http(server) as url, faulty(url) as proxy, Client(proxy.url, timeout=20) as client:
        assert (await client.call_tool("add", two)).structured == {"result": 2}
        proxy.inject(down=Faults(blackhole=True))
        with pytest.raises(DeadlineError):
            await client.call_tool("add", two, timeout=0.3)
        proxy.inject(down=Faults(truncate_after=30))
        with pytest.raises(ClosedError):
            await client.call_tool("add", two)
        proxy.heal()
        assert (await client.call_tool("add", two)).structured == {"result": 2}
