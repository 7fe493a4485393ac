"""What `make interop` makes of what it found; nothing is installed or started here."""

from __future__ import annotations

import asyncio
import sys

import pytest
from tests.interop import pairs, visits
from tests.interop.run import judge, main, place, table, try_all
from tests.interop.visits import Found

from dragoman import Client, Server


async def nothing() -> Found:
    return {"list": "", "call": "it says no"}


PAIR = pairs.Pair("client", "FastMCP", "4.1.2", "stdio", "2025-11-25", nothing)
WHERE = place(PAIR, "call")


def test_a_failure_is_wrong_unless_it_is_known() -> None:
    tried = [(PAIR, {"list": "", "call": "it says no"})]
    assert judge(tried, {}) == [f"{WHERE}: it says no"]
    assert judge(tried, {WHERE: "why"}) == []


def test_a_known_failure_that_passes_is_wrong_and_one_that_was_not_tried_is_not() -> None:
    known = {WHERE: "why"}
    assert [line.partition(": ")[0] for line in judge([(PAIR, {"call": ""})], known)] == [WHERE]
    assert judge([(PAIR, {"list": ""})], known) == []


def test_the_table_tells_what_passed_what_failed_and_what_was_not_asked() -> None:
    other = PAIR._replace(peer="clock")
    text = table([(PAIR, {"list": "", "call": "it says no"}), (other, {"list": ""})], "client", {WHERE: "why"})
    assert "| FastMCP | 4.1.2 | stdio | 2025-11-25 | ✓ | ✗ 1 |" in text
    assert "| clock | 4.1.2 | stdio | 2025-11-25 | ✓ |  |" in text
    assert text.endswith("1. why")


async def test_a_peer_that_does_not_start_fails_every_check_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    async def absent() -> Found:
        async with pairs.listening([sys.executable, "-c", "raise SystemExit(3)"]):
            raise AssertionError("it cannot have opened")

    ((_, found),) = await try_all([PAIR._replace(find=absent)])
    assert set(found) == set(pairs.ASKED) and all("status 3" in note for note in found.values())
    assert "0 of  8" in capsys.readouterr().out


async def test_a_visit_tells_what_each_check_found_and_goes_on() -> None:
    server = Server("small")

    @server.tool
    async def add(a: int, b: int) -> int:
        return a + b

    async def wrong(client: Client) -> None:
        await visits.refused(client.call_tool("add", {"a": 1, "b": 2}), Exception, "no")

    found = await visits.visit(server, "auto", {"wrong": wrong, "call": visits.call}, {})
    assert found["wrong"].startswith("AssertionError: no Exception but CallResult(3")
    assert found["call"] == ""


async def test_a_visit_to_nobody_fails_every_check_by_name() -> None:
    gone = [sys.executable, "-c", "pass"]
    found = await visits.visit(gone, "auto", {"list": visits.listing, "call": visits.call}, {})
    assert set(found) == {"list", "call"} and all(note.startswith("the connection: ") for note in found.values())


def test_tables_are_written_of_everything_only() -> None:
    with pytest.raises(SystemExit):
        main(["--write", "--only", "FastMCP"])


def test_pairs_are_tried_a_few_at_once_and_told_in_order() -> None:
    first, second = PAIR, PAIR._replace(peer="clock")
    assert [pair for pair, _ in asyncio.run(try_all([first, second]))] == [first, second]
