import os
import sqlite3
import stat
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.connectors.extract.document import Draft, Part
from dragoman.connectors.extract.pieces import finish
from dragoman.connectors.folders.crawl import Found
from dragoman.connectors.folders.index import FAILED, READY, SKIPPED, WAITING, Index
from dragoman.connectors.folders.matching import Matching
from dragoman.connectors.folders.scope import OPEN


@pytest.fixture
def index(tmp_path: Path):
    made = Index(tmp_path / "cache" / "index" / "a.db")
    yield made
    made.close()


def document(*parts: str):
    return finish(Draft(parts=[Part(text=part) for part in parts], unit="page" if len(parts) > 1 else ""), "text")


def found(path: str, size: int = 1, mtime: int = 1) -> Found:
    return Found(path, size, mtime)


def pieces(index: Index, word: str):
    look = Matching(index, OPEN)
    return look.candidates(look.holding([word], 10))


def text(index: Index, path: str) -> str:
    file = index.file(path)
    assert file is not None
    return "".join(stretch.text for stretch in index.text(file.id, 1, 0, 10**6))


@pytest.mark.skipif(sys.platform == "win32", reason="modes are another matter there")
def test_the_index_is_for_its_user_alone(index: Index) -> None:
    index.store(found("a.md"), document("hello"), "")
    old = os.umask(0)
    os.umask(old)
    names = {path.name: stat.S_IMODE(path.stat().st_mode) for path in index.place.path.parent.iterdir()}
    assert set(names.values()) == {0o600}
    assert {"a.db", "a.db-wal"} <= set(names)
    assert stat.S_IMODE(index.place.path.parent.stat().st_mode) == 0o700


def test_what_is_stored_is_found_and_read_back(index: Index) -> None:
    index.store(found("a.md"), document("first page about pumps\n", "second page about valves\n"), "2025-03-31")
    matches = pieces(index, "valve")
    assert [(match.part, match.line) for match in matches] == [(2, 1)]
    file = index.file("a.md")
    assert file is not None
    assert (file.state, file.unit, file.parts, file.day) == (READY, "page", 2, "2025-03-31")
    assert text(index, "a.md") == "first page about pumps\nsecond page about valves\n"


def test_storing_again_replaces_and_forgetting_leaves_nothing(index: Index) -> None:
    index.store(found("a.md"), document("about pumps"), "")
    index.store(found("a.md", 2, 2), document("about valves"), "")
    assert not pieces(index, "pump")
    assert len(pieces(index, "valve")) == 1
    index.forget(["a.md", "never-there.md"])
    assert not pieces(index, "valve")
    assert index.file("a.md") is None
    assert Matching(index, OPEN).frequency("valves") == 0


def test_states_are_counted(index: Index) -> None:
    index.expect([found("a.md"), found("b.md"), found("c.png")], {"c.png": "no reader"})
    index.fail(found("b.md"), "corrupt")
    assert index.counts() == {WAITING: 1, FAILED: 1, SKIPPED: 1}
    assert [file.path for file in index.problems(FAILED, 10)] == ["b.md"]
    assert index.reasons(SKIPPED, 10) == [("no reader", 1, "c.png")]


def test_a_changed_file_stays_findable_until_it_is_read_again(index: Index) -> None:
    index.store(found("a.md"), document("about pumps"), "")
    index.expect([found("a.md", 9, 9)], {})
    assert index.waiting() == [found("a.md", 9, 9)]
    assert len(pieces(index, "pump")) == 1


def test_a_damaged_index_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "index" / "a.db"
    first = Index(path)
    first.store(found("a.md"), document("about pumps"), "")
    first.close()
    path.write_bytes(b"this is no database" * 1000)
    second = Index(path)
    assert second.counts() == {}
    second.store(found("a.md"), document("about pumps"), "")
    assert len(pieces(second, "pump")) == 1
    second.close()


def test_an_index_of_another_version_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "index" / "a.db"
    Index(path).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version=999")
    db.close()
    again = Index(path)
    assert again.known() == {}
    again.close()


def test_a_write_that_fails_leaves_all_as_it_was(index: Index) -> None:
    index.store(found("a.md"), document("about pumps"), "")

    def power_cut() -> None:
        with index.writing():
            index.forget(["a.md"])
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        power_cut()
    assert len(pieces(index, "pump")) == 1


names = st.lists(st.text(st.sampled_from("ab/é"), min_size=1, max_size=6), unique=True, max_size=12)


@settings(max_examples=25)
@given(names, st.text(st.sampled_from("ab/"), max_size=2), st.integers(1, 4))
def test_pages_of_files_are_all_files_below_the_prefix(tmp_path_factory, paths, prefix: str, limit: int) -> None:
    index = Index(tmp_path_factory.mktemp("index") / "a.db")
    index.expect([found(path) for path in paths], {})
    seen: list[str] = []
    after = ""
    while page := index.files(prefix, after, limit):
        seen += [file.path for file in page]
        after = page[-1].path
    assert seen == sorted((path for path in paths if path.startswith(prefix)), key=str.encode)
    assert index.count(prefix) == len(seen)
    index.close()
