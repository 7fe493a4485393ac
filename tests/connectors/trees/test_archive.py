"""A zip file as a tree: read where it lies, whatever its names and sizes say."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.address import parse
from dragoman.connectors.kind import Opening
from dragoman.connectors.kinds import open_source
from dragoman.connectors.source import ALL, Question, SourceError, View
from dragoman.connectors.trees.archive import MAX_MEMBERS, Zip
from dragoman.connectors.trees.tree import Broken, Budget, Missing, Scope

EVERYTHING = Scope(ALL)


def packed(path: Path, **texts: str | bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
    return path


def paths(tree: Zip, prefix: str = "", after: str = "", scope: Scope = EVERYTHING) -> list[str]:
    return [node.path for node in tree.files(prefix, after, scope, Budget())]


def data(tree: Zip, path: str, scope: Scope = EVERYTHING) -> bytes:
    opened = tree.open(path, scope)
    try:
        return opened.at(0, 1_000)
    finally:
        opened.close()


def test_members_are_walked_in_order_and_read_at_any_place(tmp_path: Path) -> None:
    body = "".join(f"{number}\n" for number in range(10_000))
    tree = Zip(str(packed(tmp_path / "x.zip", **{"b/y.txt": "why", "a.txt": body, "b/x.txt": "ex", "c/": ""})))
    assert paths(tree) == ["a.txt", "b/x.txt", "b/y.txt"]
    assert paths(tree, "b/") == ["b/x.txt", "b/y.txt"] and paths(tree, "b/", "b/x.txt") == ["b/y.txt"]
    assert paths(tree, "", "a.txt") == ["b/x.txt", "b/y.txt"]
    assert paths(tree, scope=Scope(View(deny=("b/x*",)))) == ["a.txt", "b/y.txt"]
    opened = tree.open("a.txt", EVERYTHING)
    assert [opened.at(start, 9) for start in (40_000, 3, 48_880, 60_000)] == [
        body[start : start + 9].encode() for start in (40_000, 3, 48_880, 60_000)
    ]
    opened.close()
    tree.close()
    tree.close()


@pytest.mark.parametrize(
    "name",
    [
        "../out.txt",
        "/etc/hosts",
        "a/../../out.txt",
        "a//b.txt",
        "a\\b.txt",
        ".env",
        "keys/id_rsa",
        ".git/config",
        "./x",
    ],
)
def test_names_that_lead_out_or_are_secret_are_not_served(tmp_path: Path, name: str) -> None:
    tree = Zip(str(packed(tmp_path / "x.zip", **{name: "bad", "good.txt": "good"})))
    assert paths(tree) == ["good.txt"] and data(tree, "good.txt") == b"good"
    with pytest.raises(Missing):
        data(tree, name)
    tree.close()


def test_links_and_names_that_stand_twice_are_not_served(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("twice.txt", "one")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("twice.txt", "two")
        archive.writestr("once.txt", "once")
    tree = Zip(str(tmp_path / "x.zip"))
    assert paths(tree) == ["once.txt"]
    tree.close()


def test_what_has_no_name_in_an_archive_is_left_out(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo(""), "nameless")
        archive.writestr("a.txt", "named")
    tree = Zip(str(tmp_path / "x.zip"))
    assert paths(tree) == ["a.txt"] and data(tree, "a.txt") == b"named"
    tree.close()


def test_a_profile_in_an_archive_is_not_served(tmp_path: Path) -> None:
    tree = Zip(str(packed(tmp_path / "x.zip", **{"p/logins.json": "{}", "p/q/a.txt": "a", "r/a.txt": "a"})))
    assert paths(tree) == ["r/a.txt"]
    tree.close()


def test_a_bomb_is_refused_and_its_neighbour_is_read(tmp_path: Path) -> None:
    packed(tmp_path / "x.zip", **{"bomb.txt": b"\0" * 20_000_000, "fair.txt": b"\0" * 900_000})
    tree = Zip(str(tmp_path / "x.zip"))
    with pytest.raises(Broken, match="zip bomb: 20,000,000 bytes"):
        tree.open("bomb.txt", EVERYTHING)
    assert data(tree, "fair.txt") == b"\0" * 1_000
    tree.close()


def test_no_more_comes_out_than_the_directory_says(tmp_path: Path) -> None:
    raw = bytearray(packed(tmp_path / "x.zip", **{"a.txt": b"ab" * 50_000}).read_bytes())
    at = raw.index(b"PK\x01\x02")
    raw[at + 24 : at + 28] = struct.pack("<L", 10)
    (tmp_path / "x.zip").write_bytes(raw)
    tree = Zip(str(tmp_path / "x.zip"))
    opened = tree.open("a.txt", EVERYTHING)
    try:
        assert len(opened.at(0, 1_000)) <= 10
    except Broken:
        pass  # the sum of the ten bytes is not the one that is told, which is as good
    finally:
        opened.close()
        tree.close()


@pytest.mark.parametrize(("many", "refused"), [(MAX_MEMBERS + 1, True), (1, False)])
def test_a_directory_that_is_too_long_is_refused_before_it_is_read(tmp_path: Path, many: int, refused: bool) -> None:
    raw = bytearray(packed(tmp_path / "x.zip", **{"a.txt": "a"}).read_bytes())
    end = raw.rindex(b"PK\x05\x06")
    offset = struct.unpack_from("<L", raw, end + 16)[0]
    size = end - offset
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, many, many, size, offset)
    raw[end:end] = record + struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    (tmp_path / "x.zip").write_bytes(raw)
    if refused:
        with pytest.raises(SourceError, match="it says that it has 200,001 files"):
            Zip(str(tmp_path / "x.zip"))
    else:
        tree = Zip(str(tmp_path / "x.zip"))
        assert paths(tree) == ["a.txt"]
        tree.close()


GOOD = io.BytesIO()
with zipfile.ZipFile(GOOD, "w", zipfile.ZIP_DEFLATED) as _archive:
    _archive.writestr("a/b.txt", "text " * 100)


@given(st.integers(0, len(GOOD.getvalue()) - 1), st.integers(0, 255), st.booleans())
def test_a_damaged_archive_gives_what_it_has_or_our_own_refusal(
    tmp_path_factory: pytest.TempPathFactory, at: int, value: int, cut: bool
) -> None:
    raw = bytearray(GOOD.getvalue())
    raw[at] = value
    path = tmp_path_factory.getbasetemp() / "damaged.zip"
    path.write_bytes(raw[:at] if cut else raw)
    try:
        tree = Zip(str(path))
    except SourceError:
        return
    for name in paths(tree):
        try:
            assert len(data(tree, name)) <= 1_000
        except Broken:
            continue
    tree.close()


def test_a_zip_is_a_source_and_follows_its_file(tmp_path: Path) -> None:
    packed(tmp_path / "box.zip", **{"docs/a.txt": "the pump\nis oiled\n", "inner.zip": b"PK\x05\x06" + b"\0" * 18})
    source = open_source(str(tmp_path / "box.zip"), (), Opening())
    assert (source.scheme, source.name) == ("file", "box")
    assert [hit().title for hit in source.search(ALL, Question(text="oiled", exact=True), 5).hits] == ["docs/a.txt"]
    assert source.fetch(ALL, parse("file://box/docs/a.txt#lines=2"), None, 100).text == "is oiled\n"
    assert [entry.key for entry in source.items(ALL, "", "", 9).entries] == ["docs/a.txt", "inner.zip"]
    packed(tmp_path / "new.zip", **{"docs/b.txt": "new"}).replace(tmp_path / "box.zip")
    assert [entry.key for entry in source.items(ALL, "", "", 9).entries] == ["docs/b.txt"]
    source.close()
    (tmp_path / "not.zip").write_text("no zip file")
    with pytest.raises(SourceError, match="no zip file, or cut off"):
        open_source(str(tmp_path / "not.zip"), (), Opening())


def test_an_archive_that_is_replaced_while_a_member_is_read_is_read_as_it_was(tmp_path: Path) -> None:
    body = "".join(f"{number}\n" for number in range(50_000)).encode()
    path = packed(tmp_path / "x.zip", **{"a.txt": body})
    tree = Zip(str(path))
    opened = tree.open("a.txt", EVERYTHING)
    assert opened.at(0, 5) == body[:5]
    packed(tmp_path / "y.zip", **{"a.txt": "another", ".env": "secret"}).replace(path)
    assert opened.at(200_000, 50) == body[200_000:200_050]
    assert data(tree, "a.txt") == b"another"  # who opens it now gets what is there now
    assert opened.at(250_000, 50) == body[250_000:250_050]
    opened.close()
    tree.close()


def test_an_archive_that_is_written_over_while_a_member_is_read_shows_nothing_of_what_came(tmp_path: Path) -> None:
    def stored(name: str) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(name, (b"fine" if name == "a.txt" else b"secret") * 50_000)
        return out.getvalue()

    path = tmp_path / "x.zip"
    path.write_bytes(stored("a.txt"))
    tree = Zip(str(path))
    opened = tree.open("a.txt", EVERYTHING)
    assert opened.at(0, 4) == b"fine"
    with path.open("r+b") as stream:  # the same file, with what is not served where the member was
        stream.write(stored(".env"))
    for start in (0, 4, 100_000, 150_000):
        with pytest.raises(Broken):
            opened.at(start, 60)
    opened.close()
    with pytest.raises(Missing):
        tree.open("a.txt", EVERYTHING)
    tree.close()
