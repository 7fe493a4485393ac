from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.extract.pdf_layout import Line, body_size, render


def row(*cells: tuple[float, float, str]) -> Line:
    return Line(" ".join(text for _, _, text in cells), 10.0, cells)


def prose(text: str, size: float = 10.0) -> Line:
    return Line(text, size, ())


def test_rows_with_wide_gaps_are_a_table() -> None:
    lines = [
        row((0, 40, "Region"), (100, 140, "Revenue")),
        row((0, 30, "North"), (33, 60, "Sea"), (110, 140, "12.50")),
        prose("Text goes on."),
    ]
    assert render(lines, 10.0) == "| Region | Revenue |\n| --- | --- |\n| North Sea | 12.50 |\nText goes on.\n"


def test_one_row_alone_is_text() -> None:
    assert render([row((0, 40, "Page"), (100, 140, "12"))], 10.0) == "Page 12\n"


def test_a_cell_that_is_missing_leaves_its_column_empty() -> None:
    lines = [
        row((0, 40, "a"), (100, 140, "b"), (200, 240, "c")),
        row((0, 40, "1"), (205, 240, "3")),
    ]
    assert render(lines, 10.0) == "| a | b | c |\n| --- | --- | --- |\n| 1 |  | 3 |\n"


def test_larger_lines_are_headings_by_their_size() -> None:
    lines = [prose("Title", 20), prose("Section", 14), prose("Part", 12), prose("Body text.", 10)]
    assert render(lines, 10.0) == "# Title\n\n## Section\n\n### Part\nBody text.\n"
    assert render([prose("12", 20)], 10.0) == "12\n"


def test_text_that_starts_with_a_hash_is_no_heading() -> None:
    assert render([prose("# 5 bolts")], 10.0) == "\\# 5 bolts\n"


def test_the_body_has_the_size_of_most_letters() -> None:
    assert body_size([prose("Title", 20), prose("much more text than that", 10), prose("x" * 500, 0)]) == 10.0


word = st.tuples(st.floats(-100, 1000), st.floats(-100, 1000), st.from_regex(r"[a-z]{1,8}", fullmatch=True))
lines = st.lists(st.lists(word, min_size=1, max_size=8).map(lambda cells: row(*cells)), max_size=12)


@given(lines)
def test_no_word_is_ever_lost(found: list[Line]) -> None:
    text = render(found, 10.0)
    for line in found:
        for _, _, word in line.words:
            assert word in text
