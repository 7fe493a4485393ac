"""dragoman.yaml, served: each caller has what the file says, over HTTP and on stdio; changes are followed."""

import asyncio
import hashlib
import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.canary import leaked, plant
from tests.transport.raw_http import Answer, Ask, call, hello, in_process, modern, old

from dragoman import Client, ToolError
from dragoman.app.launching import Approvals
from dragoman.app.protection import AuthSettings, protect
from dragoman.connectors.settings.approving import Book, commands_of
from dragoman.connectors.settings.building import Configured, Wishes
from dragoman.connectors.settings.following import Follower
from dragoman.connectors.settings.health import check
from dragoman.connectors.settings.reading import read_settings
from dragoman.connectors.source import SourceError

KEYS = {name: f"{name}-key-of-at-least-24-characters" for name in ("ann", "bob", "eve")}
SECRET = "marmalade"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    tmp_path.chmod(0o755)
    for path, text in (("hr/pay.md", f"# Pay\n\n{SECRET} is paid.\n"), ("guide.md", "# Guide\n\nOil the pump.\n")):
        file = tmp_path / "papers" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    db = sqlite3.connect(tmp_path / "shop.db")
    db.execute("CREATE TABLE orders(id INTEGER PRIMARY KEY, note TEXT)")
    db.execute("INSERT INTO orders VALUES (1, 'one')")
    db.commit()
    db.close()
    return tmp_path


def written(place: Path, said: dict[str, Any]) -> Path:
    file = place / "dragoman.json"
    file.write_text(json.dumps(said))
    file.chmod(0o600)
    return file


def configured(place: Path, said: dict[str, Any], **wishes: Any) -> Configured:
    book = Book(place / "dragoman.json", Approvals(place / "approved.json"))
    return Configured(written(place, said), Wishes(cache_dir=place / "cache", **wishes), book)


RULED: dict[str, Any] = {
    "sources": {
        "papers": {"path": "papers", "rules": [{"scope": "hr"}, {"subject": "bob", "deny": ["hr/**"]}]},
        "shop": {"kind": "database", "url": "shop.db", "scopes": ["shop"]},
    },
    "auth": {
        "keys": {
            "ann": {"key": KEYS["ann"], "scopes": ["hr", "shop"]},
            "bob": {"key": KEYS["bob"]},
            "eve": {"key": KEYS["eve"]},
        }
    },
}


async def asked(app: Any, who: str, ask: Any) -> Answer:
    headers = {**ask.headers, "authorization": f"Bearer {KEYS[who]}"}
    return await in_process(app, ask._replace(headers=headers))


async def tool(app: Any, who: str, name: str, **arguments: Any) -> str:
    return (await asked(app, who, call(name, **arguments))).body.decode()


ASKED: list[tuple[str, dict[str, Any]]] = [
    ("search", {"query": SECRET}),
    ("search", {"query": "marmelade"}),
    ("search", {"query": "pay paid pump"}),
    ("search", {"query": SECRET, "exact": True}),
    ("list", {}),
    ("list", {"uri": "papers"}),
    ("list", {"uri": "papers", "pattern": "**/pay*"}),
    ("list", {"uri": "papers/hr"}),
    ("fetch", {"uri": "docs://papers/hr/pay.md"}),
    ("fetch", {"uri": "docs://papers/hr/pa.md"}),
    ("describe", {"uri": "docs://papers/hr/pay.md"}),
    ("describe", {"uri": "docs://shop/"}),
    ("describe", {"uri": "db://shop/orders"}),
    ("describe", {"uri": "papers"}),
]


async def heard(made: Configured, who: str) -> list[str]:
    """All that a caller hears in answer to the questions above, and to those about resources."""
    protect(made.server, msgspec.convert(made.auth, AuthSettings))
    template = {"type": "ref/resource", "uri": "docs://{source}/{+path}{#part}"}
    async with made.server.lifespan():
        app = made.server.asgi()
        while "goes on" in await tool(app, "ann", "describe", uri="papers"):
            await asyncio.sleep(0.01)
        told = [await tool(app, who, name, **given) for name, given in ASKED]
        more = (
            modern("resources/list"),
            modern("resources/read", uri="docs://papers/hr/pay.md"),
            modern("completion/complete", ref=template, argument={"name": "path", "value": "h"}),
            modern("completion/complete", ref=template, argument={"name": "source", "value": ""}),
        )
        return [*told, *[(await asked(app, who, ask)).body.decode() for ask in more]]


async def test_what_a_caller_may_not_see_is_not_there_for_it(place: Path) -> None:
    """Byte for byte what one hears where it does not exist: in ranking, counts, lists, completions and errors."""
    ann = "\n".join(await heard(configured(place, RULED), "ann"))
    assert SECRET in ann and "db://shop/" in ann and "docs://papers/hr/pay.md" in ann
    bob, eve = [await heard(configured(place, RULED), who) for who in ("bob", "eve")]
    (place / "papers" / "hr" / "pay.md").unlink()
    alone = {**RULED, "sources": {"papers": RULED["sources"]["papers"]}}
    assert bob == await heard(configured(place, alone), "bob")
    assert "docs://papers/guide.md" in bob[5]
    assert "guide.md" not in "".join(eve) and '"items":[],"total":0' in eve[4]


async def test_a_cursor_is_good_for_the_caller_that_got_it(place: Path) -> None:
    for number in range(30):
        (place / "papers" / f"note{number}.md").write_text(f"# Note {number}\n\nOil the pump.\n")
    made = configured(place, RULED)
    protect(made.server, msgspec.convert(made.auth, AuthSettings))
    async with made.server.lifespan():
        app = made.server.asgi()
        while "goes on" in await tool(app, "ann", "describe", uri="papers"):
            await asyncio.sleep(0.01)
        answer = (await asked(app, "ann", call("search", query="pump", limit=5))).json["result"]["structuredContent"]
        again = {"query": "pump", "limit": 5, "cursor": answer["next_cursor"]}
        assert "does not belong to this call" in await tool(app, "bob", "search", **again)
        assert "docs://papers/" in await tool(app, "ann", "search", **again)


async def test_whoever_starts_it_on_stdio_sees_what_the_owner_does_not_deny(place: Path) -> None:
    made = configured(place, {"sources": {"papers": {"path": "papers", "deny": ["hr/**"]}}})
    async with Client(made.server) as client:
        uris = [resource.uri for resource in await client.list_resources()]
        assert uris == ["docs://papers/guide.md"]
        assert (await client.call_tool("search", {"query": SECRET})).structured["total"] == 0


def test_what_is_wrong_in_the_file_is_said_and_nothing_stays_open(place: Path) -> None:
    for said, text in (
        ({"sources": {}}, "names no sources"),
        ({"sources": {"a": "nowhere"}}, "sources.a: there is nothing at"),
        ({"sources": {"a": {"kind": "databse", "url": "x"}}}, "did you mean 'database'"),
        ({"sources": {"a": {"path": "papers", "denny": ["x"]}}}, "did you mean 'deny'"),
        ({"sources": {"a": {"path": "papers", "scopes": ["x"]}}}, "add auth"),
        ({"sources": {"a": "papers"}, "allow_write": ["b"]}, "allow_write names 'b'"),
        ({"sources": {"a": "papers"}, "allow_write": ["a"]}, "documents cannot be written to"),
        ({"sources": {"a": "papers"}, "prompts": {"p": {"text": "x", "arguments": {"y": {}}}}}, "y does not stand"),
    ):
        with pytest.raises(SourceError, match=text):
            configured(place, said)


def test_a_secret_is_in_no_error(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHERE", "hunter22-nowhere")
    with pytest.raises(SourceError, match=r"sources\.a: there is nothing at .*\*\*\*") as caught:
        configured(place, {"sources": {"a": "${WHERE}"}})
    assert "hunter22" not in str(caught.value)


async def test_a_command_waits_for_approval_and_what_needs_it_stays_inactive(place: Path) -> None:
    mark = place / "ran"
    script = place / "where.py"
    script.write_text(f"open({str(mark)!r}, 'w').close()\nprint('shop.db')\n")
    said = {
        "sources": {"papers": "papers", "shop": {"kind": "database", "url": f"${{command:{sys.executable} where.py}}"}}
    }
    made = configured(place, said)
    assert list(made.opened.sources) == ["papers"]
    assert "dragoman approve" in made.opened.inactive["shop"]
    assert not mark.exists()
    book = Book(made.read.path, Approvals(place / "approved.json"))
    (command,) = commands_of(made.read)
    launch = book.launch(*command)
    Approvals(place / "approved.json").approve(launch, launch.digest, risky=True)
    change = made.look()
    assert made.take(change)[0][-1] == "new: shop"
    assert mark.exists()
    # What is approved is bound to the script's bytes.
    script.write_text(script.read_text() + "#\n")
    assert "shop" in made.look().opened.inactive
    for _, source in [*made.opened.sources.values()]:
        source.close()


async def test_a_changed_file_counts_and_a_wrong_one_changes_nothing(place: Path) -> None:
    made = configured(place, {"sources": {"papers": {"path": "papers"}}})
    said: list[str] = []

    async def told(words: str) -> str:
        """Return what was said with these words; a file may be read while it is written, and then once more."""
        while not (found := [one for one in said if words in one]):
            await asyncio.sleep(0.01)
        return found[-1]

    follower = Follower(made, said.append, every=0.01, grace=0)
    async with Client(made.server) as client:
        papers = made.opened.sources["papers"][1]
        await follower.start()
        assert [tool.name for tool in await client.list_tools()] == ["search", "fetch", "list", "describe"]
        written(place, {"sources": {"papers": {"path": "papers"}, "shop": {"kind": "database", "url": "shop.db"}}})
        assert (await told("new: shop")).endswith("was read again; new: shop")
        assert made.opened.sources["papers"][1] is papers
        assert "query" in made.server.surface.tools.listing
        assert (await client.call_tool("query", {"sql": "SELECT note FROM orders"})).structured["rows"] == [["one"]]
        hidden = {"path": "papers", "deny": ["hr/**"]}
        written(place, {"sources": {"papers": hidden, "shop": {"kind": "database", "url": "shop.db"}}})
        await told("other callers see, or other things are seen: papers")
        assert (await client.call_tool("list", {"uri": "papers"})).structured["total"] == 1
        written(place, {"sources": {"papers": {"path": "papers"}}, "sorces": {}})
        assert (await told("did you mean 'sources'")).endswith("the configuration from before goes on")
        assert (await client.call_tool("query", {"sql": "SELECT note FROM orders"})).structured["rows"] == [["one"]]
        written(place, {"sources": {"shop": {"kind": "database", "url": "shop.db"}}})
        await told("gone: papers")
        assert [item["uri"] for item in (await client.call_tool("list", {})).structured["items"]] == ["db://shop/"]
        await follower.stop()


async def test_the_check_tells_how_each_source_is_and_what_it_costs(place: Path) -> None:
    made = configured(place, {"sources": {"papers": "papers", "shop": {"kind": "database", "url": "shop.db"}}})
    (place / "shop.db").write_bytes(b"no database any more")
    sources = [source for _, source in made.opened.sources.values()]
    found = await check(made.server, sources, made.opened.inactive)
    assert not found.good
    assert [bool(one.problem) for one in found.sources] == [False, True]
    assert found.sources[0].items == 2
    assert found.tokens["search"] > 50


async def test_prompts_of_the_owner_are_filled_in_and_reach_nothing_else(place: Path) -> None:
    text = "About {topic}{more}: {{topic}} {topic.__class__}"
    prompt = {"text": text, "about": "Weekly", "arguments": {"topic": {"about": "what"}, "more": {"required": False}}}
    made = configured(place, {"sources": {"papers": "papers"}, "prompts": {"weekly": prompt}})
    async with Client(made.server) as client:
        listed = next(one for one in await client.list_prompts() if one.name == "weekly")
        assert [(one.name, one.required) for one in listed.arguments] == [("topic", True), ("more", False)]
        got = await client.prompt("weekly", {"topic": "pumps {more}"})
        assert got.messages[0].content.text == "About pumps {more}: {topic} {topic.__class__}"


@pytest.mark.skipif(sys.platform == "win32", reason="programs are not run there")
async def test_a_script_that_changes_after_its_approval_does_not_run(place: Path) -> None:
    script = place / "report.sh"
    script.write_text("#!/bin/sh\necho fine\n")
    script.chmod(0o755)
    said = {"sources": {"papers": "papers"}, "tools": {"report": {"argv": ["./report.sh"], "read_only": True}}}
    made = configured(place, said)
    assert "tools" not in made.opened.sources and "tools.report" in made.opened.inactive
    await asyncio.to_thread(_close, made)
    (command,) = commands_of(made.read)
    launch = Book(made.read.path).launch(*command)
    Approvals(place / "approved.json").approve(launch, launch.digest)
    made = configured(place, said)
    async with Client(made.server) as client:
        assert (await client.call_tool("run", {"tool": "report"})).structured["text"] == "fine\n"
        script.write_text(f"#!/bin/sh\ntouch {place}/ran\n")
        with pytest.raises(ToolError, match="changed since its owner approved it"):
            await client.call_tool("run", {"tool": "report"})
    assert not (place / "ran").exists()


def _close(made: Configured) -> None:
    for _, source in made.opened.sources.values():
        source.close()


async def test_nobody_listens_for_what_is_not_there_for_them(place: Path) -> None:
    made = configured(place, RULED)
    protect(made.server, msgspec.convert(made.auth, AuthSettings))
    async with made.server.lifespan():
        app = made.server.asgi()

        async def subscribed(who: str, uri: str) -> bool:
            opened = await asked(app, who, Ask(hello()))
            named = {"mcp-session-id": opened.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
            answer = await asked(app, who, Ask(old("resources/subscribe", 2, uri=uri), named))
            return "result" in answer.json

        assert await subscribed("ann", "docs://papers/hr/pay.md")
        assert await subscribed("bob", "docs://papers/guide.md")
        # The same for what there is and for what there is not, so that neither tells.
        for uri in ("docs://papers/hr/pay.md", "docs://papers/hr/nothing.md", "db://shop/orders", "docs://nowhere/x"):
            assert not await subscribed("bob", uri)


async def test_a_source_for_this_machine_is_not_served_to_others(place: Path) -> None:
    said = {
        "sources": {"papers": {"path": "papers", "local_only": True}, "shop": {"kind": "database", "url": "shop.db"}}
    }
    for near, uris in ((True, ["docs://papers/", "db://shop/"]), (False, ["db://shop/"])):
        made = configured(place, said, local=near)
        assert ("docs://papers" in str(made.server.instructions)) is False
        async with made.server.lifespan():
            answer = await in_process(made.server.asgi(), call("list"))
            assert [item["uri"] for item in answer.json["result"]["structuredContent"]["items"]] == uris


async def test_no_link_leads_from_one_part_into_another(place: Path) -> None:
    (place / "papers" / "link.md").symlink_to(place / "papers" / "hr" / "pay.md")
    whole = configured(place, {"sources": {"papers": {"path": "papers"}}})
    async with Client(whole.server) as client:
        assert SECRET in (await client.call_tool("fetch", {"uri": "docs://papers/link.md"})).structured["text"]
        while not (await client.call_tool("search", {"query": SECRET})).structured["items"]:
            await asyncio.sleep(0.01)
    made = configured(place, {"sources": {"papers": {"path": "papers", "deny": ["hr/**"]}}})
    async with Client(made.server) as client:
        for path in ("link.md", "hr/pay.md", "HR/pay.md", "hr//pay.md", "./hr/pay.md", "x/../hr/pay.md", "hr%2Fpay.md"):
            with pytest.raises(ToolError, match="there is no document"):
                await client.call_tool("fetch", {"uri": f"docs://papers/{path}"})
        assert not (await client.call_tool("search", {"query": SECRET})).structured["items"]
        assert (
            "guide" in (await client.call_tool("fetch", {"uri": "docs://papers/guide.md"})).structured["text"].lower()
        )


async def test_what_the_file_lets_be_written_later_changes_the_definition(place: Path) -> None:
    queries = {"all_of": {"sql": "SELECT * FROM orders"}}
    said: dict[str, Any] = {"sources": {"shop": {"kind": "database", "url": "shop.db", "queries": queries}}}
    change = {"tool": "change", "arguments": {"sql": "UPDATE orders SET note = 'x'"}}
    made = configured(place, said)
    async with Client(made.server) as client:

        def hints() -> tuple[bool | None, bool | None]:
            run = made.server.surface.tools.listing.entries["run"].definition  # not what a client has kept
            return run.annotations.read_only_hint, run.annotations.destructive_hint

        async def follow(**more: Any) -> None:
            written(place, {**said, **more})
            for source in made.take(await asyncio.to_thread(made.look))[1]:
                source.close()

        assert hints() == (True, False)
        with pytest.raises(ToolError, match="nothing to run called 'change'"):
            await client.call_tool("run", change)
        await follow(allow_write=["shop"])
        assert hints() == (False, True)
        assert (await client.call_tool("run", change)).structured["would_change"] == {"orders": 1}
        await follow()
        assert hints() == (True, False)
        with pytest.raises(ToolError, match="nothing to run called 'change'"):
            await client.call_tool("run", change)


async def test_secrets_of_the_file_reach_what_they_are_for_and_nothing_else(
    place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """sec/31: a planted secret in sources and tools is in no answer, log, record, approval or check."""
    secret = plant("s3cret-0f-the-file")
    monkeypatch.setenv("TOKEN", secret)
    caplog.set_level("DEBUG")
    prints = "import hashlib, os; print(hashlib.sha256(os.environ['TOKEN'].encode()).hexdigest())"
    queries = {"q": {"sql": "SELECT '${TOKEN}' = 'x' AS a"}}
    said: dict[str, Any] = {
        "sources": {"shop": {"kind": "database", "url": "shop.db", "queries": queries}},
        "tools": {"sum": {"argv": [sys.executable, "-c", prints], "env": {"TOKEN": "${TOKEN}"}, "read_only": True}},
    }  # fmt: skip
    file = written(place, said)
    book = Book(file, Approvals(place / "approved.json"))
    for command in commands_of(read_settings(file)):
        launch = book.launch(*command)
        Approvals(place / "approved.json").approve(launch, launch.digest, risky=True)
    made = configured(place, said, record=str(place / "record.jsonl"))
    told: list[str] = [made.server.instructions or ""]
    async with Client(made.server) as client:
        told += [msgspec.json.encode(await client.list_tools()).decode()]
        for name, given in (
            ("list", {}), ("list", {"uri": "tools"}), ("describe", {"uri": "tools"}), ("describe", {"uri": "run://tools/sum"}),
            ("describe", {"uri": "shop"}), ("describe", {"uri": "db://shop/queries/q"}), ("search", {"query": "sum"}),
            ("run", {"tool": "sum"}), ("run", {"tool": "q"}), ("list", {"uri": "run://tools/runs"}),
        ):  # fmt: skip
            told.append(msgspec.json.encode((await client.call_tool(name, given)).structured).decode())
        with pytest.raises(ToolError) as refused:
            await client.call_tool("run", {"tool": "q", "arguments": {"a": 1}})
        told.append(str(refused.value))
    assert hashlib.sha256(secret.encode()).hexdigest() in "".join(told)
    kept = [path.read_bytes() for path in place.rglob("*") if path.is_file()]
    assert not [text for text in kept if secret.encode() in text]
    # The watch over planted secrets hears logs, errors and processes; here is what clients heard.
    assert not [text for text in told if leaked(text)]
    written(place, {"sources": {"shop": {"kind": "database", "url": "mysql://me:${TOKEN}@127.0.0.1:1/x"}}})
    with pytest.raises(SourceError, match="cannot be reached") as fault:
        made.look()
    assert secret not in str(fault.value)
    assert secret not in caplog.text


async def test_what_is_kept_for_one_caller_is_no_others_where_all_see_the_same(place: Path) -> None:
    made = configured(place, {"sources": {"shop": {"kind": "database", "url": "shop.db"}}, "auth": RULED["auth"]})
    protect(made.server, msgspec.convert(made.auth, AuthSettings))
    async with made.server.lifespan():
        app = made.server.asgi()
        kept = json.loads(await tool(app, "ann", "query", sql="SELECT note FROM orders", format="file"))
        uri = kept["result"]["structuredContent"]["uri"]
        assert "one" in await tool(app, "ann", "fetch", uri=uri)
        assert "there is no result" in await tool(app, "bob", "fetch", uri=uri)
        assert "not found" in (await asked(app, "bob", modern("resources/read", uri=uri))).body.decode().lower()
