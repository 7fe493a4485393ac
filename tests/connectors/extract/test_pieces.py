import itertools

from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.extract.document import Draft, Part
from dragoman.connectors.extract.pieces import MAX_PIECE, clean, finish

line = st.one_of(
    st.text(max_size=80),
    st.just(""),
    st.just("# A heading"),
    st.just("## Below"),
    st.text("word ", min_size=1400, max_size=4000),
)
text = st.lists(line, max_size=30).map("\n".join)


@given(st.lists(text, min_size=1, max_size=3), st.booleans())
def test_the_pieces_joined_are_the_text(parts: list[str], markdown: bool) -> None:
    document = finish(Draft(parts=[Part(text=part) for part in parts], markdown=markdown), "text")
    found: dict[int, str] = {}
    for piece in document.pieces:
        assert piece.at == len(found.get(piece.part, ""))
        assert piece.line == 1 + found.get(piece.part, "").count("\n")
        assert 0 < len(piece.text) <= MAX_PIECE
        found[piece.part] = found.get(piece.part, "") + piece.text
    assert [found.get(number, "") for number in range(1, len(parts) + 1)] == [clean(part) for part in parts]


@given(st.text())
def test_cleaned_text_has_no_control_characters_and_is_stable(text: str) -> None:
    cleaned = clean(text)
    assert not [sign for sign in cleaned if ord(sign) < 32 and sign not in "\n\t"]
    assert clean(cleaned) == cleaned


def test_hidden_tag_letters_are_taken_out() -> None:
    assert clean("obey\U000e0069\U000e0067\U000e006e me") == "obey me"


def test_a_piece_knows_the_headings_above_it() -> None:
    body = "filler " * 60
    draft = Draft(parts=[Part(text=f"# Pumps\n{body}\n## Oil\n{body}\n## Noise\n{body}\n# Valves\n{body}")])
    headings = [
        heading for heading, _ in itertools.groupby(piece.heading for piece in finish(draft, "markdown").pieces)
    ]
    assert headings == ["Pumps", "Pumps > Oil", "Pumps > Noise", "Valves"]


def test_signs_and_blanks_behind_a_heading_are_none_of_it() -> None:
    draft = Draft(parts=[Part(text="#  Pumps ##  \ntext\n## C#\ntext\n## ##\ntext\n##   \ntext\n")])
    assert [each.title for each in finish(draft, "markdown").outline] == ["Pumps", "C", "#"]


def test_a_comment_in_a_code_block_is_no_heading() -> None:
    fenced = finish(Draft(parts=[Part(text="# Real\n```\n# not\n```\n# Also real\n")]), "markdown")
    assert [heading.title for heading in fenced.outline] == ["Real", "Also real"]
    plain = finish(Draft(parts=[Part(text="# not\n")], markdown=False), "text")
    assert plain.outline == []
