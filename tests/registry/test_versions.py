"""Which versions are exact, and which is the later."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.registry.document import Listed, Official, ServerJson
from dragoman.registry.versions import is_exact, latest, order


def entry(version: str, published: str = "", *, is_latest: bool = False) -> Listed:
    server = ServerJson(name="a.b/c", description="d", version=version)
    return Listed(server=server, official=Official(published_at=published, is_latest=is_latest))


@pytest.mark.parametrize("version", ["1.0.0", "2.1.3-alpha", "2025.06.18", "v1.0", "1.0.0+build.5", "2025-06-18"])
def test_one_version_is_exact(version: str) -> None:
    assert is_exact(version)


@pytest.mark.parametrize(
    "version", ["", "latest", "^1.2.3", "~1.2", ">=1", "<2", "1.x", "1.2.*", "1 - 2", "1.2 || 1.3", "X", "1,2"]
)
def test_a_range_is_not(version: str) -> None:
    assert not is_exact(version)


def test_semantic_versions_stand_in_the_order_of_their_specification() -> None:
    said = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11",
            "1.0.0-rc.1", "1.0.0", "1.0.1", "1.2.0", "1.10.0", "2.0.0"]  # fmt: skip
    shuffled = [*said[5:], *said[:5]]
    assert sorted(shuffled, key=order) == said


def test_a_semantic_version_is_later_than_another_and_others_go_by_time() -> None:
    assert latest([entry("v9", "2026"), entry("0.1.0")]).server.version == "0.1.0"
    assert latest([entry("b", "2025"), entry("a", "2026")]).server.version == "a"
    assert latest([entry("2.0.0"), entry("1.0.0", is_latest=True)]).server.version == "1.0.0"


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_two_texts_can_be_compared(one: str, other: str) -> None:
    assert (order(one) <= order(other)) or (order(other) <= order(one))
    assert is_exact(one) in (True, False)
