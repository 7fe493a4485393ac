"""Names of several servers' tools: fit for models, told apart, read back."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from dragoman.calling.naming import LONGEST, joined, parted

FIT = re.compile(r"[A-Za-z0-9_-]{1,64}")
# Few letters, so that names nearly collide; any text, so that nothing is forgotten.
word = st.text("ab_-.", max_size=6) | st.text("a_", min_size=50, max_size=70) | st.text(max_size=10)
pair = st.tuples(word, word)


@given(pair, pair)
@example(("a__b", "c"), ("a", "b__c"))
@example(("a_", "b"), ("a", "_b"))
@example(("a", "b.c"), ("a", "b_c"))
@example(("web", "admin.tools.list"), ("web", joined("web", "admin.tools.list")[5:]))
@example(("a" * 60, "bcdef"), ("a" * 60 + "__b", "cdef"))
def test_two_pairs_have_two_names(one: tuple[str, str], other: tuple[str, str]) -> None:
    """TOOL-08"""
    assert (joined(*one) == joined(*other)) is (one == other)


@given(pair)
def test_the_name_of_a_name_with_a_digest_is_another(one: tuple[str, str]) -> None:
    name = joined(*one)
    server, _, tool = name.partition("__")
    assert joined(server, tool) != name or (server, tool) == one


@given(pair)
def test_every_name_is_one_that_models_take(one: tuple[str, str]) -> None:
    assert FIT.fullmatch(joined(*one)) and len(joined(*one)) <= LONGEST


@given(pair)
def test_a_name_is_read_back_or_not_at_all(one: tuple[str, str]) -> None:
    assert parted(joined(*one)) in (one, None)


def test_ordinary_names_stay_as_they_are() -> None:
    assert joined("git", "git_log") == "git__git_log" and parted("git__git_log") == ("git", "git_log")
    assert joined("a", "abcdefghijkl") == "a__abcdefghijkl"
    assert joined("my-files", "read__all") == "my-files__read__all"
    assert parted("my-files__read__all") == ("my-files", "read__all")
    assert re.fullmatch(r"web__admin_tools_list__[a-z2-7]{12}", joined("web", "admin.tools.list"))
    assert parted("git") is None and parted("") is None


def test_a_name_never_changes() -> None:
    """Hosts remember names: in permissions, in the histories of conversations."""
    assert joined("web", "admin.tools.list") == "web__admin_tools_list__ooxftj4gg4cs"
