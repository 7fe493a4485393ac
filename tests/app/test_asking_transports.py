"""Asking over stdio and HTTP, in both eras; and what is left when the server is killed in the middle of a call."""

import asyncio
import contextlib
import json
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.app.asking_server import POINTS, shop
from tests.app.reaching import over_http
from tests.protocol.fixtures import HELLO, LEGACY, META, PREFIX, Answered, post, routing, written
from tests.transport.raw_peer import Got, serving

from dragoman import Client, Server

HAS = {"elicitation": {}}
MODERN_META = {**META, PREFIX + "clientCapabilities": HAS}
ANSWERS = {
    "Who?": {"action": "accept", "content": {"value": "Ada"}},
    "Sure?": {"action": "accept", "content": {"value": True}},
}
DONE = "Ada receipt True"
TOOLS = ["buy", "buy_plainly"]
tools = pytest.mark.parametrize("tool", TOOLS)


def answer_to(params: dict[str, Any]) -> Any:
    return ANSWERS[params["message"]]


def next_leg(params: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    answers = {key: answer_to(asked["params"]) for key, asked in result["inputRequests"].items()}
    return {**params, "requestState": result["requestState"], "inputResponses": answers}


@asynccontextmanager
async def process(store: str, effects: Path, point: str = "never") -> AsyncIterator[asyncio.subprocess.Process]:
    """Yield the shop, in a process of its own, on stdio."""
    words = [sys.executable, str(Path(__file__).with_name("asking_server.py")), store, str(effects), point]
    pipe = asyncio.subprocess.PIPE
    made = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL)
    assert made.stdin is not None
    try:
        yield made
    finally:
        made.stdin.close()
        await made.wait()


async def said(shop: asyncio.subprocess.Process, message: bytes) -> dict[str, Any] | None:
    """Send a frame and return the next that comes, None if the process ends instead."""
    assert shop.stdin is not None and shop.stdout is not None
    shop.stdin.write(message + b"\n")
    line = await shop.stdout.readline()
    return dict(json.loads(line)) if line else None


@pytest.mark.parametrize("mode", ["modern", "legacy", *LEGACY[:2]])
@pytest.mark.parametrize("way", ["memory", "stdio", "http"])
async def test_our_own_client_answers_everywhere(way: str, mode: str, tmp_path: Path) -> None:
    """MRTR-01, LEG-19"""
    effects = tmp_path / "effects"
    served = shop("memory:", str(effects))
    asked: list[str] = []

    def answer(question: Any) -> Any:
        asked.append(question.message)
        return ANSWERS[question.message]["content"]

    async with contextlib.AsyncExitStack() as stack:
        target: Any = served
        if way == "stdio":
            target = [
                sys.executable,
                str(Path(__file__).with_name("asking_server.py")),
                "memory:",
                str(effects),
                "never",
            ]
        elif way == "http":
            target = await stack.enter_async_context(over_http(served.asgi()))
        client = await stack.enter_async_context(Client(target, mode=mode, on_elicit=answer))
        for number, tool in enumerate(TOOLS, 1):
            assert (await client.call_tool(tool)).text == DONE
            assert asked == ["Who?", "Sure?"] * number
            assert effects.read_text().count("charged") == number


async def test_over_stdio_in_the_stateless_era_a_call_is_sent_again(tmp_path: Path) -> None:
    effects = tmp_path / "effects"
    async with process("memory:", effects) as running:
        for done, tool in enumerate(TOOLS, 1):
            params: dict[str, Any] = {"name": tool, "arguments": {}, "_meta": MODERN_META}
            for number in range(1, 4):
                response = await said(running, written("tools/call", params, number))
                assert response is not None
                if response["result"]["resultType"] == "complete":
                    break
                params = next_leg(params, response["result"])
            assert (number, response["result"]["content"][0]["text"]) == (3, DONE)
            assert effects.read_text().count("charged") == done


@pytest.mark.parametrize("version", LEGACY[:2])
async def test_over_stdio_in_the_handshake_era_the_server_sends_requests(version: str, tmp_path: Path) -> None:
    """LEG-19"""
    effects = tmp_path / "effects"
    async with process("memory:", effects) as running:
        hello = {**HELLO, "protocolVersion": version, "capabilities": HAS}
        assert await said(running, written("initialize", hello)) is not None
        for number, tool in enumerate(TOOLS, 1):
            message = await said(running, written("tools/call", {"name": tool}, f"call {number}"))
            asked = []
            while message is not None and "method" in message:
                asked.append((message["method"], message["params"]["message"]))
                answer = {"jsonrpc": "2.0", "id": message["id"], "result": answer_to(message["params"])}
                message = await said(running, json.dumps(answer).encode())
            assert asked == [("elicitation/create", "Who?"), ("elicitation/create", "Sure?")]
            assert message is not None
            assert (message["id"], message["result"]["content"][0]["text"]) == (f"call {number}", DONE)
            assert effects.read_text().count("charged") == number


@tools
async def test_over_http_in_the_stateless_era_any_replica_takes_the_next_request(tool: str, tmp_path: Path) -> None:
    effects = tmp_path / "effects"
    store = f"sqlite:///{tmp_path}/kept.db"
    replicas = [shop(store, str(effects)) for _ in range(2)]
    apps = [replica.asgi() for replica in replicas]
    params: dict[str, Any] = {"name": tool, "arguments": {}, "_meta": MODERN_META}
    for number in range(1, 4):
        app = apps[number % 2]
        found = await post(app, written("tools/call", params, number), routing("tools/call", tool))
        assert found.status == 200
        result = found.json["result"]
        if result["resultType"] == "complete":
            break
        params = next_leg(params, result)
    assert (number, result["content"][0]["text"]) == (3, DONE)
    assert effects.read_text().count("charged") == 1
    for replica in replicas:
        await replica.service.stop()


async def test_over_http_a_state_that_was_changed_is_refused(tmp_path: Path) -> None:
    """MRTR-06"""
    app = shop("memory:", str(tmp_path / "effects")).asgi()
    params: dict[str, Any] = {"name": "buy", "arguments": {}, "_meta": MODERN_META}
    first = await post(app, written("tools/call", params), routing("tools/call", "buy"))
    params = next_leg(params, first.json["result"])
    state = params["requestState"]
    changed = {**params, "requestState": state[:-5] + ("A" if state[-5] != "A" else "B") + state[-4:]}
    refused = await post(app, written("tools/call", changed), routing("tools/call", "buy"))
    assert (refused.code, "inputRequests" in refused.body.decode()) == (-32602, False)
    assert "Sure?" in (await post(app, written("tools/call", params), routing("tools/call", "buy"))).body.decode()


async def test_over_http_an_undeclared_need_is_a_bad_request(tmp_path: Path) -> None:
    """ERR-09, MRTR-05"""
    app = shop("memory:", str(tmp_path / "effects")).asgi()
    params: dict[str, Any] = {"name": "buy", "arguments": {}, "_meta": META}
    found = await post(app, written("tools/call", params), routing("tools/call", "buy"))
    assert (found.status, found.code) == (400, -32021)
    assert found.json["error"]["data"] == {"requiredCapabilities": {"elicitation": {"form": {}}}}


async def legacy_call(server: Server, tool: str) -> list[dict[str, Any]]:
    """Return the messages on the stream of a call of the handshake era, its questions answered by POST."""
    app = server.asgi()
    hello = await post(app, written("initialize", {**HELLO, "capabilities": HAS}), {})
    fields = {"mcp-session-id": hello.headers["mcp-session-id"], "mcp-protocol-version": LEGACY[0]}
    headers = {"host": "127.0.0.1:8000", "content-type": "application/json", "accept": "*/*", **fields}
    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "scheme": "http", "path": "/mcp", "root_path": "",
        "query_string": b"", "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    inbox = [{"type": "http.request", "body": written("tools/call", {"name": tool}), "more_body": False}]
    messages: list[dict[str, Any]] = []
    answers: list[asyncio.Task[Answered]] = []
    open_ = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if not inbox:
            await open_.wait()  # the client stays
        return inbox.pop()

    async def send(event: dict[str, Any]) -> None:
        for line in event.get("body", b"").splitlines():
            if line.startswith(b"data: {"):
                messages.append(json.loads(line[6:]))
                if "method" in messages[-1]:
                    result = answer_to(messages[-1]["params"])
                    body = json.dumps({"jsonrpc": "2.0", "id": messages[-1]["id"], "result": result}).encode()
                    answers.append(asyncio.create_task(post(app, body, fields)))

    await app(scope, receive, send)
    assert [(await answer).status for answer in answers] == [202] * len(answers)
    await server.service.stop()
    return messages


@tools
async def test_over_http_in_the_handshake_era_the_question_is_on_the_stream(tool: str, tmp_path: Path) -> None:
    """LEG-19"""
    effects = tmp_path / "effects"
    messages = await legacy_call(shop("memory:", str(effects)), tool)
    assert [message.get("method") for message in messages] == ["elicitation/create", "elicitation/create", None]
    assert messages[-1]["result"]["content"][0]["text"] == DONE
    assert effects.read_text().count("charged") == 1


@pytest.mark.slow
@pytest.mark.parametrize(("tool", "point"), list(zip(TOOLS * 2, POINTS)))
async def test_a_server_killed_anywhere_never_charges_twice(tool: str, point: str, tmp_path: Path) -> None:
    effects, store = tmp_path / "effects", f"sqlite:///{tmp_path}/kept.db"
    params: dict[str, Any] = {"name": tool, "arguments": {}, "_meta": MODERN_META}
    result: dict[str, Any] = {}
    for number in range(1, 8):
        # Each request goes to a server of its own; the second is sent to one that dies, and sent again.
        async with process(store, effects, point if number == 2 else "never") as running:
            response = await said(running, written("tools/call", params, number))
        assert (response is None) == (number == 2)
        if response is None:
            continue
        result = response["result"]
        if result["resultType"] == "complete":
            break
        params = next_leg(params, result)
    charged = effects.read_text().count("charged") if effects.exists() else 0
    if point in ("before the effect", "after the effect"):
        # Nobody but the bank can know: it was claimed, and never recorded.
        assert result["isError"]
        assert charged == (point == "after the effect")
    else:
        assert (result["content"][0]["text"], charged) == (DONE, 1)


class Proxy:
    """Sends each request to the next replica, and to another if that one is gone, as a load balancer does."""

    def __init__(self, ports: list[int]) -> None:
        self.ports = ports
        self.lost = 0

    async def post(self, body: bytes, headers: dict[str, str]) -> dict[str, Any] | None:
        """Return the response, None if the replica died over it."""
        self.ports.append(self.ports.pop(0))
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.ports[0])
        except ConnectionError:
            self.lost += 1
            self.ports.pop(0)
            return await self.post(body, headers)
        usual = {"host": f"127.0.0.1:{self.ports[0]}", "content-type": "application/json", "connection": "close"}
        fields = {**usual, "accept": "application/json, text/event-stream", "content-length": str(len(body)), **headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        writer.write(f"POST /mcp HTTP/1.1\r\n{lines}\r\n".encode() + body)
        try:
            data = await reader.read()
        except ConnectionError:
            data = b""  # killed before it had read all of the request, it resets the connection
        writer.close()
        return dict(json.loads(data.partition(b"\r\n\r\n")[2])) if data else None


@asynccontextmanager
async def replicas(number: int, store: str, effects: Path, point: str) -> AsyncIterator[Proxy]:
    words = [sys.executable, str(Path(__file__).with_name("asking_server.py")), store, str(effects), point, "http"]
    pipe, none = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    made = [await asyncio.create_subprocess_exec(*words, stdin=none, stdout=none, stderr=pipe) for _ in range(number)]
    try:
        ports = []
        for one in made:
            assert one.stderr is not None
            found = re.search(rb"http://127\.0\.0\.1:(\d+)/mcp", await one.stderr.readline())
            assert found is not None
            ports.append(int(found[1]))
        yield Proxy(ports)
    finally:
        for one in made:
            if one.returncode is None:
                one.terminate()
            await one.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
async def test_two_replicas_behind_a_proxy_charge_once_though_one_is_killed(point: str, tmp_path: Path) -> None:
    effects, store = tmp_path / "effects", f"sqlite:///{tmp_path}/kept.db"
    Path(f"{effects}.kill").touch()
    params: dict[str, Any] = {"name": "buy", "arguments": {}, "_meta": MODERN_META}
    result: dict[str, Any] = {}
    died = 0
    async with replicas(2, store, effects, point) as proxy:
        for number in range(1, 8):
            response = await proxy.post(written("tools/call", params, number), routing("tools/call", "buy"))
            if response is None:
                died += 1
                continue
            result = response["result"]
            if result["resultType"] == "complete":
                break
            params = next_leg(params, result)
    # More than once where the dead one still takes connections.
    assert (died > 0) == (point != "never")
    charged = effects.read_text().count("charged") if effects.exists() else 0
    if point in ("before the effect", "after the effect"):
        assert (result["isError"], charged) == (True, int(point == "after the effect"))
    else:
        assert (result["content"][0]["text"], charged) == (DONE, 1)


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
async def test_our_own_client_charges_once_at_replicas_of_which_one_is_killed(point: str, tmp_path: Path) -> None:
    """BASE-18: the leg that was lost is sent again, under a new id, and another replica takes it."""
    effects, store = tmp_path / "effects", f"sqlite:///{tmp_path}/kept.db"
    Path(f"{effects}.kill").touch()
    numbers: list[int] = []
    async with replicas(2, store, effects, point) as proxy:

        async def forward(got: Got) -> None:
            if got.json.get("method") == "tools/call":
                numbers.append(got.json["id"])
            fields = {name: value for name, value in got.headers.items() if name.startswith("mcp-")}
            answer = await proxy.post(got.body, fields)
            if answer is None:
                got.writer.close()
            else:
                got.reply(answer)

        def answer(question: Any) -> Any:
            return ANSWERS[question.message]["content"]

        async with serving(forward) as url, Client(url, mode="modern", on_elicit=answer) as client:
            result = await client.call_tool("buy", repeatable=True, raise_on_error=False)
    charged = effects.read_text().count("charged") if effects.exists() else 0
    if point in ("before the effect", "after the effect"):
        assert (result.is_error, charged) == (True, int(point == "after the effect"))
    else:
        assert (result.text, charged) == (DONE, 1)
    assert len(set(numbers)) == len(numbers) >= 3 - result.is_error + (point != "never")
