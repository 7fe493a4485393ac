"""The counting code of the conformance runner, on literal results."""

import json

from tests.conformance.run import (
    Suite,
    compare,
    failed_by_suite,
    not_required,
    read_results,
    scenario_of,
    suites,
    tally,
)


def check(name: str, status: str) -> dict[str, str]:
    return {"id": name, "status": status}


def test_checks_are_counted_by_status_and_the_worst_of_one_id_stands() -> None:
    result = tally(
        {"tools-list": [check("a", "SUCCESS"), check("a", "FAILURE"), check("b", "WARNING"), check("c", "INFO")]}
    )
    assert result.counts == {"SUCCESS": 1, "FAILURE": 1, "WARNING": 1, "INFO": 1}
    assert result.bad == {"tools-list": {"a": "FAILURE", "b": "WARNING"}}
    assert result.clean() == "0 of 1"


def test_a_clean_scenario_leaves_nothing_to_list() -> None:
    result = tally({"ping": [check("ping", "SUCCESS"), check("x", "SKIPPED")]})
    assert result.bad == {}
    assert result.clean() == "1 of 1"


def test_a_scenario_that_exercised_nothing_is_a_failure() -> None:
    result = tally({"empty": [], "skipped": [check("a", "SKIPPED"), check("b", "INFO")]})
    assert result.bad == {"empty": {"exercised-nothing": "FAILURE"}, "skipped": {"exercised-nothing": "FAILURE"}}
    assert result.counts["FAILURE"] == 2


def test_a_client_that_ends_with_an_error_fails_though_its_checks_passed() -> None:
    results = {"initialize": [check("a", "SUCCESS")]}
    assert tally(results, {"initialize"}).bad == {"initialize": {"client-exit-status": "FAILURE"}}
    assert tally(results, {"tools_call"}).bad == {}


def test_an_unlisted_failure_is_unexpected_and_a_listed_pass_is_stale() -> None:
    bad = {"a": {"x": "FAILURE"}, "b": {"y": "WARNING"}}
    assert compare(bad, bad) == ([], [])
    assert compare(bad, {"a": {"x": "FAILURE"}}) == (["b: y WARNING"], [])
    assert compare({}, bad) == ([], ["a: x FAILURE", "b: y WARNING"])
    assert compare({"a": {"x": "FAILURE"}}, {"a": {"x": "WARNING"}}) == (["a: x FAILURE"], ["a: x WARNING"])


def test_scenarios_are_read_from_the_folders_names() -> None:
    stamp = "2026-11-21T08-52-01-243Z"
    assert scenario_of(f"auth/basic-cimd-{stamp}", "client") == "auth/basic-cimd"
    assert scenario_of(f"server-tools-list-{stamp}", "server") == "tools-list"
    assert scenario_of(f"server-stateless-{stamp}", "server") == "server-stateless"
    assert scenario_of(f"server-server-stateless-{stamp}", "server") == "server-stateless"


def test_results_are_read_from_disk(tmp_path) -> None:
    folder = tmp_path / "auth" / "basic-cimd-2026-11-21T08-52-01-243Z"
    folder.mkdir(parents=True)
    (folder / "checks.json").write_text(json.dumps([check("a", "SUCCESS")]))
    assert read_results(tmp_path, "client") == {"auth/basic-cimd": [check("a", "SUCCESS")]}


def test_the_summary_tells_which_scenarios_failed() -> None:
    assert failed_by_suite("✓ ping: 1 passed, 0 failed\n✗ auth/dpop: 0 passed, 3 failed\n  ✗ x (extension)\n") == {
        "auth/dpop"
    }


def test_what_no_revision_requires_is_told_apart() -> None:
    output = "✓ a: 1 passed, 0 failed\n\nNot scored for X: 2 scenario(s) run\n  ✗ b (extension)\n  ✓ c-d (pending)\n"
    assert not_required(output) == {"b", "c-d"}
    result = tally({"a": [check("x", "SUCCESS")], "b": [check("x", "FAILURE")], "c-d": [check("x", "SUCCESS")]})
    assert (result.clean(), result.clean(not_required(output))) == ("2 of 3", "1 of 1")


def test_every_suite_has_a_name_of_its_own() -> None:
    names = [suite.name for suite in suites()]
    assert len(names) == len(set(names)) == 21
    assert Suite("server", ("--requirements", "2026-07-28")).name == "server requirements 2026-07-28"
