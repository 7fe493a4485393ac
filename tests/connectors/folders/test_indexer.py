import os
import threading
import time
from pathlib import Path

import pytest
from tests.connectors import fixtures
from tests.connectors.desk import documents, written

from dragoman.connectors.extract.process import Converter
from dragoman.connectors.folders.crawl import Folder
from dragoman.connectors.folders.index import Index
from dragoman.connectors.folders.indexer import Indexer
from dragoman.connectors.source import ALL, Question


def unreadable(source) -> dict[str, str]:
    return {file.path: file.reason for file in source._index.problems("failed", 100)}


def test_each_unreadable_file_is_named_with_its_reason_and_stops_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    for make in fixtures.UNREADABLE:
        make(folder)
    made = {path.name for path in folder.iterdir()}
    good = [fixtures.good_pdf(folder), fixtures.good_docx(folder), fixtures.good_xlsx(folder)]
    with documents(folder) as source:
        assert set(unreadable(source)) == made
        assert all(len(reason) > 10 for reason in unreadable(source).values())
        progress = source.progress()
        assert (progress.indexed, progress.failed, progress.complete) == (len(good), len(made), True)
        assert progress.text() == f"3 of {3 + len(made)} indexed, {len(made)} could not be read"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser reads everything")
def test_a_file_that_may_not_be_read_is_reported(tmp_path: Path) -> None:
    folder = written(tmp_path / "papers", good_md="# fine")
    fixtures.unreadable_file(folder)
    with documents(folder) as source:
        assert "Permission denied" in unreadable(source)["locked.md"]


def test_the_second_start_reads_nothing_that_has_not_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = written(tmp_path / "papers", a_md="# pumps", b_md="# valves", c_md="# gone")
    fixtures.corrupt_pdf(folder)
    with documents(folder):
        pass
    read: list[str] = []
    convert = Converter.convert
    monkeypatch.setattr(Converter, "convert", lambda self, path: (read.append(Path(path).name), convert(self, path))[1])
    with documents(folder) as source:
        assert read == []
        assert source.progress().indexed == 3
    (folder / "b.md").write_text("# taps")
    (folder / "c.md").unlink()
    with documents(folder) as source:
        assert read == ["b.md"]
        assert source.progress().indexed == 2
        assert source.search(ALL, Question(text="taps"), 5).hits
        assert not source.search(ALL, Question(text="valves"), 5).hits
        assert not source._index.file("c.md")


def test_changes_are_seen_while_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dragoman.connectors.folders.indexer.RESCAN", 0.0)
    folder = written(tmp_path / "papers", a_md="# pumps")
    with documents(folder) as source:
        written(folder, b_md="# sluices")
        source.indexer._next_walk = 0.0
        source.indexer.look_again()
        assert source.indexer.wait_idle(30)
        assert [hit().title for hit in source.search(ALL, Question(text="sluices"), 5).hits] == ["sluices"]


def test_closing_in_the_middle_is_prompt_and_the_next_start_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dragoman.connectors.folders.indexer._BATCH", 5)
    folder = tmp_path / "papers"
    folder.mkdir()
    for number in range(150):
        (folder / f"{number}.md").write_text(f"# paper {number}\n" + "words and more words\n" * 200)
    index = Index(tmp_path / "cache" / "index" / "papers.db")
    indexer = Indexer(Folder(folder), index)
    indexer.start()
    while indexer.progress().indexed < 5:
        assert not indexer.wait_idle(0.001)
    began = time.monotonic()
    indexer.close()
    index.close()
    assert time.monotonic() - began < 5.0
    assert not [thread for thread in threading.enumerate() if thread.name == "dragoman-indexer"]
    index = Index(tmp_path / "cache" / "index" / "papers.db")
    done = index.counts()["ready"]
    assert 5 <= done < 150
    index.close()
    with documents(folder) as source:
        assert source.progress().indexed == 150


def test_two_servers_over_one_folder_share_the_work(tmp_path: Path) -> None:
    folder = written(tmp_path / "papers", a_md="# pumps", b_md="# valves")
    place = tmp_path / "cache" / "index" / "papers.db"
    indexers = [Indexer(Folder(folder), Index(place)) for _ in range(2)]
    for indexer in indexers:
        indexer.start()
    for indexer in indexers:
        assert indexer.wait_idle(30)
        assert indexer.progress().text() == "2 of 2 indexed"
    for indexer in indexers:
        indexer.close()
        indexer._index.close()


def test_a_disk_that_is_not_there_for_a_while_loses_nothing(tmp_path: Path) -> None:
    folder = written(tmp_path / "papers", a_md="# pumps")
    with documents(folder) as source:
        folder.rename(tmp_path / "away")
        source.indexer._next_walk = 0.0
        source.indexer.look_again()
        assert source.indexer.wait_idle(30)
        assert source.progress().indexed == 1
        (tmp_path / "away").rename(folder)
        assert source.search(ALL, Question(text="pumps"), 5).hits


def test_files_are_read_while_others_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dragoman.connectors.folders.indexer._BATCH", 1)
    folder = written(tmp_path / "papers", a_md="# pump", b_md="# tank", c_md="# pipe")
    third = threading.Event()
    convert, store = Converter.convert, Index.store

    def converting(self, path):
        if path.endswith("c.md"):
            third.set()
        return convert(self, path)

    def storing(self, found, document, day):
        # The second is written while the third is read, never the third before the first is written.
        assert found.path != "b.md" or third.wait(30)
        store(self, found, document, day)

    monkeypatch.setattr(Converter, "convert", converting)
    monkeypatch.setattr(Index, "store", storing)
    with documents(folder) as source:
        assert source.progress().text() == "3 of 3 indexed"


@pytest.mark.parametrize("file", ["a.md", "c.md"])
def test_a_write_that_fails_ends_the_indexing_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, file: str
) -> None:
    monkeypatch.setattr("dragoman.connectors.folders.indexer._BATCH", 1)
    folder = written(tmp_path / "papers", a_md="# pump", b_md="# tank", c_md="# pipe")
    store = Index.store

    def storing(self, found, document, day):
        if found.path == file:
            raise OSError("disk full")
        store(self, found, document, day)

    monkeypatch.setattr(Index, "store", storing)
    with documents(folder) as source:
        assert source.progress().indexed == (0 if file == "a.md" else 2)
    assert "disk full" in caplog.text
