"""Cursors that a client made up or carried elsewhere (threat 16)."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from tests.auth.issuing import bearing, endpoint, issuing
from tests.transport.raw_http import Ask, hello, in_process, modern, old

from dragoman import JWTAuth, Limits, Server


def server() -> Server:
    made = Server("listed", limits=Limits(listed=2))
    for number in range(5):
        made.add_tool(lambda: "x", name=f"tool{number}", description="A tool.")
        made.add_prompt(lambda: "x", name=f"prompt{number}", description="A prompt.")
    return made


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


NUMBERS = ["0", "-1", "9", "1e1", "02", "2 ", "９", "2\n", "9" * 30]
MADE_UP = ["", " ", "A", "====", "\u0000", "x" * 100_000, "é", "\u2028", *map(encoded, NUMBERS)]


@pytest.mark.parametrize("cursor", MADE_UP, ids=range(len(MADE_UP)))
async def test_a_made_up_cursor_is_refused_and_tells_nothing(cursor: str) -> None:
    """sec/16: never a fault of the server's, and always in the same words."""
    app = server().asgi()
    for method in ("tools/list", "prompts/list", "resources/list"):
        answer = await in_process(app, modern(method, cursor=cursor))
        assert (answer.status, answer.code) == (200, -32602) or (answer.status, answer.code) == (400, -32602)
        assert answer.json["error"]["message"] == "unknown cursor; list again from the start, without one"


async def test_the_cursors_that_were_given_lead_through_the_list() -> None:
    """The legal twin."""
    app, found, params = server().asgi(), [], {}
    for _ in range(3):
        result = (await in_process(app, modern("tools/list", **params))).json["result"]
        found += [tool["name"] for tool in result["tools"]]
        params = {"cursor": result.get("nextCursor")}
    assert found == [f"tool{number}" for number in range(5)] and params == {"cursor": None}


# --- of callers who said who they are ------------------------------------------------------------------------------

OTHERS: list[dict[str, Any]] = [{"sub": "ben"}, {"client_id": "other"}, {"sub": "ANN"}, {"sub": "ann "}]
LISTS = {"tools/list": "tools", "prompts/list": "prompts", "resources/list": "resources"}
LISTS["resources/templates/list"] = "resourceTemplates"


def guarded(auth: Any, **options: Any) -> Server:
    made = Server("listed", auth=auth, limits=Limits(listed=2), cache_scope="public", ttl_ms=1000, **options)
    for number in range(5):
        made.add_tool(lambda: "x", name=f"tool{number}", description="A tool.")
        made.add_prompt(lambda: "x", name=f"prompt{number}", description="A prompt.")
        made.add_resource(lambda: "x", f"a://{number}", name=f"a{number}")
        made.add_resource(lambda name: name, f"b{number}://{{name}}", name=f"b{number}")
    return made


async def first(app: Any, method: str, token: str) -> dict[str, Any]:
    found: dict[str, Any] = (await in_process(app, bearing(modern(method), token))).json["result"]
    return found


@pytest.mark.parametrize("method", LISTS)
async def test_a_cursor_is_there_for_its_owner_only(method: str) -> None:
    """sec/03, sec/16: and to all others it is answered as one that never was; the owner's renewed token opens it."""
    async with issuing() as issuer:
        app = endpoint(guarded(JWTAuth(issuer.url)))
        cursor = (await first(app, method, issuer.token()))["nextCursor"]
        for change in OTHERS:
            token = issuer.token(**change)
            theirs = await in_process(app, bearing(modern(method, cursor=cursor), token))
            nobodys = await in_process(app, bearing(modern(method, cursor=encoded("2")), token))
            assert (theirs.status, theirs.body) == (nobodys.status, nobodys.body) and "error" in theirs.json
        owner, found = issuer.token(jti="renewed"), []
        params: dict[str, Any] = {}
        for _ in range(3):
            result = (await in_process(app, bearing(modern(method, **params), owner))).json["result"]
            found += result[LISTS[method]]
            params = {"cursor": result.get("nextCursor")}
            # Somebody else could not go on from it, so no shared cache may give it to them.
            assert result["cacheScope"] == "private"
        assert len({item["name"] for item in found}) == 5 and params == {"cursor": None}


async def test_a_cursor_of_one_list_opens_no_other_and_is_no_state() -> None:
    """sec/16: nor is the state of a call a cursor."""
    async with issuing() as issuer:
        app, token = endpoint(guarded(JWTAuth(issuer.url))), issuer.token()
        cursor = (await first(app, "tools/list", token))["nextCursor"]
        for method in LISTS:
            answer = await in_process(app, bearing(modern(method, cursor=cursor), token))
            assert ("result" in answer.json) == (method == "tools/list")


async def test_the_same_subject_of_another_issuer_has_cursors_of_its_own() -> None:
    async with issuing() as one, issuing() as two:
        app = endpoint(guarded([JWTAuth(one.url), JWTAuth(two.url)]))
        cursor = (await first(app, "tools/list", one.token()))["nextCursor"]
        assert (await in_process(app, bearing(modern("tools/list", cursor=cursor), two.token()))).json.keys() >= {
            "error"
        }
        assert (await in_process(app, bearing(modern("tools/list", cursor=cursor), one.token()))).json.keys() >= {
            "result"
        }


async def test_any_replica_goes_on_with_a_list() -> None:
    async with issuing() as issuer:
        ring = ["the same secret on all replicas"]
        here, there = (endpoint(guarded(JWTAuth(issuer.url), secrets=ring)) for _ in range(2))
        cursor = (await first(here, "tools/list", issuer.token()))["nextCursor"]
        answer = await in_process(there, bearing(modern("tools/list", cursor=cursor), issuer.token()))
        assert "result" in answer.json


async def test_a_list_behind_a_proxy_is_bound_as_well() -> None:
    """sec/03: what the server behind gives for a cursor is opened for one caller only."""
    async with issuing() as issuer:
        behind = Server("behind", limits=Limits(listed=2))
        for number in range(5):
            behind.add_tool(lambda: "x", name=f"tool{number}", description="A tool.")
        proxy = Server.proxy(behind, auth=JWTAuth(issuer.url), limits=Limits(listed=2))
        async with proxy.lifespan():
            app, token = endpoint(proxy), issuer.token()
            result = await first(app, "tools/list", token)
            cursor, ben = result["nextCursor"], issuer.token(sub="ben")
            assert "error" in (await in_process(app, bearing(modern("tools/list", cursor=cursor), ben))).json
            assert "error" in (await in_process(app, bearing(modern("tools/list", cursor=7), token))).json
            more = (await in_process(app, bearing(modern("tools/list", cursor=cursor), token))).json["result"]
            assert [tool["name"] for tool in more["tools"]] == ["tool2", "tool3"]


async def test_short_lists_are_kept_as_the_server_says() -> None:
    """The legal twin: a list in one piece has no cursor, and is everybody's."""
    async with issuing() as issuer:
        server = Server("short", auth=JWTAuth(issuer.url), cache_scope="public", ttl_ms=1000)
        server.add_tool(lambda: "x", name="tool", description="A tool.")
        assert (await first(endpoint(server), "tools/list", issuer.token()))["cacheScope"] == "public"


async def test_an_older_client_gets_bound_cursors_too() -> None:
    async with issuing() as issuer:
        app = endpoint(guarded(JWTAuth(issuer.url)))

        async def opened(token: str) -> dict[str, str | None]:
            answer = await in_process(app, bearing(Ask(hello()), token))
            return {"mcp-session-id": answer.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}

        ann, ben = issuer.token(), issuer.token(sub="ben")
        mine, theirs = await opened(ann), await opened(ben)
        result = (await in_process(app, bearing(Ask(old("tools/list", 2), mine), ann))).json["result"]
        assert "cacheScope" not in result
        again = old("tools/list", 3, cursor=result["nextCursor"])
        assert "result" in (await in_process(app, bearing(Ask(again, mine), ann))).json
        assert "error" in (await in_process(app, bearing(Ask(again, theirs), ben))).json
