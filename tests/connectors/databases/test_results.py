import sqlite3
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from dragoman import Client, ResourceLink, ToolError
from dragoman.connectors import build, database
from dragoman.connectors.address import parse
from dragoman.connectors.databases import results as module
from dragoman.connectors.databases.database import Database
from dragoman.connectors.databases.polling import Poll
from dragoman.connectors.databases.results import Results
from dragoman.connectors.databases.rules import Rules
from dragoman.connectors.databases.sqlite import Sqlite
from dragoman.connectors.source import Passage, Position
from dragoman.connectors.view import ALL, View


@pytest.fixture
def path(tmp_path: Path) -> Path:
    place = tmp_path / "shop.db"
    db = sqlite3.connect(place)
    db.execute("CREATE TABLE orders(id INTEGER, note TEXT)")
    db.executemany(
        "INSERT INTO orders VALUES (?, ?)", [(n, None if n == 3 else f'"note", {n}') for n in range(1, 3_001)]
    )
    db.commit()
    db.close()
    return place


def whole(shop: Database, uri: str, view: View) -> str:
    text, position = "", Position(0, 0)
    while position is not None:
        passage = shop.fetch(view, parse(uri), position, 10_000)
        assert isinstance(passage, Passage) and len(passage.text) <= 10_000
        text += passage.text
        position = passage.following
    return text


def test_a_whole_result_is_kept_and_read_by_its_address(path: Path) -> None:
    shop = Database("shop", Sqlite(path))
    first = shop.keep(ALL, "SELECT id, note FROM orders ORDER BY id")
    uri = first.uri
    assert (first.total, first.more, len(first.rows)) == (3_000, False, 5)
    lines = whole(shop, uri, ALL).splitlines()
    assert lines[:4] == ["id,note", '1,"""note"", 1"', '2,"""note"", 2"', "3,"]
    assert len(lines) == 3_001
    assert shop.describe(ALL, parse(uri))["rows"] == 3_000


def test_a_result_is_nobody_elses(path: Path) -> None:
    shop = Database("shop", Sqlite(path))
    ada, bob = View(who="ada"), View(who="bob")
    uri = shop.keep(ada, "SELECT id FROM orders").uri
    assert whole(shop, uri, ada).startswith("id\n1\n")
    for view in (bob, ALL):
        with pytest.raises(ToolError, match="there is no result"):
            shop.fetch(view, parse(uri), None, 100)


def test_results_end_by_time_and_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Results()
    first = kept.keep("", ["a"], [["x" * 50]], False)
    assert kept.find("", first.number) == first
    monkeypatch.setattr(module, "MAX_ALL", 60)
    second = kept.keep("", ["a"], [["y" * 50]], False)
    assert kept.find("", first.number) is None and kept.find("", second.number) == second
    monkeypatch.setattr(module, "SECONDS", -1.0)
    assert kept.find("", second.number) is None


def test_a_result_that_is_too_large_is_cut_at_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ONE", 30)
    made = Results().keep("", ["a"], [["x" * 10]] * 9, False)
    assert (made.text, made.rows, made.cut) == ("a\n" + ("x" * 10 + "\n") * 2, 2, True)


def test_what_is_refused_is_not_kept(path: Path) -> None:
    shop = Database("shop", Sqlite(path), Rules(mask=["orders.note"]))
    with pytest.raises(ToolError, match="masked"):
        shop.keep(ALL, "SELECT note FROM orders")
    assert shop.keep(ALL, "SELECT id FROM orders").total == 3_000


def test_changes_are_told_by_table_and_what_cannot_be_asked_is_asked_again() -> None:
    answers: list[Mapping[str, str] | None] = [
        {"a": "1", "b": "1"}, None, {"a": "2", "b": "1"}, {"a": "2", "b": "1", "c": "1"},
    ]  # fmt: skip
    told: list[list[str]] = []
    done = threading.Event()

    def stamps() -> Mapping[str, str]:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer is None:
            raise ToolError("not now")
        return answer

    def changed(names: Sequence[str]) -> None:
        told.append(list(names))
        if len(told) == 2:
            done.set()

    poll = Poll(stamps, changed, 0.01)
    poll.start()
    assert done.wait(5)
    poll.close()
    assert told == [["a"], []]


def test_a_database_that_is_written_to_is_told_of(path: Path) -> None:
    shop = Database("shop", Sqlite(path), Rules(poll=0.02))
    told: list[str] = []
    heard = threading.Event()

    def changed(uris: Sequence[str]) -> None:
        told.extend(uris)
        heard.set()

    shop.watch(changed)
    shop.start()
    db = sqlite3.connect(path)
    for number in range(200):
        db.execute("INSERT INTO orders VALUES (?, 'x')", (number,))
        db.commit()
        if heard.wait(0.02):
            break
    db.close()
    shop.close()
    assert told[0] == "db://shop/"


QUERIES: dict[str, Any] = {
    "of": {
        "sql": "SELECT id, note FROM orders WHERE id <= :most ORDER BY id",
        "parameters": {"most": {"type": "integer"}},
    },
    "monthly": {"sql": "SELECT id, note FROM orders ORDER BY id", "format": "csv"},
    "own": {"sql": "SELECT :format AS said", "parameters": {"format": {}}},
}


async def test_queries_by_name_answer_as_rows_csv_table_or_a_file(path: Path) -> None:
    server = build([database(path, "shop", queries=QUERIES)])
    async with Client(server) as client:

        async def run(tool: str, **arguments: Any) -> Any:
            return await client.call_tool("run", {"tool": tool, "arguments": arguments})

        assert (await run("of", most=1)).structured["rows"] == [[1, '"note", 1']]
        assert (await run("of", most=1, format="csv")).structured["text"] == 'id,note\n1,"""note"", 1"\n'
        assert '| 1 | "note", 1 |' in (await run("of", most=1, format="table")).structured["text"]
        said = await run("of", most=3_000, format="file")
        kept = said.structured
        assert (kept["total"], len(kept["rows"]), kept["mime_type"]) == (3_000, 5, "text/csv")
        links = [one for one in said.content if isinstance(one, ResourceLink)]
        assert [(one.uri, one.mime_type, one.title) for one in links] == [(kept["uri"], "text/csv", "3,000 rows")]
        contents = (await client.read(kept["uri"])).contents[0]
        assert contents.mime_type == "text/csv" and len(contents.text.splitlines()) == 3_001
        # What is too long for an answer is kept all the same, and its beginning told.
        long = (await run("monthly")).structured
        assert long["truncated"] and "/results/" in long["uri"] and long["uri"] in long["hint"]
        assert len((await client.read(long["uri"])).contents[0].text.splitlines()) == 3_001
        # A parameter of the owner's comes first, whatever it is called.
        assert (await run("own", format="mine")).structured["rows"] == [["mine"]]
        with pytest.raises(ToolError, match="format"):
            await run("of", most=1, format="pdf")


async def test_what_query_keeps_is_a_link_to_download(path: Path) -> None:
    async with Client(build([database(path, "shop")])) as client:
        said = await client.call_tool("query", {"sql": "SELECT id FROM orders", "format": "file"})
        assert [one.uri for one in said.content if isinstance(one, ResourceLink)] == [said.structured["uri"]]
        rows = await client.call_tool("query", {"sql": "SELECT id FROM orders"})
        assert not [one for one in rows.content if isinstance(one, ResourceLink)]
