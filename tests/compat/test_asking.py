"""Servers that ask their client: by a method, by a resolver, by their result. The client is the official one."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import CreateMessageResult, ElicitResult, ListRootsResult, Root, TextContent
from tests.compat.conftest import HERE, SERVERS

ERAS = pytest.mark.parametrize("mode", ["auto", "legacy"])
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def connected(mode: str, said: list[str], *, action: str = "accept", **callbacks: Any) -> Client:
    """Return a client that answers every question, and notes what it was asked."""

    async def fill_in(context: Any, params: Any) -> ElicitResult:
        said.append(params.message)
        page = getattr(params, "url", None)
        if page is not None:
            said.append(page)
        if action != "accept" or page is not None:
            return ElicitResult(action=action)
        return ElicitResult(action="accept", content={"size": 3} if "ok" not in str(params) else {"ok": True})

    async def complete(context: Any, params: Any) -> CreateMessageResult:
        said.append(f"{params.messages[0].content.text} ({params.max_tokens}, {params.system_prompt})")
        return CreateMessageResult(role="assistant", content=TextContent(type="text", text="kind words"), model="m")

    async def folders(context: Any) -> ListRootsResult:
        return ListRootsResult(roots=[Root(uri="file:///home")])

    command = ["-m", "dragoman", "run", str(SERVERS / "asking.py"), "--stdio"]
    start = StdioServerParameters(command=sys.executable, args=command, env={"PYTHONPATH": str(HERE / "blocker")})
    answers = {"elicitation_callback": fill_in, "sampling_callback": complete, "list_roots_callback": folders}
    return Client(stdio_client(start), mode=mode, **{**answers, **callbacks})


async def told(client: Client, name: str, **arguments: Any) -> str:
    result = await client.call_tool(name, arguments)
    return " ".join(block.text for block in result.content)


@ERAS
async def test_a_form_a_page_a_model_and_folders_are_asked_for(mode) -> None:
    said: list[str] = []
    async with connected(mode, said) as client:
        assert await told(client, "elicit") == "accepted 3"
        assert await told(client, "visit") == "accept"
        assert await told(client, "sample") == "m: kind words"
        assert await told(client, "roots") == '["file:///home"]'
    assert said == ["How many?", "Pay, please", "https://example.com/pay", "hi (10, be kind)"]


@ERAS
async def test_a_resolver_asks_only_when_it_must(mode) -> None:
    said: list[str] = []
    async with connected(mode, said) as client:
        assert await told(client, "resolved", amount=4) == "size 4"
        assert said == []
        assert await told(client, "resolved", amount=40) == "size 3"
        assert await told(client, "outcome", amount=1) == "one"
        assert await told(client, "outcome", amount=40) == "several"
        assert await told(client, "sampled") == "kind words"
        assert await told(client, "folders") == "1"
    assert said == ["40? How many?", "40? How many?", "a poem (20, None)"]


@ERAS
async def test_a_user_who_says_no_is_heard(mode) -> None:
    async with connected(mode, [], action="decline") as client:
        assert await told(client, "elicit") == "decline"
        assert await told(client, "outcome", amount=40) == "declined"
        assert "declined" in await told(client, "resolved", amount=40)
    async with connected(mode, [], action="cancel") as client:
        assert await told(client, "outcome", amount=40) == "cancelled"


@ERAS
async def test_a_result_that_asks_gets_its_answer_and_its_state_back(mode) -> None:
    said: list[str] = []
    async with connected(mode, said) as client:
        assert await told(client, "deploy", env="prod") == "accept {'ok': True} asked about prod"
    assert said == ["Deploy to prod?"]


async def test_a_state_that_this_server_did_not_send_is_refused() -> None:
    async with connected("auto", []) as client:
        asked = await client.session.call_tool("deploy", {"env": "prod"}, allow_input_required=True)
        assert asked.request_state and "asked about" not in asked.request_state
        answers = {"ok": ElicitResult(action="accept", content={"ok": True})}
        for state, env in (("made up", "prod"), (asked.request_state, "test")):
            with pytest.raises(MCPError, match="requestState is not valid"):
                await client.session.call_tool("deploy", {"env": env}, input_responses=answers, request_state=state)
        done = await client.session.call_tool(
            "deploy", {"env": "prod"}, input_responses=answers, request_state=asked.request_state
        )
        assert done.content[0].text == "accept {'ok': True} asked about prod"


@ERAS
async def test_a_client_that_cannot_answer_is_told_so(mode) -> None:
    async with connected(mode, [], elicitation_callback=None) as client:
        with pytest.raises(MCPError, match="elicitation"):
            await client.call_tool("elicit", {})
        assert await told(client, "resolved", amount=4) == "size 4"
