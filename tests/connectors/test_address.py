import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.address import BadAddress, make, parse, span

name = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)
step = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/"), min_size=1, max_size=20)
path = st.lists(step, min_size=1, max_size=4).map("/".join)


@given(name, path)
def test_what_is_made_is_read_back(source: str, text: str) -> None:
    address = parse(make("docs", source, text))
    assert (address.scheme, address.source, address.path) == ("docs", source, text)


@given(name, path, st.integers(1, 10_000), st.integers(0, 100))
def test_pages_survive_beside_a_path_with_signs_in_it(source: str, text: str, first: int, more: int) -> None:
    address = parse(make("docs", source, text, f"page={first}-{first + more}"))
    assert (address.path, address.pages) == (text, (first, first + more))


@given(st.text(max_size=200))
def test_any_text_is_an_address_or_a_clear_refusal(text: str) -> None:
    try:
        refusal = "" if parse(text).source is not None else "no source"
    except BadAddress as fault:
        refusal = str(fault)
    assert refusal == "" or len(refusal) > 10


@pytest.mark.parametrize(
    ("uri", "pages", "lines", "sheet"),
    [
        ("docs://a/b.pdf#page=3", (3, 3), (0, 0), ""),
        ("docs://a/b.pdf#pages=3-5", (3, 5), (0, 0), ""),
        ("docs://a/b.pptx#slide=2", (2, 2), (0, 0), ""),
        ("docs://a/b.md#lines=10-", (0, 0), (10, 999_999_999), ""),
        ("docs://a/b.xlsx#sheet=Q3%20Sales&lines=1-4", (0, 0), (1, 4), "Q3 Sales"),
        ("db://shop/orders", (0, 0), (0, 0), ""),
    ],
)
def test_fragments_say_which_part(uri: str, pages: tuple[int, int], lines: tuple[int, int], sheet: str) -> None:
    address = parse(uri)
    assert (address.pages, address.lines, address.sheet) == (pages, lines, sheet)


@pytest.mark.parametrize(
    "uri", ["", "guide.pdf", "docs:/a/b", "docs://a/b#what=3", "docs://a/b#page=x", "docs://a/%ff", "d" * 5000]
)
def test_what_is_no_address_is_refused(uri: str) -> None:
    with pytest.raises(BadAddress):
        parse(uri)


@pytest.mark.parametrize(("text", "found"), [("3", (3, 3)), ("3-5", (3, 5)), (" 3 - 5 ", (3, 5)), ("3–5", (3, 5))])
def test_a_range_is_a_number_or_two(text: str, found: tuple[int, int]) -> None:
    assert span(text) == found


@pytest.mark.parametrize("text", ["0", "5-3", "-3", "a", "1,2", "", "3-5-7", "9999999999"])
def test_other_ranges_are_refused(text: str) -> None:
    with pytest.raises(BadAddress, match="range"):
        span(text)


@given(name, st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20), path)
def test_a_revision_stands_behind_the_source(source: str, revision: str, text: str) -> None:
    address = parse(make("git", source, text, revision=revision))
    assert (address.source, address.revision, address.path) == (source, revision, text)
    assert parse(address.text()) == address


def test_a_page_can_be_asked_for_as_an_image() -> None:
    assert parse("docs://a/b.pdf#page=3&image").image
    assert not parse("docs://a/b.pdf#page=3").image
    assert parse("file://a/b.bin#bytes=1-4096").bytes == (1, 4096)
