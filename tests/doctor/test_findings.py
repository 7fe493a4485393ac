"""Findings are data: every kind has a cause, a cure, a place in the docs, and a test that meets it."""

import re
from pathlib import Path

import msgspec
import pytest
from tests.doctor.page import page

from dragoman.doctor.findings import SAID, Report
from dragoman.doctor.kinds import KINDS

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "doctor.md").read_text("utf-8")
SOURCE = "".join(path.read_text("utf-8") for path in (ROOT / "src/dragoman/doctor").glob("*.py"))
TESTS = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_explained(kind: str) -> None:
    assert KINDS[kind].cause.endswith(".")
    assert KINDS[kind].cure.endswith(".")
    assert re.search(rf"^### {kind}$", PAGE, re.M), f"docs/doctor.md has no section {kind}"
    assert SOURCE.count(f'"{kind}"') > 1, f"nothing finds {kind}"


def test_the_page_says_what_the_table_does() -> None:
    assert page() == PAGE, "run: python -m tests.doctor.page"


def test_every_kind_is_met_in_a_test() -> None:
    assert [kind for kind in KINDS if f'"{kind}"' not in TESTS] == []


def test_a_finding_is_told_once_for_each_place() -> None:
    report = Report(target="x")
    for where in ("a", "a", "b"):
        report.find("name-twice", "two", where)
    assert [(one.where, one.page) for one in report.findings] == [
        ("a", "docs/doctor.md#name-twice"),
        ("b", "docs/doctor.md#name-twice"),
    ]


def test_what_a_server_says_is_cut_short() -> None:
    report = Report(target="x")
    report.find("list-failed", "a" * 10_000)
    assert len(report.findings[0].what) == SAID


def test_a_stage_ends_as_what_was_found_in_it() -> None:
    report = Report(target="x")
    for kind in ("", "older-version", "not-mcp"):
        with report.stage("step"):
            if kind:
                report.find(kind, "")
    report.skip("step", "why not")
    assert [stage.outcome for stage in report.stages] == ["fine", "notes", "failed", "skipped"]


def test_a_report_is_json() -> None:
    report = Report(target="x")
    report.find("not-mcp", "a page")
    read = msgspec.json.decode(msgspec.json.encode(report))
    assert set(read) == {"target", "reached", "stages", "findings", "facts", "fixed"}
    assert set(read["findings"][0]) == {"kind", "severity", "what", "where", "cause", "cure", "page"}
