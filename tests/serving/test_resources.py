"""Resources: fixed, by template, listed by a provider; what is not there is an error."""

import base64
from typing import Any

import pytest
from tests.protocol.fixtures import LEGACY, META, MODERN, Line, post, routing, written

from dragoman import Limits, RegistrationError, Server
from dragoman.wire.base import Annotations, Icon
from dragoman.wire.content import AnyContents
from dragoman.wire.resources import Resource


def library() -> Server:
    server = Server("resources", limits=Limits(listed=2))

    @server.resource("config://app", mime_type="application/json", size=9, title="Config", meta={"a.b/c": 1})
    def config() -> dict[str, Any]:
        """The configuration."""
        return {"a": None}

    @server.resource("logo://png")
    async def logo() -> bytes:
        return b"\x89PNG\0"

    @server.resource("note://hello", annotations=Annotations(audience=["user"]), icons=[Icon(src="data:,")])
    def note() -> str:
        return "hello"

    @server.resource("weather://{city}/{day}")
    def weather(city: str, day: int) -> Any:
        if city == "atlantis":
            return None
        return f"{city} {day + 1}"

    return server


async def read(uri: str, version: str = MODERN) -> dict[str, Any]:
    return await Line(library()).ask("resources/read", version, uri=uri)


async def test_a_text_is_read_with_its_type() -> None:
    """RES-06"""
    result = (await read("config://app"))["result"]
    assert result["contents"] == [{"uri": "config://app", "text": '{"a":null}', "mimeType": "application/json"}]
    assert (result["ttlMs"], result["cacheScope"], result["resultType"]) == (0, "private", "complete")
    (note,) = (await read("note://hello"))["result"]["contents"]
    assert note == {"uri": "note://hello", "text": "hello", "mimeType": "text/plain"}


async def test_bytes_are_read_as_base64() -> None:
    """RES-06"""
    (blob,) = (await read("logo://png"))["result"]["contents"]
    assert base64.b64decode(blob["blob"]) == b"\x89PNG\0"
    assert blob["mimeType"] == "application/octet-stream" and "text" not in blob


@pytest.mark.parametrize(
    ("uri", "text"), [("weather://oslo/1", "oslo 2"), ("weather://S%C3%A3o%20Paulo/9", "São Paulo 10")]
)
async def test_a_uri_that_fits_a_template_is_read_though_it_is_not_listed(uri: str, text: str) -> None:
    """RES-07, RES-11"""
    (found,) = (await read(uri))["result"]["contents"]
    assert found == {"uri": uri, "text": text, "mimeType": "text/plain"}


@pytest.mark.parametrize(
    "uri",
    ["config://other", "weather://oslo", "weather://oslo/1/2", "weather://oslo/tomorrow", "weather://atlantis/1",
     "result://nobody/1", "", "config://app#", "x" * 100_000],
)  # fmt: skip
@pytest.mark.parametrize("version", [MODERN, *LEGACY])
async def test_what_is_not_there_is_an_error_and_never_an_empty_answer(uri: str, version: str) -> None:
    """RES-03, RES-08, ERR-13, ERR-05, LEG-21"""
    error = (await read(uri, version))["error"]
    assert error["code"] == (-32602 if version == MODERN else -32002)
    assert error["data"] == {"uri": uri[:2000]}
    assert error["message"].startswith("resource not found") and len(error["message"]) < 900


async def test_fixed_resources_come_in_pages_and_templates_apart() -> None:
    """PAGE-01, PAGE-03, RES-01, RES-07"""
    line = Line(library())
    first = (await line.ask("resources/list"))["result"]
    second = (await line.ask("resources/list", cursor=first["nextCursor"]))["result"]
    uris = [item["uri"] for page in (first, second) for item in page["resources"]]
    assert uris == ["config://app", "logo://png", "note://hello"] and "nextCursor" not in second
    config, note = first["resources"][0], second["resources"][0]
    assert config == {
        "uri": "config://app", "name": "config", "title": "Config", "description": "The configuration.",
        "mimeType": "application/json", "size": 9, "_meta": {"a.b/c": 1},
    }  # fmt: skip
    assert (note["annotations"], note["icons"]) == ({"audience": ["user"]}, [{"src": "data:,"}])
    templates = (await line.ask("resources/templates/list"))["result"]["resourceTemplates"]
    assert [item["uriTemplate"] for item in templates] == ["weather://{city}/{day}"]
    has = (await line.ask("server/discover"))["result"]["capabilities"]["resources"]
    assert has == {"listChanged": True, "subscribe": True}


async def test_a_resource_may_hold_several_contents() -> None:
    """RES-05"""
    server = Server("resources")

    @server.resource("dir://all")
    def both() -> Any:
        return [AnyContents(uri="dir://all/a", text="a"), AnyContents(uri="dir://all/b", blob="AA==")]

    found = (await Line(server).ask("resources/read", uri="dir://all"))["result"]["contents"]
    assert found == [{"uri": "dir://all/a", "text": "a"}, {"uri": "dir://all/b", "blob": "AA=="}]


def listing(pages: dict[str | None, tuple[list[str], str | None]]) -> Any:
    async def lister(cursor: str | None) -> tuple[list[Resource], str | None]:
        uris, following = pages[cursor]
        return [Resource(uri=uri, name=uri) for uri in uris], following

    return lister


async def test_a_lister_continues_where_the_fixed_ones_end() -> None:
    """PAGE-01"""
    server = library()
    server.add_resource_lister(listing({None: (["x:1"], "next"), "next": (["x:2"], None)}))
    line, found, params = Line(server), [], dict[str, Any]()
    for _ in range(3):
        page = (await line.ask("resources/list", **params))["result"]
        found.append([item["uri"] for item in page["resources"]])
        params = {"cursor": page.get("nextCursor")}
    assert found == [["config://app", "logo://png"], ["note://hello", "x:1"], ["x:2"]]
    assert params == {"cursor": None}
    with pytest.raises(RegistrationError, match="already"):
        server.add_resource_lister(listing({}))


@pytest.mark.parametrize("cursor", ["zz", "", "OTk5"])
async def test_a_bad_cursor_is_refused_with_a_lister_too(cursor: str) -> None:
    """PAGE-04"""
    server = library()
    server.add_resource_lister(listing({None: ([], None)}))
    assert (await Line(server).ask("resources/list", cursor=cursor))["error"]["code"] == -32602


def test_two_resources_of_one_uri_are_refused() -> None:
    server = library()
    with pytest.raises(RegistrationError, match="there is a resource 'note://hello' already"):
        server.resource("note://hello")(lambda_like)
    with pytest.raises(RegistrationError, match="already"):
        server.resource("weather://{city}/{day}")(families)


def lambda_like() -> str:
    return ""


def families(city: str, day: str) -> str:
    return city + day


@pytest.mark.parametrize("uri", ["no colon", "a://{b", "a://{b}{", "a://b c"])
def test_a_uri_that_does_not_parse_is_told_at_registration(uri: str) -> None:
    """RES-09"""
    with pytest.raises(RegistrationError, match=r"test_resources.py"):
        Server("resources").resource(uri)(lambda_like)


async def test_the_uri_header_must_be_that_of_the_body() -> None:
    """HTTP-19, HTTP-21"""
    app = library().asgi()
    body = written("resources/read", {"uri": "note://hello", "_meta": META})
    assert (await post(app, body, routing("resources/read", "note://hello"))).status == 200
    assert (await post(app, body, routing("resources/read", "note://else"))).code == -32020
