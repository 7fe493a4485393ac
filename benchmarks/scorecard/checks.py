"""What must hold of every answer: pages that join, schemas, addresses that open, and errors that name the argument.

Each check counts what it looked at, and lists what did not hold.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import jsonschema
from benchmarks.scorecard.desk import Known

from dragoman import Client

MOST = 500  # pages of one call


@dataclass
class Tally:
    """How many things one check looked at, and those that did not hold."""

    name: str
    done: int = 0
    faults: list[str] = field(default_factory=list)

    def see(self, holds: bool, fault: str) -> None:
        self.done += 1
        if not holds:
            self.faults.append(fault)


class Asker:
    """Calls tools; every answer is held against the schema that the tool lists, the cut ones too."""

    def __init__(self, client: Client, schemas: dict[str, Any]) -> None:
        self.client = client
        self.schemas = schemas
        self.valid = Tally("answers valid against their output schema")
        self.cut = 0

    @classmethod
    async def of(cls, client: Client) -> Asker:
        listed = await client.list_tools()
        return cls(client, {one.name: jsonschema.Draft202012Validator(one.output_schema or False) for one in listed})

    async def ask(self, tool: str, /, **arguments: Any) -> tuple[dict[str, Any], str]:
        """Return the structured answer, or {} and the error's text."""
        result = await self.client.call_tool(tool, arguments, raise_on_error=False)
        text = "\n".join(getattr(block, "text", "") for block in result.content)
        if result.is_error:
            return {}, text
        faults = [one.message for one in self.schemas[tool].iter_errors(result.structured)]
        self.valid.see(not faults, f"{tool} {json.dumps(arguments)[:150]}: {'; '.join(faults)[:200]}")
        self.cut += bool(result.structured.get("truncated"))
        return result.structured, ""

    async def pages(self, tool: str, /, **arguments: Any) -> list[dict[str, Any]]:
        """Return all pages of a call, at most `MOST`.  Raises AssertionError for an error on the way."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while len(found) < MOST:
            answer, error = await self.ask(tool, **arguments, **({"cursor": cursor} if cursor else {}))
            assert not error, f"{tool} {arguments}: {error}"
            found.append(answer)
            cursor = answer["next_cursor"]
            if not cursor:
                break
        return found


async def paging(asker: Asker, known: Known) -> Tally:
    """Union of the pages is the whole, nothing twice: for every tool that pages, over every kind of source."""
    tally = Tally("paged calls whose pages are the whole, once")

    def same(what: str, pages: int, found: Iterable[Any], whole: Iterable[Any]) -> None:
        got, wanted = list(found), list(whole)
        tally.see(
            sorted(map(str, got)) == sorted(map(str, wanted)),
            f"{what}: {len(got)} in {pages} pages, {len(set(map(str, got)))} different, {len(wanted)} expected",
        )

    for source, items in known.items.items():
        pages = await asker.pages("list", uri=source)
        listed = [item["uri"] for page in pages for item in page["items"] if "/runs/" not in item["uri"]]
        same(f"list {source}", len(pages), listed, items)
    for source, sql, rows in known.rows:
        pages = await asker.pages("query", source=source, sql=sql)
        same(f"query {source}", len(pages), (row for page in pages for row in page["rows"]), rows)
        for form in ("csv", "table"):
            pages = await asker.pages("query", source=source, sql=sql, format=form)
            split = [row for page in pages for row in _cells(page["text"])[1:]]
            same(f"query {source} as {form}", len(pages), split, ([str(cell) for cell in row] for row in rows))
        kept, _ = await asker.ask("query", source=source, sql=sql, format="file")
        for uri in (kept["uri"], f"db://{source}/{sql.partition('FROM ')[2].split()[0]}"):
            pages = await asker.pages("fetch", uri=uri)
            # What was kept is a text, which may be cut within a line; each page of a table is one.
            texts = (
                ["".join(page["text"] for page in pages)] if uri == kept["uri"] else [page["text"] for page in pages]
            )
            split = [row for text in texts for row in _cells(text) if row[0].isdigit()]
            same(f"fetch {uri}", len(pages), split, ([str(cell) for cell in row] for row in rows))
    for uri, text in known.texts.items():
        pages = await asker.pages("fetch", uri=uri)
        joined = "".join(page["text"] for page in pages)
        tally.see(joined.split() == text.split(), f"fetch {uri}: {len(joined)} characters, not {len(text)}")
    for uri, hashes in known.commits.items():
        pages = await asker.pages("history", uri=uri)
        found = [line.split()[0] for page in pages for line in page["text"].splitlines() if line.strip()]
        same(f"history {uri}", len(pages), found, (name[: len(found[0])] for name in hashes))
    for search, count in known.hits:
        for limit in (13, 50):
            pages = await asker.pages("search", **search, limit=limit)
            hits = [(item["uri"], item.get("where", "")) for page in pages for item in page["items"]]
            tally.see(
                len(hits) == len(set(hits)) == pages[0]["total"] == count,
                f"search {search} by {limit}: {len(hits)} in {len(pages)} pages, {len(set(hits))} different",
            )
    resources = [one.uri for one in await asker.client.list_resources()]
    tally.see(len(resources) == len(set(resources)), "resources/list has an address twice")
    return tally


def _cells(text: str) -> list[list[str]]:
    """Return the rows of a table in CSV or Markdown, the header first."""
    lines = [line for line in text.splitlines() if line.strip() and not set(line) <= set("|-: ")]
    return [[cell.strip() for cell in re.split(r"\||,", line.strip("|"))] for line in lines]


async def readable(asker: Asker, known: Known, every: int = 1) -> Tally:
    """Every listed address opens, or each so-and-so-manieth: by the tool, and as a resource."""
    tally = Tally("listed addresses that open, as a tool and as a resource")
    uris = {uri for items in known.items.values() for uri in items}
    resources = {one.uri for one in await asker.client.list_resources()}
    for uri in sorted(uris | resources)[::every]:
        _, error = await asker.ask("fetch", uri=uri)
        tally.see(not error, f"fetch {uri}: {error[:200]}")
        _, error = await asker.ask("describe", uri=uri)
        tally.see(not error, f"describe {uri}: {error[:200]}")
        try:
            contents = (await asker.client.read(uri)).contents
            tally.see(bool(contents), f"resources/read {uri}: nothing")
        except Exception as fault:  # whatever it is, it is a fault of the list
            tally.see(False, f"resources/read {uri}: {fault!r}"[:300])
    for source, items in known.items.items():
        tally.see(items <= resources, f"resources/list leaves out {sorted(items - resources)[:3]} of {source}")
    return tally


# A call of each tool in which every argument counts.
CALLS: dict[str, dict[str, Any]] = {
    "search": {"query": "hums", "source": "papers", "kind": "md", "dates": "2000..2100", "exact": False, "limit": 5},
    "fetch": {"uri": "docs://papers/long.txt", "lines": "2-5"},
    "list": {"uri": "docs://papers/", "pattern": "**/*.md"},
    "describe": {"uri": "db://shop/orders"},
    "query": {"sql": "SELECT id FROM orders", "source": "shop", "format": "rows"},
    "history": {"uri": "git://repo/src/part1.py", "mode": "log", "revision": "main"},
    "run": {"tool": "count", "arguments": {"to": 3}},
}  # fmt: skip
# tool, what is changed in its call, and what the error has to say: one of several where "|" stands between.
WRONG: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("search", {"query": ""}, ("query",)),
    ("search", {"query": "x" * 5_000}, ("query", "2,000")),
    ("search", {"source": "paper"}, ("papers",)),
    ("search", {"source": "docs://paper/"}, ("papers",)),
    ("search", {"dates": "yesterday"}, ("dates", "2026-01..2026-03")),
    ("search", {"dates": "2026..2025"}, ("dates",)),
    ("search", {"limit": 0}, ("limit", "1")),
    ("search", {"limit": 100_000}, ("limit", "100")),
    ("search", {"cursor": "AAAA"}, ("cursor",)),
    ("fetch", {"uri": "docs://papers/lang.txt"}, ("docs://papers/long.txt",)),
    ("fetch", {"uri": "docs://paper/long.txt"}, ("papers",)),
    ("fetch", {"uri": "doc://papers/long.txt"}, ("docs://papers",)),
    ("fetch", {"uri": "long"}, ("uri|docs://|search",)),
    ("fetch", {"uri": ""}, ("uri",)),
    ("fetch", {"lines": "five"}, ("lines", "10-80|3-5")),
    ("fetch", {"lines": "9000-9001"}, ("lines", "3,000|3000")),
    ("fetch", {"lines": "", "pages": "x"}, ("pages", "3-5|3")),
    ("fetch", {"cursor": "AAAA"}, ("cursor",)),
    ("list", {"uri": "docs://papes/"}, ("papers",)),
    ("list", {"pattern": "../*.md"}, ("pattern", "..")),
    ("list", {"cursor": "AAAA"}, ("cursor",)),
    ("describe", {"uri": "db://shop/order"}, ("orders",)),
    ("describe", {"uri": "db://shopp/orders"}, ("shop",)),
    ("query", {"sql": "SELECT idd FROM orders"}, ("id",)),
    ("query", {"sql": "SELECT id FROM order_s"}, ("orders",)),
    ("query", {"sql": "SELEC id FROM orders"}, ("SELECT",)),
    ("query", {"sql": ""}, ("sql",)),
    ("query", {"sql": "DELETE FROM orders"}, ("SELECT",)),
    ("query", {"source": "shp"}, ("shop",)),
    ("query", {"source": "papers"}, ("shop",)),
    ("query", {"source": ""}, ("source", "shop", "tables")),
    ("query", {"cursor": "AAAA"}, ("cursor",)),
    ("history", {"uri": "git://repo/src/part1.p"}, ("part1.py",)),
    ("history", {"uri": "git://rep/"}, ("repo",)),
    ("history", {"revision": "mian"}, ("main", "revision")),
    ("history", {"cursor": "AAAA"}, ("cursor",)),
    ("run", {"tool": "cuont"}, ("count",)),
    ("run", {"arguments": {}}, ("to",)),
    ("run", {"arguments": {"to": "three"}}, ("to", "integer")),
    ("run", {"arguments": {"to": 0}}, ("to", "1")),
    ("run", {"arguments": {"to": 3, "too": 4}}, ("too",)),
    ("run", {"arguments": {"to": 3, "word": "thre"}}, ("word", "one", "two")),
]
OF_TYPES: dict[str, list[Any]] = {
    "string": [7, ["x"], None, {"a": 1}], "integer": ["many", 1.5, []], "boolean": ["perhaps", 2], "object": ["x", [1]],
}  # fmt: skip


async def recovery(asker: Asker) -> Tally:
    """One argument wrong at a time: the error names it, and says what would be right."""
    tally = Tally("wrong arguments whose error names them, or what would be right")

    async def wrong(tool: str, arguments: dict[str, Any], words: Iterable[str]) -> None:
        _, error = await asker.ask(tool, **arguments)
        missing = [word for word in words if not any(one in error for one in word.split("|"))]
        shown = f"{tool} {json.dumps(arguments)[:120]}: "
        if not error:
            tally.see(False, shown + "no error")
        else:
            tally.see(not missing, f"{shown}the error does not say {missing}: {error[:200]}")

    for tool in await asker.client.list_tools():
        call = CALLS.get(tool.name)
        if call is None:
            tally.see(False, f"{tool.name} is not tried")
            continue
        answer, error = await asker.ask(tool.name, **call)
        tally.see(bool(answer), f"{tool.name} {call}, which is right: {error}")
        schema: dict[str, Any] = tool.input_schema
        for name, shape in schema["properties"].items():
            for value in _mistyped(shape):
                await wrong(tool.name, {**call, name: value}, (name,))
            if "enum" in shape:
                await wrong(tool.name, {**call, name: shape["enum"][0] + "x"}, (name, *shape["enum"]))
        first = next(iter(call))
        await wrong(tool.name, {**call, f"{first}x": "y"}, (f"{first}x", first))
        for name in schema.get("required", ()):
            await wrong(tool.name, {key: value for key, value in call.items() if key != name}, (name,))
    for tool_name, change, words in WRONG:
        await wrong(tool_name, {**CALLS[tool_name], **change}, words)
    return tally


def _mistyped(shape: dict[str, Any]) -> list[Any]:
    """Values of every type but those that the schema allows."""
    allowed = [shape.get("type"), *(one.get("type") for one in shape.get("anyOf", ()))]
    allowed += ["string"] if "enum" in shape else []
    first = next(name for name in allowed if isinstance(name, str) and name != "null")
    return [value for value in OF_TYPES[first] if value is not None or "null" not in allowed]
