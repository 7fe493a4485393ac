from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.connectors.extract.document import Draft, Part
from dragoman.connectors.extract.pieces import finish
from dragoman.connectors.folders.crawl import Found
from dragoman.connectors.folders.index import Index
from dragoman.connectors.folders.reading import Wanted, cut
from dragoman.connectors.source import Position

line = st.one_of(st.text(st.sampled_from("ab #ä\n"), max_size=60), st.text("word ", min_size=1_450, max_size=3_200))
text = st.lists(line, max_size=8).map("\n".join)


def stored(folder: Path, parts: list[str], unit: str) -> tuple[Index, object]:
    index = Index(folder / "a.db")
    document = finish(Draft(parts=[Part(text=part) for part in parts], unit=unit, markdown=False), "text")
    index.store(Found("a", 1, 1), document, "")
    return index, index.file("a")


def passages(index: Index, file, wanted: Wanted, room: int) -> list[str]:
    found: list[str] = []
    position: Position | None = None
    while True:
        taken = cut(index, file, wanted, position, room)
        found.append(taken.text)
        if taken.following is None:
            return found
        assert taken.following != position
        position = taken.following


@settings(max_examples=30)
@given(text, st.integers(1, 500))
def test_passages_of_a_text_joined_are_the_text(tmp_path_factory, body: str, room: int) -> None:
    index, file = stored(tmp_path_factory.mktemp("index"), [body], "")
    found = passages(index, file, Wanted((0, 0)), room)
    assert "".join(found) == body
    assert all(len(passage) <= room for passage in found)
    index.close()


@settings(max_examples=30)
@given(text, st.integers(1, 12), st.integers(0, 12), st.integers(20, 500))
def test_lines_asked_for_are_the_lines_given(tmp_path_factory, body: str, first: int, more: int, room: int) -> None:
    index, file = stored(tmp_path_factory.mktemp("index"), [body], "")
    found = "".join(passages(index, file, Wanted((0, 0), (first, first + more)), room))
    assert found == "".join(body.splitlines(keepends=True)[first - 1 : first + more])
    index.close()


@settings(max_examples=30)
@given(st.lists(st.lists(line, max_size=4).map("\n".join), min_size=1, max_size=4), st.integers(30, 500), st.data())
def test_pages_asked_for_are_the_pages_given(tmp_path_factory, parts: list[str], room: int, data) -> None:
    index, file = stored(tmp_path_factory.mktemp("index"), parts, "page")
    last = file.parts
    if last:
        first = data.draw(st.integers(1, last))
        end = data.draw(st.integers(first, last))
        found = "".join(passages(index, file, Wanted((first, end)), room))
        for number in range(1, len(parts) + 1):
            found = found.replace(f"\n[page {number}]\n", "").replace(f"[page {number}]\n", "")
        assert found.replace("\n", "") == "".join(parts[first - 1 : end]).replace("\n", "")
    index.close()
