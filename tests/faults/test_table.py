"""The table of faults and promises is whole: each names tests that exist and measure it, and the pages say the same."""

import ast
import re
from typing import Any

import pytest
from tests.faults.page import PAGES, ROOT, rendered, results, table
from tests.requirements.test_table import exists


def faults_of(row: dict[str, Any]) -> list[str]:
    """Return what is wrong with one row."""
    found = [f"names {test}, which does not exist" for test in row.get("tests", []) if not exists(test)]
    return found if row.get("tests") else ["names no test"]


def test_every_fault_mode_and_promise_names_tests_that_exist() -> None:
    rows = table()
    assert list(rows["fault"]) == [f"F{number:02}" for number in range(1, 31)]
    assert list(rows["mode"]) == [str(number) for number in range(1, 12)]
    assert len(rows["promise"]) >= 9
    assert [
        f"{kind} {name} {fault}" for kind in rows for name, row in rows[kind].items() for fault in faults_of(row)
    ] == []


def test_a_row_without_a_test_or_with_one_that_is_not_there_is_told() -> None:
    assert faults_of({"tests": []}) and faults_of({"tests": ["tests/faults/test_table.py::test_of_nothing"]})
    assert (
        faults_of({"tests": ["tests/faults/test_table.py::test_every_fault_mode_and_promise_names_tests_that_exist"]})
        == []
    )


def test_what_tests_say_that_they_hold_is_in_their_row() -> None:
    rows = table()["fault"]
    named = 0
    for file in sorted((ROOT / "tests" / "faults").glob("test_*.py")):
        for node in ast.parse(file.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for fault in re.findall(r"F\d\d", ast.get_docstring(node) or ""):
                    assert f"tests/faults/{file.name}::{node.name}" in rows[fault]["tests"], (fault, node.name)
                    named += 1
    assert named > 12


def test_every_figure_is_of_a_fault_or_a_promise_and_no_bound_is_passed() -> None:
    rows = table()
    known = {*rows["fault"], *(name for row in rows["promise"].values() for name in row.get("figures", []))}
    assert {each["fault"] for each in results()["figures"]} <= known
    assert [each for each in results()["figures"] if each["bound"] is not None and each["value"] > each["bound"]] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_pages_say_what_was_measured(page: Any) -> None:
    assert page.read_text("utf-8") == rendered(page), "run python -m tests.faults.page"
