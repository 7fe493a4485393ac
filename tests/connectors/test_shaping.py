"""What an owner wrote, as types: faults are told with the place and the words of the file, and no value."""

from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.shaping import shaped

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,31}$")]


class Leaf(msgspec.Struct, forbid_unknown_fields=True):
    argv: list[str]
    mode: Literal["read", "write"] = "read"
    top: Annotated[int, msgspec.Meta(ge=1)] | None = None


class Tree(msgspec.Struct, forbid_unknown_fields=True):
    leaves: dict[Name, Leaf] = {}
    boughs: list[dict[str, Leaf]] = []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            {"leaves": {"a": {"argv": ["x"]}, "b": {"agv": ["x"]}}},
            "at.leaves.b: there is no key 'agv'; did you mean 'argv'?",
        ),
        ({"leaves": {"a": {}}}, "at.leaves.a: the key 'argv' is missing"),
        ({"leaves": {"a": {"argv": [1]}}}, "at.leaves.a.argv[0]: expected text, got a whole number"),
        ({"leaves": {"a": {"argv": "x"}}}, "at.leaves.a.argv: expected a list, got text"),
        ({"leaves": {"a": {"argv": [], "top": 0}}}, "at.leaves.a.top: expected a whole number >= 1"),
        ({"leaves": {"a": {"argv": [], "top": "1"}}}, "at.leaves.a.top: expected a whole number or nothing, got text"),
        ({"leaves": {"a": {"argv": [], "mode": "raed"}}}, "at.leaves.a.mode: there is no 'raed'; did you mean 'read'?"),
        ({"leaves": {"A": {"argv": []}}}, "at.leaves: 'A' is no name: names are of small letters, digits and dashes"),
        ({"boughs": [{}, {"x": {"argv": []}, "y": None}]}, "at.boughs[1].y: expected a mapping, got nothing"),
        ({"leafs": {}}, "at: there is no key 'leafs'; did you mean 'leaves'?"),
        ([], "at: expected a mapping, got a list"),
    ],
)
def test_a_fault_has_its_place_and_the_words_of_the_file(said: Any, told: str) -> None:
    with pytest.raises(ValueError) as refused:
        shaped(said, Tree, "at")
    assert str(refused.value).startswith(told)


def test_what_fits_is_taken_and_a_fault_at_the_root_needs_no_place() -> None:
    assert shaped({"leaves": {"a": {"argv": ["x"], "top": 2}}}, Tree, "at").leaves["a"].top == 2
    with pytest.raises(ValueError, match=r"^expected a mapping, got text$"):
        shaped("sesame", Tree, "")


SAID = st.recursive(
    st.none() | st.integers() | st.text("ab-.[]`", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["leaves", "boughs", "argv", "a", "."]), inner)
    ),
    max_leaves=8,
)


@given(SAID)
def test_anything_fits_or_is_refused_with_a_sentence(said: Any) -> None:
    try:
        found: object = shaped(said, Tree, "at")
    except ValueError as fault:
        found = str(fault)
        assert found.startswith("at") and "\n" not in found
    assert isinstance(found, Tree | str)
