from pathlib import Path

import pytest
from tests.connectors import fixtures
from tests.connectors.desk import documents, written

from dragoman.connectors.address import parse
from dragoman.connectors.folders.crawl import Folder
from dragoman.connectors.folders.documents import Documents
from dragoman.connectors.folders.index import Index
from dragoman.connectors.source import ALL, Question
from dragoman.errors import ToolError


def read(source: Documents, uri: str, room: int = 10_000) -> str:
    return source.fetch(ALL, parse(uri), None, room).text


def test_what_search_finds_fetch_reads(tmp_path: Path) -> None:
    folder = written(tmp_path / "papers", sub__pump_guide_md="# Guide\n\nintro\n\n## Oil\n\nUse oil number seven.\n")
    (folder / "sub" / "pump.guide.md").rename(folder / "sub" / "pump guide#1.md")
    fixtures.good_pdf(folder)
    fixtures.good_xlsx(folder)
    with documents(folder) as source:
        hit = source.search(ALL, Question(text="oil seven"), 5).hits[0]()
        assert hit.uri == "docs://papers/sub/pump%20guide%231.md#lines=1-"
        assert "oil number seven" in read(source, hit.uri)
        page = source.search(ALL, Question(text='"page 2 of good"'), 5).hits[0]()
        assert page.uri == "docs://papers/good.pdf#page=2"
        assert "page 2 of good" in read(source, page.uri)
        assert "page 1 of good" not in read(source, page.uri)
        sheet = source.search(ALL, Question(text="nothing note"), 5).hits[0]()
        assert sheet.uri == "docs://papers/good.xlsx#sheet=Notes"
        assert read(source, sheet.uri) == "[sheet 2]\n| nothing to note |\n| --- |\n"


def test_a_search_that_finds_nothing_says_what_was_searched(tmp_path: Path) -> None:
    with documents(written(tmp_path / "papers", a_md="# pumps", b_md="# valves")) as source:
        found = source.search(ALL, Question(text="xylophone quartet"), 5)
        assert not found.hits
        assert "nothing found in the 2 documents of papers" in found.hint
        assert found.searched == "papers: 2 of 2 indexed"
        assert source.search(ALL, Question(text="valve"), 5).hits[0]().title == "valves"


def test_a_misspelt_word_finds_the_right_one_and_says_so(tmp_path: Path) -> None:
    with documents(written(tmp_path / "papers", a_md="# The calibration of gauges")) as source:
        found = source.search(ALL, Question(text="calibartion"), 5)
        assert found.hits[0]().title == "The calibration of gauges"
        assert '"calibartion" is in no document' in found.hint
        assert "calibration of gauges" in found.hits[0]().text


def test_latest_brings_the_newest_report_first(tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    for quarter in ("2025-q4", "2026-q2", "2026-q3", "2026-q1"):
        (folder / f"sales-report-{quarter}.md").write_text(f"# Sales report\n\nFigures of the quarter {quarter}.\n")
    (folder / "notes-2027-01-01.md").write_text("# Notes\n\nNothing on turnover here.\n")
    with documents(folder) as source:
        days = [hit().date for hit in source.search(ALL, Question(text="latest sales report"), 10).hits]
        assert days == ["2026-09-30", "2026-06-30", "2026-03-31", "2025-12-31"]


@pytest.mark.parametrize("make", fixtures.FORBIDDEN)
def test_secrets_are_not_found_listed_or_fetched(make, tmp_path: Path) -> None:
    folder = written(tmp_path / "papers", a_md="# open")
    made = make(folder)
    inside = (made / "inner.txt" if made.is_dir() else made).relative_to(folder).as_posix()
    with documents(folder) as source:
        assert [entry.key for entry in source.items(ALL, "", "", 100).entries] == ["a.md"]
        assert not source.search(ALL, Question(text=fixtures.SECRET), 5).hits
        with pytest.raises(ToolError, match="there is no document") as caught:
            read(source, f"docs://papers/{inside}")
        assert fixtures.SECRET not in str(caught.value)
        assert read(source, "docs://papers/a.md") == "# open"


@pytest.mark.parametrize(
    "path",
    [
        "../papers-outside.txt", "%2e%2e/papers-outside.txt", "..%2fpapers-outside.txt", "/etc/passwd",
        "a.md%00.txt", "a.md%00", "sub/../../papers-outside.txt", "./a.md", "%252e%252e/papers-outside.txt", "..\\x",
        "file:///etc/passwd", "~/.ssh/id_rsa", "a.md/../a.md",
    ],
)  # fmt: skip
def test_no_made_up_path_leads_out(path: str, tmp_path: Path) -> None:
    folder = written(tmp_path / "papers", a_md="# open")
    (tmp_path / "papers-outside.txt").write_text(fixtures.SECRET)
    with documents(folder) as source:
        with pytest.raises(ToolError, match="there is no document"):
            read(source, f"docs://papers/{path}")
        assert read(source, "docs://papers/a.md") == "# open"


def test_a_file_swapped_for_a_link_after_the_walk_is_not_read(tmp_path: Path) -> None:
    folder = written(tmp_path / "papers", a_md="# open", b_md="# b")
    outside = tmp_path / "outside.txt"
    outside.write_text(fixtures.SECRET)
    with documents(folder) as source:
        (folder / "a.md").unlink()
        (folder / "a.md").symlink_to(outside)
        with pytest.raises(ToolError, match="there is no document"):
            read(source, "docs://papers/a.md")


def test_a_changed_file_is_read_anew_when_it_is_asked_for(tmp_path: Path) -> None:
    folder = written(tmp_path / "papers", a_md="# old")
    with documents(folder) as source:
        assert read(source, "docs://papers/a.md") == "# old"
        (folder / "a.md").write_text("# quite new")
        assert read(source, "docs://papers/a.md") == "# quite new"


def test_unreadable_files_say_why_in_fetch_list_and_describe(tmp_path: Path) -> None:
    folder = written(tmp_path / "papers", a_md="# open", c_psd="x", d_psd="y")
    fixtures.encrypted_pdf(folder)
    with documents(folder) as source:
        with pytest.raises(ToolError, match=r"encrypted\.pdf cannot be read: encrypted"):
            read(source, "docs://papers/encrypted.pdf")
        with pytest.raises(ToolError, match=r"no reader for \.psd files"):
            read(source, "docs://papers/c.psd")
        problems = {entry.key: entry.problem for entry in source.items(ALL, "", "", 10).entries}
        assert problems["encrypted.pdf"].startswith("encrypted")
        assert problems["a.md"] == ""
        about = source.describe(ALL, parse("docs://papers"))
        assert about["progress"] == "1 of 2 indexed, 1 could not be read"
        assert about["unreadable"][0].startswith("encrypted.pdf: encrypted")
        assert about["not_indexed"] == ["c.psd and 1 more: no reader for .psd files"]


def test_describe_tells_outline_and_extent(tmp_path: Path) -> None:
    folder = written(tmp_path / "papers", a_md="# Guide\n\ntext\n\n## Oil\n\nmore\n")
    fixtures.good_pdf(folder)
    with documents(folder) as source:
        about = source.describe(ALL, parse("docs://papers/a.md"))
        assert (about["title"], about["extent"]) == ("Guide", "7 lines")
        assert about["outline"] == ["Guide (line 1)", "  Oil (line 5)"]
        assert source.describe(ALL, parse("docs://papers/good.pdf"))["extent"] == "3 pages"


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("docs://papers/gone.md", "nearest: docs://papers/gonk.md"),
        ("docs://papers/", "whole source"),
        ("docs://papers/gonk.md#page=2", "has no pages; ask for lines"),
        ("docs://papers/good.pdf#page=9", "has 3 pages; there is no page 9"),
        ("docs://papers/good.pdf#lines=1-2", "name one as well"),
        ("docs://papers/good.xlsx#sheet=Nope", "it has: Prices, Notes"),
        ("docs://papers/gonk.md#lines=50-60", "has 1 line; there is no line 50"),
    ],
)
def test_wrong_addresses_are_answered_with_the_next_step(uri: str, text: str, tmp_path: Path) -> None:
    folder = written(tmp_path / "papers", gonk_md="# gonk")
    fixtures.good_pdf(folder)
    fixtures.good_xlsx(folder)
    with documents(folder) as source:
        with pytest.raises(ToolError, match=text):
            read(source, uri)
        assert read(source, "docs://papers/gonk.md#lines=1-1")
        assert read(source, "docs://papers/good.pdf#page=2&lines=1-2").startswith("A good document")


def test_one_file_alone_is_served_alone(tmp_path: Path) -> None:
    folder = written(tmp_path / "papers", a_md="# a", b_md="# b")
    with documents(folder, only="a.md") as source:
        assert [entry.key for entry in source.items(ALL, "", "", 10).entries] == ["a.md"]
        with pytest.raises(ToolError, match="there is no document"):
            read(source, "docs://papers/b.md")


def test_a_sheet_of_an_awkward_name_is_addressed(tmp_path: Path) -> None:
    from openpyxl import Workbook

    folder = tmp_path / "papers"
    folder.mkdir()
    book = Workbook()
    sheet = book.active
    sheet.title = "A | B > C & #1"
    for number in range(400):
        sheet.append([f"row {number}", "filler words to make it long " * 3])
    sheet.append(["marmalade", 1])
    book.save(folder / "a.xlsx")
    with documents(folder) as source:
        hit = source.search(ALL, Question(text="marmalade"), 5).hits[0]()
        assert hit.uri.startswith("docs://papers/a.xlsx#sheet=A%20%7C%20B%20%3E%20C%20%26%20%231&lines=")
        assert "| marmalade | 1 |" in read(source, hit.uri)


def test_a_search_while_indexing_goes_on_says_that_more_will_come(tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    for number in range(300):
        (folder / f"{number}.md").write_text(f"# pump {number}\n" + "words and more words\n" * 200)
    source = Documents("papers", Folder(folder), Index(tmp_path / "cache" / "index" / "papers.db"))
    source._patient_until = 0.0
    found = source.search(ALL, Question(text="pump"), 5)
    assert "indexing goes on" in found.searched
    assert "not all is indexed yet" in found.hint
    assert source.indexer.wait_idle(60)
    found = source.search(ALL, Question(text="pump"), 5)
    assert found.searched == "papers: 300 of 300 indexed"
    assert "not all is indexed" not in found.hint
    source.close()
