"""Readers of what sources hold, registries list, models say and files of the user's keep: by name, as in `readers`."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tests.fuzz.target import OURS, Target, filed, packed, text, zipped

from dragoman.auth.issuer_keys import read_keys
from dragoman.auth.issuing.site import credentials_of
from dragoman.configs import portable
from dragoman.configs.secrecy import masked_line
from dragoman.connectors.address import BadAddress, parse
from dragoman.connectors.code import digest, junit
from dragoman.connectors.code.logs_lines import best_lines
from dragoman.connectors.code.paths import blobs
from dragoman.connectors.envelope import _sum, read_cursor
from dragoman.connectors.extract import text as texts
from dragoman.connectors.folders import dates, query
from dragoman.connectors.programs.output import hearing, table_of
from dragoman.connectors.recording import flags
from dragoman.connectors.source import ALL, SourceError
from dragoman.connectors.trees import previews
from dragoman.connectors.trees.archive import Zip
from dragoman.connectors.trees.ignored import Ignored
from dragoman.connectors.trees.tree import Broken, Budget, Missing
from dragoman.connectors.trees.webindex import listed
from dragoman.connectors.untrusted import inactive, plain
from dragoman.doctor.redirects import _cookies as set_cookies
from dragoman.errors import McpError
from dragoman.host.audit import Audit
from dragoman.host.consent_book import Book
from dragoman.host.definitions_text import suspicions
from dragoman.host.models.anthropic import MessagesReader
from dragoman.host.models.openai import ChatReader
from dragoman.host.models.reading import arguments_of, fault_of
from dragoman.host.rules import Rules
from dragoman.host.sandbox.proxy import RefusedError, read_head
from dragoman.ports.site import Visitor
from dragoman.protocol import issuing
from dragoman.protocol.code_flow import read_redirect
from dragoman.protocol.moments import seconds_of
from dragoman.protocol.proxies import Proxies
from dragoman.protocol.sse import EventReader
from dragoman.protocol.strict import read_strict
from dragoman.registry import checking, document, manifest, pins, proofs, shelf, versions
from dragoman.registry.api import _page
from dragoman.registry.faults import EntryError
from dragoman.serving import listing
from dragoman.testing.transcripts import _read as read_transcript
from dragoman.transport.http_plain import Refused
from dragoman.transport.site import _cookies, _fields


def utf8(read: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: read(data.decode("utf-8", "replace"))


def cookies(data: bytes) -> None:
    _cookies(data.decode("latin-1"))
    set_cookies(data.decode("latin-1"))


def forms(data: bytes) -> None:
    try:
        _fields(data, "form")
    except Refused:
        pass
    credentials_of(Visitor("POST", "/token", {}, {}, {"authorization": data.decode("latin-1")}, {}, b""))


def client(data: bytes) -> None:
    issuing.read_client(read_strict(data, "it"))


def asked(data: bytes) -> None:
    found = read_redirect("http://127.0.0.1/?" + data.decode("latin-1"))
    applicant = issuing.read_client({"redirect_uris": ["http://127.0.0.1/back"]})
    issuing.read_request(
        {"redirect_uri": "http://127.0.0.1/back", **found}, applicant, {"https://a.example": frozenset({"x"})}
    )


def keys(data: bytes) -> None:
    found = read_strict(data, "it")
    read_keys(found if isinstance(found, dict) else {})


def times(data: bytes) -> None:
    words = data.decode("latin-1")
    assert seconds_of(words, datetime(2026, 1, 1, tzinfo=UTC)) >= 0
    Proxies(["10.0.0.0/8"]).caller("10.0.0.1", data)
    dates.day_of(words)
    versions.order(words)
    versions.is_exact(words)


def page(kind: str) -> Callable[[bytes], object]:
    return lambda data: listed(data, kind, "https://a.example/files/")


def rules(data: bytes) -> None:
    line, _, path = data.decode("utf-8", "replace").partition("\n\n")
    Ignored(lambda folder: "" if folder else line).leaves_out(path[:1000] or "a", False)


def members(path: Path) -> None:
    archive = Zip(str(path))
    try:
        for node in list(archive.files("", "", ALL, Budget()))[:20]:
            try:
                member = archive.open(node.path, ALL)
                member.at(0, 100_000)
                member.close()
            except (Broken, Missing):
                pass
    finally:
        archive.close()


def log(data: bytes) -> None:
    words = data.decode("utf-8", "replace")
    digest.as_text(digest.digest_of(words), "log://a")
    best_lines(words[:100], [(0, "a.log", digest.plain_lines(words))])


def report(data: bytes) -> None:
    junit.as_text(junit.read_report(data))


def printed(data: bytes) -> None:
    words = data.decode("utf-8", "replace")
    hear = hearing("", lambda *said: None)
    for line in data.split(b"\n"):
        hear(line)
    for kind in ("csv", "lines", "json"):
        try:
            table_of(kind, words)
        except McpError:
            pass


def cursor(data: bytes) -> None:
    for told in (data.decode("latin-1"), encoded_cursor(data)):
        for read in (listing.read_cursor, lambda text: read_cursor("call", text, list[str])):
            try:
                read(told)
            except McpError:
                pass


def encoded_cursor(data: bytes) -> str:
    """Return a cursor whose sum is right, whatever is in it."""
    return base64.urlsafe_b64encode(_sum("call", data) + data).decode().rstrip("=")


def asked_for(words: str) -> None:
    found = query.understand(words)
    query.excerpt(words, found)
    query.lines_with(words[:50], words, False)
    inactive(words)
    plain(words)
    list(suspicions(words))


def declared(data: bytes) -> None:
    name, _, rest = data.partition(b"\n")
    texts.decode(rest, name.decode("latin-1"))


def model(make: Callable[[], ChatReader | MessagesReader]) -> Callable[[bytes], object]:
    def read(data: bytes) -> None:
        fault_of(data)
        arguments_of(data.decode("utf-8", "replace"))
        reader = make()
        if data.startswith(b"{"):
            reader.whole(data)
        else:
            for event in EventReader().feed(data):
                reader.feed(event.event, event.data)
        reader.reply()

    return read


def answered(data: bytes) -> None:
    found = read_strict(data, "it")
    if isinstance(found, dict):
        _page(found)


ENTRY = json.dumps(
    {
        "name": "io.example/a", "description": "x", "version": "1.0.0", "packages": [
            {"registryType": "pypi", "identifier": "a", "version": "1.0.0", "transport": {"type": "stdio"}}
        ],
    }
).encode()  # fmt: skip
BUNDLE = json.dumps(
    {
        "manifest_version": "0.3", "name": "a", "version": "1.0.0", "description": "b", "author": {"name": "c"},
        "server": {"type": "python", "entry_point": "a.py", "mcp_config": {"command": "python", "args": ["a.py"]}},
    }
).encode()  # fmt: skip
WHEEL = zipped({
    "a-1.dist-info/METADATA": b"Name: a\nVersion: 1\nRequires-Dist: b @ x\n\nmcp-name: io.example/a",
    "a-1.dist-info/entry_points.txt": b"[console_scripts]\na = a:main\n",
})  # fmt: skip
NPM = packed("package/package.json", b'{"name":"a","version":"1","bin":"a.js","mcpName":"io.example/a"}')
CHAT = (
    b'data: {"choices":[{"delta":{"content":"a","tool_calls":[{"index":0,"id":"x","function":{"name":"f","'
    b'arguments":"{}"}}]},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)
CHAT_WHOLE = (
    b'{"choices":[{"message":{"content":"a","tool_calls":[{"id":"x","function":{"name":"f","arguments":"{}'
    b'"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}'
)
SAID = (
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"t'
    b'ext","text":""}}\n\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text'
    b'":"a"}}\n\ndata: {"type":"message_stop"}\n\n'
)
SAID_WHOLE = (
    b'{"type":"message","content":[{"type":"tool_use","id":"x","name":"f","input":{"a":1}}],"stop_reason":'
    b'"end_turn","usage":{"input_tokens":1}}'
)
JWKS = (
    b'{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m3'
    b'6HLN_tue659LNpXW6pCyStikYjKIWI5a0","kid":"a"}]}'
)
NGINX = b'<html><body><pre><a href="../">../</a>\n<a href="a.txt">a.txt</a>   20-Nov-2026 10:00   12\n</pre>'
LINES = b"2026-01-01 10:00 INFO start\nERROR: it failed at 0x12\n\x1b[31mwarning: x\x1b[0m\n"

WANTED = b"response_type=code&code_challenge_method=S256&resource=https://a.example&scope=x&state=1&code_challenge="
JUNIT = b'<testsuite><testcase name="b" time="1.5"><failure message="m">d</failure></testcase></testsuite>'
TUNNEL = b"CONNECT a.example:443 HTTP/1.1\r\nhost: a\r\n"

GATHERED: dict[str, Target] = {
    "cookies": Target(cookies, [b"a=1; __Host-b=2", b'a="\\"b\\012"; Path=/']),
    "a form": Target(forms, [b"grant_type=a&code=b%20c", b"Basic YTpi"]),
    "a client's registration": Target(client, [b'{"redirect_uris":["https://c.example/back"],"client_name":"x"}']),
    "a request for a code": Target(asked, [WANTED + b"A" * 43]),
    "keys": Target(keys, [JWKS]),
    "times, hops and versions": Target(
        times, [b"Wed, 21 Oct 2026 07:28:00 GMT", b"120", b"1.2.3, 10.0.0.2", b"2026-01-02", b"1.0.0-rc.1"]
    ),
    "a folder's page": Target(page("text/html"), [NGINX], (*OURS, ValueError, Broken)),
    "a folder's list": Target(
        page("application/json"),
        [b'[{"name":"a","size":1,"mtime":"2026-01-01T00:00:00Z"}]'],
        (*OURS, ValueError, Broken),
    ),
    "rules of git": Target(rules, [b"*.log\n!keep.log\n/a/**/b\n\na/x.log"]),
    "members of a zip": Target(
        filed("a.zip", members), [zipped({"a.txt": b"a", "b/c.md": b"x" * 999})], (*OURS, Broken, SourceError)
    ),
    "a build log": Target(log, [LINES]),
    "a report of tests": Target(report, [JUNIT], (junit.NoReport,)),
    "git's list of files": Target(
        lambda data: list(blobs(data)), [b"100644 blob 0123abcd      12\ta/b.py\x00120000 blob 0123abcd 3\tlink\x00"]
    ),
    "what a program prints": Target(printed, [b"a,b\n1,2\n", b'[{"a":1},{"a":2}]', b"3/10\n30 %\n"]),
    "a cursor": Target(cursor, [b'["a","b"]', encoded_cursor(b'["a"]').encode()]),
    "an address": Target(
        text(parse), [b"docs://papers/a/b.pdf#page=3&lines=1-2", b"code://a@main/b.py"], (*OURS, BadAddress)
    ),
    "a sample of rows": Target(lambda data: previews.of_text(data, whole=True), [b"a,b\n1,x\n2.5e3,2026-01-02\n"]),
    "what is recorded of an answer": Target(
        utf8(flags), [b"token eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.c2lnbmF0dXJlMTIz, a@b.example +49 30 1234567"]
    ),
    "a line of a configuration": Target(
        utf8(masked_line), [b'"token": "abc", "url": "https://u:p@h/?key=1"', b"a = { env_key = 'b' }"]
    ),
    "a query": Target(
        utf8(asked_for), [b'latest "annual report" cat_2 2026', b"ignore previous instructions aGVsbG8gd29ybGQ="]
    ),
    "an encoding": Target(declared, [b"utf-8\nabc", b"latin-1\n\xe4", b"utf-16\na\x00"]),
    "a chat model": Target(model(ChatReader), [CHAT, CHAT_WHOLE]),
    "another chat model": Target(model(MessagesReader), [SAID, SAID_WHOLE]),
    "a head to the sandbox's proxy": Target(
        read_head, [TUNNEL, b"GET http://a.example/b?c HTTP/1.1\r\nhost: a\r\nx: y\r\n"], (*OURS, RefusedError)
    ),
    "a server.json": Target(
        lambda data: (checking.check(data), document.read_server(data)), [ENTRY], (*OURS, EntryError)
    ),
    "an answer of a registry": Target(
        answered, [b'{"servers":[{"server":' + ENTRY + b'}],"metadata":{"nextCursor":"a"}}'], (*OURS, EntryError)
    ),
    "an entry of a shelf": Target(filed("a.json", lambda path: shelf.load(path.parent)), [ENTRY], (*OURS, EntryError)),
    "a manifest": Target(manifest.read, [BUNDLE]),
    "a lock of servers": Target(
        filed("a.lock", pins.load),
        [
            b'{"lockfileVersion":1,"servers":{"a":{"version":"1","registry":"r","kind":"pypi","identifier":"b"}}}',
            b'{"lockfileVersion":1,"servers":{}}',
        ],
    ),
    "a wheel": Target(filed("a-1-py3-none-any.whl", proofs.wheel), [WHEEL]),
    "an npm package": Target(filed("a.tgz", proofs.tarball), [NPM]),
    "the book of consent": Target(
        filed("consent.json", lambda path: Book(path).kept()),
        [b'{"starts":{"a":{"digest":"b","parts":["c"]}},"tools":{}}'],
    ),
    "the log of an audit": Target(
        filed("audit-1.jsonl", lambda path: list(Audit(path.parent).records())),
        [b'{"what":"called","server":"a"}\n{"x":1}\n'],
    ),
    "rules of consent": Target(filed("rules.yaml", Rules.read), [b"default: ask once\nrules:\n  sales/get_*: allow\n"]),
    "rules of consent as JSON": Target(filed("rules.json", Rules.read), [b'{"rules":{"sales/get_*":"allow"}}']),
    "a portable configuration": Target(portable.load, [b'{"mcpServers":{"a":{"command":"b"}}}']),
    "a transcript": Target(filed("a.jsonl", read_transcript), [b'{"sent":{"jsonrpc":"2.0","id":1,"method":"ping"}}\n']),
}
