"""The endpoint's gates: who may come in, with what, and what everybody else is told."""

import gzip
import json
from typing import Any

import pytest
from tests.transport.raw_http import LEGACY, META, Answer, Ask, call, hello, in_process, message, modern, old

from dragoman import Limits, Server


def a_server(**limits: Any) -> Server:
    server = Server("gates", limits=Limits(**limits))

    @server.tool
    async def add(a: int, b: int) -> int:
        return a + b

    @server.tool
    async def length(text: str) -> int:
        return len(text)

    return server


async def ask(data: Ask, pieces: list[bytes] | None = None, **options: Any) -> Answer:
    return await in_process(a_server().asgi(**options), data, pieces)


ROUTES = [("POST", "/mcp"), ("GET", "/mcp"), ("DELETE", "/mcp"), ("OPTIONS", "/mcp"), ("HEAD", "/mcp"), ("PUT", "/")]
ROUTES += [("GET", "/nothing"), ("POST", "/mcp/deeper"), ("GET", "/.well-known/oauth-authorization-server")]


# --- Host and Origin (HTTP-02, LEG-30) -------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_no_route_answers_under_a_strange_host(method: str, path: str) -> None:
    data = call("add", a=1, b=2)._replace(method=method, path=path)
    assert (await ask(data._replace(headers={**data.headers, "host": "evil.example"}))).status == 421
    assert (await ask(data._replace(headers={**data.headers, "host": None}))).status == 400
    assert (await ask(data)).status not in (400, 421) or method in ("GET", "DELETE")


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_no_route_answers_a_strange_page(method: str, path: str) -> None:
    data = call("add", a=1, b=2)._replace(method=method, path=path)
    refused = await ask(data._replace(headers={**data.headers, "origin": "https://evil.example"}))
    assert refused.status == 403
    assert "access-control-allow-origin" not in refused.headers
    assert (await ask(data._replace(headers={**data.headers, "origin": "http://localhost:3000"}))).status != 403


async def test_a_named_host_and_origin_are_let_in() -> None:
    headers = {"host": "api.example.com", "origin": "https://app.example.com"}
    options = {"allowed_hosts": ["api.example.com"], "allowed_origins": ["https://app.example.com"]}
    answer = await ask(call("add", headers=headers, a=1, b=2), **options)
    assert (answer.status, answer.value) == (200, 3)
    assert answer.headers["access-control-allow-origin"] == "https://app.example.com"
    assert "Mcp-Session-Id" in answer.headers["access-control-expose-headers"]
    assert answer.headers["vary"] == "Origin"


async def test_a_preflight_is_answered_only_for_listed_origins() -> None:
    asked = {"origin": "https://app.example.com", "access-control-request-method": "POST"}
    data = Ask(method="OPTIONS", headers=asked)
    answer = await ask(data, allowed_origins=["https://app.example.com"])
    assert answer.status == 204
    assert "content-length" not in answer.headers
    assert {"Mcp-Method", "Mcp-Session-Id", "Content-Type", "*"} <= set(
        answer.headers["access-control-allow-headers"].split(", ")
    )
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert (await ask(data)).status == 403
    plain = await ask(Ask(method="OPTIONS"))
    assert plain.status == 204 and "access-control-allow-origin" not in plain.headers


async def test_refusals_can_be_read_by_listed_pages() -> None:
    headers = {"origin": "https://app.example.com", "content-type": "text/plain"}
    refused = await ask(Ask(b"{}", headers), allowed_origins=["https://app.example.com"])
    assert (refused.status, refused.headers["access-control-allow-origin"]) == (415, "https://app.example.com")


# --- headers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["host", "origin", "content-type", "mcp-method", "mcp-name", "mcp-protocol-version"])
async def test_a_header_that_must_be_single_is_refused_twice(name: str) -> None:
    data = call("add", headers={"origin": "http://localhost"}, a=1, b=2)
    value = dict(data.fields("127.0.0.1:8000"))[name]
    answer = await ask(data._replace(pairs=((name, value),)))
    assert answer.status == 400
    assert name in answer.json["error"]["message"]


async def test_header_parameters_must_be_single_and_lists_need_not() -> None:
    data = call("add", headers={"accept": "application/json"}, a=1, b=2)
    assert (await ask(data._replace(pairs=(("mcp-param-a", "1"), ("mcp-param-a", "1"))))).status == 400
    assert (await ask(data._replace(pairs=(("x-list", "1"), ("x-list", "2"))))).status == 200


async def test_accept_may_come_in_two_lines() -> None:
    data = call("add", headers={"accept": "application/json"}, a=1, b=2)
    answer = await ask(data._replace(pairs=(("accept", "text/html"),)))
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "Application/JSON ;x=y"])
async def test_json_is_taken_under_every_way_to_write_it(kind: str) -> None:
    assert (await ask(call("add", headers={"content-type": kind}, a=1, b=2))).status == 200


@pytest.mark.parametrize(
    "kind", [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp"]
)
async def test_anything_but_json_is_refused(kind: str | None) -> None:
    answer = await ask(call("add", headers={"content-type": kind}, a=1, b=2))
    assert answer.status == 415
    assert "application/json" in answer.json["error"]["message"]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("application/*;q=0.5", "application/json"),
        ("Application/JSON, text/event-stream;q=0", "application/json"),
        ("text/event-stream", "text/event-stream"),
        ("application/json;q=0, text/event-stream", "text/event-stream"),
    ],
)
async def test_the_answer_is_of_a_kind_that_the_client_takes(accept: str | None, kind: str) -> None:
    answer = await ask(call("add", headers={"accept": accept}, a=1, b=2))
    assert (answer.status, answer.headers["content-type"]) == (200, kind)
    found = answer.events[0] if kind == "text/event-stream" else answer.json
    assert found["result"]["structuredContent"] == {"result": 3}


@pytest.mark.parametrize("accept", ["text/html", "image/*", "application/json;q=0", "application/jsonl"])
async def test_a_client_that_takes_neither_kind_is_told(accept: str) -> None:
    assert (await ask(call("add", headers={"accept": accept}, a=1, b=2))).status == 406


# --- the body --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_a_body_may_come_in_pieces(size: int) -> None:
    data = call("add", a=1, b=2)
    pieces = [data.body[at : at + size] for at in range(0, len(data.body), size)]
    assert (await ask(data, [b"", *pieces, b""])).value == 3


async def test_a_body_at_the_limit_is_served_and_one_byte_more_is_not() -> None:
    data = call("length", text="x" * 1000)
    app = a_server(body=len(data.body)).asgi()
    assert (await in_process(app, data)).value == 1000
    longer = call("length", text="x" * 1001)
    assert (await in_process(app, longer)).status == 413
    unstated = longer._replace(headers={**longer.headers, "content-length": None})
    assert (await in_process(app, unstated, [longer.body[:500], longer.body[500:]])).status == 413


async def test_a_stated_length_over_the_limit_is_refused_unread() -> None:
    data = call("add", headers={"content-length": "9" * 5000}, a=1, b=2)
    app = a_server().asgi()
    answer = await in_process(app, data, [])
    assert answer.status == 413
    assert "4194304" in answer.json["error"]["message"]


async def test_a_body_that_does_not_come_is_given_up() -> None:
    data = call("add", a=1, b=2)
    app = a_server(body_seconds=0.05).asgi()
    answer = await in_process(app, data, [])
    assert (answer.status, answer.headers["connection"]) == (408, "close")
    assert "0.05 seconds" in answer.json["error"]["message"]
    assert (await in_process(app, data)).status == 200


async def test_an_encoded_body_is_refused_and_never_unpacked() -> None:
    data = call("add", a=1, b=2)
    packed = Ask(gzip.compress(b" " * 100_000_000), {**data.headers, "content-encoding": "gzip"})
    answer = await ask(packed)
    assert (answer.status, answer.headers["accept-encoding"]) == (415, "identity")
    plain = data._replace(headers={**data.headers, "content-encoding": "identity"})
    assert (await ask(plain)).status == 200


@pytest.mark.parametrize(("depth", "status"), [(64, 200), (65, 400)])
async def test_depth_is_bounded(depth: int, status: int) -> None:
    body = message("tools/call", name="add", arguments={"a": 1, "b": 2, "c": "DEEP"})
    # The message, its params and the arguments are three levels.
    body = body.replace(b'"DEEP"', b"[" * (depth - 3) + b"]" * (depth - 3))
    answer = await ask(call("add")._replace(body=body))
    assert answer.status == status
    if status == 400:
        assert answer.json["error"]["code"] == -32600
        assert answer.json["id"] == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"", -32700), (b"{", -32700), (b"null", -32600), (b'"x"', -32600), (b"\xff\xfe{}", -32700), (b"[]", -32600)],
)
async def test_what_is_no_message_is_refused_without_an_id(body: bytes, code: int) -> None:
    answer = await ask(Ask(body))
    assert answer.status == 400
    assert "id" not in answer.json
    assert answer.code in (code, -32600)


# --- methods, paths, kinds of messages -------------------------------------------------------------------------


async def test_other_methods_are_told_which_there_are() -> None:
    for method in ("PUT", "PATCH", "HEAD", "TRACE"):
        answer = await ask(Ask(method=method))
        assert (answer.status, answer.headers["allow"]) == (405, "GET, POST, DELETE, OPTIONS")


async def test_other_paths_are_told_where_the_endpoint_is() -> None:
    answer = await ask(call("add", a=1, b=2)._replace(path="/"))
    assert (answer.status, b"/mcp" in answer.body) == (404, True)
    assert (await ask(call("add", a=1, b=2)._replace(path="/mcp/"))).status == 200
    assert (await ask(call("add", a=1, b=2)._replace(path="/tools"), path="/tools")).status == 200
    assert (await ask(call("add", a=1, b=2)._replace(path="/"), path="/")).status == 200


async def test_a_notification_is_accepted_and_a_response_is_not() -> None:
    headers = {"mcp-protocol-version": "2026-07-28"}
    accepted = await ask(Ask(b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}', headers))
    assert (accepted.status, accepted.body, accepted.headers["content-length"]) == (202, b"", "0")
    refused = await ask(Ask(b'{"jsonrpc":"2.0","id":1,"result":{}}', headers))
    assert (refused.status, refused.code) == (400, -32600)


async def test_the_stateless_era_has_no_batches() -> None:
    batch = b"[" + message("tools/list") + b"]"
    answer = await ask(Ask(batch, {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/list"}))
    assert (answer.status, answer.code) == (400, -32600)


async def test_initialize_in_the_stateless_era_is_an_unknown_method() -> None:
    """X-3"""
    asked = modern("initialize", protocolVersion=LEGACY, capabilities={}, clientInfo={"name": "x", "version": "1"})
    answer = await ask(asked)
    assert (answer.status, answer.code) == (404, -32601)
    assert (await ask(Ask(hello()))).status == 200


async def test_an_unknown_version_lists_the_known_ones() -> None:
    data = call("add", headers={"mcp-protocol-version": "2031-01-01"}, a=1, b=2)
    body = json.loads(data.body)
    body["params"]["_meta"] = {**META, "io.modelcontextprotocol/protocolVersion": "2031-01-01"}
    answer = await ask(data._replace(body=json.dumps(body).encode()))
    assert (answer.status, answer.code) == (400, -32022)
    assert answer.json["error"]["data"] == {"supported": ["2026-07-28"], "requested": "2031-01-01"}
    unknown = await ask(Ask(old("tools/list"), {"mcp-protocol-version": "2031-01-01"}))
    assert (unknown.status, unknown.code) == (400, -32022)


async def test_a_server_that_cannot_start_says_so_and_logs_why(caplog: pytest.LogCaptureFixture) -> None:
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def broken(server: Server):
        raise ValueError("no database")
        yield

    server = Server("broken", lifespan=broken)
    answer = await in_process(server.asgi(), modern("server/discover"))
    assert answer.status == 503
    assert b"no database" not in answer.body
    assert "no database" in caplog.text


async def test_a_websocket_is_closed() -> None:
    sent = []

    async def send(event: Any) -> None:
        sent.append(event)

    await a_server().asgi()({"type": "websocket"}, None, send)
    assert sent == [{"type": "websocket.close", "code": 1003}]
