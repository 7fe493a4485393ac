"""Every reader of JSON that strangers write refuses the same bytes (threats 17, 21), and none that another takes.

Two lists are held: the readers, each tried with everything that two parsers could take for two things, and the modules
that decode JSON at all, so that a reader which is not on the first list is noticed.
"""

from __future__ import annotations

import ast
import asyncio
import tempfile
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.auth.issuing import RESOURCE
from tests.test_house import SRC

from dragoman import IntrospectionAuth, JWTAuth
from dragoman.app.target import defined
from dragoman.auth.issuing.clients import Clients
from dragoman.errors import McpError
from dragoman.ports.fetch import Fetched
from dragoman.protocol.authorization import Refused, Registration, ResourceMetadata, ServerMetadata, read_document
from dragoman.protocol.authorization import read_token as read_token_answer
from dragoman.protocol.claims import peek, read_object
from dragoman.protocol.frames import read_frame
from dragoman.protocol.issuing import Denied
from dragoman.protocol.lines import LineReader
from dragoman.protocol.replies import read_messages
from dragoman.protocol.sse import EventReader, encode_event
from dragoman.store.memory import MemoryStore

ISSUER = "https://issuer.example"


class Says:
    """A fetcher for which every address has the same document."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def get(self, url: str, headers: Mapping[str, str] = {}) -> Fetched:
        return Fetched(200, {}, self._body, url)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str] = {}) -> Fetched:
        return Fetched(200, {}, self._body, url)

    async def close(self) -> None: ...


class Reader(NamedTuple):
    """`read` raises McpError or Denied for what it refuses; `good` is a document, with a place for another member."""

    read: Callable[[bytes], object]
    good: str

    def takes(self, data: bytes) -> bool:
        try:
            self.read(data)
        except (McpError, Denied):
            return False
        return True


def lines(data: bytes) -> None:
    for frame in LineReader().feed(data + b"\n"):
        read_frame(frame)


def event(data: bytes) -> None:
    (found,) = EventReader().feed(b"data: " + data.replace(b"\n", b"\ndata: ") + b"\n\n")
    read_messages(found.data)


def header(data: bytes) -> None:
    parts = [urlsafe_b64encode(part).rstrip(b"=").decode() for part in (data, b"{}", b"x")]
    if peek(".".join(parts)) is None:
        raise McpError("it is no token")


def keys(data: bytes) -> object:
    auth = JWTAuth(ISSUER, jwks_uri=f"{ISSUER}/keys")
    auth.connect(lambda base: Says(data))
    return asyncio.run(auth._load())  # type: ignore[arg-type]


def introspected(data: bytes) -> object:
    auth = IntrospectionAuth(ISSUER, client_id="me", client_secret="hush", endpoint=f"{ISSUER}/judge")
    auth.connect(lambda base: Says(data))
    return asyncio.run(auth.verify("opaque", RESOURCE))


def registered(data: bytes) -> object:
    clients = Clients(MemoryStore(), "", {}, lambda: Says(b""), local=False)
    return asyncio.run(clients.register(data))


def configured(data: bytes) -> object:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mcp.json"
        path.write_bytes(data)
        return defined(str(path))


def document(kind: Any) -> Callable[[bytes], object]:
    return lambda data: read_document(data, kind, "it")


MESSAGE = '{"jsonrpc":"2.0","id":1,"method":"m","params":{%s}}'
RESULT = '{"jsonrpc":"2.0","id":1,"result":{%s}}'
TOKEN = f'{{"active":true,"iss":"{ISSUER}","aud":"{RESOURCE}","sub":"ann","exp":9999999999,%s}}'
READERS = {
    "a message to a server": Reader(read_frame, MESSAGE),
    "a line on stdio": Reader(lines, MESSAGE),
    "a message to a client": Reader(read_messages, RESULT),
    "messages to a client": Reader(lambda data: read_messages(b"[" + data + b"]"), RESULT),
    "an error of nobody's to a client": Reader(
        read_messages, '{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"no","data":{%s}}}'
    ),
    "an event of a stream": Reader(event, RESULT),
    "a token's claims": Reader(read_object, '{"iss":"x",%s}'),
    "a token's header": Reader(header, '{"alg":"ES256",%s}'),
    "resource metadata": Reader(document(ResourceMetadata), '{"resource":"https://a.example/mcp",%s}'),
    "server metadata": Reader(document(ServerMetadata), '{"issuer":"https://a.example",%s}'),
    "an answer with a token": Reader(
        lambda data: read_token_answer(data, "it"), '{"access_token":"t","token_type":"Bearer",%s}'
    ),
    "an answer without": Reader(document(Refused), '{"error":"invalid_grant",%s}'),
    "an answer to a registration": Reader(document(Registration), '{"client_id":"c",%s}'),
    "a client's document": Reader(document(dict[str, Any]), '{"client_id":"https://c.example/c.json",%s}'),
    "keys of an issuer": Reader(keys, '{"keys":[],%s}'),
    "a judgement on a token": Reader(introspected, TOKEN),
    "a registration": Reader(registered, '{"redirect_uris":["https://c.example/back"],%s}'),
    "a file of a client's": Reader(configured, '{"mcpServers":{"one":{"command":"server"}},%s}'),
}
LEGAL = [
    '"x":1',
    '"x":1,"X":2',
    '"x":1,"x\\u0000":2',
    '"x":{"y":[1,-0,1.5e300,"\\u2028:\\\\u003a"]}',
    '"x":"\\ud83d\\ude00"',
]
TWO_MEANINGS = {
    "a name twice": '"x":1,"x":2',
    "a name twice, escaped": '"x":1,"\\u0078":2',
    "a name twice, inside": '"x":[{"y:":1,"y\\u003a":2}]',
    "NaN": '"x":NaN',
    "infinity": '"x":-Infinity',
    "too large": '"x":1e400',
    "half a character": '"x":"\\ud800 and more"',
    "half a character, raw": '"x":"\ud800"',
    "a huge integer": '"x":' + "9" * 50_000,
    "65 levels": '"x":' + "[" * 65 + "]" * 65,
    "levels without end": '"x":' + "[" * 200_000,
    "a comment": '"x":1/* 2 */',
    "a comma more": '"x":1,',
    "a NUL": '"x":1\x00',
    "a NUL in a text": '"x":"a\x00"',
    "single quotes": "'x':1",
}


def filled(reader: Reader, member: str) -> bytes:
    return reader.good.replace("%s", member).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("name", READERS)
def test_what_could_mean_two_things_is_refused_by_every_reader(name: str) -> None:
    """sec/17, sec/21: whichever reader it comes to."""
    reader = READERS[name]
    assert [member for member in LEGAL if not reader.takes(filled(reader, member))] == []
    assert [what for what, member in TWO_MEANINGS.items() if reader.takes(filled(reader, member))] == []


@pytest.mark.parametrize("name", READERS)
def test_bytes_before_and_behind_are_refused_by_every_reader(name: str) -> None:
    """sec/17: byte order marks, other encodings, a second document."""
    reader = READERS[name]
    good = filled(reader, LEGAL[0])
    assert reader.takes(good) and reader.takes(b" " + good + b" ")
    wrong = {
        "a mark before": b"\xef\xbb\xbf" + good,
        "UTF-16": good.decode().encode("utf-16"),
        "UTF-16 without a mark": good.decode().encode("utf-16-be"),
        "no UTF-8": good.replace(b'"x"', b'"x\xff"'),
        "an overlong slash": good.replace(b'"x"', b'"x\xc0\xaf"'),
        "a second document": good + b"{}",
        "a bracket more": good + b"}",
        "nothing": b"{",
    }
    assert [what for what, data in wrong.items() if reader.takes(data)] == []


def test_our_own_events_are_taken() -> None:
    assert READERS["an event of a stream"].takes(filled(READERS["an event of a stream"], LEGAL[3]))
    (found,) = EventReader().feed(encode_event(b'{"jsonrpc":"2.0","id":1,"result":{}}'))
    assert len(read_messages(found.data)) == 1


# What reads bytes of strangers' itself. All of it is on the list above, by way of these.
FIRST = {
    "protocol/frames.py": "messages",
    "protocol/strict.py": "everything else",
    "protocol/replies.py": "errors without an id, after frames.py and strict.py",
    "protocol/validator.py": "schemas, out of messages that were read",
}
# Of what was read already: members that stayed raw in a message, and what our own stores and handles hold.
AFTERWARDS = {
    "auth/issuing/clients.py", "auth/issuing/grants.py", "auth/issuing/signing_keys.py", "auth/issuing/visits.py",
    "auth/private_files.py", "auth/wallet.py", "protocol/envelope.py", "protocol/forwarding.py",
    "protocol/handshake.py", "protocol/nulls.py", "protocol/tasks.py", "transport/asks.py",
    "transport/http_handshake.py", "transport/serve_stdio.py", "transport/sse_server.py",
}  # fmt: skip


def decoding(tree: ast.AST) -> bool:
    """Say whether a module decodes JSON: `msgspec.json.decode`, a `Decoder` of it or ours, or the standard library."""
    words = {"msgspec.json.decode", "msgspec.json.Decoder", "Decoding", "json.loads", "json.load"}
    return any(isinstance(node, ast.Attribute | ast.Name) and ast.unparse(node) in words for node in ast.walk(tree))


@pytest.mark.parametrize("room", ["protocol", "auth", "transport"])
def test_no_reader_is_left_out(room: str) -> None:
    """sec/17: a module that decodes JSON says here what of, or asks read_frame or read_strict."""
    files = {file.relative_to(SRC).as_posix(): file for file in (SRC / room).rglob("*.py")}
    found = {name for name, file in files.items() if decoding(ast.parse(file.read_text("utf-8")))}
    listed = {name for name in {*FIRST, *AFTERWARDS} if name.startswith(f"{room}/")}
    assert found - listed == set(), "say in this file what these decode"
    assert listed - found == set(), "these decode nothing any more"
