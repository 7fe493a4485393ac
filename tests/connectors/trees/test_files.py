"""Files as a source: found, searched, paged and read, in a folder and through the tools."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.connectors import fixtures

from dragoman.app.client import Client
from dragoman.connectors import build
from dragoman.connectors.address import parse
from dragoman.connectors.kind import Opening
from dragoman.connectors.kinds import open_options, open_source
from dragoman.connectors.settings.health import check
from dragoman.connectors.source import ALL, Blob, Passage, Question, SourceError, View
from dragoman.connectors.trees.files import Files
from dragoman.connectors.trees.tree import Budget
from dragoman.errors import ToolError

CODE = "".join(f"line {number}\n" for number in range(1, 101)).replace("line 50\n", "def Pump(): pass\n")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "src").mkdir(parents=True)
    (root / "src" / "pump.py").write_text(CODE)
    (root / "src" / "data.bin").write_bytes(bytes(range(256)) * 4)
    (root / "sales.csv").write_text("day;total\n2026-01-01;5\n2026-01-02;7\n")
    (root / "notes.txt").write_text("größe\n" * 3 + "the pump is oiled")
    (root / "empty.txt").write_text("")
    (root / ".env").write_text("PUMP=secret")
    Image.new("RGB", (40, 20)).save(root / "photo.png")
    fixtures.good_pdf(root)
    os.utime(root / "notes.txt", (1_767_225_600, 1_767_225_600))
    return root


@pytest.fixture
def files(place: Path) -> Iterator[Any]:
    source = open_source(f"box=files:{place}", (), Opening())
    yield source
    source.close()


def read(source: Any, fragment: str, view: View = ALL, room: int = 100_000) -> str:
    """Read to the end, stretch by stretch."""
    address, position, out = parse(f"file://box/{fragment}"), None, list[str]()
    for _ in range(10_000):
        passage = source.fetch(view, address, position, room)
        assert isinstance(passage, Passage)
        out.append(passage.text)
        position = passage.following
        if position is None:
            return "".join(out)
    raise AssertionError("no end")


def test_files_are_opened_by_a_prefix_and_by_options(place: Path, files: Any) -> None:
    assert (files.name, files.scheme) == ("box", "file")
    other = open_options("files", "same", {"path": str(place)}, Opening())
    assert other.items(ALL, "", "", 50) != [] and other.describe(ALL, parse("file://same/"))["files"] == 7
    other.close()
    with pytest.raises(SourceError, match="there is nothing at"):
        open_source(f"files:{place}/nothing", (), Opening())
    with pytest.raises(SourceError, match="is neither a folder nor a zip file"):
        open_source(f"files:{place}/notes.txt", (), Opening())


def test_files_are_listed_found_and_described(files: Any) -> None:
    page = files.items(ALL, "", "", 50)
    assert [entry.key for entry in page.entries] == [
        "empty.txt", "good.pdf", "notes.txt", "photo.png", "sales.csv", "src/data.bin", "src/pump.py",
    ]  # fmt: skip
    note = page.entries[2]
    assert (note.uri, note.kind, note.size, note.date) == ("file://box/notes.txt", "txt", 41, "2026-01-01")
    assert [entry.key for entry in files.items(ALL, "", "", 50, "**/*.py").entries] == ["src/pump.py"]
    assert [entry.key for entry in files.items(ALL, "src/", "src/data.bin", 50).entries] == ["src/pump.py"]
    nothing = files.items(ALL, "src/", "", 50, "*.go")
    assert nothing.total == 0 and "fits *.go" in nothing.hint
    told = files.describe(ALL, parse("file://box/"))
    assert told["files"] == 7 and told["folders"] == ["src/ (2 files)"] and told["complete"]
    assert files.describe(ALL, parse("file://box/src"))["kinds"] == {"bin": 1, "py": 1}
    table = files.describe(ALL, parse("file://box/sales.csv"))
    assert table["columns"] == ["day", "total"] and table["sample"] == [["2026-01-01", "5"], ["2026-01-02", "7"]]
    assert files.describe(ALL, parse("file://box/good.pdf"))["extent"].endswith("pages")


def test_lines_are_found_with_those_around_them(files: Any) -> None:
    def titles(**asked: Any) -> list[tuple[str, str]]:
        return [(hit.title, hit.where) for hit in (show() for show in files.search(ALL, Question(**asked), 20).hits)]

    assert titles(text="pump", exact=True) == [("notes.txt", "line 4"), ("src/pump.py", "line 50")]
    assert titles(text="Pump", exact=True) == [("src/pump.py", "line 50")]
    assert titles(text="pump") == [("src/pump.py", "name"), ("notes.txt", "line 4"), ("src/pump.py", "line 50")]
    assert titles(text="pump", kind="py", exact=True) == [("src/pump.py", "line 50")]
    assert titles(text="pump", path="src", exact=True) == [("src/pump.py", "line 50")]
    assert titles(text="pump", until="2026-01-31", exact=True) == [("notes.txt", "line 4")]
    assert titles(text="PUMP=secret") == []
    hit = files.search(ALL, Question(text="def Pump", exact=True), 5).hits[0]()
    assert hit.text == "line 48\nline 49\ndef Pump(): pass\nline 51\nline 52"
    assert "def Pump" in read(files, hit.uri.removeprefix("file://box/"))


@pytest.mark.parametrize("room", [1, 7, 50, 1_000, 100_000])
def test_stretches_join_to_the_whole(files: Any, room: int) -> None:
    assert read(files, "src/pump.py", room=room) == CODE
    assert read(files, "notes.txt", room=max(room, 2)) == "größe\n" * 3 + "the pump is oiled"
    assert read(files, "src/pump.py#lines=49-51", room=room) == "line 49\ndef Pump(): pass\nline 51\n"
    assert read(files, "empty.txt", room=room) == ""


def test_a_file_is_read_by_lines_and_by_bytes(files: Any) -> None:
    assert read(files, "src/pump.py#lines=100") == "line 100\n"
    assert files.fetch(ALL, parse("file://box/src/pump.py#lines=98-"), None, 1_000).range == "lines 98-100"
    with pytest.raises(ToolError, match="has 100 lines; there is no line 101"):
        read(files, "src/pump.py#lines=101")
    with pytest.raises(ToolError, match="has 4 lines; there is no line 5"):
        read(files, "notes.txt#lines=5")
    assert read(files, "notes.txt#bytes=9-17", room=5) == "größe\ng"
    with pytest.raises(ToolError, match="there is no byte 1,001"):
        read(files, "notes.txt#bytes=1001-2000")


def test_what_is_no_text_is_shown_as_bytes(files: Any) -> None:
    with pytest.raises(ToolError, match=r"is no text: 1,024 bytes.*#bytes"):
        read(files, "src/data.bin")
    rows = read(files, "src/data.bin#bytes=33-64", room=100)
    assert rows.startswith("00000020  20 21 22") and rows.count("\n") == 2 and " !\"#$%&'()*+,-./\n" in rows


def test_documents_are_read_by_pages_and_pictures_are_shown(files: Any) -> None:
    whole = read(files, "good.pdf")
    assert whole and read(files, "good.pdf", room=40) == whole
    first = read(files, "good.pdf#page=1")
    assert first and first in whole
    with pytest.raises(ToolError, match="there is no page 99"):
        read(files, "good.pdf#page=99")
    for fragment in ("photo.png", "good.pdf#page=1&image"):
        blob = files.fetch(ALL, parse(f"file://box/{fragment}"), None, 1_000)
        assert isinstance(blob, Blob) and blob.mime_type.startswith("image/") and blob.data


def test_a_file_that_is_cut_off_is_said_to_be_so(files: Any, place: Path) -> None:
    (place / "bad.pdf").write_bytes(b"%PDF-1.4 nothing")
    with pytest.raises(ToolError, match=r"cannot be read.*its bytes can"):
        read(files, "bad.pdf")
    assert read(files, "bad.pdf#bytes=1-8") == "%PDF-1.4"


def test_what_is_not_there_is_told_with_the_nearest(files: Any) -> None:
    with pytest.raises(ToolError, match=r"did you mean.*src/pump\.py"):
        read(files, "src/pumps.py")
    with pytest.raises(ToolError, match="is a folder: list it"):
        read(files, "src")
    for path in (".env", "../tree/notes.txt", "nothing/at/all"):
        with pytest.raises(ToolError, match="there is no file"):
            read(files, path)


def test_what_a_view_does_not_show_is_not_there(files: Any) -> None:
    view = View(deny=("src",))
    assert files.describe(view, parse("file://box/"))["folders"] == []
    assert len(files.items(view, "", "", 50).entries) == 5
    assert [hit().title for hit in files.search(view, Question(text="pump"), 9).hits] == ["notes.txt"]
    for path in ("src/pump.py", "src"):
        with pytest.raises(ToolError, match="there is no file") as fault:
            read(files, path, view)
        assert "did you mean" not in fault.value.message
        with pytest.raises(ToolError, match="there is no file"):
            files.describe(view, parse(f"file://box/{path}"))
    assert read(files, "notes.txt", view)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """6,000 files in 30 folders."""
    root = tmp_path_factory.mktemp("many")
    for folder in range(30):
        (root / f"{folder:03}").mkdir()
        for number in range(200):
            (root / f"{folder:03}" / f"{number:03}.txt").touch()
    return root


def test_pages_of_many_files_join_to_the_whole(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spent: list[Budget] = []

    def counted(seconds: float) -> Budget:
        spent.append(Budget(seconds))
        return spent[-1]

    monkeypatch.setattr("dragoman.connectors.trees.files.Budget", counted)
    source = open_source(f"many=files:{many}", (), Opening())
    found: list[str] = []
    page = source.items(ALL, "", "", 500)
    while True:
        found += [entry.key for entry in page.entries]
        if not page.more:
            break
        page = source.items(ALL, "", page.resume or found[-1], 500)
    assert found == [f"{folder:03}/{number:03}.txt" for folder in range(30) for number in range(200)]
    assert len(spent) == 12 and max(one.visited for one in spent) < 1_000  # no page costs a walk over all
    source.close()


async def test_a_list_that_takes_too_long_goes_on_with_its_cursor(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dragoman.connectors.trees.files.Budget", lambda seconds: Budget(seconds, 1_000))
    async with Client(build([f"many=files:{many}"])) as client:
        cursor, found, calls, hints = "", list[str](), 0, list[str]()
        while cursor is not None:
            result = await client.call_tool(
                "list", {"uri": "file://many/", "pattern": "**/19[89].txt", "cursor": cursor}
            )
            body = result.structured
            found += [item["uri"] for item in body["items"]]
            hints.append(body.get("hint", ""))
            cursor = body["next_cursor"]
            calls += 1
    assert found == [f"file://many/{folder:03}/{number}.txt" for folder in range(30) for number in (198, 199)]
    assert calls > 6 and any("go on with next_cursor" in hint for hint in hints)


async def test_the_check_of_a_tree_says_that_it_does_not_count(many: Path, place: Path) -> None:
    sources = [open_source(f"many=files:{many}", (), Opening()), open_source(f"one=files:{place}/src", (), Opening())]
    (place / "src" / "data.bin").unlink()
    told = (await check(build(sources), sources, {})).sources
    assert [(one.items, one.progress) for one in told] == [(2, "or more: they are not counted"), (1, "")]


async def test_a_model_finds_and_reads_files(place: Path) -> None:
    async with Client(build([f"box=files:{place}"])) as client:
        hits = (await client.call_tool("search", {"query": "def Pump", "exact": True})).structured
        text = (await client.call_tool("fetch", {"uri": hits["items"][0]["uri"]})).structured
        assert "def Pump(): pass" in text["text"]
        resources = await client.list_resources()
        assert "file://box/notes.txt" in [str(one.uri) for one in resources]


def test_a_tree_is_closed_twice_and_reads_nothing_after_that(place: Path) -> None:
    source = open_source(f"box=files:{place}", (), Opening())
    assert isinstance(source, Files) and read(source, "notes.txt")
    source.close()
    source.close()
    with pytest.raises(ToolError, match="there is no file"):
        read(source, "notes.txt")
