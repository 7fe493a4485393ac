"""The five tools' answers: paging without gaps or repeats, size, and the way back from every mistake."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.connectors import fixtures
from tests.connectors.desk import documents, written

from dragoman.connectors.answers import Answers, Filters
from dragoman.connectors.answers_run import MoreAnswers
from dragoman.connectors.catalogue import Catalogue
from dragoman.connectors.databases.database import Database
from dragoman.connectors.databases.sqlite import Sqlite
from dragoman.connectors.envelope import ROOM, encoded
from dragoman.errors import ToolError


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answers]:
    place = tmp_path_factory.mktemp("served")
    folder = place / "papers"
    for number in range(130):
        written(
            folder,
            **{f"notes__{number:03}_md": f"# Note {number}\n\nThe pump number {number} is {'blue' * (number % 3)}.\n"},
        )
    written(folder, long_txt="".join(f'line {n} says "quoted" \\ and more\n' for n in range(1, 20_001)))
    written(folder, wide_csv="a,b\n" + "".join(f"{n},{'x' * 50}\n" for n in range(3_000)))
    fixtures.good_pdf(folder, pages=12)
    fixtures.good_xlsx(folder)
    db = sqlite3.connect(place / "shop.db")
    db.execute("CREATE TABLE orders(id INTEGER PRIMARY KEY, note TEXT)")
    db.executemany("INSERT INTO orders VALUES (?, ?)", [(n, f'note "{n}" ' * (n % 7)) for n in range(1, 3_001)])
    db.execute("CREATE TABLE wide(" + ", ".join(f"c{n} TEXT" for n in range(100)) + ")")
    db.execute("INSERT INTO wide VALUES (" + ", ".join(["?"] * 100) + ")", ["w" * 5_000] * 100)
    db.commit()
    db.close()
    with documents(folder) as papers:
        yield Answers(Catalogue([papers, Database("shop", Sqlite(place / "shop.db"))]))


def more(answers: Answers) -> MoreAnswers:
    return MoreAnswers(answers.catalogue)


def pages(call, *arguments: str) -> Iterator[dict]:
    cursor = ""
    while True:
        answer = call(*arguments, cursor)
        text = encoded(answer)
        assert len(text) <= ROOM
        assert text.startswith('{"truncated":')
        assert list(json.loads(text))[:2] == ["truncated", "next_cursor"]
        yield answer
        assert answer["truncated"] == bool(answer["next_cursor"])
        cursor = answer["next_cursor"]
        if not cursor:
            return


def test_pages_of_a_search_are_all_hits_once(answers: Answers) -> None:
    def search(query: str, cursor: str) -> dict:
        return answers.search(query, Filters(""), 7, cursor)

    found = list(pages(search, "pump"))
    uris = [hit["uri"] for answer in found for hit in answer["items"]]
    assert len(uris) == len(set(uris)) == found[0]["total"] == 130
    assert {len(answer["items"]) for answer in found[:-1]} == {7}


def test_pages_of_a_list_are_all_items_once(answers: Answers) -> None:
    found = list(pages(answers.list, "docs://papers/"))
    uris = [item["uri"] for answer in found for item in answer["items"]]
    assert len(uris) == len(set(uris)) == found[0]["total"] == 134
    inside = list(pages(answers.list, "docs://papers/notes"))
    assert inside[0]["total"] == 130
    assert [item["uri"] for item in answers.list("", "")["items"]] == ["docs://papers/", "db://shop/"]
    assert [item["uri"] for item in answers.list("db://shop", "")["items"]] == ["db://shop/orders", "db://shop/wide"]


def test_pages_of_a_long_text_are_the_text(answers: Answers) -> None:
    def fetch(uri: str, cursor: str) -> dict:
        return answers.fetch(uri, "", "", cursor)

    text = "".join(answer["text"] for answer in pages(fetch, "docs://papers/long.txt"))
    assert text == "".join(f'line {n} says "quoted" \\ and more\n' for n in range(1, 20_001))
    part = "".join(answer["text"] for answer in pages(fetch, "docs://papers/long.txt#lines=500-19000"))
    assert part.startswith("line 500 ")
    assert part.count("\n") == 18_501
    table = "".join(answer["text"] for answer in pages(fetch, "docs://papers/wide.csv"))
    assert table.count("\n") == 3_002


def test_pages_of_a_query_are_all_rows_once(answers: Answers) -> None:
    def query(sql: str, cursor: str) -> dict:
        return more(answers).query(sql, "", cursor)

    rows = [row for answer in pages(query, "SELECT id, note FROM orders ORDER BY id") for row in answer["rows"]]
    assert [row[0] for row in rows] == list(range(1, 3_001))


def test_pages_of_a_table_are_all_rows_once(answers: Answers) -> None:
    def fetch(uri: str, cursor: str) -> dict:
        return answers.fetch(uri, "", "", cursor)

    lines = [line for answer in pages(fetch, "db://shop/orders") for line in answer["text"].splitlines()[2:]]
    assert [line.split(" | ")[0] for line in lines] == [f"| {number}" for number in range(1, 3_001)]


def test_one_row_too_large_is_narrowed_and_still_json(answers: Answers) -> None:
    answer = more(answers).query("SELECT * FROM wide", "", "")
    assert len(encoded(answer)) <= ROOM
    assert len(answer["rows"][0]) == 100
    assert answer["rows"][0][0].endswith("…")


def test_a_page_of_a_pdf_is_read_by_argument_or_by_address(answers: Answers) -> None:
    by_argument = answers.fetch("docs://papers/good.pdf", "7", "", "")
    by_address = answers.fetch("docs://papers/good.pdf#page=7", "", "", "")
    assert by_argument == by_address
    assert "page 7 of good" in by_argument["text"]
    assert by_argument["range"] == "page 7"
    sheet = answers.fetch("docs://papers/good.xlsx#sheet=prices", "", "", "")
    assert "| lamp | 12.5 |" in sheet["text"]


def test_every_hit_can_be_fetched_and_described(answers: Answers) -> None:
    for hit in answers.search("pump good lamp orders", Filters(""), 50, "")["items"]:
        assert answers.fetch(hit["uri"], "", "", "")["text"]
        assert answers.describe(hit["uri"])["uri"] == hit["uri"].partition("#")[0]


def test_a_name_or_a_path_alone_is_understood(answers: Answers) -> None:
    assert answers.describe("shop")["uri"] == "db://shop/"
    assert answers.fetch("papers/good.pdf", "1", "", "")["uri"] == "docs://papers/good.pdf"
    assert more(answers).query("SELECT 1 AS one", "db://shop/", "")["columns"] == ["one"]


def test_a_database_that_changes_between_pages_is_said_to_have(answers: Answers, tmp_path: Path) -> None:
    path = tmp_path / "moving.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE t(a)")
    db.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(2_000)])
    db.commit()
    moving = MoreAnswers(Catalogue([Database("moving", Sqlite(path))]))
    cursor = moving.query("SELECT a FROM t", "", "")["next_cursor"]
    assert "hint" not in moving.query("SELECT a FROM t", "", cursor)
    db.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(5_000)])
    db.commit()
    db.close()
    assert "has changed" in moving.query("SELECT a FROM t", "", cursor)["hint"]


@pytest.mark.parametrize(
    ("call", "arguments", "text"),
    [
        ("search", ("", Filters(""), 10, ""), "query is empty"),
        ("search", ("x" * 3_000, Filters(""), 10, ""), "at most 2,000"),
        ("search", ("pump", Filters("nowhere"), 10, ""), "sources here: docs://papers/, db://shop/"),
        (
            "search",
            ("pump", Filters("paper"), 10, ""),
            "no source or folder 'paper' here; did you mean docs://papers/?",
        ),
        ("search", ("pump", Filters(""), 10, "abc"), "cursor does not belong"),
        ("fetch", ("docs://paper/a.md", "", "", ""), "did you mean docs://papers/"),
        ("fetch", ("docs://papers/", "", "", ""), "whole source"),
        ("fetch", ("docs://papers/good.pdf", "x", "", ""), "pages: a range is a number or two"),
        ("fetch", ("docs://papers/long.txt", "", "9-1", ""), "lines: a range"),
        ("fetch", ("http://example.com/", "", "", ""), "no source at"),
        ("fetch", ("file:///etc/passwd", "", "", ""), "no source at"),
        ("list", ("docs://papers/", "abc"), "cursor does not belong"),
        ("describe", ("db://shop/ordrs",), "nearest: orders"),
        ("query", ("SELECT 1", "papers", ""), "no database 'papers'"),
    ],
)
def test_a_wrong_argument_is_answered_with_the_next_step(answers: Answers, call: str, arguments, text: str) -> None:
    with pytest.raises(ToolError, match=text):
        getattr(more(answers) if call == "query" else answers, call)(*arguments)


def test_a_search_without_hits_says_what_was_searched_and_what_to_try(answers: Answers) -> None:
    answer = answers.search("xylophone", Filters(""), 10, "")
    assert answer["items"] == []
    assert "134 of 134 indexed" in answer["searched"]
    assert "shop: names of tables and columns" in answer["searched"]
    assert "try fewer or other words, or call list" in answer["hint"]


def test_a_search_can_be_kept_to_one_source(answers: Answers) -> None:
    everywhere = {hit["uri"].partition(":")[0] for hit in answers.search("orders note", Filters(""), 100, "")["items"]}
    assert everywhere == {"docs", "db"}
    only = {hit["uri"].partition(":")[0] for hit in answers.search("orders note", Filters("shop"), 100, "")["items"]}
    assert only == {"db"}


def test_a_word_as_source_is_a_source_a_folder_or_an_item_and_anything_else_is_refused(answers: Answers) -> None:
    """One that was passed over would search all there is, and give it out as what was asked for."""
    papers, shop = answers.catalogue.sources.values()
    for catalogue in (answers.catalogue, Catalogue([papers])):

        def found(query: str, source: str, seen: Catalogue = catalogue) -> list[str]:
            return [hit["uri"] for hit in Answers(seen).search(query, Filters(source), 50, "")["items"]]

        assert set(found("pump", "notes")) == set(found("pump", "papers/notes/**")) != set()
        assert found("pump", "notes/") == found("pump", "notes") and found("pump", "PUMP-nowhere/x") == []
        for word in ("note", "paper", "nothere", "nothere/", " nothere "):
            with pytest.raises(
                ToolError, match=f"no source or folder '{word.strip(' /')}' here.*sources here: docs://"
            ):
                found("pump", word)
    only = Answers(Catalogue([shop]))
    assert [hit["uri"] for hit in only.search("orders", Filters("orders"), 50, "")["items"]] == ["db://shop/orders"]
    with pytest.raises(ToolError, match="no source or folder 'order' here; sources here: db://shop/"):
        only.search("orders", Filters("order"), 50, "")
