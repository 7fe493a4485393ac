"""Beside the tools: a source of one's own, mounting, prompts, changes that reach listeners, ChatGPT's profile."""

import asyncio
import json
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.connectors import fixtures
from tests.connectors.desk import written

from dragoman import Client, PeerError, Server, ToolError
from dragoman.connectors import SourceError, build, database, documents
from dragoman.connectors.address import Address
from dragoman.connectors.envelope import CHARS_PER_TOKEN, ROOM
from dragoman.connectors.source import (
    MAX_BLOB,
    Blob,
    Entry,
    Hit,
    Hits,
    Listing,
    Passage,
    Position,
    Program,
    Progress,
    Question,
    Report,
    Rows,
    View,
)  # fmt: skip
from dragoman.wire.prompts import PromptReference, ResourceReference

MAX_ONE, MAX_ALL = 1_500, 3_500  # tokens of all definitions, for one source and for all kinds

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 32


class Everything:
    """A source that can do all there is, over two items."""

    name, scheme, about = "all", "note", "notes"

    def __init__(self) -> None:
        self.changed: Callable[[Sequence[str]], None] = lambda uris: None
        self.asked: list[Question] = []

    def start(self) -> None:
        pass

    def close(self) -> None:
        pass

    def progress(self) -> Progress:
        return Progress(indexed=0, total=0)

    def watch(self, changed: Callable[[Sequence[str]], None]) -> None:
        self.changed = changed

    def search(self, view: View, question: Question, limit: int) -> Hits:
        self.asked.append(question)
        return Hits([lambda: Hit(uri="note://all/one", title="\u202eone", text="[x](http://evil.example)")])

    def items(self, view: View, prefix: str, after: str, limit: int, pattern: str = "") -> Listing:
        entries = [Entry(key=key, uri=f"note://all/{key}") for key in ("one", "two") if key > after and view.sees(key)]
        return Listing(entries=entries[:limit], total=2, more=len(entries) > limit)

    def describe(self, view: View, address: Address) -> dict[str, Any]:
        return {"uri": address.text()}

    def fetch(self, view: View, address: Address, position: Position | None, room: int) -> Passage | Blob:
        if address.image:
            return Blob(
                uri=address.text(),
                title="one",
                data=PNG * (100_000 if address.path == "two" else 1),
                mime_type="image/png",
            )
        start = position.at if position else 0
        text = "\u200b`line` \n" * 20_000
        end = start + room
        return Passage(
            uri=address.text(),
            title="one",
            text=text[start:end],
            following=Position(0, end) if end < len(text) else None,
        )

    def query(self, view: View, sql: str, start: int, limit: int, stamp: str) -> Rows:
        return Rows(columns=["a", "b"], rows=[[1, 'x,"y"'], [None, "\x1b"]], more=False)

    def stamp(self, view: View) -> str:
        return "1"

    def tables(self, view: View) -> list[str]:
        return []

    def history(
        self, view: View, address: Address, mode: str, revision: str, position: Position | None, room: int
    ) -> Passage:
        return Passage(uri=address.text(), title=mode, text=f"{mode} {revision}")

    def items_at(self, view: View, revision: str, prefix: str, after: str, limit: int, pattern: str = "") -> Listing:
        return Listing(entries=[Entry(key="old", uri=f"note://all@{revision}/old")], total=1, more=False)

    def programs(self, view: View) -> list[Program]:
        schema = {
            "type": "object",
            "properties": {"day": {"type": "string", "pattern": "^[0-9-]+$"}},
            "required": ["day"],
        }
        return [Program(name="report", about="a report", schema=schema)]

    def run(
        self, view: View, tool: str, arguments: Any, report: Report, cancelled: Callable[[], bool]
    ) -> Passage | Rows:
        report(0.5, "half")
        return Passage(uri="note://all/two", title=tool, text=f"ran {arguments['day']}", following=Position(0, 1))


@pytest.fixture
def everything() -> Everything:
    return Everything()


async def test_all_definitions_of_all_tools_stay_in_their_budget(everything: Everything) -> None:
    async with Client(build([everything])) as client:
        tools = await client.list_tools()
    assert [tool.name for tool in tools] == ["search", "fetch", "list", "describe", "query", "history", "run"]
    size = sum(len(msgspec.json.encode(tool)) for tool in tools) // CHARS_PER_TOKEN
    assert 500 < size <= MAX_ALL


async def test_one_database_with_queries_of_the_owner_stays_in_the_budget_of_one_source(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "shop.db").execute("CREATE TABLE orders(id)").connection.close()
    queries = {"newest": {"sql": "SELECT max(id) FROM orders", "about": "the newest order"}}
    async with Client(build([database(tmp_path / "shop.db", queries=queries)])) as client:
        tools = await client.list_tools()
        assert [tool.name for tool in tools] == ["search", "fetch", "list", "describe", "query", "run"]
        assert sum(len(msgspec.json.encode(tool)) for tool in tools) // CHARS_PER_TOKEN <= MAX_ONE
        assert (await client.call_tool("run", {"tool": "newest"})).structured["rows"] == [[None]]


async def test_a_source_of_ones_own_is_served_as_the_others(everything: Everything) -> None:
    async with Client(build([everything])) as client:
        hit = (await client.call_tool("search", {"query": "x", "dates": "2026-01..2026", "kind": ".PDF"})).structured
        assert hit["items"][0]["title"] == "⟨U+202E⟩one" and hit["items"][0]["text"] == "[x] (http://evil.example)"
        assert everything.asked[-1].kind == "pdf" and everything.asked[-1].since.endswith("-01-01")
        assert everything.asked[-1].until.endswith("-12-31")
        fetched = await client.call_tool("fetch", {"uri": "note://all/one"})
        assert len(json.dumps(fetched.structured, ensure_ascii=False)) <= ROOM and fetched.structured["truncated"]
        assert "\u200b" not in fetched.text and "```data from note://all/one\n" in fetched.text
        assert (await client.call_tool("history", {"revision": "v1"})).structured["text"] == "log v1"
        listed = (await client.call_tool("list", {"uri": "note://all@v1/"})).structured
        assert listed["items"] == [{"uri": "note://all@v1/old"}]
        table = await client.call_tool("query", {"sql": "x", "format": "csv"})
        assert table.structured["text"] == 'a,b\n1,"x,""y"""\n,⟨U+001B⟩\n'
        assert (await client.call_tool("query", {"sql": "x"})).structured["rows"][1] == [None, "⟨U+001B⟩"]
        contents = (await client.read("note://all/one")).contents[0]
        assert "⟨U+200B⟩" in contents.text


async def test_an_image_is_image_content_and_bounded(everything: Everything) -> None:
    async with Client(build([everything])) as client:
        result = await client.call_tool("fetch", {"uri": "note://all/one#image"})
        assert result.content[1].mime_type == "image/png" and result.structured["size"] == len(PNG)
        with pytest.raises(ToolError, match="an answer holds at most"):
            await client.call_tool("fetch", {"uri": "note://all/two#image"})


async def test_complaints_go_out_as_data_too(everything: Everything, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*asked: object) -> Passage:
        raise ToolError("nearest: \u202eevil\u200b [x](https://evil.example)")

    monkeypatch.setattr(everything, "fetch", refuse)
    async with Client(build([everything])) as client:
        with pytest.raises(ToolError, match=re.escape("nearest: ⟨U+202E⟩evil⟨U+200B⟩ [x] (https://evil.example)")):
            await client.call_tool("fetch", {"uri": "note://all/one"})
        with pytest.raises(PeerError, match=re.escape("⟨U+202E⟩evil")):
            await client.read("note://all/one")


async def test_a_program_gets_arguments_that_fit_its_schema(everything: Everything) -> None:
    said: list[tuple[float, str | None]] = []
    async with Client(build([everything])) as client:
        done = await client.call_tool(
            "run",
            {"tool": "report", "arguments": {"day": "2026"}},
            on_progress=lambda one: said.append((one.progress, one.message)),
        )
        assert done.structured["text"] == "ran 2026" and "fetch note://all/two" in done.structured["hint"]
        assert said == [(0.5, "half")]
        for arguments, text in (({}, "day"), ({"day": "x"}, r"\$\.day"), ({"day": 3}, r"\$\.day")):
            with pytest.raises(ToolError, match=f"arguments of report: .*{text}"):
                await client.call_tool("run", {"tool": "report", "arguments": arguments})
        with pytest.raises(ToolError, match="did you mean 'report'"):
            await client.call_tool("run", {"tool": "reprt"})


async def test_changes_reach_those_who_listen_and_many_are_few(everything: Everything) -> None:
    async with Client(build([everything])) as client, client.listen(uris=["note://all/one"]) as changes:
        began = time.monotonic()
        for _ in range(1_000):
            everything.changed(["note://all/one", "note://all/two"])
        first = await anext(aiter(changes))
        assert "note://all/one" in str(first)
        assert time.monotonic() - began < 5


async def test_a_listener_hears_that_a_document_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dragoman.connectors.changes.LOOK", 0.05)
    monkeypatch.setattr("dragoman.connectors.folders.indexer.RESCAN", 0.05)
    folder = written(tmp_path / "papers", a_md="# A\n")
    server = build([str(folder)], cache_dir=tmp_path / "cache")
    async with Client(server) as client:
        while "goes on" in (await client.call_tool("describe", {"uri": "papers"})).structured["progress"]:
            await asyncio.sleep(0.01)
        async with client.listen(uris=["docs://papers/a.md"], resources=True) as changes:
            written(folder, a_md="# A, changed\n", b_md="# B\n")
            heard = set[tuple[str, str | None]]()
            async for change in changes:
                heard.add((change.kind, change.uri))
                if {kind for kind, _ in heard} == {"resource", "resources"}:
                    break
    assert ("resource", "docs://papers/a.md") in heard


class Slow(Everything):
    """One that takes long to be looked through."""

    name, scheme = "slow", "slow"

    def __init__(self) -> None:
        super().__init__()
        self.looks, self.done = 0, threading.Event()

    def look(self) -> None:
        self.looks += 1
        self.done.wait(30)


class Quick(Everything):
    """One that finds a change at every look."""

    def look(self) -> None:
        self.changed(["note://all/one"])


async def test_a_source_that_is_slow_to_look_through_keeps_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dragoman.connectors.changes.LOOK", 0.01)
    monkeypatch.setattr("dragoman.connectors.changes.QUIET", 0.01)
    slow = Slow()
    try:
        async with Client(build([slow, Quick()])) as client, client.listen(uris=["note://all/one"]) as changes:
            heard = aiter(changes)
            async with asyncio.timeout(20):
                for _ in range(2):
                    assert "note://all/one" in str(await anext(heard))
            assert slow.looks == 1  # nor is it looked through twice at once
            slow.done.set()
            async with asyncio.timeout(20):
                while slow.looks == 1:
                    await anext(heard)
    finally:
        slow.done.set()


async def test_connectors_are_mounted_in_a_server_of_ones_own(tmp_path: Path) -> None:
    written(tmp_path / "papers", a_md="# A\n\nmarmalade\n")
    server = Server("own")

    @server.tool
    def own() -> str:
        """Mine."""
        return "mine"

    connector = documents(tmp_path / "papers", name="mine")
    assert repr(connector) == "<connector 'mine'>"
    server.mount(connector)
    async with Client(server) as client:
        assert {"own", "search", "fetch"} <= {tool.name for tool in await client.list_tools()}
        assert "marmalade" in (await client.call_tool("fetch", {"uri": "docs://mine/a.md"})).structured["text"]
        assert [one.uri for one in await client.list_resources()] == ["docs://mine/a.md"]
    with pytest.raises(SourceError, match="did you mean"):
        build([database("x.db", maxrows=3)])
    with pytest.raises(SourceError, match="there is nothing at"):
        build([database(tmp_path / "x.db")])
    with pytest.raises(SourceError, match="lower-case"):
        documents("x", name="No Name")


async def test_chatgpt_gets_the_shape_that_it_expects(tmp_path: Path) -> None:
    written(tmp_path / "papers", a_md="# A\n\nmarmalade\n")
    server = build([documents(tmp_path / "papers")], profile="chatgpt", cache_dir=tmp_path / "cache")
    async with Client(server) as client:
        assert [tool.name for tool in await client.list_tools()] == ["search", "fetch"]
        while not (found := json.loads((await client.call_tool("search", {"query": "marmalade"})).text))["results"]:
            await asyncio.sleep(0.01)
        (result,) = found["results"]
        assert {"id", "title", "url"} <= result.keys()
        fetched = json.loads((await client.call_tool("fetch", {"id": result["id"]})).text)
        assert fetched["text"] == "# A\n\nmarmalade\n" and fetched.keys() == {"id", "title", "text", "url", "metadata"}
    with pytest.raises(SourceError, match="no profile"):
        build([documents(tmp_path / "papers")], profile="claude", cache_dir=tmp_path / "cache")


async def test_prompts_fit_the_sources(tmp_path: Path, everything: Everything) -> None:
    written(tmp_path / "papers", a_md="# A\n")
    async with Client(build([str(tmp_path / "papers")], cache_dir=tmp_path / "cache")) as client:
        assert [one.name for one in await client.list_prompts()] == ["summarize_latest", "answer_from_documents"]
        got = await client.prompt("summarize_latest", {"where": "docs://papers/"})
        assert re.search("docs://papers/.*follow no instructions", got.messages[0].content.text)
    async with Client(build([everything])) as client:
        assert [one.name for one in await client.list_prompts()] == [
            "explore_table", "explain_changes", "run_and_report"
        ]  # fmt: skip
        assert (await client.complete(PromptReference(name="run_and_report"), "tool", "rep")).values == ["report"]
        got = await client.prompt("run_and_report", {"tool": "report", "goal": "the week"})
        assert "The goal: the week" in got.messages[0].content.text
    written(tmp_path / "ci", build_log="make\nerror: no rule\n")
    async with Client(build([f"logs:{tmp_path / 'ci'}"])) as client:
        assert [one.name for one in await client.list_prompts()] == ["explain_failure"]
        completed = await client.complete(PromptReference(name="explain_failure"), "where", "logs://ci/")
        assert completed.values == ["logs://ci/build.log"]


async def test_parts_are_suggested_as_the_item_has_them(tmp_path: Path) -> None:
    folder = written(tmp_path / "papers", a_md="# A\n" * 250)
    fixtures.good_pdf(folder)
    fixtures.good_xlsx(folder)
    async with Client(build([str(folder)], cache_dir=tmp_path / "cache")) as client:
        template = ResourceReference(uri="docs://{source}/{+path}{#part}")

        async def parts(path: str, value: str = "") -> list[str]:
            chosen = {"source": "papers", "path": path} if path else {}
            return list((await client.complete(template, "part", value, chosen)).values)

        assert await parts("good.pdf") == ["page=1", "page=2", "page=3"]
        assert await parts("good.xlsx", "sheet=") == ["sheet=Prices", "sheet=Notes"]
        assert await parts("a.md") == ["lines=1-100", "lines=101-200", "lines=201-250"]
        assert await parts("") == ["page=1", "pages=1-3", "lines=1-100", "sheet=", "image"]
        assert await parts("nothing.md") == []


async def test_the_largest_image_fits_a_tools_result(everything: Everything, monkeypatch: pytest.MonkeyPatch) -> None:
    largest = PNG + b"\x00" * (MAX_BLOB - len(PNG))
    blob = Blob(uri="note://all/one", title="one", data=largest, mime_type="image/png")
    monkeypatch.setattr(everything, "fetch", lambda *asked: blob)
    async with Client(build([everything])) as client:
        result = await client.call_tool("fetch", {"uri": "note://all/one#image"})
        assert result.content[1].mime_type == "image/png"
