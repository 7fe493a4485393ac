"""Logs and reports: what went wrong comes first, and nothing in them can do harm."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.address import parse
from dragoman.connectors.code.digest import MAX_GROUPS, as_text, digest_of
from dragoman.connectors.code.junit import NoReport, read_report
from dragoman.connectors.code.logs_lines import best_lines
from dragoman.connectors.kind import Opening
from dragoman.connectors.kinds import open_source
from dragoman.connectors.source import ALL, Question, View
from dragoman.errors import ToolError

BUILD = (
    "compiling a.c\n"
    "a.c:10: error: missing ;\n"
    + "warning: old syntax\n" * 3
    + "".join(f"12:00:{second:02} worker {second}: connection to 10.0.0.{second} timed out\n" for second in range(30))
    + "filler\n" * 20
    + "\x1b[31mld: undefined reference to `pump'\x1b[0m\n0 errors in docs\nmake: *** [all] Error 1\n"
)
REPORT = b"""<?xml version="1.0"?><testsuites><testsuite name="t" tests="4">
<testcase classname="shop.test_cart" name="adds" time="0.5"/>
<testcase classname="shop.test_cart" name="pays" time="1.25"><failure message="assert 3 == 4&#10;more">def pays():
>   assert 3 == 4</failure></testcase>
<testcase name="loads"><error message="no file"/></testcase>
<testcase classname="x" name="later"><skipped/></testcase>
</testsuite></testsuites>"""


def test_the_last_error_comes_first_and_repeats_are_told_once() -> None:
    digest = digest_of(BUILD)
    assert digest.errors == 33 and digest.warnings == 3
    assert "Error 1" in digest.groups[0].text and "undefined reference" in digest.groups[0].text
    repeated = next(group for group in digest.groups if "timed out" in group.text)
    assert repeated.times == 30 and repeated.line == 35
    assert "missing ;" in digest.groups[-1].text
    text = as_text(digest, "logs://ci/build.log")
    assert "line 35, 30 times (logs://ci/build.log#lines=15-75)" in text and "\x1b" not in text
    assert len(text) < len(BUILD)


def test_a_log_without_errors_says_so() -> None:
    assert "nothing looks like an error" in as_text(digest_of("built\n0 errors\nerrors: 0\n"), "logs://ci/a.log")
    assert digest_of("1 error\n").errors == 1


def test_what_was_written_over_is_what_it_said_last() -> None:
    assert digest_of("10%\r50%\rfatal: disk full\n").groups[0].text == "fatal: disk full"


@given(st.text(max_size=2_000))
def test_any_text_is_a_log(text: str) -> None:
    digest = digest_of(text)
    assert len(digest.groups) <= MAX_GROUPS and digest.errors >= len(digest.groups)
    assert all(1 <= group.line <= digest.lines for group in digest.groups)


def test_a_report_tells_what_failed_and_why() -> None:
    report = read_report(REPORT)
    assert (report.tests, report.failures, report.skipped, report.seconds) == (4, 2, 1, 1.75)
    assert [one.name for one in report.failed] == ["shop.test_cart::pays", "loads"]
    assert report.failed[0].details.endswith("assert 3 == 4") and report.failed[1].kind == "error"


BOMB = b'<!DOCTYPE a [<!ENTITY b "bbb"><!ENTITY c "&b;&b;&b;">]><testsuite><testcase name="&c;"/></testsuite>'


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (BOMB, "document type"),
        (b'<!DOCTYPE t SYSTEM "file:///etc/passwd"><testsuite/>', "document type"),
        (b"<html/>", "first element is 'html'"),
        (b"<testsuite>", "not well-formed"),
        (b"<testsuite>" + b"<a>" * 60, "nested more than"),
        (b"", "not well-formed"),
    ],
)
def test_what_is_no_report_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(NoReport, match=why):
        read_report(data)
    assert read_report(b"<testsuite/>").tests == 0


@given(
    st.binary(max_size=500) | st.just(REPORT).flatmap(lambda text: st.integers(0, len(text)).map(lambda at: text[:at]))
)
def test_nothing_but_our_own_refusal_comes_out(data: bytes) -> None:
    with contextlib.suppress(NoReport):
        assert read_report(data).tests >= 0


@pytest.fixture
def logs(tmp_path: Path) -> Any:
    (tmp_path / "ci").mkdir()
    (tmp_path / "ci" / "build.log").write_text(BUILD)
    (tmp_path / "ci" / "junit.xml").write_bytes(REPORT)
    (tmp_path / "ci" / "odd.xml").write_bytes(BOMB)
    (tmp_path / "ci" / "image.bin").write_bytes(b"\0")
    os.utime(tmp_path / "ci" / "junit.xml", (1_767_225_600, 1_767_225_600))
    return open_source(f"ci=logs:{tmp_path}/ci", (), Opening())


def read(source: Any, uri: str, view: View = ALL) -> str:
    text: str = source.fetch(view, parse(uri), None, 100_000).text
    return text


def test_a_log_is_read_as_its_digest_and_by_its_lines(logs: Any) -> None:
    assert read(logs, "logs://ci/build.log").startswith("58 lines, 33 of them errors")
    assert read(logs, "logs://ci/build.log#lines=2") == "a.c:10: error: missing ;\n"
    assert read(logs, "logs://ci/junit.xml").startswith(
        "4 tests in 1.8 s: 2 failed, 1 skipped\n- shop.test_cart::pays:"
    )
    with pytest.raises(ToolError, match=r"no test report.*document type"):
        read(logs, "logs://ci/odd.xml")
    assert "DOCTYPE" in read(logs, "logs://ci/odd.xml#lines=1-5")


def test_logs_are_listed_described_and_searched(logs: Any) -> None:
    page = logs.items(ALL, "", "", 2)
    assert [entry.key for entry in page.entries] == ["build.log", "junit.xml"] and page.total == 3 and page.more
    assert logs.describe(ALL, parse("logs://ci/junit.xml"))["failed"] == 2
    assert logs.describe(ALL, parse("logs://ci/build.log"))["errors"] == 33
    hits = [hit() for hit in logs.search(ALL, Question(text="undefined reference"), 5).hits]
    assert [(hit.title, hit.where) for hit in hits] == [("build.log", "line 56")]
    assert "undefined" in read(logs, hits[0].uri)
    assert logs.search(ALL, Question(text="assert", until="2026-01-01"), 5).hits
    assert logs.search(ALL, Question(text="undefined", until="2026-01-01"), 5).hits == []


def test_a_question_finds_what_the_log_of_that_name_says(tmp_path: Path) -> None:
    for number in (12, 112, 13):
        lines = f"unpack layer {number}0\nstep one\nbuild FAILED: no disk {number}\n"
        (tmp_path / f"build-{number}.log").write_text(lines)
    (tmp_path / "notes.txt").write_text("nothing about it\n")
    (tmp_path / "build-12.xml").write_text('<testsuite name="build" failures="0"/>')
    source: Any = open_source(f"logs:{tmp_path}", (), Opening())
    found = source.search(ALL, Question(text="why did build 12 fail"), 9)
    hits = [hit() for hit in found.hits]
    assert (hits[0].title, hits[0].where) == ("build-12.log", "line 3")
    assert found.scores[0] > found.scores[1] >= found.scores[-1] and len(hits) == len(found.scores)
    failed = [hit().title for hit in source.search(ALL, Question(text="failing builds"), 9).hits]
    assert sorted(failed[:3]) == ["build-112.log", "build-12.log", "build-13.log"]
    assert failed[3:] == ["build-12.xml"]  # it says that none failed
    assert source.search(ALL, Question(text="elephants"), 9).hits == []
    source.close()


@given(st.text(max_size=50), st.lists(st.text(max_size=30), max_size=5))
def test_any_question_and_any_lines_give_scores_in_order(query: str, lines: list[str]) -> None:
    found = best_lines(query, [(0, "a.log", lines)])
    assert [line.score for line in found] == sorted((line.score for line in found), reverse=True)
    assert all(0 < line.score <= 1 and lines[line.number - 1] == line.text for line in found)


@pytest.mark.parametrize("path", ["../secret.log", "nothing.log", "image.bin", "/etc/hosts.log"])
def test_what_is_not_there_is_not_there(logs: Any, path: str, tmp_path: Path) -> None:
    (tmp_path / "secret.log").write_text("secret")
    with pytest.raises(ToolError, match="no log"):
        read(logs, f"logs://ci/{path}")


def test_what_a_view_does_not_show_is_not_there(logs: Any) -> None:
    view = View(deny=("build*",))
    assert logs.items(view, "", "", 9).total == 2
    assert logs.search(view, Question(text="undefined"), 5).hits == []
    with pytest.raises(ToolError) as hidden:
        read(logs, "logs://ci/build.log", view)
    assert "did you mean" not in hidden.value.message and "build" not in hidden.value.message.replace("'build.log'", "")
