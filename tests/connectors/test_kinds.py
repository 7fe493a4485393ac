import sqlite3
from pathlib import Path

import pytest
from tests.connectors import fixtures
from tests.connectors.desk import written

from dragoman.connectors.folders import kind as documents_kind
from dragoman.connectors.kind import Opening
from dragoman.connectors.kinds import open_source
from dragoman.connectors.source import ALL, SourceError


@pytest.fixture
def place(tmp_path: Path) -> Path:
    written(tmp_path / "Manuals 2026", a_md="# a")
    (tmp_path / "empty").mkdir()
    written(tmp_path / "pictures", a_bin="x")
    (tmp_path / "hidden").mkdir()
    fixtures.dot_env(tmp_path / "hidden")
    written(tmp_path, guide_md="# guide", picture_bin="x", zero_db="", fake_db="this is not a database at all")
    sqlite3.connect(tmp_path / "shop.db").execute("CREATE TABLE t(a)").connection.close()
    (tmp_path / "corrupt.db").write_bytes(b"SQLite format 3\x00" + b"\x01" * 4000)
    return tmp_path


def opened(text: str, place: Path, *taken: str):
    source = open_source(text, taken, Opening(cache_dir=place / "cache"))
    source.close()
    return source


def test_folders_files_and_databases_are_told_apart(place: Path) -> None:
    found = [opened(str(place / name), place) for name in ("Manuals 2026", "guide.md", "shop.db")]
    assert [(source.scheme, source.name) for source in found] == [
        ("docs", "manuals-2026"),
        ("docs", "guide"),
        ("db", "shop"),
    ]


def test_a_source_can_be_given_a_name_and_names_are_kept_apart(place: Path) -> None:
    assert opened(f"papers={place / 'guide.md'}", place).name == "papers"
    assert opened(str(place / "guide.md"), place, "guide", "guide-2").name == "guide-3"


def test_sqlite_addresses_are_paths(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    assert opened("sqlite:///shop.db", place).name == "shop"
    assert opened(f"sqlite:////{place.relative_to('/')}/shop.db", place).name == "shop"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("manuals 2026", "did you mean .*Manuals 2026"),
        ("nowhere/at/all", "there is nothing at"),
        ("empty", "it is empty"),
        ("hidden", "1 hidden or secret files"),
        ("pictures", "none of the 1 files in .* can be read; documents end in"),
        ("picture.bin", "no reader for picture.bin"),
        ("zero.db", "zero.db is empty"),
        ("fake.db", "no SQLite file"),
        ("corrupt.db", "not a database that can be opened"),
    ],
)
def test_what_cannot_be_served_is_refused_at_the_start(name: str, text: str, place: Path) -> None:
    with pytest.raises(SourceError, match=text):
        opened(str(place / name), place)


@pytest.mark.parametrize("text", ["gopher://bucket/reports", "https://example.com/api.json", "git://x/y"])
def test_kinds_that_are_not_there_yet_are_named(text: str, place: Path) -> None:
    with pytest.raises(SourceError, match="no kind of source that can be served yet; a source is a folder"):
        opened(text, place)


def test_a_missing_extra_is_named(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dragoman.connectors.databases.opening.available", lambda: False)
    with pytest.raises(SourceError, match=r'needs sqlglot: pip install "dragoman\[sql\]"'):
        opened(str(place / "shop.db"), place)
    monkeypatch.setattr("dragoman.connectors.extract.registry.missing_package", lambda known: "pypdfium2")
    monkeypatch.setattr(documents_kind, "missing_package", lambda known: "pypdfium2")
    fixtures.good_pdf(place / "empty")
    with pytest.raises(SourceError, match=r'needs pypdfium2: pip install "dragoman\[docs\]"'):
        opened(str(place / "empty"), place)


def test_a_folder_where_one_format_lacks_its_package_is_served_without_it(place: Path, monkeypatch) -> None:
    from dragoman.connectors.extract import registry

    monkeypatch.setitem(registry.FORMATS, ".pdf", registry.FORMATS[".pdf"]._replace(package="not_installed_here"))
    folder = place / "Manuals 2026"
    fixtures.good_pdf(folder)
    source = open_source(str(folder), (), Opening(cache_dir=place / "cache"))
    source.start()
    assert source.indexer.wait_idle(30)
    entries = {entry.key: entry.problem for entry in source.items(ALL, "", "", 10).entries}
    assert entries["a.md"] == ""
    assert 'pip install "dragoman[docs]"' in entries["good.pdf"]
    source.close()


def test_the_index_may_not_lie_in_what_it_is_made_from(place: Path) -> None:
    with pytest.raises(SourceError, match="must not lie inside the folder"):
        open_source(str(place / "Manuals 2026"), (), Opening(cache_dir=place / "Manuals 2026" / "cache"))
    assert opened(str(place / "Manuals 2026"), place)


def test_the_default_index_is_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert documents_kind.default_cache() == tmp_path / "dragoman"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert documents_kind.default_cache() == tmp_path / ".cache" / "dragoman"


@pytest.mark.parametrize(("address", "named"), [("foo", "'foo'"), ("redis://u:pw@h/0?x=pw", "'redis://h/0'")])
def test_an_index_elsewhere_is_refused_by_its_address_without_its_secrets(address: str, named: str) -> None:
    with pytest.raises(SourceError, match=f"no index at {named}: one is kept in postgresql://") as told:
        documents_kind.server_at(address)
    assert "pw" not in str(told.value)
    assert documents_kind.server_at("postgresql://h/d").__name__.endswith("index_server")
