"""Calls that want a page visited first: what servers say in each revision, and what clients make of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.app.reaching import over_http
from tests.protocol.fixtures import LEGACY, MODERN
from tests.serving.person import Person

from dragoman import (
    Client,
    Context,
    DeclinedError,
    MalformedError,
    PeerError,
    RequestError,
    Server,
    ToolError,
    Visit,
    VisitNeededError,
)
from dragoman.calling import visits

VISIT = Visit("Sign in to the bank", "https://bank.example/in", "v-1")


class Bank:
    """A server whose tool works once its page was visited; `tells` says whether it tells of the visit's end."""

    def __init__(self) -> None:
        self.server = Server("bank")
        self.visited = False
        self.tries = 0

        @self.server.tool
        async def balance() -> int:
            self.tries += 1
            if not self.visited:
                raise VisitNeededError(VISIT)
            return 7

        @self.server.resource("bank://balance")
        async def statement() -> str:
            if not self.visited:
                raise VisitNeededError(VISIT)
            return "7"

        @self.server.tool
        async def arrive(ctx: Context) -> None:
            self.visited = True
            await ctx.visited("v-1")


async def said(version: str, capabilities: dict[str, Any], method: str, **params: Any) -> dict[str, Any]:
    person = Person(Bank().server, lambda method, params: {}, version, capabilities)
    response: dict[str, Any] = await person.ask(method, **params)
    return response


URL = {"elicitation": {"url": {}}}


@pytest.mark.parametrize(
    ("method", "params"), [("tools/call", {"name": "balance"}), ("resources/read", {"uri": "bank://balance"})]
)
async def test_a_client_that_visits_pages_is_told_which(method: str, params: dict[str, Any]) -> None:
    """LEG-22"""
    error = (await said(LEGACY[0], URL, method, **params))["error"]
    assert error["code"] == -32042
    page = {"mode": "url", "message": VISIT.message, "url": VISIT.url, "elicitationId": "v-1"}
    assert error["data"] == {"elicitations": [page]}


@pytest.mark.parametrize(("version", "capabilities"), [(MODERN, URL), (LEGACY[0], {}), (LEGACY[1], URL)])
async def test_others_read_it_in_words(version: str, capabilities: dict[str, Any]) -> None:
    """LEG-22"""
    result = (await said(version, capabilities, "tools/call", name="balance"))["result"]
    assert result["isError"] is True
    assert result["content"][0]["text"] == "visit first: Sign in to the bank (https://bank.example/in)"


async def test_pages_without_an_id_get_one_each_and_unsafe_ones_are_not_told() -> None:
    """LEG-22, ELIC-14"""
    server = Server("s")

    @server.tool
    async def go(url: str) -> None:
        raise VisitNeededError(Visit("Sign in", url))

    person = Person(server, lambda method, params: {}, LEGACY[0], URL)
    first, second = [
        (await person.ask("tools/call", name="go", arguments={"url": "https://a.example"}))["error"] for _ in range(2)
    ]
    ids = {error["data"]["elicitations"][0]["elicitationId"] for error in (first, second)}
    assert len(ids) == 2
    unsafe = await person.ask("tools/call", name="go", arguments={"url": "https://me:word@a.example"})
    assert "word" not in str(unsafe)


@pytest.mark.parametrize("way", ["memory", "http"])
async def test_the_page_is_visited_and_the_call_made_again(way: str) -> None:
    """LEG-22"""
    bank = Bank()
    pages: list[str] = []

    def visit(page: Any) -> bool:
        pages.append(page.url)
        bank.visited = True
        return True

    async with (
        over_http(bank.server.asgi()) as url,
        Client(url if way == "http" else bank.server, mode="legacy", on_visit=visit) as client,
    ):
        assert (await client.call_tool("balance")).value == 7
        assert (await client.read("bank://balance")).text == "7"
    assert (pages, bank.tries) == ([VISIT.url], 2)


@pytest.mark.parametrize("way", ["memory", "http"])
async def test_a_call_made_again_too_soon_waits_until_the_visit_is_complete(way: str) -> None:
    """LEG-22"""
    bank = Bank()
    pages: list[str] = []

    async with over_http(bank.server.asgi()) as url, asyncio.timeout(20):
        target = url if way == "http" else bank.server
        async with Client(target, mode="legacy", on_visit=lambda page: pages.append(page.url) or True) as client:
            call = asyncio.create_task(client.call_tool("balance"))
            while bank.tries < 2:
                await asyncio.sleep(0)
            await client.call_tool("arrive")
            assert (await call).value == 7
    assert (pages, bank.tries) == ([VISIT.url], 3)


async def test_a_visit_that_is_never_complete_is_told_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visits, "PATIENCE", 0.02)
    async with Client(Bank().server, mode="legacy", on_visit=lambda page: True) as client:
        with pytest.raises(VisitNeededError) as caught:
            await client.call_tool("balance")
    assert caught.value.visits == (VISIT,)


async def test_nobody_visits_what_the_user_declines_or_no_callback_takes() -> None:
    async with Client(Bank().server, mode="legacy", on_visit=lambda page: False) as client:
        with pytest.raises(DeclinedError):
            await client.call_tool("balance")
    async with Client(Bank().server, mode="legacy") as client:
        with pytest.raises(ToolError, match="visit first: Sign in to the bank"):
            await client.call_tool("balance")


def page(**changes: Any) -> dict[str, Any]:
    return {"mode": "url", "message": "m", "url": "https://a.example", "elicitationId": "1", **changes}


FAULTY = [None, {}, {"elicitations": []}, {"elicitations": [page()] * 21}, {"elicitations": [page(mode="form")]}] + [
    {"elicitations": [{key: value for key, value in page().items() if key != lacking}]}
    for lacking in ("url", "elicitationId", "message")
]


@pytest.mark.parametrize("data", FAULTY)
async def test_what_names_no_page_is_malformed(data: Any) -> None:
    assert isinstance(await failure(data), MalformedError)


async def test_what_names_pages_is_not() -> None:
    error = await failure({"elicitations": [page(), page(elicitationId="2")]})
    assert isinstance(error, VisitNeededError) and [one.id for one in error.visits] == ["1", "2"]


async def failure(data: Any) -> BaseException:
    """Return what a client raises that visits no pages, for such data of the server's error."""
    server = Server("strange")

    @server.tool
    async def go() -> None:
        raise RequestError(-32042, "visit", data)

    async with Client(server, mode="legacy") as client:
        with pytest.raises((MalformedError, VisitNeededError, PeerError)) as caught:
            await client.call_tool("go")
    return caught.value


async def test_the_end_of_a_visit_is_told_where_the_revision_has_words_for_it() -> None:
    """LEG-22"""
    for version in (*LEGACY, MODERN):
        server = Server("s")

        @server.tool
        async def go(ctx: Context) -> str:
            await ctx.elicit("Sign in", url="https://a.example", visit="v-2")
            await ctx.visited("v-2")
            return "done"

        person = Person(server, lambda method, params: {"action": "accept"}, version)
        response = await person.ask("tools/call", name="go")
        told = [notice for notice in person.ear.heard if notice["method"] == "notifications/elicitation/complete"]
        if version == LEGACY[0]:
            assert person.asked[0][1]["elicitationId"] == "v-2"
            assert [notice["params"] for notice in told] == [{"elicitationId": "v-2"}]
        else:
            assert told == [] and "v-2" not in str(person.asked), response


async def test_the_end_of_a_visit_that_nobody_made_is_ignored() -> None:
    """LEG-22"""
    bank = Bank()
    async with Client(bank.server, mode="legacy") as client:
        await client.call_tool("arrive")
        assert (await client.call_tool("balance")).value == 7
