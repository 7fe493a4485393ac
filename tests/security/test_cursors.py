"""Cursors that a client made up or carried elsewhere (threat 16)."""

from __future__ import annotations

import base64

import pytest
from tests.transport.raw_http import in_process, modern

from dragoman import Limits, Server


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
