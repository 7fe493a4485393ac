"""Capabilities, lists and definitions: each fault on a server that has it, none on one that has not."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman import Server
from dragoman.doctor.definitions import ENOUGH, telling, tokens
from dragoman.doctor.examination import Plan, examine
from dragoman.doctor.redirects import _cookies
from dragoman.wire.tools import Tool

ODD = str(Path(__file__).parent / "fixtures" / "odd.py")
FAULTS = {
    "fine": [],
    "twice": ["name-twice", "descriptions-alike"],
    "schema": ["schema-invalid"],
    "silent": ["description-missing"],
    "alike": ["descriptions-alike"],
    "heavy": ["definitions-heavy", "many-tools"],
    "empty": ["nothing-offered"],
    "unread": ["list-failed"],
    "listed": ["offered-not-served"],
    "hidden": ["served-not-offered"],
    "header": ["tool-left-out"],
    "template": ["template-invalid"],
}


@pytest.mark.parametrize("kind", FAULTS)
async def test_what_is_wrong_with_what_is_offered_is_named(kind) -> None:
    report = await examine([sys.executable, ODD, kind], Plan(timeout=5.0))
    assert [one.kind for one in report.findings if one.severity != "note"] == FAULTS[kind]
    assert report.reached == "server"


async def test_a_capability_with_nothing_behind_it_is_noted() -> None:
    assert (await examine([sys.executable, ODD, "empty"], Plan())).has("offered-empty")
    assert not (await examine([sys.executable, ODD, "fine"], Plan())).has("offered-empty")


def shop() -> Server:
    server = Server("shop")

    @server.tool
    def price(article: str) -> float:
        """Give an article's price in euros."""
        return 1.0

    @server.resource("shop://hours", mime_type="text/plain")
    def hours() -> str:
        return "9 to 5"

    return server


async def test_resources_that_only_a_tools_results_link_to_are_not_missed() -> None:
    """A server of ours with tools keeps results that are too large as resources, and has to declare these."""
    server = Server("shop")

    @server.tool
    def price(article: str) -> float:
        """Give an article's price in euros."""
        return 1.0

    report = await examine(server, Plan())
    assert report.facts["sizes"]["tools"] == 1 and "resources (" in str(report.stages)
    assert not report.findings


async def test_a_server_of_ours_has_nothing_wrong() -> None:
    report = await examine(shop(), Plan(read=True))
    assert [one.kind for one in report.findings if one.severity != "note"] == []
    assert report.facts["sizes"] == {"tools": 1, "resources": 1, "templates": 0, "prompts": 0}
    assert report.facts["definitionTokens"] > 20
    assert set(report.facts["clientCapabilities"]) == {"elicitation", "sampling", "roots"}
    assert set(report.facts["notOffered"]) == {"prompts", "completions", "tasks"}


async def test_the_tool_that_a_server_of_ours_gets_meanwhile_is_told() -> None:
    server = shop()

    @server.resource("shop://grow")
    def grow() -> str:
        @server.tool
        def stock(article: str) -> int:
            """Count what is left of an article."""
            return 3

        return "grown"

    report = await examine(server, Plan(read=True))
    assert [stage.said for stage in report.stages if stage.name == "changes"] == ["changed: stock"]
    assert not report.has("change-untold")


async def test_a_list_kept_for_hours_by_a_server_that_tells_of_changes_is_fine() -> None:
    server = Server("slow", ttl_ms=7_200_000)

    @server.tool
    def price(article: str) -> float:
        """Give an article's price in euros."""
        return 1.0

    assert not (await examine(server, Plan())).has("kept-long")


@pytest.mark.parametrize("text", ["Get the weather for a city", "Add two numbers", "Search documents", "查询天气"])
def test_descriptions_that_name_their_matter_are_telling(text) -> None:
    assert len(telling(text)) >= ENOUGH


@pytest.mark.parametrize("text", ["A tool", "Runs the tool.", "Process the data and return the result", "!!!", "42"])
def test_descriptions_that_could_be_any_tools_are_not(text) -> None:
    assert len(telling(text)) < ENOUGH


@given(st.text(max_size=200))
def test_tokens_are_a_quarter_of_the_bytes_rounded_up(text: str) -> None:
    tool = Tool(name="x", input_schema={"type": "object"}, description=text.encode(errors="ignore").decode())
    assert 10 <= tokens(tool) <= 40 + 6 * len(text)


@given(st.text(max_size=300))
def test_any_set_cookie_is_read_or_left(text: str) -> None:
    for name, value in _cookies(text).items():
        assert "\n" not in name + value
        assert "\r" not in name + value


def test_a_cookie_is_sent_back_as_it_was_set() -> None:
    assert _cookies("seen=1; Path=/; HttpOnly") == {"seen": "1"}
