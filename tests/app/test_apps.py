"""Tools with a page: what hosts read of them, in every era, and what cannot be registered."""

from pathlib import Path
from typing import Any

import pytest

from dragoman import Client, Context, Csp, LocalError, MalformedError, RegistrationError, Server, Tool
from dragoman.wire.apps import EXTENSION, MIME_TYPE

HTML = "<!doctype html><title>x</title>"
MODES = pytest.mark.parametrize("mode", ["modern", "legacy"])


@MODES
async def test_a_tool_has_a_page_and_a_text(mode: str) -> None:
    """APPS-01, APPS-02, APPS-03, APPS-04, APPS-06: linked, declared, described, and useful without it."""
    server = Server("weather")
    csp = Csp(connect_domains=["https://api.example.com"])

    @server.app("ui://w/v.html", html=HTML, csp=csp, permissions=["geolocation"], prefers_border=True, read_only=True)
    def forecast(city: str, ctx: Context) -> dict[str, str]:
        """The weather."""
        declared = ctx.client_capabilities.extensions
        return {"city": city, "pages": str(declared)}

    async with Client(server, mode=mode, apps=True) as client:
        declared = client.server_capabilities.extensions
        assert isinstance(declared, dict) and declared[EXTENSION] == {"mimeTypes": [MIME_TYPE]}
        (tool,) = await client.list_tools()
        assert tool.meta == {"ui": {"resourceUri": "ui://w/v.html"}}
        assert tool.ui is not None and tool.ui.resource_uri == "ui://w/v.html"
        assert tool.callable_by("model") and tool.callable_by("app")
        view = await client.view(tool)
        assert (view.uri, view.html) == ("ui://w/v.html", HTML)
        assert (view.page.csp, view.page.permissions, view.page.prefers_border) == (csp, {"geolocation": {}}, True)
        (content,) = (await client.read("ui://w/v.html")).contents
        assert content.meta == {
            "ui": {
                "csp": {"connectDomains": ["https://api.example.com"]},
                "permissions": {"geolocation": {}},
                "prefersBorder": True,
            }
        }
        result = await client.call_tool("forecast", {"city": "Bergen"})
        assert "Bergen" in result.text and MIME_TYPE in result.text
    async with Client(server, mode=mode) as client:
        assert MIME_TYPE not in (await client.call_tool("forecast", {"city": "Bergen"})).text


async def test_tools_share_a_page_and_say_who_may_call_them() -> None:
    """APPS-03"""
    server = Server("weather")
    page = server.app("ui://w/v.html", html=HTML, visibility=["model"])
    page(_named("first"))
    server.app("ui://w/v.html", visibility=["app"])(_named("second"))
    async with Client(server) as client:
        first, second = await client.list_tools()
        assert first.callable_by("model") and not first.callable_by("app")
        assert second.callable_by("app") and not second.callable_by("model")
        assert (await client.view(second)).html == HTML


def _named(name: str) -> Any:
    def tool() -> str:
        return "done"

    tool.__name__ = name
    return tool


async def test_a_page_can_be_kept_out_of_the_list() -> None:
    """APPS-05, APPS-10: it is read all the same, and of a mounted server under its prefix, as its tool says."""
    server = Server("weather")
    server.app("ui://w/v.html", html=HTML, listed=False)(_named("tool"))
    outer = Server("outer")
    outer.mount(server, "in")
    for one, uri in ((server, "ui://w/v.html"), (outer, "ui://in/w/v.html")):
        async with Client(one) as client:
            assert await client.list_resources() == []
            (tool,) = await client.list_tools()
            view = await client.view(tool)
            assert (view.uri, view.html) == (uri, HTML)


async def test_a_page_comes_from_a_file_as_it_is_now_or_a_function(tmp_path: Path) -> None:
    file = tmp_path / "view.html"
    file.write_text(HTML)
    server = Server("weather")
    server.app("ui://w/file.html", html=file)(_named("file"))

    async def made(ctx: Context) -> str:
        return f"{HTML}<p>{EXTENSION in (ctx.client_capabilities.extensions or {})}"

    server.app("ui://w/made.html", html=made)(_named("made"))
    async with Client(server, cache=False, apps=True) as client:
        from_file, from_function = await client.list_tools()
        file.write_text(HTML + "2")
        assert (await client.view(from_file)).html == HTML + "2"
        assert (await client.view(from_function)).html == f"{HTML}<p>True"


@pytest.mark.parametrize(
    ("uri", "options", "reason"),
    [
        ("https://w/v.html", {"html": HTML}, "ui://"),
        ("ui://w/{x}", {"html": HTML}, "ui://"),
        ("ui://w/other.html", {}, "no page"),
        ("ui://w/v.html", {"html": HTML}, "already"),
        ("ui://w/v.html", {"csp": Csp()}, "html is given"),
        ("ui://w/a.html", {"html": "view.html"}, "html=Path"),
        ("ui://w/a.html", {"html": Path("gone.html")}, "no file"),
        ("ui://w/a.html", {"html": HTML, "visibility": []}, "visibility"),
        ("ui://w/a.html", {"html": HTML, "visibility": ["user"]}, "visibility"),
        ("ui://w/a.html", {"html": HTML, "permissions": ["usb"]}, "usb"),
        ("ui://w/a.html", {"html": HTML, "csp": Csp(connect_domains=["*"])}, "origins"),
        ("ui://w/a.html", {"html": HTML, "csp": Csp(frame_domains=["https://a.b; script-src *"])}, "origins"),
        ("ui://w/a.html", {"html": HTML, "colour": "red"}, "colour"),
    ],
)
def test_what_is_no_page_is_refused(uri: str, options: dict[str, Any], reason: str) -> None:
    """APPS-02: what a tool names exists."""
    server = Server("weather")
    server.app("ui://w/v.html", html=HTML)(_named("there"))
    with pytest.raises(RegistrationError, match=reason):
        server.app(uri, **options)(_named("new"))
    assert list(server.surface.tools.listing.names()) == ["there"]
    server.app("ui://w/v.html")(_named("new"))


@pytest.mark.parametrize("ui", [1, {"visibility": "model"}, {"visibility": [1]}, {"resourceUri": 1}, None])
def test_a_rule_that_cannot_be_read_hides_the_tool(ui: Any) -> None:
    tool = Tool(name="t", input_schema={}, meta={"ui": ui})
    assert not tool.callable_by("model") and not tool.callable_by("app")
    assert Tool(name="t", input_schema={}, meta={"ui": {}}).callable_by("model")


async def test_what_is_no_page_is_not_shown() -> None:
    server = Server("odd")
    server.add_tool(_named("none"))
    server.add_tool(_named("text"), meta={"ui": {"resourceUri": "ui://odd/text"}})
    server.add_tool(_named("web"), meta={"ui": {"resourceUri": "https://example.com/"}})
    server.add_tool(_named("flat"), meta={"ui/resourceUri": "ui://odd/page"})
    server.add_resource(lambda: "plain", "ui://odd/text", name="text", mime_type="text/html")
    server.add_resource(lambda: HTML, "ui://odd/page", name="page", mime_type=MIME_TYPE)
    async with Client(server) as client:
        tools = {tool.name: tool for tool in await client.list_tools()}
        with pytest.raises(LocalError, match="no page"):
            await client.view(tools["none"])
        with pytest.raises(MalformedError, match="text/html"):
            await client.view(tools["text"])
        with pytest.raises(MalformedError, match="ui://"):
            await client.view(tools["web"])
        assert (await client.view(tools["flat"])).html == HTML
