"""Rules: the most specific one decides, and a wildcard that allows stands behind a server's name."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman import LocalError
from dragoman.host.rules import MOST, Rules, Verdict


@pytest.mark.parametrize(
    ("said", "tool", "verdict"),
    [
        ({}, "sales/get", "ask once"),
        ({"sales/*": "allow"}, "sales/get", "allow"),
        ({"sales/*": "allow"}, "mail/get", "ask once"),
        ({"sales/*": "allow", "sales/delete_*": "deny"}, "sales/delete_all", "deny"),
        ({"sales/delete_*": "deny", "sales/*": "allow"}, "sales/delete_all", "deny"),
        ({"sales/delete_*": "deny", "sales/delete_draft": "ask always"}, "sales/delete_draft", "ask always"),
        ({"*/delete_*": "deny"}, "any/delete_x", "deny"),
        ({"*/delete_*": "deny", "sales/*": "allow"}, "sales/delete_x", "allow"),
        ({"sales/a*c": "allow", "sales/ab*": "deny"}, "sales/abc", "deny"),
        ({"sales/*": "allow"}, "sales2/get", "ask once"),
        ({"sales/Get": "allow"}, "sales/get", "ask once"),
        ({"sales/a*b*c": "allow"}, "sales/a1b2c", "allow"),
        ({"sales/a*b*c": "allow"}, "sales/acb", "ask once"),
        ({"sales/ab*ba": "allow"}, "sales/aba", "ask once"),
    ],
)
def test_the_most_specific_rule_decides(said: dict[str, str], tool: str, verdict: str) -> None:
    server, _, name = tool.partition("/")
    found = Rules.of({"rules": said}).match(server, name)
    assert found.verdict == verdict and found.pattern in {"", *said}


@pytest.mark.parametrize(
    "said",
    [
        {"rules": {"*/get": "allow"}},
        {"rules": {"*/*": "ask once"}},
        {"rules": {"sal*/get": "allow"}},
        {"rules": {"get": "allow"}},
        {"rules": {"sales/": "allow"}},
        {"rules": {"sales/g?t": "allow"}},
        {"rules": {"sales/get": "maybe"}},
        {"default": "allow"},
        {"rule": {}},
        {"without_terminal": "ask"},
        [],
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(said: Any) -> None:
    with pytest.raises(LocalError):
        Rules.of(said)
    assert Rules.of({"rules": {"*/get": "deny", "sales/*": "allow"}, "default": "deny", "without_terminal": "allow"})


def test_rules_are_read_from_json_and_yaml(tmp_path: Path) -> None:
    path = tmp_path / "rules.json"
    path.write_text('{"rules": {"sales/*": "allow"}}')
    assert Rules.read(path).match("sales", "x").verdict is Verdict.ALLOW
    path.write_text('{"rules": {"sales/*": "deny", "sales/*": "allow"}}')
    with pytest.raises(LocalError, match="twice"):
        Rules.read(path)
    path.write_text('{"rules": {"sales/*": "alow"}}')
    with pytest.raises(LocalError, match=r"the rule 'sales/\*' has 'alow'; verdicts are allow"):
        Rules.read(path)
    path = tmp_path / "rules.yaml"
    path.write_text("rules:\n  sales/*: ask always\n")
    assert Rules.read(path).match("sales", "x").verdict is Verdict.ALWAYS
    for text in ("rules: [", "- a", "\x00", "rules:\n  s/a: deny\n  s/a: allow\n", "rules: &a {s/a: deny}\nx: *a\n"):
        path.write_text(text)
        with pytest.raises(LocalError):
            Rules.read(path)
    path.write_text("#" * (MOST + 1))
    with pytest.raises(LocalError, match="larger"):
        Rules.read(path)
    with pytest.raises(LocalError, match="no file"):
        Rules.read(tmp_path / "none.json")


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
def test_rules_that_others_may_write_count_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "rules.json"
    path.write_text(json.dumps({"rules": {"sales/*": "allow"}}))
    path.chmod(0o666)
    with pytest.raises(LocalError, match="chmod"):
        Rules.read(path)
    path.chmod(0o644)
    assert Rules.read(path).rules


verdicts = st.sampled_from(list(Verdict))


@given(verdicts, verdicts, verdicts)
def test_tightening_never_loosens(one: Verdict, two: Verdict, three: Verdict) -> None:
    order = list(Verdict)
    both = one.tightened(two)
    assert order.index(both) == max(order.index(one), order.index(two))
    assert both.tightened(three) is one.tightened(two.tightened(three))


@given(st.text(alphabet="ab*", min_size=1, max_size=8), st.text(alphabet="ab", min_size=1, max_size=12))
def test_a_pattern_fits_what_the_same_expression_fits(pattern: str, name: str) -> None:
    fits = re.fullmatch(pattern.replace("*", ".*"), name) is not None
    assert (Rules.of({"rules": {f"s/{pattern}": "deny"}}).match("s", name).pattern != "") is fits
