"""The bytes judged are the bytes executed (threats 17, 21): a message that is taken has one meaning."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.transport.raw_http import META, Ask, call, hello, in_process, old

from dragoman import Client, Server
from dragoman.errors import MalformedError
from dragoman.protocol.frames import read_frame
from dragoman.protocol.replies import read_messages
from dragoman.wire.jsonrpc import Frame


class Twice(ValueError):
    """A name stood twice."""


def strict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise Twice
    return dict(pairs)


names = st.sampled_from(
    ["name", "Name", "a:", ":", "a", "\\u0061", "\\u003a", "na\\u006de", 'q\\"', "ſ", "", "\\u0000", "name\\u0000"]
)
values = st.recursive(
    st.sampled_from(
        ["1", "-0", "1e3", '":"', '"\\u003a\\u003A"', '"\\\\u003a"', "null", "true", '"{\\"a\\":1}"', "[]", "{}"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]")
        | st.lists(st.tuples(names, inner), max_size=3).map(
            lambda pairs: "{" + ",".join(f'"{name}" : {value}' for name, value in pairs) + "}"
        )
    ),
    max_leaves=8,
)


def taken(text: bytes) -> Frame | int:
    """Return the frame, or the code with which it is refused."""
    try:
        return read_frame(text)
    except MalformedError as error:
        return error.code


@given(values)
@example('{"a":1,"\\u0061":2}')
@example('{"a:":1,"a":"\\u003a","a":2}')
@example('{"a":"\\u003a\\u003a","a":1}')
def test_a_message_is_refused_exactly_when_a_name_stands_twice(params: str) -> None:
    """sec/17: judged by another parser, which sees every pair."""
    text = f'{{"jsonrpc":"2.0","id":1,"method":"m","params":{params}}}'
    try:
        seen = json.loads(text, object_pairs_hook=strict)
    except Twice:
        with pytest.raises(MalformedError, match="stands twice") as caught:
            read_frame(text.encode())
        assert caught.value.code == -32600
        return
    frame = read_frame(text.encode())
    assert (frame.method, json.loads(bytes(frame.params))) == ("m", seen["params"])


@given(
    st.binary(max_size=12)
    | st.text(max_size=8).map(lambda text: json.dumps(text, ensure_ascii=False).encode(errors="surrogatepass"))
)
@example(b'"\xed\xa0\x80"')
@example(b'"\\ud800"')
@example(b"1e400")
@example(b"NaN")
@example(b"-Infinity")
@example(b'"a\x00"')
@example(b"1}\x00")
def test_what_is_taken_means_the_same_to_another_parser(value: bytes) -> None:
    """sec/17, sec/21: whatever the bytes, they are refused or mean one thing."""
    text = b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":' + value + b"}}"
    frame = taken(text)
    if isinstance(frame, int):
        assert frame in (-32700, -32600)
        return

    def never(constant: str) -> Any:
        raise AssertionError(f"{constant} is no JSON")

    whole = json.loads(text.decode("utf-8"), object_pairs_hook=strict, parse_constant=never)
    assert json.loads(bytes(frame.params)) == whole["params"]
    json.dumps(whole, ensure_ascii=False).encode("utf-8")  # no half of a character in it


def server() -> tuple[Any, list[str]]:
    ran: list[str] = []
    made = Server("judged")

    @made.tool
    def safe(x: str = "") -> str:
        """Do no harm."""
        ran.append(f"safe {x}")
        return x

    @made.tool
    def wipe() -> str:
        """Do harm."""
        ran.append("wipe")
        return "gone"

    return made.asgi(), ran


def raw(params: str, before: str = "", name: str = "safe") -> Ask:
    text = f'{{{before}"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}'
    return call(name)._replace(body=text.encode("utf-8", "surrogatepass"))


M = f'"_meta":{json.dumps(META)}'
LEGAL = raw(f'{{"name":"safe","arguments":{{"x":"1"}},{M}}}')
TWICE = {
    "tool": raw(f'{{"name":"safe","name":"wipe","arguments":{{}},{M}}}'),
    "tool, escaped": raw(f'{{"name":"wipe","na\\u006de":"safe","arguments":{{}},{M}}}'),
    "arguments": raw(f'{{"name":"safe","arguments":{{"x":"1"}},"arguments":{{"x":"2"}},{M}}}'),
    "an argument": raw(f'{{"name":"safe","arguments":{{"x":"1","x":"2"}},{M}}}'),
    "an argument nobody knows": raw(f'{{"name":"safe","arguments":{{"x":"1","y":{{"z":1,"z":2}}}},{M}}}'),
    "method": raw(f'{{"name":"safe","arguments":{{}},{M}}}', '"method":"ping",'),
    "params": raw(f'{{"name":"safe","arguments":{{}},{M}}}', '"params":{},'),
    "id": raw(f'{{"name":"safe","arguments":{{}},{M}}}', '"id":2,'),
    "_meta": raw(f'{{"name":"safe","arguments":{{}},{M},{M}}}'),
}
UNREADABLE = {
    "NaN": '{"x":NaN}',
    "1e400": '{"x":1e400}',
    "half a character": '{"x":"\\ud800 and more text"}',
    "half a character, raw": '{"x":"\ud800"}',
    "a huge integer": '{"x":' + "9" * 100_000 + "}",
    "65 levels": '{"x":' + "[" * 65 + "]" * 65 + "}",
    "a million levels": '{"x":' + "[" * 1_000_000,
}


@pytest.mark.parametrize("ask", TWICE.values(), ids=TWICE.keys())
async def test_a_request_that_says_something_twice_runs_nothing(ask: Ask) -> None:
    """sec/17."""
    app, ran = server()
    answer = await in_process(app, ask)
    assert (answer.status, answer.code) == (400, -32600) and ran == []
    assert (await in_process(app, LEGAL)).value == "1" and ran == ["safe 1"]


@pytest.mark.parametrize("arguments", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_what_no_reader_could_hold_is_refused_and_runs_nothing(arguments: str) -> None:
    """sec/21: in a moment, and as the client's fault."""
    app, ran = server()
    started = time.process_time()
    answer = await in_process(app, raw(f'{{"name":"safe","arguments":{arguments},{M}}}'))
    assert answer.status == 400 and answer.code in (-32700, -32600) and ran == []
    assert time.process_time() - started < 1
    assert (await in_process(app, LEGAL)).value == "1"


async def test_names_that_look_alike_are_other_names() -> None:
    """sec/17: case, a long s and a NUL behind make a member that is not there."""
    app, ran = server()
    for lookalike in ("Name", "NAME", "name\\u0000", "name "):
        answer = await in_process(app, raw(f'{{"{lookalike}":"wipe","arguments":{{}},{M}}}'))
        assert answer.status == 400 and ran == []
        answer = await in_process(app, raw(f'{{"name":"safe","{lookalike}":"wipe","arguments":{{"x":"1"}},{M}}}'))
        assert answer.value == "1" and ran.pop() == "safe 1"
    for tool in ("Wipe", "wipe\\u0000", "wipe ", "ｗipe"):
        answer = await in_process(app, raw(f'{{"name":"{tool}","arguments":{{}},{M}}}', name="wipe"))
        assert answer.status == 400 and ran == []


@pytest.mark.parametrize("prefix", [b"\xef\xbb\xbf", b"\xff\xfe", b"\x00"])
async def test_bytes_before_the_message_are_not_skipped(prefix: bytes) -> None:
    """sec/17: no byte order marks, no UTF-16."""
    app, ran = server()
    answer = await in_process(app, LEGAL._replace(body=prefix + LEGAL.body))
    assert (answer.status, answer.code) == (400, -32700) and ran == []
    answer = await in_process(app, LEGAL._replace(body=LEGAL.body.decode().encode("utf-16")))
    assert answer.status == 400 and ran == []


async def test_sessions_of_older_clients_are_as_strict() -> None:
    app, ran = server()
    opened = await in_process(app, Ask(hello()))
    named = {"mcp-session-id": opened.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
    good = old("tools/call", 2, name="safe", arguments={"x": "1"})
    twice = good.replace(b'"name"', b'"name":"wipe","name"')
    for body in (twice, b"[" + twice + b"]"):
        answer = await in_process(app, Ask(body, named))
        assert answer.status == 400 or b"error" in answer.body
        assert ran == []
    assert (await in_process(app, Ask(good, named))).value == "1"


def test_a_client_is_as_strict_with_servers() -> None:
    good = b'{"jsonrpc":"2.0","id":1,"result":{"a":1}}'
    assert len(read_messages(good)) == 1
    with pytest.raises(MalformedError, match="stands twice"):
        read_messages(good.replace(b'"a":1', b'"a":1,"a":2'))


async def test_what_our_client_sends_is_taken() -> None:
    app = Server("any")

    @app.tool
    def echo(x: dict[str, Any]) -> dict[str, Any]:
        """Return it."""
        return x

    odd = {"a:b": {"c": ":", "C": '"', "\\u003a": "\\"}, ":": [":", {":": ":"}], "é": "\u2028"}
    async with Client(app) as client:
        assert (await client.call_tool("echo", {"x": odd})).value == odd
