"""The five mistakes that everybody makes, each on a fixture that makes it, and on one that does not."""

import sys
from pathlib import Path

import pytest
from tests.doctor.fixtures.looping import guarded

from dragoman.doctor.examination import Plan, examine
from dragoman.doctor.findings import Report

FIXTURES = Path(__file__).parent / "fixtures"


async def seen(file: str, *words: str, **plan) -> Report:
    """Return what is found of a fixture that is started as a command."""
    return await examine([sys.executable, str(FIXTURES / file), *words], Plan(**{"timeout": 5.0, **plan}))


def kinds(report: Report, *severities: str) -> list[str]:
    """Return the kinds that were found, of errors and warnings unless said otherwise."""
    return [one.kind for one in report.findings if one.severity in (severities or ("error", "warning"))]


async def test_logs_on_stdout_that_make_the_start_hang_are_named() -> None:
    report = await seen("logs_on_stdout.py", timeout=2.0)  # by then it has written, on any machine
    assert kinds(report) == ["start-hangs"]
    assert report.reached == "nothing"
    assert "INFO loading the model" in report.findings[0].what


async def test_logs_on_stderr_hang_nothing() -> None:
    report = await seen("logs_on_stdout.py", "--well")
    assert (kinds(report), report.reached) == ([], "server")


@pytest.mark.parametrize(("words", "why"), [((), "not declared"), (("--declared",), "declared, and not sent")])
async def test_a_tool_added_while_the_client_keeps_its_list_is_named(words, why) -> None:
    report = await seen("late_tool.py", *words)
    assert kinds(report) == ["change-untold"]
    assert "reverse changed" in report.findings[-1].what
    assert why in report.findings[-1].what


async def test_a_tool_that_is_added_and_told_of_is_fine() -> None:
    report = await seen("late_tool.py", "--well")
    assert kinds(report) == []
    assert [stage.said for stage in report.stages if stage.name == "changes"] == ["changed: reverse"]


REDIRECTS = ["another host", "to itself", "refuses", "one port", "registers another"]


@pytest.mark.parametrize("mistake", REDIRECTS)
async def test_a_login_that_goes_round_because_of_a_redirect_that_differs_is_named(mistake) -> None:
    async with guarded(mistake) as world:
        report = await examine(world.url, Plan(login=True))
    assert kinds(report) == ["login-needed", "redirect-differs"]
    assert report.reached == "refused"


@pytest.mark.parametrize("mistake", ["", "asks for cookies"])
@pytest.mark.parametrize("at_once", [True, False])
async def test_a_login_whose_redirects_are_as_registered_is_fine(mistake, at_once) -> None:
    async with guarded(mistake, at_once=at_once) as world:
        report = await examine(world.url, Plan(login=True))
        assert world.registered == ["http://127.0.0.1:49152/callback"]
    assert kinds(report) == ["login-needed"]


async def test_no_client_is_registered_without_consent() -> None:
    async with guarded("another host") as world:
        report = await examine(world.url, Plan())
        assert not {"/register", "/authorize"} & set(world.asked)
    assert kinds(report) == ["login-needed"]
    assert [stage.outcome for stage in report.stages if stage.name == "login redirect"] == ["skipped"]


async def test_tokens_for_an_inside_address_are_named() -> None:
    async with guarded("inside address") as world:
        report = await examine(world.url, Plan())
    assert kinds(report) == ["login-needed", "resource-differs"]


async def test_descriptions_too_generic_to_be_chosen_are_named() -> None:
    report = await seen("generic.py")
    found = [(one.kind, one.where) for one in report.findings if one.severity == "warning"]
    assert found == [("description-generic", "tool find_invoice"), ("description-generic", "tool process")]


async def test_descriptions_that_say_what_sets_a_tool_apart_are_fine() -> None:
    assert kinds(await seen("generic.py", "--well")) == []


async def test_a_listed_resource_that_cannot_be_read_is_named() -> None:
    report = await seen("dead_resource.py", read=True)
    assert [(one.kind, one.where) for one in report.findings if one.severity == "error"] == [
        ("resource-unreadable", "resource note://gone")
    ]


async def test_resources_that_can_be_read_are_fine_and_none_is_read_unasked() -> None:
    assert kinds(await seen("dead_resource.py", "--well", read=True)) == []
    unread = await seen("dead_resource.py")
    assert kinds(unread) == []
    assert [stage.outcome for stage in unread.stages if stage.name == "resources"] == ["skipped"]
