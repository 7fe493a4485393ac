"""The page on this machine: who is heard, what it says, and what it does not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from dragoman.auth.loopback import Loopback

STATE = "a-state-that-nobody-knows"


@asynccontextmanager
async def listening() -> AsyncIterator[Loopback]:
    door = await Loopback.open(STATE)
    try:
        yield door
    finally:
        await door.close(worked=False)


async def sent(door: Loopback, target: str, host: str = "", method: str = "GET") -> bytes:
    """Return the whole answer to a request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(f"{method} {target} HTTP/1.1\r\nhost: {host or f'127.0.0.1:{door.port}'}\r\n\r\n".encode())
    async with asyncio.timeout(10):  # who is heard by mistake would wait for a login's end
        answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize("worked, said", [(True, b"You are logged in"), (False, b"did not work")])
async def test_the_page_says_how_it_ended_and_holds_nothing_else(worked: bool, said: bytes) -> None:
    door = await Loopback.open(STATE)
    browser = asyncio.create_task(sent(door, f"/callback?code=hush&state={STATE}&x=%3Cscript%3E"))
    assert await door.wait() == {"code": "hush", "state": STATE, "x": "<script>"}
    await door.close(worked=worked)
    page = await browser
    assert said in page
    assert b"hush" not in page and STATE.encode() not in page and b"script" not in page
    head = page.partition(b"\r\n\r\n")[0].lower()
    for field in (
        b"content-security-policy: default-src 'none'", b"frame-ancestors 'none'", b"x-frame-options: deny",
        b"cache-control: no-store", b"referrer-policy: no-referrer",
    ):  # fmt: skip
        assert field in head


@pytest.mark.parametrize("target, host, method", [
    ("/callback?code=x&state=other", "", "GET"),
    ("/callback?code=x", "", "GET"),
    (f"/other?code=x&state={STATE}", "", "GET"),
    (f"/callback?code=x&state={STATE}", "evil.example", "GET"),
    (f"/callback?code=x&state={STATE}", "", "POST"),
    (f"/callback?code=x&state={STATE}&state={STATE}", "", "GET"),
    ("/favicon.ico", "", "GET"),
])  # fmt: skip
async def test_a_hit_that_is_not_the_answer_changes_nothing(target: str, host: str, method: str) -> None:
    """AUTHC-19: any page can send the browser here; the login goes on waiting, and then takes the right one."""
    async with listening() as door:
        assert (await sent(door, target, host, method)).startswith(b"HTTP/1.1 404 ")
        waiting = asyncio.ensure_future(door.wait())
        right = asyncio.create_task(sent(door, f"/callback?code=right&state={STATE}"))
        assert (await waiting)["code"] == "right"
        # The answer counts once.
        assert (await sent(door, f"/callback?code=again&state={STATE}")).startswith(b"HTTP/1.1 404 ")
        await door.close(worked=True)
        assert b"200 OK" in await right


async def test_a_port_that_is_taken_is_replaced_by_another() -> None:
    async with listening() as first:
        second = await Loopback.open(STATE, first.port)
        assert second.port not in (0, first.port)
        await second.close(worked=False)
    third = await Loopback.open(STATE, first.port)
    assert third.uri == first.uri
    await third.close(worked=False)


async def test_a_head_that_is_too_long_ends_the_connection_and_nothing_else() -> None:
    async with listening() as door:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(b"GET / HTTP/1.1\r\n" + b"x" * 40_000)
        try:
            assert await reader.read() == b""
        except ConnectionError:
            pass  # what it did not read is answered so
        writer.close()
        assert (await sent(door, "/")).startswith(b"HTTP/1.1 404 ")
