"""Methods about the server itself."""

from typing import Any

import pytest
from tests.protocol.fixtures import HELLO, LEGACY, MODERN, Line, written

from dragoman import Server
from dragoman.wire.base import Icon


def full() -> Server:
    server = Server(
        "life", "3.1", title="Life", website_url="https://life.example", icons=[Icon(src="data:,")],
        instructions="Be kind.",
    )  # fmt: skip

    @server.tool
    def add(a: int) -> int:
        return a

    server.add_extension("com.example/search", {"deep": True})
    server.add_experimental("x", {})
    return server


async def test_discovery_says_versions_capabilities_and_who_answers() -> None:
    """VER-03, VER-04, META-04"""
    line = Line(full())
    result = (await line.ask("server/discover"))["result"]
    assert result["supportedVersions"] == [MODERN]
    assert result["instructions"] == "Be kind."
    assert (result["ttlMs"], result["cacheScope"], result["resultType"]) == (0, "private", "complete")
    assert result["capabilities"] == {
        "tools": {"listChanged": True}, "resources": {"listChanged": True, "subscribe": True}, "logging": {},
        "extensions": {"com.example/search": {"deep": True}}, "experimental": {"x": {}},
    }  # fmt: skip
    info = {
        "name": "life", "version": "3.1", "title": "Life", "websiteUrl": "https://life.example",
        "icons": [{"src": "data:,"}],
    }  # fmt: skip
    assert result["_meta"] == {"io.modelcontextprotocol/serverInfo": info}


async def test_what_is_registered_later_is_discovered_later() -> None:
    """VER-16"""
    server = Server("life")
    line = Line(server)
    before = (await line.ask("server/discover"))["result"]
    assert before["capabilities"] == {"logging": {}} and "instructions" not in before

    @server.prompt
    def hello() -> str:
        return "hi"

    assert "prompts" in (await line.ask("server/discover"))["result"]["capabilities"]
    assert "result" in await line.ask("prompts/list")


@pytest.mark.parametrize("version", LEGACY)
async def test_initialize_answers_for_the_version_that_was_agreed(version: str) -> None:
    """LEG-01, LEG-02"""
    answer = await Line(full()).send(written("initialize", {**HELLO, "protocolVersion": version}, "hello"))
    result = answer["result"]
    assert (answer["id"], result["protocolVersion"], result["instructions"]) == ("hello", version, "Be kind.")
    assert result["serverInfo"]["name"] == "life" and "resultType" not in result and "_meta" not in result


@pytest.mark.parametrize("version", LEGACY)
async def test_ping_is_answered_at_once_with_nothing(version: str) -> None:
    """LEG-16"""
    line = Line(full())
    assert (await line.send(written("ping")))["result"] == {}
    assert (await line.ask("ping", version))["result"] == {}
    assert (await line.ask("logging/setLevel", version, level="info"))["result"] == {}


@pytest.mark.parametrize(("params", "said"), [({"level": "loud"}, "$.level"), ({}, "level")])
async def test_a_level_that_does_not_exist_is_refused(params: dict[str, Any], said: str) -> None:
    """LEG-17"""
    error = (await Line(full()).ask("logging/setLevel", LEGACY[0], **params))["error"]
    assert error["code"] == -32602 and said in error["message"]


def test_an_extension_has_a_prefix() -> None:
    """VER-05, VER-07"""
    with pytest.raises(Exception, match=r"com\.example/x"):
        Server("life").add_extension("search")
