"""What once escaped from a reader, each as it was found: it is refused now, or read, and in its time."""

import pytest
from tests.fuzz.readers import TARGETS
from tests.fuzz.target import tried

DEEP = b"[" * 3000 + b"]" * 3000


@pytest.mark.parametrize(
    "name, data",
    [
        ("dragoman.json", DEEP),
        ("the book of consent", b'{"starts":' + b'{"a":' * 3000 + b"1" + b"}" * 3001),
        ("the log of an audit", b'{"what":' + DEEP + b"}"),
        ("a transcript", b'{"sent":' + DEEP + b"}"),
        ("a client's JSON", b"9" * 5000),
        ("a portable configuration", b'{"mcpServers":' + b"9" * 5000 + b"}"),
        ("an encoding", b"\x00utf-8\nabc"),
        ("an encoding", b"undefined\nabc"),
        ("an encoding", b"punycode\n" + b"a" * 20_000 + b"-" + b"a" * 20_000),
        ("cookies", b'a="' + b'\\"' * 8_000 + b'"'),
        ("rules of git", b"*a" * 100 + b"*b\n\n" + b"a" * 250),
        ("git's list of files", b"100644 blob 0123abcd `12\ta/b.py\x00100644 blob 0123abc\xee 6\tlink"),
        ("a schema", b'{"pattern":"' + b"![" * 7_000 + b'"}'),
        ("a query", b"\n\x00o"),
        ("a query", b"](" + b" " * 50_000),
        ("a query", b"[a]:" + b" " * 50_000),
        ("rich text", rb"{\rtf1\ansi " + rb'{\field{\*\fldinst{HYPERLINK "' * 1_000 + b"}"),
        ("mail", b"From: a\nSubject: " + b'/*"' * 30_000 + b"\n\nb\n"),
        ("rich text", rb"{\rtf1\ansi {\fonttbl" + rb"\f1" * 60_000 + b"}"),
        ("rich text", rb"{\rtf1\ansi {\fonttbl" + rb"\f1 a;" * 30_000 + b"}"),
        ("Markdown", b"# " + b"#" * 200_000 + b"x"),
        ("Markdown", b"# a" + b" " * 200_000 + b"x"),
        ("a sample of rows", b"a\n" + b"1" * 100_000 + b"x\n"),
        ("what is recorded of an answer", b"eyJ-" * 20_000),
        ("a line of a configuration", b"eyJ-" * 20_000),
        ("a line of a configuration", b"a" * 200_000),
        ("a head to the sandbox's proxy", b"TET http:/\n\n/ae/b? HTTP/1.1\r\nhost"),
    ],
)
def test_what_was_found_once_is_refused_or_read(name: str, data: bytes) -> None:
    tried(TARGETS[name], data)
