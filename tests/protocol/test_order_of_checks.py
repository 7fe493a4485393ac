"""X-4: what is wrong first is what a client hears of, with its code, its HTTP status and the request's own id."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.protocol.fixtures import META, MODERN, PREFIX, Answered, post, routing, written

from dragoman import Server

server = Server("order")


@server.tool
async def add(a: int, b: int) -> int:
    return a + b


app = server.asgi(sessions=False)


@dataclass
class Draft:
    """A good request, to be spoilt."""

    method: str = "tools/call"
    params: dict[str, Any] = field(default_factory=lambda: {"name": "add", "arguments": {"a": 1, "b": 2}})
    meta: dict[str, Any] = field(default_factory=lambda: dict(META))
    headers: dict[str, str | None] = field(default_factory=dict)
    cut: bool = False

    async def send(self) -> Answered:
        body = written(self.method, {**self.params, "_meta": self.meta}, "id-7")
        version = self.meta[PREFIX + "protocolVersion"]
        named = self.params["name"] if isinstance(self.params["name"], str) else None
        headers = {**routing(self.method, named, version), **self.headers}
        given = {name: value for name, value in headers.items() if value is not None}
        return await post(app, body[:-2] if self.cut else body, given)


Spoil = Callable[[Draft], None]


def foreign_origin(draft: Draft) -> None:
    draft.headers["origin"] = "https://evil.example"


def broken_json(draft: Draft) -> None:
    draft.cut = True


def no_version_header(draft: Draft) -> None:
    draft.headers["mcp-protocol-version"] = None


def no_capabilities(draft: Draft) -> None:
    del draft.meta[PREFIX + "clientCapabilities"]


def other_version_in_header(draft: Draft) -> None:
    draft.headers.setdefault("mcp-protocol-version", "2025-11-25")


def unknown_version(draft: Draft) -> None:
    draft.meta[PREFIX + "protocolVersion"] = "1999-01-01"


def other_method_in_header(draft: Draft) -> None:
    draft.headers["mcp-method"] = "prompts/get"


def other_name_in_header(draft: Draft) -> None:
    draft.headers["mcp-name"] = "subtract"


def unknown_method(draft: Draft) -> None:
    draft.method = "tools/fetch"


def no_name(draft: Draft) -> None:
    draft.params["name"] = 3


# In the order of the checks: how to fail one, the code, the HTTP status, and the requirement.
CHECKS: list[tuple[Spoil, int, int, str]] = [
    (foreign_origin, -32600, 403, "HTTP-02"),
    (broken_json, -32700, 400, "ERR-17"),
    (no_version_header, -32020, 400, "X-11"),
    (no_capabilities, -32602, 400, "ERR-11"),
    (other_version_in_header, -32020, 400, "HTTP-16"),
    (unknown_version, -32022, 400, "ERR-08"),
    (other_method_in_header, -32020, 400, "HTTP-21"),
    (unknown_method, -32601, 404, "ERR-12"),
    (no_name, -32602, 400, "ERR-15"),
]


def told(answer: Answered) -> tuple[int | None, int]:
    return (answer.code if answer.headers["content-type"] == "application/json" else None), answer.status


async def test_the_request_that_is_spoilt_is_a_good_one() -> None:
    answer = await Draft().send()
    assert (answer.status, answer.json["id"]) == (200, "id-7")
    assert answer.json["result"]["structuredContent"] == {"result": 3}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: f"{check[3]} {check[0].__name__}")
async def test_one_fault_has_its_own_code_and_status(check: tuple[Spoil, int | None, int, str]) -> None:
    spoil, code, status, _ = check
    draft = Draft()
    spoil(draft)
    assert told(await draft.send()) == (code, status)


@pytest.mark.parametrize(
    ("first", "second"), list(itertools.combinations(CHECKS, 2)), ids=lambda check: f"{check[3]} {check[0].__name__}"
)
async def test_of_two_faults_the_earlier_is_told(first: Any, second: Any) -> None:
    """X-4"""
    draft = Draft()
    first[0](draft)
    second[0](draft)
    if (first[0], second[0]) == (no_version_header, other_version_in_header):
        assert draft.headers["mcp-protocol-version"] is None, "a header cannot be absent and differ"
    assert told(await draft.send()) == (first[1], first[2])


async def test_a_name_that_differs_is_told_before_an_unknown_tool() -> None:
    """HTTP-21 before ERR-15: whoever routed by the header was misled, whether the tool exists or not."""
    draft = Draft(params={"name": "gone", "arguments": {}})
    other_name_in_header(draft)
    assert told(await draft.send()) == (-32020, 400)
    assert told(await Draft(params={"name": "gone", "arguments": {}}).send()) == (-32602, 200)


async def test_a_refusal_echoes_the_id_with_its_type() -> None:
    """BASE-04"""
    for request_id in ("7", 7, 0, "", -1, 2**70):
        body = written("tools/fetch", {"_meta": META}, request_id)
        answer = await post(app, body, routing("tools/fetch"))
        assert answer.code == -32601
        assert answer.json["id"] == request_id
        assert type(answer.json["id"]) is type(request_id)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b'"text"',
        b'{"jsonrpc":"2.0","id":null,"method":"tools/list"}',
        b'{"jsonrpc":"2.0","id":true,"method":"tools/list"}',
        b'{"jsonrpc":"2.0","id":1.5,"method":"tools/list"}',
        b'{"jsonrpc":"2.0","id":{},"method":"tools/list"}',
        b'{"jsonrpc":"2.0","id":"\xff","method":"tools/list"}',
        b'{"jsonrpc":"2.0","id":' + b"[" * 100 + b"]" * 100 + b',"method":"tools/list"}',
    ],
)
async def test_an_id_that_cannot_be_read_is_left_out_and_never_null(body: bytes) -> None:
    """BASE-04, X-7"""
    answer = await post(app, body, routing("tools/list"))
    assert answer.status == 400
    assert answer.code in (-32700, -32600)
    assert "id" not in answer.json


async def test_an_id_that_can_be_read_is_given_back_though_the_message_is_none() -> None:
    """BASE-04"""
    answer = await post(app, b'{"jsonrpc":"1.0","id":5,"method":"tools/list"}', routing("tools/list"))
    assert (answer.status, answer.code, answer.json["id"]) == (400, -32600, 5)


async def test_an_unsupported_version_is_told_with_those_that_are() -> None:
    """VER-01, ERR-08"""
    draft = Draft()
    unknown_version(draft)
    error = (await draft.send()).json["error"]
    assert error["data"] == {"supported": [MODERN], "requested": "1999-01-01"}


async def test_a_version_in_the_header_alone_must_be_one_that_somebody_speaks() -> None:
    """LEG-06"""
    body = written("tools/list", {})
    answer = await post(app, body, {"mcp-protocol-version": "1999-01-01"})
    assert (answer.status, answer.code) == (400, -32022)
    assert (await post(app, body, {"mcp-protocol-version": "2025-06-18"})).status == 200
    assert (await post(app, body, {})).status == 200  # nothing said: the oldest revision on HTTP (HTTP-17)


async def test_initialize_in_the_stateless_era_is_a_method_that_does_not_exist() -> None:
    """X-3: the envelope wins over the method."""
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
    answer = await post(app, written("initialize", {**hello, "_meta": META}), routing("initialize"))
    assert (answer.status, answer.code) == (404, -32601)
    bare = await post(app, written("initialize", hello), {})
    assert bare.status == 200 and bare.json["result"]["protocolVersion"] == "2025-11-25"


@pytest.mark.parametrize("method", ["ping", "logging/setLevel", "resources/subscribe"])
async def test_methods_that_left_the_protocol_are_not_found(method: str) -> None:
    """BASE-19"""
    answer = await post(app, written(method, {"_meta": META, "level": "info", "uri": "a://b"}), routing(method))
    assert (answer.status, answer.code) == (404, -32601)


async def test_a_response_is_refused_where_nobody_asked() -> None:
    """HTTP-05, BASE-11"""
    answer = await post(app, b'{"jsonrpc":"2.0","id":1,"result":{}}', {"mcp-protocol-version": MODERN})
    assert answer.status == 400 and "id" not in answer.json


async def test_a_notification_is_accepted_without_a_word() -> None:
    """HTTP-06, BASE-10"""
    note = b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}'
    answer = await post(app, note, {"mcp-protocol-version": MODERN})
    assert (answer.status, answer.body) == (202, b"")


async def test_a_client_need_not_say_who_it_is() -> None:
    """META-03, META-13"""
    meta = {**META, "com.example/other": [1, None]}
    answer = await post(app, written("tools/list", {"_meta": meta}), routing("tools/list"))
    assert answer.status == 200


async def test_faulty_metadata_is_told_as_what_it_is() -> None:
    """ERR-11: the version is recognized, so the request is not taken for one of the handshake era."""
    meta = {PREFIX + "protocolVersion": MODERN, PREFIX + "clientCapabilities": "all"}
    answer = await post(app, written("tools/list", {"_meta": meta}), routing("tools/list"))
    assert (answer.status, answer.code) == (400, -32602)
    assert "clientCapabilities" in answer.json["error"]["message"]
