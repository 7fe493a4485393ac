"""A head that never came is known by its lines, or the parser's: it is never taken for what that would not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.app import head_lines
from dragoman.app.head_lines import Fields, Head, Lines, Pair
from dragoman.protocol.marks import Marked

httptools: Any = pytest.importorskip("httptools", reason="heads are known again with the faster parser only")

FIRST = b"POST /mcp HTTP/1.1"
USUAL = (
    b"Host: 127.0.0.1:8000",
    b"Content-Type: application/json",
    b"accept: application/json, text/event-stream",
    b"Mcp-Name: add",
    b"X-Request-Id: 1",
    b"Authorization: Bearer one",
    b"Content-Length: 5",
)
BODY = b"hello"


class Parsed:
    """What the parser makes of a whole request."""

    def __init__(self, data: bytes) -> None:
        self.pairs: list[Pair] = []
        self.body, self.url, self.whole = b"", b"", 0
        parser = httptools.HttpRequestParser(self)
        parser.feed_data(data)
        self.method, self.version = parser.get_method(), parser.get_http_version()
        self.goes_on = parser.should_keep_alive()

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.pairs.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.whole += 1


def head(*lines: bytes, first: bytes = FIRST) -> bytes:
    return b"\r\n".join([first, *lines]) + b"\r\n\r\n"


def scope(path: bytes = b"/mcp") -> dict[str, Any]:
    return {"raw_path": path, "query_string": b""}


def taught(*heads: bytes) -> Lines:
    """Return what is known after the parser took these heads, each before five bytes."""
    lines = Lines()
    for each in heads or (head(*USUAL),):
        lines.learn(each, scope(), Parsed(each + BODY).pairs)
    return lines


def read(lines: Lines, written: bytes, body: int, mine: Fields) -> tuple[Head, Fields] | None:
    """Return what a head means that so many bytes follow, as a connection takes it."""
    found = lines.read(written, mine)
    return found if found is not None and found[0].length == body else None


def varied(**changed: bytes) -> tuple[bytes, ...]:
    """Return the usual lines with other values, by the first letters of their names."""
    return tuple(next((line.partition(b": ")[0] + b": " + value for key, value in changed.items()
                       if line.lower().startswith(key.encode())), line) for line in USUAL)  # fmt: skip


def test_a_head_of_other_values_is_what_the_parser_makes_of_it_the_first_time_and_later() -> None:
    lines = taught()
    for number in range(6):
        asked = head(*varied(x=b"%d" % number, mcp=b"tool", host=b"example.com"))
        found = read(lines, asked, 5, {})
        assert found is not None
        assert list(found[1].items()) == Parsed(asked + BODY).pairs
        assert found[0].length == 5 and found[0].scope == scope()
    # By then there is a shape for it, so that lines are not spelled out each time.
    assert [[name for _, _, name in shape.open] for shape in lines.shapes.values()] == [
        [b"x-request-id", b"authorization"]
    ]


def test_nothing_is_known_before_the_parser_took_something() -> None:
    assert read(Lines(), head(*USUAL), 5, {}) is None


HOSTILE = {
    "another request line": (head(*USUAL, first=b"POST /other HTTP/1.1"), 5),
    "another method": (head(*USUAL, first=b"PUT /mcp HTTP/1.1"), 5),
    "an older version": (head(*USUAL, first=b"POST /mcp HTTP/1.0"), 5),
    "two spaces": (head(*USUAL, first=b"POST  /mcp HTTP/1.1"), 5),
    "an empty line first": (b"\r\n" + head(*USUAL), 5),
    "another length": (head(*USUAL), 6),
    "a length with a sign": (head(*USUAL[:-1], b"Content-Length: +5"), 5),
    "a zero in front": (head(*USUAL[:-1], b"Content-Length: 05"), 5),
    "a list of lengths": (head(*USUAL[:-1], b"Content-Length: 5, 5"), 5),
    "no length": (head(*USUAL[:-1]), 5),
    "two lengths": (head(*USUAL, b"Content-Length: 5"), 5),
    "two lengths that differ": (head(*USUAL, b"Content-Length: 0"), 5),
    "a length in other letters": (head(*USUAL, b"content-length: 0"), 5),
    "a field twice": (head(*USUAL, b"X-Request-Id: 2"), 5),
    "an unknown field": (head(*USUAL, b"X-Other: 2"), 5),
    "another writing of a name": (head(*USUAL[:-1], b"content-length: 5"), 5),
    "pieces": (head(*USUAL, b"Transfer-Encoding: chunked"), 5),
    "the end of the connection": (head(*USUAL, b"Connection: close"), 5),
    "a space before the colon": (head(*USUAL[:-1], b"X-Request-Id : 2", USUAL[-1]), 5),
    "no space after the colon": (head(*USUAL[:4], b"X-Request-Id:2", *USUAL[5:]), 5),
    "a tab after the colon": (head(*USUAL[:4], b"X-Request-Id:\t2", *USUAL[5:]), 5),
    "a space at the end": (head(*varied(x=b"2 ")), 5),
    "two spaces at the beginning": (head(*varied(x=b" 2")), 5),
    "a tab in it": (head(*varied(x=b"2\t2")), 5),
    "a line that goes on": (head(*varied(x=b"2\r\n 3")), 5),
    "a line within a line": (head(*varied(x=b"2\nContent-Length: 0")), 5),
    "half a line's end": (head(*varied(x=b"2\rContent-Length: 0")), 5),
    "a byte of nothing": (head(*varied(x=b"2\0")), 5),
    "letters beyond ASCII": (head(*varied(x=b"\xe9")), 5),
    "nothing": (head(*varied(x=b"")), 5),
    "a field without a colon": (head(*USUAL, b"X-Request-Id"), 5),
    "a field without a name": (head(*USUAL, b": 2"), 5),
}


@pytest.mark.parametrize("known", [False, True], ids=["spelled", "by its shape"])
@pytest.mark.parametrize("what", HOSTILE)
def test_what_two_readers_could_take_for_two_things_is_the_parsers(what: str, known: bool) -> None:
    lines = taught()
    for number in range(4 if known else 0):
        assert read(lines, head(*varied(x=b"%d" % number)), 5, {}) is not None
    data, body = HOSTILE[what]
    assert read(lines, data, body, {}) is None
    assert read(lines, head(*varied(x=b"9")), 5, {}) is not None


@pytest.mark.parametrize(
    "line",
    [
        b"Connection: close",
        b"Connection: keep-alive, upgrade",
        b"Proxy-Connection: close",
        b"Transfer-Encoding: chunked",
        b"Cookie: id=1",
    ],
)
def test_names_that_change_how_a_request_is_read_are_in_no_usual_head(line: bytes) -> None:
    # Who calls `learn` asks; a head that has one was never learned.
    name, _, value = line.partition(b": ")
    assert not head_lines.usual(name.lower(), value)
    assert read(taught(), head(*USUAL, line), 5, {}) is None


def test_that_the_connection_stays_may_be_said_and_nothing_else_about_it() -> None:
    lines = taught(head(*USUAL, b"Connection: keep-alive"))
    for number in range(6):
        asked = varied(x=b"%d" % number)
        for said, known in ((b"keep-alive", True), (b"Keep-Alive", True), (b"close", False), (b"upgrade", False)):
            found = read(lines, head(*asked, b"Connection: " + said), 5, {})
            assert (found is not None) is known, said
            assert found is None or found[1][b"connection"] == said


@pytest.mark.parametrize("odd", [b"X-Odd:1", b"X-Odd:\t1", b"X-Odd:  1"])
def test_a_head_that_is_not_written_as_the_parser_tells_it_teaches_nothing(odd: bytes) -> None:
    for line, learned in ((odd, False), (b"X-Odd: 1", True)):
        lines, written = Lines(), head(*USUAL, line)
        lines.learn(written, scope(), Parsed(written + BODY).pairs)
        assert bool(lines.firsts) is bool(lines.names) is learned


pieces = st.one_of(
    st.sampled_from([*USUAL, b"X-Request-Id: 2", b"Content-Length: 05", b"content-length: 5", b"Expect: 100-continue"]),
    st.sampled_from([b"Transfer-Encoding: chunked", b"Connection: close", b"Connection: keep-alive"]),
    st.sampled_from([b"Upgrade: h2c", b" folded", b"", b"X: \n"]),
    st.tuples(st.sampled_from([b"X-Request-Id", b"Host", b"Content-Length", b"Authorization", b"New"]),
              st.sampled_from([b": ", b":", b" : ", b":\t", b"\n"]), st.binary(max_size=12)).map(b"".join),
)  # fmt: skip


@settings(max_examples=60)
@given(st.lists(st.lists(pieces, max_size=9), min_size=1, max_size=6), st.integers(0, 7))
def test_whatever_is_known_is_what_the_parser_makes_of_it(heads: list[list[bytes]], body: int) -> None:
    lines = taught(head(*USUAL), head(*USUAL, b"Connection: keep-alive"))
    mine: dict[bytes, bytes] = {}
    for each in heads:
        data = head(*each)
        # As a connection does it: up to the first empty line.
        data = data[: data.find(b"\r\n\r\n") + 4]
        for _ in range(3):
            found = read(lines, data, body, mine)
            if found is None:
                break
            parsed = Parsed(data + b"b" * body)
            assert list(found[1].items()) == parsed.pairs
            assert (parsed.method, parsed.version, parsed.url, parsed.goes_on) == (b"POST", "1.1", b"/mcp", True)
            assert parsed.whole == 1 and parsed.body == b"b" * body
        else:
            assert all(head_lines.usual(name, value) for name, value in parsed.pairs)


def test_credentials_are_kept_by_their_connection_alone() -> None:
    lines, mine, other = taught(), dict[bytes, bytes](), dict[bytes, bytes]()
    for number in range(4):
        asked = head(*varied(x=b"%d" % number, authorization=b"Bearer very-secret"))
        found = read(lines, asked, 5, mine)
        assert found is not None and found[1][b"authorization"] == b"Bearer very-secret"
    assert list(mine) == [b"Authorization: Bearer very-secret"]
    assert isinstance(mine.popitem()[1], Marked)
    kept = [*lines.lines, *lines.names, *lines.firsts, *(shape.fields for shape in lines.shapes.values())]
    assert b"very-secret" not in repr(kept).encode() and lines.shapes
    found = read(lines, head(*varied(authorization=b"Bearer another")), 5, other)
    assert found is not None and found[1][b"authorization"] == b"Bearer another"


def test_proofs_are_not_kept() -> None:
    lines, mine = taught(head(*USUAL, b"DPoP: proof")), dict[bytes, bytes]()
    for _ in range(3):
        found = read(lines, head(*USUAL, b"DPoP: other"), 5, mine)
        assert found is not None and found[1][b"dpop"] == b"other"
    assert list(mine) == [b"Authorization: Bearer one"]


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    bounds = {"MOST_LINES": 9, "MOST_NAMES": 12, "MOST_FIRSTS": 3, "MOST_SHAPES": 4, "MOST_VERDICTS": 5, "MARKS": 30}
    for name, bound in bounds.items():
        monkeypatch.setattr(head_lines, name, bound)
    lines = taught()
    for number in range(40):
        other = head(*USUAL, b"X-%d: 1" % number, first=b"POST /%d HTTP/1.1" % number)
        lines.learn(other, scope(b"/%d" % number), Parsed(other + BODY).pairs)
        for _ in range(3):
            for asked in (other, head(*varied(x=b"%d" % number, host=b"h%d" % number))):
                read(lines, asked, 5, {})
        assert len(lines.lines) <= 9 and len(lines.names) <= 12 and len(lines.firsts) <= 3
        assert len(lines.shapes) <= 4 and len(lines.verdicts) <= 5
    # And it is known again at once.
    lines.learn(head(*USUAL), scope(), Parsed(head(*USUAL) + BODY).pairs)
    assert read(lines, head(*varied(x=b"last")), 5, {}) is not None


def test_long_lines_are_read_and_not_kept() -> None:
    lines = taught()
    for _ in range(4):
        assert read(lines, head(*varied(x=b"x" * 300)), 5, {}) is not None
        assert read(lines, head(*varied(host=b"h" * 2000)), 5, {}) is not None
    assert max(map(len, lines.lines)) <= head_lines.LONGEST_LINE
    assert not any(b"h" * 2000 in key for key in lines.verdicts)
