"""What clients start in place of a server that they cannot give all it needs: it reads back as that server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.configs.entry import Entry
from dragoman.configs.faults import UnfitError
from dragoman.configs.launch import settings, unwrapped, wrapped
from dragoman.configs.shapes import CURSOR, DESKTOP
from dragoman.configs.values import Ref

OWN = ("/opt/dragoman",)
word = st.text(alphabet="abc-= :/.", min_size=1, max_size=6).map(lambda text: (text,))
value = st.sampled_from([("plain",), (Ref("env", "A"),), (Ref("secret", "s/A"),)])


@given(word, st.lists(word, max_size=4), st.dictionaries(st.sampled_from(["A", "B_C"]), value), st.none() | word)
def test_what_is_wrapped_reads_back_as_it_was(command, args, env, cwd) -> None:  # type: ignore[no-untyped-def]
    entry = Entry(name="a", transport="stdio", command=command, args=tuple(args), env=env, cwd=cwd)
    assert unwrapped(wrapped(entry, DESKTOP, OWN)) == entry


def test_only_what_needs_it_is_wrapped() -> None:
    entry = Entry(name="a", transport="stdio", command=("x",), env={"A": (Ref("env", "A"),)})
    assert wrapped(entry, CURSOR, OWN) == entry
    assert wrapped(entry, DESKTOP, OWN).args[:3] == (("clients",), ("start",), ("--env",))


def test_a_mixture_of_text_and_reference_cannot_be_wrapped() -> None:
    entry = Entry(name="a", transport="stdio", command=("x",), env={"A": ("Bearer ", Ref("env", "A"))})
    with pytest.raises(UnfitError, match="cannot be given"):
        wrapped(entry, DESKTOP, OWN)


def test_settings_are_read_and_wrong_ones_refused() -> None:
    assert settings(["A=env:B", "C=secret:s/C"], {"B": "1"}) == ({"A": "1"}, {"C": "s/C"})
    with pytest.raises(UnfitError, match="NAME=env:VARIABLE"):
        settings(["A=1"], {})
