"""Requirements that cross the rooms, so that no room's own tests hold them: each test names those it is about."""

import ast
import asyncio
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.app.sample import server as sample
from tests.protocol.fixtures import LEGACY, MODERN, PREFIX, Line
from tests.transport.raw_http import call, listening
from tests.transport.raw_peer import Got, legacy
from tests.transport.raw_peer import modern as modern_peer
from tests.transport.raw_peer import serving as serving_http
from tests.transport.stdio_peer import call as call_line
from tests.transport.stdio_peer import cancel, serving, value

from dragoman import Client, Context, DeadlineError, Icon, Limits, PeerError, RegistrationError, Server
from dragoman.protocol.headers import decode_value, encode_value

SOURCE = Path(__file__).parents[2] / "src" / "dragoman"
HELLO = {"capabilities": {}, "clientInfo": {"name": "old", "version": "1"}, "protocolVersion": LEGACY[0]}


# --- codes -----------------------------------------------------------------------------------------------------


def test_no_code_of_ours_lies_in_the_reserved_range() -> None:
    """ERR-01, ERR-02, ERR-03, ERR-06: every code written down anywhere is one that a specification defines."""
    defined = {-32700, -32600, -32601, -32602, -32603, -32020, -32021, -32022}
    earlier = {-32002, -32042, -32000, -1}  # of the handshake era, or read and never written
    found: dict[int, str] = {}
    for file in SOURCE.rglob("*.py"):
        text = file.read_text("utf-8")
        for node in ast.walk(ast.parse(text)) if re.search(r"32|3_2|0[xob]", text) else ():
            if (
                isinstance(node, ast.UnaryOp)
                and isinstance(node.op, ast.USub)
                and isinstance(node.operand, ast.Constant)
            ):
                number = node.operand.value
                if isinstance(number, int) and 32000 <= number <= 32768:
                    found[-number] = str(file)
    assert defined <= set(found)
    assert set(found) <= defined | earlier, found


@pytest.mark.parametrize("code", [-32000, -32001, -32005, -32019, -32002, 1])
async def test_codes_of_implementers_mean_nothing_to_the_client(code: int) -> None:
    """ERR-04, RES-04: whatever the number, it is the server's error, and the caller sees it as it came."""

    async def answer(got: Got) -> None:
        got.error(code, "mine", {"why": 1}, status=200)

    async with serving_http(modern_peer(answer)) as url, Client(url) as client:
        with pytest.raises(PeerError, match="mine") as caught:
            await client.read("a://b")
    assert (type(caught.value), caught.value.code, caught.value.data) == (PeerError, code, {"why": 1})


# --- requests of a client --------------------------------------------------------------------------------------


async def test_requests_of_one_client_never_share_an_id() -> None:
    """BASE-03, PROG-01"""
    ids: list[Any] = []
    tokens: list[Any] = []

    async def answer(got: Got) -> None:
        ids.append(got.json["id"])
        tokens.append(got.json["params"]["_meta"].get("progressToken"))
        got.result({"content": [], "resultType": "complete"})

    async def heard(_: Any) -> None: ...

    async with serving_http(modern_peer(answer)) as url, Client(url) as client:
        await asyncio.gather(*(client.call_tool("x", on_progress=heard) for _ in range(30)))
    assert len(set(ids)) == 30 and all(type(number) in (int, str) for number in ids)
    assert len(set(tokens)) == 30 and all(type(token) in (int, str) for token in tokens)


async def test_initialize_is_never_cancelled() -> None:
    """LEG-05"""
    asked: list[str] = []

    async def answer(got: Got) -> None:
        asked.append(str(got.json.get("method")))
        if asked[-1] == "initialize":
            await got.gone()

    async with serving_http(answer) as url:
        with pytest.raises(DeadlineError):
            async with Client(url, mode="legacy", timeout=0.6):
                raise AssertionError("nobody answered")
    assert "initialize" in asked and "notifications/cancelled" not in asked


async def test_a_cancelled_call_is_cancelled_by_notice_in_the_handshake_era() -> None:
    """LEG-05, LEG-15, PROG-07: the twin: what may be cancelled is."""
    asked: list[dict[str, Any]] = []
    told = asyncio.Event()

    async def answer(got: Got) -> None:
        asked.append(got.json)
        if got.json.get("method") == "notifications/cancelled":
            got.reply(b"", 202)
            told.set()
        else:
            await got.gone()

    async with serving_http(legacy(answer)) as url, Client(url, mode="legacy") as client:
        with pytest.raises(DeadlineError):
            await client.call_tool("x", timeout=0.6)
        async with asyncio.timeout(20):
            await told.wait()
    (asking,) = (each for each in asked if each.get("method") == "tools/call")
    (notice,) = (each for each in asked if each.get("method") == "notifications/cancelled")
    assert notice["params"]["requestId"] == asking["id"]


# --- headers ---------------------------------------------------------------------------------------------------


async def test_header_names_are_of_any_case_and_values_of_one() -> None:
    """HTTP-22"""
    async with listening(sample.asgi()) as place:
        good = call("add", a=1, b=2)
        shouted = {name.upper(): text for name, text in good.headers.items()}
        assert (await place.ask(good._replace(headers=shouted))).value == 3
        for name in ("mcp-method", "mcp-name"):
            other = {**good.headers, name: str(good.headers[name]).upper()}
            refused = await place.ask(good._replace(headers=other))
            assert (refused.status, refused.code) == (400, -32020), name


@pytest.mark.parametrize("text", ["=?base64?SGk=?=", "=?base64??=", "=?base64?no base64?="])
def test_a_value_that_looks_encoded_is_encoded(text: str) -> None:
    """HTTP-35"""
    assert encode_value(text) != text and decode_value(encode_value(text)) == text
    assert encode_value(text[1:]) == text[1:]


# --- what a server lists ---------------------------------------------------------------------------------------


def hinted(**options: Any) -> Server:
    server = Server("hints", limits=Limits(listed=1), **options)
    for name in "ab":
        server.add_tool(lambda: 1, name=name)
        server.add_prompt(lambda: "x", name=name)
        server.add_resource(lambda: "x", f"a://{name}", name=name, ttl_ms=7, cache_scope="private")
        server.add_resource(lambda x: x, f"t{name}://{{x}}", name=name)
    return server


async def test_lists_pages_and_contents_carry_the_hints_that_were_set() -> None:
    """CACHE-01, CACHE-03"""
    server = hinted(ttl_ms=60_000, cache_scope="public")
    told = (await Line(server).ask("server/discover"))["result"]
    assert (told["ttlMs"], told["cacheScope"]) == (60_000, "public")
    for method in ("tools/list", "prompts/list", "resources/list", "resources/templates/list"):
        cursor: dict[str, Any] = {}
        for _ in "ab":
            page = (await Line(server).ask(method, **cursor))["result"]
            assert (page["ttlMs"], page["cacheScope"]) == (60_000, "public")
            cursor = {"cursor": page.get("nextCursor")}
        assert cursor == {"cursor": None}
    own = (await Line(server).ask("resources/read", uri="a://a"))["result"]
    unsaid = (await Line(server).ask("resources/read", uri="ta://x"))["result"]
    assert [(each["ttlMs"], each["cacheScope"]) for each in (own, unsaid)] == [(7, "private"), (0, "private")]
    bare = (await Line(hinted()).ask("tools/list"))["result"]
    assert (bare["ttlMs"], bare["cacheScope"]) == (0, "private")
    old = (await Line(server).ask("tools/list", LEGACY[0]))["result"]
    assert not {"ttlMs", "cacheScope"} & set(old)


@pytest.mark.parametrize("options", [{"ttl_ms": -1}, {"ttl_ms": 1.5}, {"ttl_ms": "1"}, {"cache_scope": "all"}])
def test_hints_that_cannot_be_are_refused(options: dict[str, Any]) -> None:
    """CACHE-01"""
    with pytest.raises(RegistrationError, match=next(iter(options))):
        Server("hints", **options)
    with pytest.raises(RegistrationError, match=next(iter(options))):
        Server("hints").add_resource(lambda: "x", "a://b", name="b", **options)


async def test_a_resource_that_asks_carries_no_hints() -> None:
    """CACHE-02"""
    server = Server("asks", ttl_ms=60_000)

    async def asks(ctx: Context) -> str:
        return str(await ctx.elicit("Sure?", bool))

    server.add_resource(asks, "a://b", name="b", ttl_ms=60_000)
    able = {PREFIX + "clientCapabilities": {"elicitation": {}}}
    result = (await Line(server).ask("resources/read", uri="a://b", _meta=able))["result"]
    assert result["resultType"] == "input_required" and not {"ttlMs", "cacheScope"} & set(result)


async def test_lists_are_the_same_for_every_client() -> None:
    """TOOL-02, RES-02, PROMPT-02"""
    first, second = Line(sample), Line(sample)
    for method in ("tools/list", "prompts/list", "resources/list", "resources/templates/list"):
        before = (await first.ask(method))["result"]
        await first.call("add", a=1, b=2)
        await first.ask("logging/setLevel", LEGACY[0], level="error")
        assert (await first.ask(method))["result"] == before == (await second.ask(method))["result"]


@pytest.mark.parametrize("version", [MODERN, *LEGACY])
async def test_logging_is_declared_in_every_era(version: str) -> None:
    """LOG-01"""
    line = Line(sample)
    greeting = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {**HELLO, "protocolVersion": version}}
    answer = await (line.ask("server/discover") if version == MODERN else line.send(json.dumps(greeting).encode()))
    assert answer["result"]["capabilities"]["logging"] == {}


async def test_logs_go_with_their_own_call_and_with_no_other() -> None:
    """LOG-03"""
    server = Server("logs")
    both = asyncio.Barrier(2)

    @server.tool
    async def say(word: str, ctx: Context) -> None:
        await both.wait()
        await ctx.warning(word)
        await both.wait()

    lines = {word: Line(server) for word in ("one", "two")}
    level = {PREFIX + "logLevel": "debug"}
    asked = (lines[word].ask("tools/call", name="say", arguments={"word": word}, _meta=level) for word in lines)
    async with asyncio.timeout(20):
        await asyncio.gather(*asked)
    assert {word: [each["params"]["data"] for each in line.ear.heard] for word, line in lines.items()} == {
        "one": ["one"],
        "two": ["two"],
    }


async def test_icons_are_listed_wherever_they_can_be() -> None:
    """ICON-04"""
    icon = Icon(src="data:image/png;base64,AA==", mime_type="image/png", sizes=["48x48", "any"], theme="dark")
    server = Server("icons", icons=[icon])
    server.add_tool(lambda: 1, name="a", icons=[icon])
    server.add_prompt(lambda: "x", name="a", icons=[icon])
    server.add_resource(lambda: "x", "a://b", name="a", icons=[icon])
    server.add_resource(lambda x: x, "a://c/{x}", name="a", icons=[icon])
    written = [{"src": icon.src, "mimeType": "image/png", "sizes": ["48x48", "any"], "theme": "dark"}]
    for method, member in (
        ("tools/list", "tools"),
        ("prompts/list", "prompts"),
        ("resources/list", "resources"),
        ("resources/templates/list", "resourceTemplates"),
    ):
        result = (await Line(server).ask(method))["result"]
        assert result[member][0]["icons"] == written
        assert result["_meta"][PREFIX + "serverInfo"]["icons"] == written


# --- schemas ---------------------------------------------------------------------------------------------------


def test_a_handwritten_schema_that_is_none_is_told_with_the_function() -> None:
    """JSON-02, JSON-03, JSON-04, TOOL-04"""
    server = Server("schemas")

    def job(a: int) -> int:
        return a

    good = {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"type": "integer"}}}
    bad: list[tuple[dict[str, Any], str]] = [
        ({**good, "$schema": "http://json-schema.org/draft-04/schema#"}, "dialect"),
        ({**good, "properties": {"a": {"$ref": "https://example.com/a"}}}, "nothing is fetched"),
        ({**good, "required": "a"}, "required must be"),
        ({"type": "array"}, '"type": "object"'),
    ]
    for schema, said in bad:
        with pytest.raises(RegistrationError, match=said) as caught:
            server.add_tool(job, input_schema=schema)
        assert "test_gaps.py" in str(caught.value) and "job" in str(caught.value)
    for schema, said in bad[:3]:
        with pytest.raises(RegistrationError, match=said):
            server.add_tool(job, output_schema=schema)
    server.add_tool(job, input_schema=good, output_schema={"type": "array"})


async def test_schemas_made_from_functions_are_valid() -> None:
    """JSON-01, JSON-03"""
    tools = (await Line(sample).ask("tools/list"))["result"]["tools"]
    schemas = [tool[member] for tool in tools for member in ("inputSchema", "outputSchema") if member in tool]
    assert len(schemas) > 10
    for schema in schemas:
        jsonschema.Draft202012Validator.check_schema(schema)
        assert "$schema" not in schema


# --- stdio -----------------------------------------------------------------------------------------------------


def test_cancelling_what_is_over_or_unknown_changes_nothing(tmp_path: Path) -> None:
    """PROG-09, PROG-11"""
    with serving(tmp_path) as peer:
        peer.write(call_line(1, "add", a=1, b=2))
        assert value(peer.answer()) == 3
        broken = b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":%s}\n'
        odd = b"".join(broken % params for params in (b"{}", b'{"requestId":null}', b"[]", b'{"requestId":[1]}'))
        peer.write(cancel(1) + cancel(99) + cancel("x") + odd + call_line(1, "add", a=3, b=4))
        assert value(peer.answer()) == 7
        assert peer.end()[0] == 0


def test_subscribing_is_answered_in_the_handshake_era(tmp_path: Path) -> None:
    """LEG-18: told of what was subscribed to and of nothing else; changes of lists are told to everybody."""
    more = """
server.add_resource(lambda: "x", "a://b", name="b")

@server.tool
async def touch(uri: str) -> None:
    server.notify_resource_updated(uri)
"""

    def old(number: Any, method: str, **params: Any) -> bytes:
        named = {} if number is None else {"id": number}
        return json.dumps({"jsonrpc": "2.0", **named, "method": method, "params": params}).encode() + b"\n"

    def heard(peer: Any, uri: str, number: int) -> list[Any]:
        peer.write(old(number, "tools/call", name="touch", arguments={"uri": uri}))
        peer.write(old(number + 1, "ping"))
        found: list[Any] = []
        while not {number, number + 1} <= {each.get("id") for each in found}:
            found.append(peer.answer())
        return [each["params"]["uri"] for each in found if each.get("method") == "notifications/resources/updated"]

    with serving(tmp_path, more) as peer:
        peer.write(old(1, "initialize", **HELLO) + old(None, "notifications/initialized"))
        assert peer.answer()["id"] == 1
        peer.write(old(2, "resources/subscribe", uri="a://b"))
        assert peer.answer() == {"jsonrpc": "2.0", "id": 2, "result": {}}
        assert heard(peer, "a://other", 10) == []
        assert heard(peer, "a://b", 20) == ["a://b"] or peer.answer()["params"]["uri"] == "a://b"
        peer.write(old(3, "resources/unsubscribe", uri="a://b"))
        assert peer.answer() == {"jsonrpc": "2.0", "id": 3, "result": {}}
        assert heard(peer, "a://b", 30) == []
        assert peer.end()[0] == 0
