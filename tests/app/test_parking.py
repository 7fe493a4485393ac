"""A call that waits, parked, for its client's answer: it goes on wherever that comes in, for its own client only."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from dragoman import Client, Context, Identity, PeerError, RequestError, Server, Unanswered
from dragoman.wire.jsonrpc import METHOD_NOT_FOUND


class Behind:
    """A server with a handshake only, and what became of its calls."""

    def __init__(self) -> None:
        self.server = Server("behind")
        self.runs = 0
        self.ended = asyncio.Event()

        @self.server.middleware
        async def handshake_only(call: Any, handler: Any) -> Any:
            if call.method == "server/discover":
                raise RequestError(METHOD_NOT_FOUND, "no such method here")
            return await handler(call)

        @self.server.tool
        async def ask(ctx: Context, text: str = "") -> str:
            self.runs += 1
            try:
                first = await ctx.elicit("First?", str)
                second = await ctx.elicit("Second?", str)
                if second == "refuse":
                    raise RequestError(7, "no entry", {"why": second})
                return f"{text}{first}{second}"
            finally:
                self.ended.set()


async def begun(client: Client) -> Unanswered:
    waiting = await client.begin_tool("ask", {"text": "-"})
    assert isinstance(waiting, Unanswered)
    return waiting


def answers(waiting: Any, value: str) -> dict[str, str]:
    return dict.fromkeys(waiting.questions, value)


async def test_the_call_behind_runs_once_however_often_it_asks() -> None:
    behind = Behind()
    async with Client(Server.proxy(behind.server)) as client:
        waiting = await begun(client)
        again = await client.resume(waiting, answers(waiting, "a"))
        result: Any = await client.resume(again, answers(again, "b"))  # type: ignore[arg-type]
        assert (result.text, behind.runs) == ("-ab", 1)


async def test_a_leg_that_comes_twice_is_refused_the_second_time() -> None:
    behind = Behind()
    async with Client(Server.proxy(behind.server)) as client:
        waiting = await begun(client)
        again: Any = await client.resume(waiting, answers(waiting, "a"))
        with pytest.raises(PeerError, match="requestState is not valid"):
            await client.resume(waiting, answers(waiting, "x"))
        assert (await client.resume(again, answers(again, "b"))).text == "-ab"  # type: ignore[union-attr]


async def test_nobody_else_goes_on_with_it_and_it_goes_on_with_nothing_else() -> None:
    """MRTR-07: the state is bound to principal, method, name and arguments."""
    behind = Behind()
    proxy = Server.proxy(behind.server)
    async with Client(proxy, auth=Identity("ann")) as ann, Client(proxy, auth=Identity("ben")) as ben:
        waiting = await begun(ann)
        with pytest.raises(PeerError, match="requestState is not valid"):
            await ben.resume(waiting, answers(waiting, "x"))
        other = Unanswered(
            method="tools/call",
            params={"name": "ask", "arguments": {"text": "+"}},
            questions=waiting.questions,
            state=waiting.state,
        )
        with pytest.raises(PeerError, match="requestState is not valid"):
            await ann.resume(other, answers(other, "x"))
        again: Any = await ann.resume(waiting, answers(waiting, "a"))
        assert (await ann.resume(again, answers(again, "b"))).text == "-ab"  # type: ignore[union-attr]


async def test_answers_may_come_in_at_another_process_of_the_same_store(tmp_path: Path) -> None:
    behind, store = Behind(), f"sqlite:///{tmp_path / 'shared.db'}"
    one, two = (Server.proxy(behind.server, store=store) for _ in range(2))
    async with Client(one) as first, Client(two) as second:
        waiting = await begun(first)
        again: Any = await second.resume(waiting, answers(waiting, "a"))
        assert next(iter(again.questions.values()))["params"]["message"] == "Second?"
        result: Any = await second.resume(again, answers(again, "b"))
        assert (result.text, behind.runs) == ("-ab", 1)


async def test_a_call_goes_to_and_fro_between_processes_and_its_error_comes_back(tmp_path: Path) -> None:
    behind, store = Behind(), f"sqlite:///{tmp_path / 'shared.db'}"
    one, two = (Server.proxy(behind.server, store=store) for _ in range(2))
    async with Client(one) as first, Client(two) as second:
        waiting = await begun(first)
        again: Any = await second.resume(waiting, answers(waiting, "a"))
        assert (await first.resume(again, answers(again, "b"))).text == "-ab"  # type: ignore[union-attr]
        waiting = await begun(second)
        again = await first.resume(waiting, answers(waiting, "a"))
        with pytest.raises(PeerError, match="no entry") as refused:
            await first.resume(again, answers(again, "refuse"))
        assert (refused.value.code, refused.value.data) == (7, {"why": "refuse"})


async def test_a_client_that_does_not_come_back_ends_the_call_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dragoman.app.parking.TTL", 0.05)
    behind = Behind()
    async with Client(Server.proxy(behind.server)) as client:
        waiting = await begun(client)
        await asyncio.wait_for(behind.ended.wait(), 20)
        with pytest.raises(PeerError, match="requestState is not valid"):
            await client.resume(waiting, answers(waiting, "late"))


async def test_a_proxy_that_stops_leaves_no_call_behind() -> None:
    behind = Behind()
    async with Client(behind.server, mode="legacy", on_elicit=lambda question: "x"):
        async with Client(Server.proxy(behind.server)) as client:
            await begun(client)
        await asyncio.wait_for(behind.ended.wait(), 20)
