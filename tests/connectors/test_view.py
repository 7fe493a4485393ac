"""Views: what patterns cover, what gets around them (nothing), and how long a hostile one takes."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.view import ALL, View, complaint_about, matches

steps = st.lists(st.text(st.sampled_from("abAB._- é"), min_size=1, max_size=6), min_size=1, max_size=5)


@pytest.mark.parametrize(
    ("pattern", "covered", "others"),
    [
        (
            "reports/**",
            ["reports/a.md", "reports/2024/b.md", "reports"],
            ["report/a.md", "x/reports/a.md", "reports.pdf"],
        ),
        ("reports", ["reports/a.md", "reports"], ["reports.pdf"]),
        ("*.md", ["a.md"], ["b/a.md", "a.mdx"]),
        ("**/*.md", ["a.md", "b/c/a.md"], ["b/c/a.txt"]),
        ("a?c", ["abc"], ["ac", "a/c"]),
        ("[ab]x", ["ax", "bx"], ["cx", "[ab]x"]),
        ("[!ab]x", ["cx"], ["ax", "/x"]),
        ("**/x*y", ["x1/x2y", "xy"], ["x1/x2z"]),
        ("a/**/b/**/c", ["a/1/b/b/2/3/c/d", "a/b/c"], ["a/1/b", "a/c"]),
        ("**", ["a", "a/b"], []),
        ("a*b*c", ["abc", "axxbyyc", "abcbc"], ["ab", "axxbyycz"]),
        ("[", ["["], ["a"]),
    ],
)
def test_a_pattern_covers_this_and_not_that(pattern: str, covered: list[str], others: list[str]) -> None:
    assert [path for path in covered if not matches(pattern, path)] == []
    assert [path for path in others if matches(pattern, path)] == []


def test_deny_wins_and_does_not_care_for_spelling() -> None:
    view = View(allow=("reports/**",), deny=("reports/Pay/**", "caf\u00e9"))
    assert view.sees("reports/a.md")
    assert not view.sees("reports/pay/a.md")
    assert not view.sees("reports/PAY/a.md")
    assert not view.sees("other/a.md")
    assert not View(deny=("caf\u00e9",)).sees("cafe\u0301")
    assert View(deny=("caf\u00e9",)).sees("cafe")
    assert ALL.everything and ALL.sees("anything")


@given(steps, steps)
def test_what_is_seen_is_entered_on_the_way(allowed: list[str], below: list[str]) -> None:
    view = View(allow=("/".join(allowed) + "/**",))
    path = "/".join([*allowed, *below])
    assert view.sees(path)
    folders = ["/".join(path.split("/")[:depth]) for depth in range(path.count("/") + 1)]
    assert all(map(view.enters, folders))
    assert not View(deny=("/".join(allowed),)).enters("/".join(allowed))


@given(st.text(st.sampled_from("ab*?[]!/.\\^-&|~("), min_size=1, max_size=30), st.text(max_size=30))
def test_any_pattern_is_refused_or_answers(pattern: str, path: str) -> None:
    assert complaint_about(pattern) or matches(pattern, path) in (True, False)


def test_a_hostile_pattern_takes_no_time() -> None:
    began = time.process_time()
    assert not matches("*a" * 200 + "b", "a" * 4_000)
    assert not matches("**/a/**/a/b", "a/" * 1_000 + "c")
    assert time.process_time() - began < 2
    assert complaint_about("**/a/**/a/**/a/b")
    assert not complaint_about("**/a/**/a/**")
