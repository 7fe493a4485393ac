"""A request with a head that came before is answered like the first one, and nothing else passes for such a request."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.app.counting import served
from tests.transport.raw_http import PATIENCE, Ask, Wire, call, listening, until

from dragoman import Context, Server
from dragoman.app import head_lines, repeated
from dragoman.app.heads import timed
from dragoman.errors import AuthorizationError
from dragoman.protocol.identity import Identity

pytest.importorskip("httptools", reason="heads are known again with the faster parser only")
PARSED: list[bytes] = []
MEMORY: list[repeated.Memory] = []
WAY: dict[str, bool] = {}
ADD = call("add", a=1, b=2)


@pytest.fixture(autouse=True)
def _nothing_known() -> None:
    PARSED.clear()


def spied() -> Any:
    """Return the protocol of served connections, which notes whose heads were parsed."""
    base: Any = timed(10)

    class Spied(base):  # type: ignore[misc]
        def on_url(self, url: bytes) -> None:
            PARSED.append(url)
            super().on_url(url)

    MEMORY[:] = [Spied.memory]
    return Spied


@pytest.fixture(autouse=True)
def way(request: pytest.FixtureRequest) -> None:
    """Known heads are answered at once where the application is ours, and by ASGI where something is in between."""
    WAY["proxy_headers"] = getattr(request, "param", "ours") != "ours"


either_way = pytest.mark.parametrize("way", ["ours", "behind another"], indirect=True)


def place(server: Server | None = None) -> Any:
    return listening((server or served()).asgi(), http=spied(), access_log=False, **WAY)


@either_way
async def test_the_same_head_is_parsed_once_for_all_connections_and_each_body_is_its_own() -> None:
    async with place() as here:
        async with here.connected() as wire:
            assert [(await wire.ask(call("add", a=1, b=b))).value for b in (2, 3, 4)] == [3, 4, 5]
        async with here.connected() as other:
            assert (await other.ask(call("add", a=5, b=4))).value == 9
    assert len(PARSED) == 1


async def test_heads_of_known_lines_are_told_apart_by_what_is_in_them() -> None:
    async with place() as here, here.connected() as wire:
        assert (await wire.ask(ADD)).value == 3
        assert (await wire.ask(call("add", a=10, b=2))).value == 12
        assert (await wire.ask(call("add", headers={"mcp-name": "other"}, a=1, b=2))).status == 400
        assert (await wire.ask(call("add", headers={"host": "evil.example.com"}, a=1, b=2))).status == 421
        assert (await wire.ask(call("add", headers={"accept": "text/html"}, a=1, b=2))).status == 406
        assert [(await wire.ask(ADD)).value for _ in range(3)] == [3, 3, 3]
    assert len(PARSED) == 1


@either_way
@pytest.mark.parametrize("cut", [1, 40, -1, "body"])
async def test_a_request_in_two_pieces_is_parsed(cut: int | str) -> None:
    async with place() as here, here.connected() as wire:
        assert [(await wire.ask(ADD)).value for _ in range(2)] == [3, 3]
        data = ADD.written(wire.host)
        at = data.index(b"\r\n\r\n") + 9 if cut == "body" else int(cut)
        wire.write(data[:at])
        await wire.writer.drain()
        # What is sent apart may arrive together; a turn of the server's loop in between makes it two.
        await asyncio.sleep(0.02)
        assert (await wire.ask(data[at:])).value == 3
        assert (await wire.ask(ADD)).value == 3
    assert len(PARSED) == 2


@pytest.mark.parametrize("cut", [1, 40, 100, -len(ADD.body) - 5])
async def test_the_end_of_a_head_is_not_remembered_as_one(cut: int) -> None:
    async with place() as here, here.connected() as wire:
        data = ADD.written(wire.host)
        wire.write(data[:cut])
        await wire.writer.drain()
        await asyncio.sleep(0.02)
        assert (await wire.ask(data[cut:])).value == 3
        assert MEMORY[0].heads == {} and not MEMORY[0].marks.seen and not MEMORY[0].lines.firsts
        assert [(await wire.ask(data)).value for _ in range(2)] == [3, 3]
        assert list(MEMORY[0].heads) == [data[: -len(ADD.body)]]


async def test_requests_sent_at_once_are_answered_in_order() -> None:
    async with place() as here, here.connected() as wire:
        assert [(await wire.ask(ADD)).value for _ in range(2)] == [3, 3]
        wire.write(b"".join(call("add", number, a=number, b=0).written(wire.host) for number in range(5)))
        assert [(await wire.answer()).value for _ in range(5)] == [0, 1, 2, 3, 4]
        assert (await wire.ask(ADD)).value == 3


async def smuggled(wire: Wire, inner: bytes, *, whole: bool) -> bytes:
    """Send a request that is refused before its body is read, and `inner` as that body; return all that comes."""
    refused = Ask(b"", {"content-encoding": "gzip", "content-length": str(len(inner))})
    head = refused.written(wire.host)
    if whole:
        wire.write(head + inner)
    else:
        wire.write(head)
        status, _ = await wire.head()
        assert status == 415
        wire.write(inner)
    got = b""
    try:
        async with asyncio.timeout(0.2):
            while data := await wire.reader.read(65536):
                got += data
    except TimeoutError:
        pass
    return got


@pytest.mark.parametrize("whole", [True, False])
async def test_a_body_that_looks_like_a_known_request_is_none(whole: bool) -> None:
    """Whoever writes the body of a request that is refused must not get a request of his own answered."""
    async with place() as here, here.connected() as wire:
        assert [(await wire.ask(ADD)).value for _ in range(3)] == [3, 3, 3]
        assert len(PARSED) == 1 and len(MEMORY[0].heads) == 1
        inner = ADD.written(wire.host)
        assert b"structuredContent" not in await smuggled(wire, inner, whole=whole)
    assert len(PARSED) == 2


@either_way
async def test_a_head_with_credentials_is_its_connections_alone() -> None:
    mine = call("add", headers={"authorization": "Bearer very-secret"}, a=1, b=2)
    async with place() as here:
        async with here.connected() as wire:
            assert [(await wire.ask(mine)).value for _ in range(4)] == [3, 3, 3, 3]
        async with here.connected() as other:
            assert (await other.ask(mine)).value == 3
    assert len(PARSED) == 1 and MEMORY[0].heads == {}
    assert "very-secret" not in repr([vars(MEMORY[0]), vars(MEMORY[0].lines)])


@pytest.mark.parametrize(
    "ask",
    [
        Ask(ADD.body, {**ADD.headers, "connection": "close"}),
        Ask(ADD.body, {**ADD.headers, "connection": "keep-alive, te"}),
        Ask(ADD.body, {**ADD.headers, "expect": "100-continue"}),
        Ask(ADD.body, {**ADD.headers, "cookie": "id=1"}),
        Ask(ADD.body, {**ADD.headers, "x-long": "x" * repeated.LONGEST_READ}),
        Ask(b"%x\r\n%b\r\n0\r\n\r\n" % (len(ADD.body), ADD.body),
            {**ADD.headers, "content-length": None, "transfer-encoding": "chunked"}),
    ],
    ids=["last", "listed", "expecting", "cookie", "long", "chunked"],
)  # fmt: skip
async def test_unusual_heads_are_not_remembered(ask: Ask) -> None:
    async with place() as here:
        for _ in range(3):
            async with here.connected() as wire:
                wire.write(ask)
                status, headers = await wire.head()
                if status == 100:
                    status, headers = await wire.head()
                assert status == 200
                await wire.reader.readexactly(int(headers["content-length"]))
    assert len(PARSED) == 3 and MEMORY[0].heads == {}


async def test_the_heads_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeated, "MOST", 4)
    monkeypatch.setattr(head_lines, "MARKS", 4)
    async with place() as here, here.connected() as wire:
        for number in range(9):
            asks = [call("add", headers={"x-number": str(number)}, a=1, b=2)] * 3
            assert [(await wire.ask(ask)).value for ask in asks] == [3, 3, 3]
            assert 1 <= len(MEMORY[0].heads) <= 4 and len(MEMORY[0].marks.seen) <= 4
    assert len(PARSED) == 1


@either_way
async def test_streams_are_streams_the_second_time() -> None:
    async with place() as here, here.connected() as wire:
        for _ in range(3):
            answer = await wire.ask(call("steps", headers={"accept": "text/event-stream"}))
            assert answer.headers["content-type"] == "text/event-stream"
            assert answer.events[-1]["result"]["structuredContent"] == {"result": "done"}
    assert len(PARSED) == 1


@either_way
@pytest.mark.parametrize("ahead", [False, True])
async def test_who_leaves_during_a_repeated_request_is_noticed(ahead: bool) -> None:
    server, began, stopped = served(), asyncio.Event(), asyncio.Event()

    @server.tool
    async def wait(ctx: Context, long: bool) -> str:
        """Wait until somebody stops it."""
        began.set()
        try:
            await asyncio.sleep(PATIENCE if long else 0)
        except asyncio.CancelledError:
            stopped.set()
            raise
        return "done"

    async with place(server) as here, here.connected() as wire:
        if ahead:
            # From then on, a task is ready for whatever comes.
            assert [(await wire.ask(ADD)).value for _ in range(3)] == [3, 3, 3]
        # Two texts of one length.
        short, long = call("wait", long=False), call("wait", long=True)
        long = Ask(long.body + b" ", {**long.headers})
        assert [(await wire.ask(short)).value for _ in range(2)] == ["done", "done"]
        began.clear()
        wire.write(long)
        async with asyncio.timeout(PATIENCE):
            await began.wait()
            wire.leave()
            await stopped.wait()
    assert len(PARSED) == 1


async def test_a_refusal_is_one_the_second_time() -> None:
    wrong = call("add", headers={"mcp-name": "other"}, a=1, b=2)
    async with place() as here, here.connected() as wire:
        assert [(await wire.ask(wrong)).status for _ in range(3)] == [400, 400, 400]
        assert (await wire.ask(ADD)).value == 3
    assert len(PARSED) == 1


async def test_what_one_caller_keeps_by_task_is_not_there_for_the_next() -> None:
    """Sessions of databases are kept like this, by those who forget to let go of them."""
    server, kept = served(), dict[Any, str]()

    @server.tool
    async def mine(name: str) -> str:
        """Say whose it is."""
        return kept.setdefault(asyncio.current_task(), name)

    async with place(server) as here, here.connected() as wire:
        names = [f"user{number}" for number in range(6)]
        assert [(await wire.ask(call("mine", name=name))).value for name in names] == names
    assert len(PARSED) == 1


@either_way
async def test_calls_that_wait_go_on_as_the_task_that_they_began_as() -> None:
    server = served()

    @server.tool
    async def wait() -> bool:
        """Wait in the ways that need a task."""
        first = asyncio.current_task()
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0))
        return asyncio.current_task() is first

    async with place(server) as here, here.connected() as wire:
        assert [(await wire.ask(ADD)).value for _ in range(4)] == [3] * 4
        assert [(await wire.ask(call("wait"))).value for _ in range(repeated.AGAIN + 6)] == [True] * (
            repeated.AGAIN + 6
        )
    assert len(PARSED) == 1


async def test_no_task_stays_when_the_last_connection_is_gone() -> None:
    async with place() as here:
        before = asyncio.all_tasks()
        async with here.connected() as wire:
            assert [(await wire.ask(ADD)).value for _ in range(4)] == [3] * 4
            assert len(asyncio.all_tasks() - before) == 1
        await until(lambda: not asyncio.all_tasks() - before)


async def test_whose_token_is_no_longer_good_is_refused_though_the_head_is_known() -> None:
    keys = {"Bearer good": True}

    class Doors:
        """Lets in whoever has a key that is good now."""

        def known(self, authorization: bytes | None) -> None:
            return None

        async def admit(self, authorization: bytes | None, shown: object = None) -> Identity:
            if not keys[(authorization or b"").decode()]:
                raise AuthorizationError("no longer", challenge="Bearer")
            return Identity("somebody")

        def step_up(self, scopes: frozenset[str], bound: bool = False) -> str:
            return "Bearer"

        def document(self, path: str) -> None:
            return None

        async def close(self) -> None:
            return None

    app: Any = served().asgi()
    app._gate = Doors()
    ask = call("add", headers={"authorization": "Bearer good"}, a=1, b=2)
    async with listening(app, http=spied(), access_log=False, **WAY) as here, here.connected() as wire:
        assert [(await wire.ask(ask)).status for _ in range(4)] == [200] * 4
        keys["Bearer good"] = False
        assert [(await wire.ask(ask)).status for _ in range(2)] == [401] * 2
    assert len(PARSED) == 1


@either_way
async def test_heads_that_never_came_before_are_not_parsed_once_their_lines_are_known() -> None:
    server = served()

    @server.tool
    async def told(ctx: Context) -> str:
        """Say which request this is."""
        return ctx.headers["x-request-id"]

    async with place(server) as here:
        for start in (0, 10):
            async with here.connected() as wire:
                asks = [call("told", headers={"x-request-id": f"id {number}"}) for number in range(start, start + 10)]
                assert [(await wire.ask(ask)).value for ask in asks] == [f"id {start + at}" for at in range(10)]
    assert len(PARSED) == 1 and MEMORY[0].heads == {}


async def test_an_origin_is_judged_each_time() -> None:
    async with place() as here, here.connected() as wire:
        for number in range(6):
            evil, good = ("https://evil.example.com", f"http://{wire.host}")
            ask = call("add", headers={"origin": evil, "x-request-id": str(number)}, a=1, b=2)
            assert (await wire.ask(ask)).status == 403
            ask = call("add", headers={"origin": good, "x-request-id": str(number)}, a=1, b=2)
            assert (await wire.ask(ask)).value == 3
    assert len(PARSED) == 1


async def test_a_body_that_is_too_large_is_refused_though_its_lines_are_known() -> None:
    async with place(served(body=1000)) as here, here.connected() as wire:
        asks = [call("add", a=1, b=2, c="x" * size) for size in (1, 10, 2000)]
        assert [(await wire.ask(ask)).status for ask in asks] == [200, 200, 413]
    assert len(PARSED) == 1
