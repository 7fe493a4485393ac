"""Everything that reads what others wrote: for each a function of bytes, and documents that it takes, to begin with.

A reader may raise what is ours. Anything else that escapes is a fault: nobody up the stack expects it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable

from tests.fuzz.gathered import GATHERED
from tests.fuzz.target import OURS, Target, filed, text, zipped
from tests.security.test_every_reader import LEGAL, READERS, filled

from dragoman.configs import jsonc, tomltext, yamltext
from dragoman.connectors.databases.statement import parsed, read_change, read_statement
from dragoman.connectors.extract.worker import answer
from dragoman.connectors.settings.reading import settings_of
from dragoman.protocol import trace
from dragoman.protocol.bearer import checked_resource, read_bearer, read_bound
from dragoman.protocol.challenge import read_challenges
from dragoman.protocol.front_matter import read_front_matter
from dragoman.protocol.headers import check_standard, decode_value
from dragoman.protocol.hosts import HostPolicy, read_authority, read_origin
from dragoman.protocol.http import accepted, is_json, read_post
from dragoman.protocol.http_reply import ReplyReader
from dragoman.protocol.lines import LineReader
from dragoman.protocol.proofs import read_proof
from dragoman.protocol.sealed import Ring, seal, unseal
from dragoman.protocol.sse import EventReader
from dragoman.protocol.uri import Template, check_uri
from dragoman.protocol.validator import Validator
from dragoman.registry.bundle import look
from dragoman.wire.methods import METHODS

RING = Ring.of([b"s" * 32])


def lines(data: bytes) -> None:
    reader = LineReader(max_frame=200)
    for at in range(0, len(data), 7):
        reader.feed(data[at : at + 7])


def events(data: bytes) -> None:
    reader = EventReader()
    for at in range(0, len(data), 5):
        reader.feed(data[at : at + 5])


def reply(data: bytes) -> None:
    reader = ReplyReader()
    for at in range(0, len(data), 11):
        if not reader.done:
            reader.feed(data[at : at + 11])
    reader.end()


def template(data: bytes) -> None:
    pattern, _, uri = data.decode("latin-1").partition("\n")
    found = Template.parse(pattern)
    values = found.match(uri)
    if values is not None:
        found.expand(values)


def schema(data: bytes) -> None:
    first, _, second = data.partition(b"\n")
    try:
        made, value = json.loads(first), json.loads(second or b"1")
    except (ValueError, RecursionError):
        return  # whoever reads messages has refused it
    if isinstance(made, dict):
        begun = time.monotonic()
        try:
            ready = Validator(made)
        except ValueError as error:
            if type(error) is not ValueError:
                raise  # one of its kinds is not what is said by ourselves
            return
        ready.violations(value, second or b"1")
        assert time.monotonic() - begun < 5, "checking takes too long"


def headers(data: bytes) -> None:
    value = data.replace(b"\n", b" ")
    fields = {b"mcp-method": value, b"mcp-name": value, b"mcp-protocol-version": value, b"accept": value}
    check_standard(fields, "tools/call", "name")
    accepted(value), is_json(value), read_bearer(value), read_bound(value)
    HostPolicy.for_bind("127.0.0.1").refusal(value, value)
    words = value.decode("latin-1")
    decode_value(words), read_authority(words), read_origin(words)
    trace.is_parent(words), trace.is_state(words), trace.is_baggage(words)


def posted(data: bytes) -> None:
    read_post(data, {b"mcp-protocol-version": b"2025-11-25"}, METHODS)
    read_post(data, {}, METHODS)


def proof(data: bytes) -> None:
    read_proof(data)


def sql(data: bytes) -> None:
    for dialect in ("sqlite", "postgres", "mysql"):
        for read in (read_statement, read_change, parsed):
            try:
                read(data.decode("latin-1"), dialect)
            except OURS:
                pass


def document(name: str) -> Callable[[bytes], object]:
    return filed(name, lambda path: answer(os.fspath(path)))


WORD = b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body/></w:document>'
ZIP = zipped({"manifest.json": b'{"name":"x"}', "word/document.xml": WORD, "[Content_Types].xml": b"<Types/>"})
REPLY = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
CALL = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{}}}'
YAML = b"sources:\n  papers: ./papers\n  shop: {kind: database, url: shop.db}\n"

ODT = zipped(
    {
        "mimetype": b"application/vnd.oasis.opendocument.text",
        "content.xml": b'<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        b'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:text><text:h>a</text:h>'
        b"<text:p>b</text:p></office:text></office:body></office:document-content>",
    }
)
SLIDES = zipped(
    {
        "[Content_Types].xml": b"<Types/>",
        "ppt/slides/slide1.xml": b'<p:sld xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
        b'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><a:t>a</a:t></p:sld>',
    }
)
SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
PARTS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
SHEETS = zipped(
    {
        "[Content_Types].xml": b"<Types/>",
        "xl/workbook.xml": f'<workbook xmlns="{SHEET}" xmlns:r="{PARTS}"><sheets><sheet name="a" sheetId="1" '
        'r:id="r1"/></sheets></workbook>'.encode(),
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PARTS.replace("officeDocument", "package")}">'
        f'<Relationship Id="r1" Type="{PARTS}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>'.encode(),
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{SHEET}"><sheetData><row r="1"><c r="A1"><v>1</v></c></row>'
        "</sheetData></worksheet>".encode(),
    }
)
PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>endobj\n"
    b"4 0 obj<</Length 33>>stream\nBT /F 9 Tf 9 9 Td (hello) Tj ET  \nendstream endobj\n"
    b"5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
)
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060"
    "000000050001a5f645400000000049454e44ae426082"
)
SCHEMA = b'{"type":"object","properties":{"a":{"$ref":"#/$defs/x"}},"$defs":{"x":{}}}'
SELECT, UPDATE = b"SELECT a, count(*) FROM b WHERE c = 'd' GROUP BY 1", b"WITH x AS (SELECT 1) UPDATE a SET b = 2"
JOIN = (
    b"SELECT DISTINCT a.*, CASE WHEN b->>'k' IS NULL THEN -1 ELSE CAST(c AS int) END, "
    b"row_number() OVER (PARTITION BY d ORDER BY e DESC) FROM f AS a "
    b"LEFT JOIN (SELECT * FROM g UNION ALL VALUES (1)) h USING (i) "
    b"WHERE j IN (1, 2.5e3) AND k BETWEEN 7 AND 'm' OR EXISTS (SELECT 1) -- n\nLIMIT 5 OFFSET /* o */ 2;"
)
MANY_WORDS = (
    b'{"allOf":[{"patternProperties":{"^a+$":{"enum":[1,"b"]}}},{"if":{"required":["b"]},"then":{"minProperties":2}}],'
    b'"anyOf":[{"not":{"const":3}},{"oneOf":[true,{"$ref":"#z"}]}],'
    b'"additionalProperties":{"type":["array","null"],"prefixItems":[{"pattern":"(a|b)*c"}],'
    b'"items":{"multipleOf":0.1},"contains":{"minLength":1},"uniqueItems":true},'
    b'"unevaluatedProperties":false,"dependentRequired":{"b":["a"]},"propertyNames":{"maxLength":9},'
    b'"$defs":{"y":{"$anchor":"z","format":"w"}}}\n{"a":1,"b":["ac",0.3,{}]}'
)
MARKDOWN = (
    b'a\n=\n\n1. *b* **c** `d` [e](f "g") ![h][i]\n   > j\n\n| k | l |\n|---|--:|\n| m | n |\n\n~~~py\no\n~~~\n'
    b"<!-- p --><b>q</b>&amp;\n***\n- [ ] r\n\n[i]: s\n"
)
PAGE = (
    b"<!doctype html><html lang=a><head><meta charset=utf-8><title>b</title><style>c</style></head><body><nav>d"
    b"</nav><main><h1 id='e'>f</h1><p>g<br>h<a href=i>j</a><ul><li>k<ol><li>l</ol></ul>"
    b"<pre>m\n n</pre><!-- o --><img alt=p>"
    b"<select><option>q</select><svg><text>r</text></svg><template>s</template>&lt;&#116;</body>"
)
MAIL = b"Subject: =?utf-8?q?a?=\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nc\n"

TARGETS: dict[str, Target] = {
    **{
        name: Target(reader.read, [filled(reader, member) for member in LEGAL])
        for name, reader in READERS.items()
        # The first is two lines at a time, which `events` has; the others are slow, and come to the same functions.
        if name not in ("an event of a stream", "keys of an issuer", "a judgement on a token", "a registration")
    },
    "lines": Target(lines, [CALL + b"\n" + CALL + b"\r\n\n"]),
    "events": Target(events, [b"id: 1\ndata: {}\n\n: quiet\nretry: 5\r\n\r\n"]),
    "a request": Target(posted, [CALL]),
    "a reply": Target(reply, [REPLY, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"]),
    "headers": Target(headers, [b"application/json;q=0.5, */*", b"=?base64?YQ==?=", b"Bearer abc", b"[::1]:80"]),
    "a URI template": Target(template, [b"file://{host}/{+path}{?q*}\nfile://a/b/c?q=1", b"{/a,b}{#c:3}\n/x/y#z"]),
    "a URI": Target(text(check_uri), [b"https://a.example/b?c#d"]),
    "a resource": Target(text(checked_resource), [b"https://a.example/mcp"]),
    "a challenge": Target(text(read_challenges), [b'Bearer realm="a\\"b", scope="x y", DPoP algs=ES256']),
    "a sealed handle": Target(
        text(lambda words: unseal(RING, words, b"b", 0.0)), [seal(RING, b"payload", b"b", 9).encode()]
    ),
    "a schema": Target(
        schema, [b'{"type":"object","properties":{"a":{"$ref":"#/$defs/x"}},"$defs":{"x":{}}}\n{"a":1}', MANY_WORDS]
    ),
    "a proof": Target(proof, [b"eyJhbGciOiJFUzI1NiIsInR5cCI6ImRwb3Arand0In0.e30.AAAA"]),
    "front matter": Target(read_front_matter, [b"---\nname: a\ndescription: b\n---\ntext"], (*OURS, ValueError)),
    "dragoman.yaml": Target(settings_of, [YAML], (*OURS, ValueError)),
    "dragoman.json": Target(lambda data: settings_of(data, json=True), [b'{"sources":{}}'], (*OURS, ValueError)),
    "a client's JSON": Target(text(jsonc.parse), [b'{"a": [1, 2,], // b\n "c": {}}']),
    "a client's YAML": Target(text(yamltext.load), [b"a: &x [1]\nb: *x\n"]),
    "a client's TOML": Target(text(tomltext.load), [b'[a]\nb = "c"\n[[d]]\ne = 1979-05-27\n']),
    "SQL": Target(sql, [SELECT, UPDATE, JOIN]),
    "a bundle": Target(look, [ZIP]),
    "a Word file": Target(document("a.docx"), [ZIP]),
    "an EPUB": Target(document("a.epub"), [ZIP]),
    "HTML": Target(document("a.html"), [b"<table><tr><td colspan=2>a</table><script>b</script>", PAGE]),
    "mail": Target(document("a.eml"), [MAIL]),
    "CSV": Target(document("a.csv"), [b'a;b\n"c";1\n']),
    "rich text": Target(document("a.rtf"), [rb"{\rtf1\ansi a\'e9\u8364?}"]),
    "an OpenDocument text": Target(document("a.odt"), [ODT]),
    "slides": Target(document("a.pptx"), [SLIDES]),
    "a book of sheets": Target(document("a.xlsx"), [SHEETS]),
    "a PDF": Target(document("a.pdf"), [PDF]),
    "a picture": Target(document("a.png"), [PNG]),
    "a mailbox": Target(document("a.mbox"), [b"From a@b Thu Jan  1 00:00:00 2026\n" + MAIL]),
    "Markdown": Target(document("a.md"), [b"---\ntitle: a\n---\n# b\n\n- c\n", MARKDOWN]),
    **GATHERED,
}
