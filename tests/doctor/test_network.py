"""DNS, TCP and TLS: each way in which a connection does not come about, and the one in which it does."""

import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack

import pytest
from tests.doctor.certificates import written
from tests.transport.raw_peer import Got, serving

from dragoman.doctor import network
from dragoman.doctor.findings import Report


async def nothing(got: Got) -> None:
    got.reply({})


async def looked(url: str) -> tuple[bool, Report]:
    report = Report(target=url)
    return await network.look(report, url, 0.5), report


def kinds(report: Report) -> list[str]:
    return [one.kind for one in report.findings]


async def test_a_name_that_leads_nowhere_is_named() -> None:
    alive, report = await looked("https://nowhere.invalid/mcp")
    assert (alive, kinds(report)) == (False, ["name-unknown"])
    assert [stage.name for stage in report.stages] == ["dns"]


async def test_a_port_where_nothing_listens_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        alive, report = await looked(f"http://127.0.0.1:{taken.getsockname()[1]}/mcp")
    assert (alive, kinds(report)) == (False, ["port-closed"])


@pytest.mark.skipif(sys.platform != "linux", reason="how Linux drops what a full queue has no place for")
async def test_a_port_that_swallows_packets_is_named() -> None:
    with ExitStack() as held, socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):  # nobody takes them, and from the second on there is no place
            caller = held.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(full.getsockname())
        alive, report = await looked(f"http://127.0.0.1:{full.getsockname()[1]}/mcp")
    assert (alive, kinds(report)) == (False, ["no-connection"])
    assert "no answer within 0.5 s" in report.findings[0].what


@pytest.mark.skipif(sys.platform != "linux", reason="all of 127.0.0.0/8 is this machine there")
async def test_an_address_of_a_name_that_does_not_answer_is_named() -> None:
    async def two(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.2", "127.0.0.1"]

    async def one(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    async with serving(nothing) as url:
        for resolve, expected in ((two, ["address-dead"]), (one, [])):
            report = Report(target=url)
            assert await network.look(report, url.replace("127.0.0.1", "localhost"), 0.5, resolve)
            assert kinds(report) == expected


async def test_a_port_that_answers_is_fine() -> None:
    async with serving(nothing) as url:
        alive, report = await looked(url)
    assert (alive, kinds(report)) == (True, [])
    assert [stage.name for stage in report.stages] == ["dns", "tcp"]


async def test_http_that_leaves_this_machine_is_warned_of() -> None:
    _, report = await looked("http://nowhere.invalid/mcp")
    assert kinds(report) == ["plain-http", "name-unknown"]


async def test_https_to_a_port_that_speaks_http_is_named() -> None:
    async with serving(nothing) as url:
        alive, report = await looked(url.replace("http:", "https:"))
    assert (alive, kinds(report)) == (False, ["tls-failed"])


@pytest.mark.parametrize(
    ("name", "days", "expected"),
    [
        ("localhost", 200, []),
        ("localhost", 3, ["certificate-ends-soon"]),
        ("localhost", -1, ["certificate-expired"]),
        ("elsewhere", 200, ["certificate-other-name"]),
    ],
)
async def test_certificates_are_judged_by_end_and_name(name, days, expected, tmp_path, monkeypatch) -> None:
    authority, context = written(tmp_path, name, days)
    monkeypatch.setenv("SSL_CERT_FILE", authority)
    async with serving(nothing, context) as url:
        alive, report = await looked(url)
    assert [kind for kind in kinds(report) if kind != "address-dead"] == expected
    assert alive is (days > 0 and name == "localhost")
    if alive:
        assert f"({days - 1} days)" in report.stages[-1].said


async def test_a_certificate_that_nobody_vouches_for_is_named(tmp_path) -> None:
    _, context = written(tmp_path, "localhost", 200)
    async with serving(nothing, context) as url:
        alive, report = await looked(url)
    assert (alive, "certificate-untrusted" in kinds(report)) == (False, True)


async def test_a_proxy_is_left_to_do_all_this(monkeypatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    alive, report = await looked("https://mcp.example/mcp")
    assert (alive, [stage.outcome for stage in report.stages]) == (True, ["skipped"])
