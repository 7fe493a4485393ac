"""Each rule about authorization has a change of the code that breaks it, and the changes can be made (no run here)."""

from __future__ import annotations

from collections import Counter

import pytest
from tests.faults.page import table
from tests.mutations.run import SRC, Mutation, modes, mutations, tried
from tests.requirements.page import area_of, rows

AREAS = {"AUTHRS", "AUTHC", "AUTHAS", "XAUTH"}
QUICK = ("tests/protocol/test_bearer.py::test_offline_access_is_never_needed",)
OLD = 'if scope == "offline_access":'


def test_every_rule_of_authorization_that_is_tested_has_a_mutation() -> None:
    tested = {name for name, row in rows().items() if area_of(name) in AREAS and row["status"] == "tested"}
    assert len(tested) > 45
    assert {each.row for each in mutations()} == tested


def test_every_test_that_holds_a_failure_mode_has_a_mutation() -> None:
    held = {(f"mode-{name}", test) for name, row in table()["mode"].items() for test in row["tests"]}
    assert {(each.row, test) for each in modes() for test in each.tests} == held


def test_what_a_mutation_changes_is_there_once_and_is_python_afterwards() -> None:
    for each in [*mutations(), *modes()]:
        text = (SRC / "dragoman" / each.file).read_text("utf-8")
        changed = each.changed(text)
        assert changed != text
        compile(changed, each.file, "exec")


def test_mutations_are_told_apart_by_what_they_break() -> None:
    found = Counter((each.row, each.what) for each in mutations())
    assert [each for each, count in found.items() if count > 1] == []


@pytest.mark.parametrize("text", ["", "x = 2", "x = 1\nx = 1"])
def test_a_mutation_of_what_is_not_there_once_is_an_error(text: str) -> None:
    mutation = Mutation("BASE-01", "x is another", "errors.py", "x = 1", "x = 2", ())
    with pytest.raises(ValueError, match="not once"):
        mutation.changed(text)
    assert mutation.changed("a\nx = 1") == "a\nx = 2"


@pytest.mark.parametrize(
    "new, outcome",
    [('if scope == "never":', "red"), ('if str(scope) == "offline_access":', "survived"), ("if scope ==", "error")],
)
def test_a_change_that_matters_is_noticed_and_one_that_does_not_survives(new: str, outcome: str) -> None:
    assert tried(Mutation("AUTHRS-08", "tried", "protocol/bearer.py", OLD, new, QUICK))[0] == outcome
