"""The table of requirements holds what it says: rows have tests that exist, and tests name rows that exist."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.requirements.page import AREAS, PAGE, ROOT, STATUSES, area_of, counts, decided, is_must, render, rows

LEVELS = {"MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY", "RECOMMENDED", "-"}
NAMED = re.compile(rf"\b((?:{'|'.join(AREAS)})-[0-9]{{2}}|X-[0-9]{{1,2}})\b")
# Tables of characters, say, may look like a row; what is written here is none.
NO_ROWS: frozenset[str] = frozenset()


@cache
def functions(file: str) -> frozenset[str]:
    """Return the functions of a test file, none where there is no such file."""
    path = ROOT / file
    return frozenset(names_in(path.read_text("utf-8"))) if path.match("test_*.py") and path.is_file() else frozenset()


def names_in(source: str) -> Iterator[str]:
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.name


def exists(test: str) -> bool:
    file, _, name = test.partition("::")
    return name in functions(file)


def faults_of(name: str, row: dict[str, Any]) -> list[str]:
    """Return what is wrong with one row."""
    found: list[str] = []
    if area_of(name) not in AREAS:
        found.append("is of no area")
    if row["level"] not in LEVELS or row["status"] not in STATUSES or not row["meaning"].strip():
        found.append("lacks a level, a status or a meaning")
    tests = row.get("tests", [])
    if row["status"] == "tested" and not tests:
        found.append("is said to be tested, and names no test")
    if row["status"] != "tested" and (tests or not row.get("note", "").strip()):
        found.append("is not tested, and does not say why")
    return found + [f"names {test}, which does not exist" for test in tests if not exists(test)]


def unknown(text: str, known: set[str]) -> set[str]:
    """Return the rows that a text names and that do not exist."""
    return set(NAMED.findall(text)) - known - NO_ROWS


def test_every_row_is_whole_and_its_tests_exist() -> None:
    table = rows()
    assert [f"{name} {fault}" for name, row in table.items() for fault in faults_of(name, row)] == []


def test_every_must_is_tested_or_says_why_not() -> None:
    table = {name: row for name, row in rows().items() if is_must(row)}
    assert len(table) > 200
    assert [name for name, row in table.items() if not (row.get("tests") or row.get("note"))] == []


@pytest.mark.parametrize("folder", ["tests", "src/dragoman"])
def test_every_row_that_is_named_exists(folder: str) -> None:
    known = {*rows(), *decided()}
    files = [file for file in (ROOT / folder).rglob("*.py") if file != Path(__file__)]
    assert len(files) > 50
    found = {str(file.relative_to(ROOT)): unknown(file.read_text("utf-8"), known) for file in files}
    assert {file: names for file, names in found.items() if names} == {}


def test_all_thirteen_questions_are_decided_and_held() -> None:
    found = decided()
    assert list(found) == [f"X-{number}" for number in range(1, 14)]
    for name, row in found.items():
        assert row["question"] and row["decided"]
        assert [test for test in row.get("tests", []) if not exists(test)] == [], name
        assert row.get("tests") or row.get("note"), name


def test_the_page_says_what_the_table_says() -> None:
    print("\n".join(counts(rows())))
    assert PAGE.read_text("utf-8") == render(), "run python -m tests.requirements.page"


GOOD = {"level": "MUST", "side": "both", "meaning": "m", "status": "tested"}
HERE = "tests/requirements/test_table.py::test_a_row_that_is_wrong_is_told"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"tests": []}, "names no test"),
        ({"tests": ["tests/requirements/test_table.py::test_nothing"]}, "does not exist"),
        ({"tests": ["tests/no.py::test_a_row_that_is_wrong_is_told"]}, "does not exist"),
        ({"status": "open"}, "does not say why"),
        ({"status": "open", "note": "later", "tests": [HERE]}, "does not say why"),
        ({"status": "done", "tests": [HERE]}, "lacks"),
        ({"level": "must", "tests": [HERE]}, "lacks"),
    ],
)
def test_a_row_that_is_wrong_is_told(changed: dict[str, Any], said: str) -> None:
    assert any(said in fault for fault in faults_of("BASE-01", {**GOOD, **changed}))
    assert faults_of("BASE-01", {**GOOD, "tests": [HERE]}) == []
    assert faults_of("BASE-01", {**GOOD, "status": "open", "note": "later"}) == []
    assert faults_of("NONE-01", {**GOOD, "tests": [HERE]}) == ["is of no area"]


def test_a_name_that_is_no_row_is_found_and_other_words_are_not() -> None:
    known = {"BASE-01", "X-1"}
    assert unknown("BASE-01 and " + "BASE-" + "99, X-1, " + "X-" + "77, RFC-9110, UTF-8, SHA-256", known) == {
        "BASE-" + "99",
        "X-" + "77",
    }
