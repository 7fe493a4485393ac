"""Handles belong to the principal that they were made for (threats 3, 15, 33): to all others they are not there.

Each handle is first shown to work for its owner, whose renewed token is as good as the first.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.auth.issuing import Issuer, bearing, endpoint, issuing
from tests.transport.raw_http import META, Answer, Ask, call, in_process, modern

from dragoman import Context, JWTAuth, Limits, Server

OTHERS: list[dict[str, Any]] = [{"sub": "ben"}, {"client_id": "other"}, {"sub": "ANN"}, {"sub": "ann "}]
ASKS = {**META, "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}}}


def keeper(issuer: Issuer) -> Any:
    server = Server("keeper", auth=JWTAuth(issuer.url), limits=Limits(result=1000, page=2000))

    @server.tool
    async def name(ctx: Context) -> str:
        """Ask."""
        return f"it is {await ctx.elicit('Which name?', str)}"

    @server.tool
    def large() -> str:
        """Give a lot."""
        return "x" * 5000

    return endpoint(server)


def asking(**params: Any) -> Ask:
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "name", "arguments": {}, **params, "_meta": ASKS},
    }
    return call("name")._replace(body=json.dumps(body).encode())


async def state_of(app: Any, token: str) -> Callable[[str], Ask]:
    """Return what makes a request that goes on with a call that asked."""
    result = (await in_process(app, bearing(asking(), token))).json["result"]
    (key,) = result["inputRequests"]
    answers = {key: {"action": "accept", "content": {"value": "Ann"}}}
    return lambda handle: asking(requestState=handle or result["requestState"], inputResponses=answers)


async def page_of(app: Any, token: str) -> Callable[[str], Ask]:
    """Return what makes a request that reads what was too large to send."""
    result = (await in_process(app, bearing(call("large"), token))).json["result"]
    (uri,) = [item["uri"] for item in result["content"] if item["type"] == "resource_link"]
    return lambda handle: modern("resources/read", uri=handle or uri)


KINDS = [(state_of, "AAAA"), (page_of, "result://" + "A" * 22 + "/1")]


def without_handles(answer: Answer, ask: Ask) -> tuple[int, str, str]:
    """Return what can be seen of an answer, the handle that was sent cut out of it."""
    sent = json.loads(ask.body)["params"]
    handle = sent.get("requestState") or sent.get("uri")
    return answer.status, answer.body.decode().replace(handle, ""), answer.headers.get("www-authenticate", "")


@pytest.mark.parametrize("make, unknown", KINDS, ids=["request state", "kept result"])
async def test_a_foreign_handle_is_answered_as_one_that_never_was(make: Any, unknown: str) -> None:
    """sec/03, sec/15."""
    async with issuing() as issuer:
        app = keeper(issuer)
        follow = await make(app, issuer.token())
        for change in OTHERS:
            token = issuer.token(**change)
            theirs = await in_process(app, bearing(follow(""), token))
            nobodys = await in_process(app, bearing(follow(unknown), token))
            assert without_handles(theirs, follow("")) == without_handles(nobodys, follow(unknown))
            assert "error" in theirs.json
        renewed = await in_process(app, bearing(follow(""), issuer.token(jti="renewed", scope="more")))
        assert "result" in renewed.json, renewed


async def test_the_same_subject_of_another_issuer_is_somebody_else() -> None:
    async with issuing() as one, issuing() as two:
        server = Server("keeper", auth=[JWTAuth(one.url), JWTAuth(two.url)], limits=Limits(result=1000, page=2000))

        @server.tool
        def large() -> str:
            return "x" * 5000

        app = endpoint(server)
        follow = await page_of(app, one.token())
        assert "error" in (await in_process(app, bearing(follow(""), two.token()))).json
        assert "result" in (await in_process(app, bearing(follow(""), one.token()))).json
