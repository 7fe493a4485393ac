"""The table of threats is whole: each says how it is met, by tests that exist and name it, or why it is not."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from tests.requirements.test_table import exists
from tests.security.page import PAGE, ROOT, STATUSES, rendered, threats

NAMED = re.compile(r"sec/\d\d")


def faults_of(row: dict[str, Any]) -> list[str]:
    """Return what is wrong with one row."""
    found = [] if row["status"] in STATUSES and row["threat"].strip() else ["lacks a threat or a status"]
    tests = row.get("tests", [])
    if row["status"] == "tested" and not tests:
        found.append("is said to be tested, and names no test")
    if row["status"] != "tested" and (tests or not row.get("note")):
        found.append("is not tested, and does not say why")
    for advisory, test in row.get("advisories", {}).items():
        if test not in tests if row["status"] == "tested" else test:
            found.append(f"is tested, and {advisory} is held by none of its tests, or the reverse")
    return found + [f"names {test}, which does not exist" for test in tests if not exists(test)]


def named_by_tests() -> dict[str, set[str]]:
    """Return which threats the docstrings of which tests name."""
    found: dict[str, set[str]] = {}
    for file in (ROOT / "tests").rglob("test_*.py"):
        text = file.read_text("utf-8")
        if file == Path(__file__) or "sec/" not in text:
            continue
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for name in NAMED.findall(ast.get_docstring(node) or ""):
                    found.setdefault(name, set()).add(f"{file.relative_to(ROOT).as_posix()}::{node.name}")
    return found


def test_there_are_54_threats_and_each_row_is_whole() -> None:
    table = threats()
    assert list(table) == [f"sec/{number:02}" for number in range(1, 55)]
    assert [f"{name} {fault}" for name, row in table.items() for fault in faults_of(row)] == []


def test_what_tests_say_that_they_hold_is_a_threat_that_is_met() -> None:
    table, named = threats(), named_by_tests()
    assert len(named) > 10
    assert {name: tests for name, tests in named.items() if table.get(name, {}).get("status") != "tested"} == {}


def test_every_advisory_is_on_one_row() -> None:
    advisories = [text for row in threats().values() for text in row.get("advisories", {})]
    ids = [found for text in advisories for found in re.findall(r"CVE-\d{4}-\d{4,}|GHSA(?:-\w{4}){3}", text)]
    assert len(ids) > 50 and len(ids) == len(set(ids))
    assert all(re.search(r"\(.+\)$", text) for text in advisories)


def test_the_page_says_what_the_table_says() -> None:
    assert PAGE.read_text("utf-8") == rendered(), "run python -m tests.security.page"


HERE = "tests/security/test_threats.py::test_a_row_that_is_wrong_is_told"


@pytest.mark.parametrize(
    "row",
    [
        {"status": "tested", "threat": "t"},
        {"status": "tested", "threat": "t", "tests": ["tests/none.py::test_a"]},
        {"status": "open", "threat": "t"},
        {"status": "open", "threat": "t", "note": "n", "tests": [HERE]},
        {"status": "done", "threat": "t", "tests": [HERE]},
        {"status": "tested", "threat": "t", "tests": [HERE], "advisories": {"CVE-2026-0000 (x)": ""}},
        {"status": "open", "threat": "t", "note": "n", "advisories": {"CVE-2026-0000 (x)": HERE}},
    ],
)
def test_a_row_that_is_wrong_is_told(row: dict[str, Any]) -> None:
    assert faults_of(row) != []
    held = {"CVE-2026-0000 (x)": HERE}
    assert faults_of({"status": "tested", "threat": "t", "tests": [HERE], "advisories": held}) == []
    assert faults_of({"status": "open", "threat": "t", "note": "later"}) == []
