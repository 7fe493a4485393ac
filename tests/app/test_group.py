"""Many servers as one: names apart, and one that is dead, slow or broken hurts no other."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from tests.app import asker, fragile
from tests.app.reaching import over_http
from tests.app.sample import server as sample
from tests.transport.raw_peer import Got, modern, serving

from dragoman import ClientGroup, ClosedError, DeadlineError, LocalError, NotApprovedError, Server, UnreachableError
from dragoman.app.group import Pace
from dragoman.app.launching import approvals, launch_of
from dragoman.app.member import GroupChange
from dragoman.calling import revival
from dragoman.calling.changes import Change

DEAD = "http://127.0.0.1:9/mcp"


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revival, "SHORTEST", 0.02)


def made(name: str, *tools: str) -> Server:
    server = Server(name)
    for tool in tools:
        server.add_tool(lambda tool=tool: f"{name} {tool}", name=tool)

    @server.resource("same://one", name="one")
    def one() -> str:
        return f"one of {name}"

    @server.prompt
    def hello() -> str:
        return f"hello from {name}"

    return server


async def test_tools_of_all_servers_are_called_by_names_of_their_own() -> None:
    """TOOL-08"""
    # Servers that call themselves alike are told apart by the names that the user gave them.
    first, second, third = made("x", "c"), made("x", "b__c"), made("x", "c", "d.e")
    async with ClientGroup({"a__b": first, "a": second, "web": third}) as group:
        tools = await group.tools()
        assert len({tool.name for tool in tools}) == len(tools) == 4
        assert {"a__b__c", "web__c"} < {tool.name for tool in tools}
        texts = [(await group.call_tool(tool.name)).text for tool in tools]
        assert texts == ["x c", "x b__c", "x c", "x d.e"]
        with pytest.raises(LocalError, match=r"no server of the group has 'nobody__x'; the servers are a__b, a, web"):
            await group.call_tool("nobody__x")


async def test_a_name_that_can_be_read_back_needs_no_listing_and_another_is_found_by_one() -> None:
    async with ClientGroup({"web": made("x", "c", "d.e")}) as group:
        strange = [tool.name for tool in await group.tools()][1]
    async with ClientGroup({"web": made("x", "c", "d.e")}) as group:
        assert (await group.call_tool("web__c")).text == "x c"
        assert (await group.call_tool(strange)).text == "x d.e"
        assert (await group.prompt("web__hello")).messages[0].content.text == "hello from x"  # type: ignore[union-attr]
        assert [prompt.name for prompt in await group.prompts()] == ["web__hello"]


async def test_the_same_address_at_two_servers_is_two_resources() -> None:
    async with ClientGroup({"a": made("a", "t"), "b": made("b", "t"), "c": sample}) as group:
        found = [one.server for one in await group.resources() if one.resource.uri == "same://one"]
        assert found == ["a", "b"]
        assert (await group.read("same://one", server="b")).text == "one of b"
        with pytest.raises(LocalError, match="is listed by a and b: say which"):
            await group.read("same://one")
        only = next(one for one in await group.resources() if one.server == "c")
        assert (await group.read(only.resource.uri)).contents
        assert all(one.server == "c" for one in await group.resource_templates())
        with pytest.raises(LocalError, match="is listed by no server"):
            await group.read("same://other")
        with pytest.raises(LocalError, match="the group has no server 'd'; there are a, b, c"):
            await group.read("same://one", server="d")


async def test_one_server_that_is_dead_one_that_is_slow_and_one_that_fails_hurt_no_other() -> None:
    async def silent(got: Got) -> None:
        await got.gone()

    async def refusing(got: Got) -> None:
        got.error(-32603, "broken")

    async with serving(silent) as slow, serving(modern(refusing)) as broken:
        servers: dict[str, Any] = {"dead": DEAD, "slow": slow, "broken": broken, "good": made("good", "t")}
        begun = time.monotonic()
        async with ClientGroup(servers, pace=Pace(patience=0.3)) as group:
            assert time.monotonic() - begun < 5
            assert [tool.name for tool in await group.tools()] == ["good__t"]
            assert (await group.call_tool("good__t")).text == "good t"
            states = {name: member.state for name, member in group.servers.items()}
            assert states == {"dead": "failed", "slow": "opening", "broken": "open", "good": "open"}
            assert isinstance(group.servers["dead"].error, UnreachableError)
            assert "broken" in str(group.servers["broken"].error)
            with pytest.raises(ClosedError, match=r"the server 'dead' is failed: .*cannot be reached"):
                await group.call_tool("dead__x")
            with pytest.raises(ClosedError, match="the server 'slow' is opening"):
                await group.call_tool("slow__x")
        assert {member.state for member in group.servers.values()} == {"closed"}


async def test_a_list_that_takes_too_long_is_left_out_and_said_to_be() -> None:
    async def hanging(got: Got) -> None:
        await got.gone()

    pace = Pace(listing=0.05)
    async with (
        serving(modern(hanging)) as url,
        ClientGroup({"good": made("good", "t"), "slow": url}, pace=pace) as group,
    ):
        assert [tool.name for tool in await group.tools()] == ["good__t"]
        assert isinstance(group.servers["slow"].error, DeadlineError)


async def test_a_server_that_does_not_answer_any_more_stays_in_lists_as_it_was(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """F25"""
    asked = 0

    async def once(got: Got) -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            await got.gone()
        tool = {"name": "t", "inputSchema": {"type": "object"}}
        got.result({"tools": [tool], "resultType": "complete", "ttlMs": 0, "cacheScope": "private"})

    async with (
        serving(modern(once)) as url,
        ClientGroup({"good": made("good", "t"), "slow": url}, pace=Pace(listing=0.2)) as group,
    ):
        for _ in range(3):
            assert [tool.name for tool in await group.tools()] == ["good__t", "slow__t"]
        assert asked == 3 and isinstance(group.servers["slow"].error, DeadlineError)
        assert "'slow' is in a list of the group as it was before" in caplog.text


async def test_opening_that_takes_too_long_is_given_up_and_tried_again() -> None:
    asked: list[str] = []

    async def late(got: Got) -> None:
        asked.append(got.json["method"])
        if len(asked) == 1:
            await got.gone()
        else:
            await modern(late)(got)

    async with serving(late) as url, ClientGroup({"late": url}, pace=Pace(opening=0.1)) as group:
        async with asyncio.timeout(20):
            while group.servers["late"].state != "open":
                await asyncio.sleep(0.01)
        assert len(asked) == 2


async def test_a_server_that_comes_later_is_there_then() -> None:
    server = made("good", "t")
    async with over_http(server.asgi()) as url:
        pass
    async with ClientGroup({"late": url}) as group:
        assert await group.tools() == [] and group.servers["late"].state == "failed"
        port = int(url.split(":")[2].split("/")[0])
        async with serving(modern(_no_tools), port=port), asyncio.timeout(20):
            while group.servers["late"].state != "open":
                await asyncio.sleep(0.01)
            assert group.servers["late"].error is None


async def _no_tools(got: Got) -> None:
    got.result({"tools": [], "resultType": "complete", "ttlMs": 0, "cacheScope": "private"})


async def test_a_command_that_dies_is_back_for_the_next_call(tmp_path: Path) -> None:
    command = f"{sys.executable} {fragile.__file__} {tmp_path / 'journal'}"
    async with ClientGroup({"fragile": command, "good": made("good", "t")}) as group, asyncio.timeout(20):
        with pytest.raises(ClosedError):
            await group.call_tool("fragile__effect")
        assert isinstance(group.servers["fragile"].error, ClosedError)
        assert (await group.call_tool("good__t")).text == "good t"
        assert (await group.call_tool("fragile__pid")).value > 0
        assert group.servers["fragile"].error is None


async def test_changes_of_all_servers_are_heard_and_end_with_the_group() -> None:
    first, second = made("x", "t"), made("x", "t")
    dull = Server("dull")  # which has nothing, and tells of nothing
    group = ClientGroup({"a": first, "b": second, "c": dull, "dead": DEAD})
    async with group, asyncio.timeout(20), contextlib.aclosing(group.listen(uris={"b": ["same://one"]})) as changes:
        heard = asyncio.ensure_future(anext(changes))
        while not heard.done():
            first.notify_tools_changed()
            await asyncio.sleep(0.01)
        assert await heard == GroupChange("a", Change("tools"))
        found = set()
        for server in (first, second):
            server.notify_resource_updated("same://one")
        while GroupChange("b", Change("resource", "same://one")) not in found:
            second.notify_resource_updated("same://one")
            found.add(await anext(changes))
        assert not any(one.server == "a" and one.change.uri for one in found)
        await group.close()
        assert [one async for one in changes if one.server == "dead"] == []


async def test_a_string_is_a_command_line_a_file_or_an_address(tmp_path: Path) -> None:
    script = tmp_path / "a server.py"
    script.write_text("from dragoman import Server\nserver = Server('x')\nserver.add_tool(lambda: 1, name='t')\n")
    server = Path(asker.__file__)
    strings = {
        "command": f"{sys.executable} {server}",
        "file": str(script),
        "plain": f"{sys.executable} -u {server} x://y",
    }
    async with ClientGroup(strings) as group:
        assert {tool.name for tool in await group.tools()} > {"command__send", "file__t", "plain__send"}


async def test_a_group_is_made_of_a_configuration_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    config = {"mcpServers": {"mine": {"command": sys.executable, "args": [str(Path(asker.__file__))]}}}
    file = tmp_path / "servers.json"
    file.write_text(json.dumps(config))
    async with ClientGroup(config, on_elicit=lambda question: "x") as group:
        assert "mine__send" in {tool.name for tool in await group.tools()}
    # A file is not the program's own word: its commands wait to be approved.
    async with ClientGroup(file) as group:
        assert isinstance(group.servers["mine"].error, NotApprovedError) and await group.tools() == []
    launch = launch_of(f"{file}#mine")
    assert launch is not None
    approvals().approve(launch, launch.digest)
    for source in (file, str(file)):
        async with ClientGroup(source, on_elicit=lambda question: "x") as group:
            assert "mine__send" in {tool.name for tool in await group.tools()}


def test_a_group_works_without_asyncio() -> None:
    server = made("x", "t")
    with ClientGroup.sync({"a": server, "dead": DEAD}) as group:
        assert [tool.name for tool in group.tools()] == ["a__t"] and group.servers["dead"].state == "failed"
        assert group.call_tool("a__t").text == "x t"
        assert [prompt.name for prompt in group.prompts()] == ["a__hello"]
        assert group.prompt("a__hello").messages
        assert [one.server for one in group.resources()] == ["a"] and group.resource_templates() == []
        assert group.read("same://one").text == "one of x"
        changes = group.listen(uris={"a": ["same://one"]})
        telling = threading.Timer(0.05, group.call_tool, ["a__change"])
        server.add_tool(server.notify_prompts_changed, name="change")
        telling.start()
        assert next(changes).server == "a"
        telling.join()
        changes.close()  # type: ignore[attr-defined]
    with pytest.raises(ClosedError, match="the group is not open"):
        group.tools()


@pytest.mark.parametrize(
    "servers, complaint",
    [
        ({"a": "sh -c 'unclosed"}, "cannot be read"),
        ({"a": 7}, "the server 'a' of the group: cannot connect to int"),
        ({"a": "nowhere.py"}, "there is no file"),
        ({"a": "ftp://x"}, "only http"),
        ("nowhere.json", "cannot read"),
    ],
)
def test_what_leads_nowhere_is_told_when_the_group_is_made(servers: Any, complaint: str) -> None:
    with pytest.raises(LocalError, match=complaint):
        ClientGroup(servers)
    assert ClientGroup({"mcpServers": {"command": "python"}, "servers": DEAD}).servers.keys() == {
        "mcpServers",
        "servers",
    }


async def test_credentials_are_for_one_server_and_shown_to_no_other() -> None:
    seen: dict[str, set[str | None]] = {"a": set(), "b": set()}

    def noting(name: str) -> Any:
        async def answer(got: Got) -> None:
            seen[name].add(got.headers.get("authorization"))
            await modern(_no_tools)(got)

        return answer

    async with serving(noting("a")) as one, serving(noting("b")) as other:
        async with ClientGroup({"a": one, "b": other}, credentials={"a": "secret-token"}) as group:
            await group.tools()
            assert {member.state for member in group.servers.values()} == {"open"}
        assert seen == {"a": {"Bearer secret-token"}, "b": {None}}
        with pytest.raises(LocalError, match="credentials of its own"):
            ClientGroup({"a": one, "b": other}, auth="secret-token")
        with pytest.raises(LocalError, match="credentials for 'c', and no server"):
            ClientGroup({"a": one}, credentials={"c": "secret-token"})


async def test_an_empty_group_has_nothing_and_opens_once() -> None:
    group = ClientGroup({})
    async with group:
        assert await group.tools() == await group.resources() == []
    with pytest.raises(LocalError, match="not open"):
        await anext(ClientGroup({"a": made("a", "t")}).listen())
