"""Pages of tools, schemas put in by hand, settings for all servers, and requests told apart before they are served."""

from __future__ import annotations

import base64

import pytest

from dragoman import Client, ToolError
from dragoman.compat import fast, inbound, server, settings, versions
from dragoman.compat.cards import Approval, Choice, FileUpload, FormInput
from dragoman.compat.pages import AppConfig
from dragoman.compat.refusal import UnsupportedArgumentError


async def test_a_tool_and_its_page_say_of_each_other_what_hosts_look_for() -> None:
    mcp = fast.FastMCP("pages")
    mcp.tool(lambda: 1, name="shown", app=AppConfig(resource_uri="ui://view", visibility=["model"]))
    mcp.resource("ui://view", app={"csp": {"connectDomains": ["https://api.example.com"]}}, name="view")(lambda: "<p>")
    async with Client(mcp.native) as client:
        [tool], [page] = await client.list_tools(), await client.list_resources()
        assert tool.meta["ui"] == {"resourceUri": "ui://view", "visibility": ["model"]}
        assert page.mime_type == "text/html;profile=mcp-app"
        assert page.meta["ui"] == {"csp": {"connectDomains": ["https://api.example.com"]}}
    with pytest.raises(UnsupportedArgumentError, match="name a page of your own"):
        mcp.tool(app=True)(lambda: 1)


async def test_a_schema_that_is_put_in_place_of_the_signatures_is_listed() -> None:
    mcp = server.MCPServer("schemas")

    @mcp.tool()
    def add(a: int) -> int:
        return a + 1

    mcp._tool_manager._tools["add"].parameters = {"type": "object", "properties": {"a": {"$comment": "kept"}}}
    async with Client(mcp.native) as client:
        [tool] = await client.list_tools()
        assert tool.input_schema["properties"] == {"a": {"$comment": "kept"}}
        assert (await client.call_tool("add", {"a": 1})).value == 2
    with pytest.raises(KeyError):
        _ = mcp._tool_manager._tools["other"]


def test_settings_for_all_servers_hold_for_those_that_say_nothing(monkeypatch) -> None:
    assert not fast.FastMCP("x").masks
    monkeypatch.setattr(settings.settings, "mask_error_details", True)
    assert fast.FastMCP("x").masks and not fast.FastMCP("x", mask_error_details=False).masks


META = {"io.modelcontextprotocol/protocolVersion": versions.LATEST_MODERN_VERSION}
ENVELOPE = {**META, "io.modelcontextprotocol/clientCapabilities": {}}
HEADERS = {"mcp-protocol-version": versions.LATEST_MODERN_VERSION, "mcp-method": "tools/call", "mcp-name": "add"}


@pytest.mark.parametrize(
    ("meta", "headers", "code"),
    [
        (ENVELOPE, HEADERS, None),
        (ENVELOPE, None, None),
        (ENVELOPE, {**HEADERS, "mcp-name": "=?base64?YWRk?="}, None),
        (None, HEADERS, -32602),
        (META, HEADERS, -32602),
        (ENVELOPE, {**HEADERS, "mcp-method": "tools/list"}, -32020),
        (ENVELOPE, {**HEADERS, "mcp-name": "other"}, -32020),
        (ENVELOPE, {}, -32020),
        ({**ENVELOPE, "io.modelcontextprotocol/protocolVersion": "1999-01-01"}, None, -32022),
    ],
)
def test_requests_are_told_apart_by_their_envelope(meta, headers, code) -> None:
    body = {"method": "tools/call", "params": {"name": "add", **({} if meta is None else {"_meta": meta})}}
    found = inbound.classify_inbound_request(body, headers=headers)
    assert getattr(found, "code", None) == code if code else found.protocol_version == versions.LATEST_MODERN_VERSION


async def test_a_question_in_a_page_says_what_its_buttons_send() -> None:
    mcp = fast.FastMCP("cards", providers=[Approval(), Choice(title="Pick")])
    async with Client(mcp.native) as client:
        tools = {tool.name: tool for tool in await client.list_tools()}
        assert tools["choose"].meta["ui"] == {"resourceUri": "ui://dragoman/card.html"}
        page = await client.read("ui://dragoman/card.html")
        assert page.contents[0].mime_type == "text/html;profile=mcp-app" and "ui/initialize" in page.text
        card = (await client.call_tool("request_approval", {"summary": "Deploy"})).structured["card"]
        assert [one["says"] for one in card["buttons"]] == [
            f'"Deploy" — I selected: {w}' for w in ("Approve", "Reject")
        ]
        chosen = (await client.call_tool("choose", {"prompt": "Lunch?", "options": ["soup"]})).structured["card"]
        assert chosen["title"] == "Pick" and chosen["buttons"][0]["label"] == "soup"


async def test_a_form_is_judged_by_its_model() -> None:
    pydantic = pytest.importorskip("pydantic")
    order = pydantic.create_model("Order", dish=(str, ...), count=(int, 1))
    mcp = fast.FastMCP("forms", providers=[FormInput(order, on_submit=lambda one: f"{one.count} {one.dish}")])
    async with Client(mcp.native) as client:
        tools = {tool.name: tool for tool in await client.list_tools()}
        assert tools["submit_order"].meta["ui"]["visibility"] == ["app"]
        form = (await client.call_tool("collect_order", {"prompt": "What?"})).structured["card"]["form"]
        assert form["tool"] == "submit_order" and form["schema"]["required"] == ["dish"]
        sent = {"data": {"dish": "soup", "count": 2}}
        assert (await client.call_tool("submit_order", sent)).value == "2 soup"
        with pytest.raises(ToolError, match="dish"):
            await client.call_tool("submit_order", {"data": {"count": 2}})


async def test_files_are_kept_for_who_uploaded_them_within_bounds() -> None:
    mcp = fast.FastMCP("files", providers=[FileUpload(max_file_size=5, max_total_size=8)])

    def file(name: str, data: bytes) -> dict[str, str]:
        return {"name": name, "type": "text/plain", "data": base64.b64encode(data).decode()}

    async with Client(mcp.native) as client:
        stored = await client.call_tool("store_files", {"files": [file("a.txt", b"abc"), file("b.bin", b"\xff\xfe")]})
        assert [one["name"] for one in stored.value] == ["a.txt", "b.bin"]
        assert (await client.call_tool("read_file", {"name": "a.txt"})).structured["content"] == "abc"
        assert (await client.call_tool("read_file", {"name": "b.bin"})).structured["content_base64"] == "//4="
        for bad in (file("c.txt", b"123456"), {"name": "d", "data": "!"}, file("e.txt", b"12345")):
            with pytest.raises(ToolError):
                await client.call_tool("store_files", {"files": [file("x.txt", b""), bad]})
        assert len((await client.call_tool("list_files")).value) == 2
        with pytest.raises(ToolError, match=r"no file 'x\.txt'; there is a\.txt, b\.bin"):
            await client.call_tool("read_file", {"name": "x.txt"})
