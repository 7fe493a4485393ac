"""What answers at a URL that is not MCP, or somewhere else, and what a client then meets."""

import pytest
from tests.transport.raw_peer import Got, legacy, modern, serving

from dragoman.doctor.examination import Plan, examine


async def empty(got: Got) -> None:
    method = str(got.json.get("method", ""))
    if got.method == "POST" and method.endswith("/list") and method.startswith("tools"):
        got.result({"tools": [], "resultType": "complete", "ttlMs": 0, "cacheScope": "private"})
    elif got.method == "POST" and "id" in got.json:
        got.error(-32601)
    else:
        got.reply(b"", 405)


def kinds(report) -> list[str]:
    return [one.kind for one in report.findings if one.severity != "note"]


async def test_a_server_that_answers_is_reached() -> None:
    async with serving(modern(empty)) as url:
        report = await examine(url, Plan())
    assert (report.reached, kinds(report)) == ("server", ["nothing-offered"])
    names = [stage.name for stage in report.stages]
    assert names[:6] == ["dns", "tcp", "endpoint", "greeting", "capabilities", "lists"]


async def test_the_query_of_a_url_is_sent_and_not_shown() -> None:
    asked: list[str] = []

    async def noting(got: Got) -> None:
        asked.append(got.target)
        await modern(empty)(got)

    async with serving(noting) as url:
        report = await examine(f"{url}?key=a-secret", Plan())
    assert report.reached == "server"
    assert "/mcp?key=a-secret" in asked
    assert "a-secret" not in str(report)


async def test_an_earlier_revision_is_noted() -> None:
    async with serving(legacy(empty)) as url:
        report = await examine(url, Plan())
    assert report.reached == "server"
    assert "older-version" in [one.kind for one in report.findings]


async def test_a_redirect_to_another_origin_is_named() -> None:
    async def moved(got: Got) -> None:
        got.reply(b"", 308, location="https://elsewhere.invalid/mcp?token=secret")

    async with serving(moved) as url:
        report = await examine(url, Plan())
    assert "endpoint-moved" in kinds(report)
    assert "secret" not in str(report)


async def test_a_redirect_within_the_origin_is_noted_and_followed() -> None:
    async def moved(got: Got) -> None:
        if got.target == "/mcp":
            got.reply(b"", 307, location="/mcp/")
        else:
            await modern(empty)(got)

    async with serving(moved) as url:
        report = await examine(url, Plan())
    assert report.reached == "server"
    assert report.has("endpoint-redirects")


@pytest.mark.parametrize(
    ("status", "kind", "body", "expected"),
    [(404, "text/plain", b"no", "endpoint-missing"), (200, "text/html", b"<html>", "not-mcp")],
)
async def test_what_is_no_mcp_is_named_once(status, kind, body, expected) -> None:
    async def other(got: Got) -> None:
        got.reply(body, status, content_type=kind)

    async with serving(other) as url:
        report = await examine(url, Plan())
    assert (report.reached, kinds(report)) == ("nothing", [expected])


async def test_a_server_that_never_answers_is_named() -> None:
    async def silent(got: Got) -> None:
        await got.gone()

    async with serving(silent) as url:
        report = await examine(url, Plan(timeout=0.5))
    assert (report.reached, kinds(report)) == ("nothing", ["no-answer"])


async def test_a_connection_that_ends_without_an_answer_is_named() -> None:
    async def leaving(got: Got) -> None:
        got.writer.close()

    async with serving(leaving) as url:
        report = await examine(url, Plan())
    assert (report.reached, kinds(report)) == ("nothing", ["connection-lost"])


async def test_a_greeting_that_is_refused_is_named() -> None:
    async def refusing(got: Got) -> None:
        got.error(-32099, "the licence has ended", status=200)

    async with serving(refusing) as url:
        report = await examine(url, Plan())
    assert (report.reached, kinds(report)) == ("nothing", ["server-refused"])


async def test_no_version_in_common_is_named() -> None:
    async def ancient(got: Got) -> None:
        data = {"supported": ["1999-01-01"], "requested": "x"}
        got.error(-32022, "unsupported", data)

    async with serving(ancient) as url:
        report = await examine(url, Plan())
    assert (report.reached, kinds(report)) == ("nothing", ["version-unknown"])
