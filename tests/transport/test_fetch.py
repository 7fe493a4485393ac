"""The one fetcher (threat 4, row 44 of redirects): what it reaches, what it never sends a byte to, and its bounds."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from tests.transport.raw_peer import Got, serving
from tests.transport.test_http_tls import Paper, paper, server_side  # noqa: F401 - a fixture

from dragoman.errors import TransportError, UnreachableError, UnsafeAddressError
from dragoman.protocol.addresses import Reach
from dragoman.transport.fetch import SafeFetcher
from dragoman.transport.http_settings import HttpSettings

SECRET = "canary-secret"


@asynccontextmanager
async def canary() -> AsyncIterator[tuple[int, list[str]]]:
    """Listen on loopback, and count who comes."""
    came: list[str] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(str(writer.get_extra_info("peername")))
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], came
    finally:
        server.close()
        await server.wait_closed()


def resolving(*answers: Sequence[str]) -> tuple[Callable, list[str]]:
    """Return a resolver that gives one answer after the other, and what it was asked."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    return resolve, asked


async def document(got: Got) -> None:
    got.reply({"asked": got.target, "host": got.headers["host"], "body": got.body.decode(), "seen": got.headers})


async def test_a_document_beside_a_server_on_this_machine_is_fetched() -> None:
    async with serving(document) as url:
        fetcher = SafeFetcher(url)
        got = await fetcher.get(f"{url}/a%20b?c=d#e", {"x-mine": "1"})
        assert got.status == 200 and got.url == f"{url}/a%20b?c=d#e"
        assert b'"asked": "/mcp/a%20b?c=d"' in got.body and b'"x-mine": "1"' in got.body
        posted = await fetcher.post(url, b"a=1", {"content-type": "application/x-www-form-urlencoded"})
        assert b'"body": "a=1"' in posted.body
        await fetcher.close()
        with pytest.raises(TransportError, match="closed"):
            await fetcher.get(url)


HOSTS = [
    "127.0.0.1", "127.1", "127.0.0.2", "127.255.255.254", "0.0.0.0", "0", "0x7f000001", "017700000001", "2130706433",
    "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[::ffff:0:127.0.0.1]", "localhost",
    "[64:ff9b::127.0.0.1]", "[64:ff9b:1::127.0.0.1]", "[2002:7f00:1::1]", "[fe80::5efe:127.0.0.1]", "[::1%lo]",
    "LOCALHOST.", "[::1%25lo]", "user@127.0.0.1", "example.com@127.0.0.1",
    "127。0。0。1", "127.0.0.1%00.example.com", "①②⑦.0.0.1",
]  # fmt: skip


async def test_no_form_of_loopback_is_reached_for_a_server_on_the_internet() -> None:
    async with canary() as (port, came):
        fetcher = SafeFetcher("https://mcp.example.com/mcp")
        for host in HOSTS:
            for scheme in ("http", "https"):
                for act in (fetcher.get(f"{scheme}://{host}:{port}/"), fetcher.post(f"{scheme}://{host}:{port}/", b"")):
                    with pytest.raises(UnsafeAddressError):
                        await act
        assert came == []
        # The twin: the same listener, for a server on this machine. It hangs up, so there is no answer.
        with pytest.raises(TransportError):
            await SafeFetcher("http://localhost/mcp").get(f"http://127.0.0.1:{port}/")
        assert len(came) == 1


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::ffff:127.0.0.1", "10.0.0.1", "169.254.169.254", "fe80::1", "::1%lo"]
)
async def test_a_name_with_one_address_that_is_near_is_not_fetched_at_all(address: str) -> None:
    async with canary() as (port, came):
        resolve, asked = resolving(["93.184.215.14", address])
        with pytest.raises(UnsafeAddressError, match="may not be reached"):
            await SafeFetcher(resolve=resolve).get(f"https://evil.example:{port}/?key={SECRET}")
        assert asked == ["evil.example"] and came == []


async def test_a_name_that_changes_its_mind_is_connected_to_where_it_was_judged() -> None:
    async with serving(document) as url, canary() as (_, came):
        port = int(url.split(":")[2].split("/")[0])
        resolve, asked = resolving(["127.0.0.1"], ["127.0.0.2"])
        got = await SafeFetcher("http://localhost/", resolve=resolve).get(f"http://rebinds.example:{port}/x")
        assert f'"host": "rebinds.example:{port}"'.encode() in got.body
        assert asked == ["rebinds.example"] and came == []


async def test_tls_is_verified_against_the_name_and_not_the_pinned_address(paper: Paper) -> None:  # noqa: F811
    resolve, _ = resolving(["127.0.0.1"])
    settings = HttpSettings(ca=paper.ca)
    async with serving(document, server_side(paper)) as url:
        fetcher = SafeFetcher("http://localhost/", settings=settings, resolve=resolve)
        assert (await fetcher.get(url)).status == 200
        with pytest.raises(UnreachableError, match="certificate"):
            await fetcher.get(url.replace("localhost", "other.example"))
        with pytest.raises(UnreachableError, match="certificate"):
            await SafeFetcher("http://localhost/", resolve=resolve).get(url)


async def test_plain_http_is_not_spoken_to_the_internet() -> None:
    resolve, _ = resolving(["93.184.215.14"])
    with pytest.raises(UnsafeAddressError, match="https only"):
        await SafeFetcher("http://localhost/", resolve=resolve).get("http://example.com/")


async def test_a_server_in_a_private_network_does_not_lead_to_this_machine() -> None:
    async with serving(document) as url:
        with pytest.raises(UnsafeAddressError):
            await SafeFetcher("http://10.0.0.7/mcp").get(url)
        assert (await SafeFetcher(reach=Reach.LOOPBACK).get(url)).status == 200


async def test_a_redirect_is_handed_back_unless_redirects_are_wanted() -> None:
    async def moves(got: Got) -> None:
        if got.target == "/mcp":
            got.reply(b"", 302, location="/there")
        else:
            got.reply({"seen": got.headers})

    async with serving(moves) as url:
        assert (await SafeFetcher(url).get(url)).status == 302
        fetched = await SafeFetcher(url, redirects=1).get(url, {"authorization": SECRET})
        assert fetched.status == 200 and fetched.url.endswith("/there")
        assert SECRET.encode() not in fetched.body


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest", "https://[fe80::1]/", "file:///etc/passwd", "//0/"]
)
async def test_each_hop_of_a_redirect_is_judged_anew(target: str) -> None:
    async def moves(got: Got) -> None:
        got.reply(b"", 307, location=target)

    async with serving(moves) as url:
        with pytest.raises(UnsafeAddressError):
            await SafeFetcher(url, redirects=5).get(url)


async def test_redirects_in_a_circle_end() -> None:
    async def moves(got: Got) -> None:
        got.reply(b"", 302, location="/again")

    async with serving(moves) as url:
        assert (await SafeFetcher(url, redirects=4).get(url)).status == 302


async def test_too_many_bytes_are_refused_and_as_many_as_allowed_are_taken() -> None:
    async def long(got: Got) -> None:
        got.reply(b"x" * int(got.target.rpartition("=")[2]))

    async with serving(long) as url:
        fetcher = SafeFetcher(url, max_bytes=1000)
        assert len((await fetcher.get(f"{url}?n=1000")).body) == 1000
        with pytest.raises(TransportError, match="more than 1000 bytes"):
            await fetcher.get(f"{url}?n=1001&n=1001")


async def test_an_answer_that_does_not_come_is_not_waited_for() -> None:
    async def silent(got: Got) -> None:
        await got.gone()

    async with serving(silent) as url:
        with pytest.raises(TransportError, match=r"within 0\.05 s"):
            await SafeFetcher(url, seconds=0.05).get(f"{url}?key={SECRET}")


async def test_an_answer_that_is_no_http_is_an_error_of_transport() -> None:
    async def garbage(got: Got) -> None:
        got.writer.write(b"SSH-2.0-OpenSSH_9\r\n\r\n\r\n\r\n")

    async with serving(garbage) as url:
        with pytest.raises(TransportError, match="not an HTTP"):
            await SafeFetcher(url).get(url)


async def test_the_next_address_of_a_name_is_tried_where_the_first_does_not_answer() -> None:
    async with serving(document) as url:
        port = int(url.split(":")[2].split("/")[0])
        resolve, _ = resolving(["127.0.0.9", "127.0.0.1"])
        got = await SafeFetcher("http://localhost/", resolve=resolve).get(f"http://two.example:{port}/")
        assert got.status == 200


async def test_a_name_without_addresses_cannot_be_reached() -> None:
    async def fails(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(UnreachableError, match="not known"):
        await SafeFetcher(resolve=fails).get("https://nowhere.example/")
    resolve, _ = resolving([])
    with pytest.raises(UnreachableError, match="no address"):
        await SafeFetcher(resolve=resolve).get("https://nowhere.example/")


async def test_headers_cannot_smuggle_lines() -> None:
    async with serving(document) as url:
        for name, value in [("a", "1\r\nb: 2"), ("a\r\nb", "1"), ("a", "1\n"), ("a", "\u0100")]:
            with pytest.raises(TransportError, match="characters"):
                await SafeFetcher(url).get(url, {name: value})


async def test_no_error_holds_the_query_of_a_url() -> None:
    for url in (f"http://me:{SECRET}@localhost/", f"http://127.0.0.1:1/?{SECRET}", f"ftp://x/#{SECRET}"):
        with pytest.raises((UnsafeAddressError, TransportError)) as caught:
            await SafeFetcher("http://localhost/").get(url)
        assert SECRET not in str(caught.value) and SECRET not in repr(caught.value)


async def test_a_proxy_is_asked_for_the_judged_address_and_not_at_all_for_what_is_near() -> None:
    lines: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(await reader.readline())
        writer.write(b"HTTP/1.1 403 no\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(proxy, "127.0.0.1", 0)
    settings = HttpSettings(proxy=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    resolve, _ = resolving(["93.184.215.14"])
    try:
        with pytest.raises(UnreachableError, match="proxy"):
            await SafeFetcher(settings=settings, resolve=resolve).get("https://example.com/")
        assert lines == [b"CONNECT 93.184.215.14:443 HTTP/1.1\r\n"]
        async with serving(document) as url:
            assert (await SafeFetcher(url, settings=settings).get(url)).status == 200
        assert len(lines) == 1
    finally:
        server.close()
        await server.wait_closed()
