"""HTTP/1.1 responses: any cut gives the same response, h11 agrees, and what is ambiguous is refused."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.errors import MalformedError
from dragoman.protocol.http_reply import MAX_HEAD, MAX_LINE, MOST_KNOWN, Known, ReplyReader

SIMPLE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n6;name=value\r\n world\r\n0\r\nX-Trailer: yes\r\n\r\n"
)
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"


def read(data: bytes, step: int = 0) -> tuple[ReplyReader, bytes]:
    reader = ReplyReader()
    cuts = [data[i : i + step] for i in range(0, len(data), step)] if step else [data]
    return reader, b"".join(reader.feed(cut) for cut in cuts)


def by_h11(data: bytes) -> tuple[int, bytes]:
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    client.send(h11.EndOfMessage())
    client.receive_data(data)
    status, body = 0, b""
    while type(event := client.next_event()) is not h11.EndOfMessage:
        if isinstance(event, h11.Response):
            status = event.status_code
        if isinstance(event, h11.Data):
            body += bytes(event.data)
    return status, body


@given(st.sampled_from([SIMPLE, CHUNKED, INTERIM + SIMPLE, INTERIM * 3 + CHUNKED]), st.integers(1, 40))
def test_any_cut_gives_the_same_response(data: bytes, step: int) -> None:
    reader, body = read(data, step)
    assert reader.done and reader.keep
    assert (reader.status, body) == by_h11(data)


chunks = st.lists(st.binary(min_size=1, max_size=300), max_size=8)


@given(chunks, st.integers(1, 50))
def test_chunked_bodies_arrive_whole_as_h11_reads_them(parts: list[bytes], step: int) -> None:
    body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    data = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + body
    reader, got = read(data, step)
    assert reader.done
    assert (200, got) == by_h11(data) == (200, b"".join(parts))


def outcome(data: bytes, step: int) -> tuple[int, bytes] | None:
    """Return status and body, None if the response is refused."""
    try:
        reader, body = read(data, step)
    except MalformedError:
        return None
    return reader.status, body


HEADS = [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]
noise = st.binary(max_size=100) | st.text("0123456789abcdef;\r\n: ", max_size=60).map(str.encode)


@given(st.sampled_from(HEADS), noise)
def test_hostile_bytes_mean_the_same_in_any_pieces(head: bytes, data: bytes) -> None:
    assert outcome(head + data, 1) == outcome(head + data, 0)


ANSWERS = [
    SIMPLE,
    CHUNKED,
    INTERIM + SIMPLE,
    SIMPLE.replace(b"200 OK", b"404 Not Found"),
    SIMPLE.replace(b"5\r\n", b"7\r\n") + b"!!",
    SIMPLE.replace(b"json\r\n", b"json\r\nConnection: close\r\n"),
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\nuntil it closes",
]


@given(st.lists(st.tuples(st.sampled_from(ANSWERS), st.integers(0, 60)), max_size=30))
def test_heads_that_came_before_mean_what_they_meant(answers: list[tuple[bytes, int]]) -> None:
    known: Known = {}
    for data, step in answers:
        fresh, body = read(data, step)
        again = ReplyReader(known=known)
        cuts = [data[i : i + step] for i in range(0, len(data), step)] if step else [data]
        assert b"".join(again.feed(cut) for cut in cuts) == body
        assert (again.status, again.headers, again.keep, again.done) == (
            fresh.status, fresh.headers, fresh.keep, fresh.done
        )  # fmt: skip
    assert len(known) <= MOST_KNOWN


def test_no_more_heads_are_known_than_may_be() -> None:
    known: Known = {}
    for number in range(3 * MOST_KNOWN):
        ReplyReader(known=known).feed(b"HTTP/1.1 200 OK\r\nX-N: %d\r\nContent-Length: 0\r\n\r\n" % number)
        assert 0 < len(known) <= MOST_KNOWN
    bad = b"HTTP/1.1 200 OK\r\nno field\r\n\r\n"
    for _ in range(2):
        with pytest.raises(MalformedError, match="header line"):
            ReplyReader(known=known).feed(bad)


def test_headers_are_lower_case_trimmed_and_joined() -> None:
    reader, _ = read(b"HTTP/1.1 200 OK\r\nX-A:  one \r\nx-a: two\r\nContent-Length: 0\r\n\r\n")
    assert reader.headers == {"x-a": "one, two", "content-length": "0"}


def test_a_body_without_length_ends_with_the_connection() -> None:
    reader, body = read(b"HTTP/1.1 200 OK\r\n\r\nall of ")
    assert body == b"all of " and not reader.done and not reader.keep
    assert reader.feed(b"it") == b"it"
    reader.end()
    assert reader.done


@pytest.mark.parametrize("data", [SIMPLE[:-1], CHUNKED[:-2], SIMPLE[:20], b""])
def test_a_response_that_is_cut_off_is_told_from_one_that_ended(data: bytes) -> None:
    reader, _ = read(data)
    with pytest.raises(MalformedError, match="cut off"):
        reader.end()
    whole, _ = read(SIMPLE)
    whole.end()


@pytest.mark.parametrize(
    "head, keeps",
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", True),
        (b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n", True),
        # One of the two lies; the connection is not trusted any further.
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", True),
    ],
)
def test_a_connection_is_kept_only_when_both_sides_may(head: bytes, keeps: bool) -> None:
    reader, _ = read(head)
    assert reader.done and reader.keep is keeps


@pytest.mark.parametrize(
    "data, told",
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "not an HTTP/1.1 response"),
        (b"HTTP/2 200\r\n\r\n", "not an HTTP/1.1 response"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "switched protocols"),
        (b"HTTP/1.1 200 OK\r\nNo colon\r\n\r\n", "header line"),
        (b"HTTP/1.1 200 OK\r\nName : value\r\n\r\n", "header line"),
        (b"HTTP/1.1 200 OK\r\nA: 1\r\n folded\r\n\r\n", "header line"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", "no clear length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "no clear length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\n", "no clear length"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "transfer coding"),
        (SIMPLE + b"!", "longer than its Content-Length"),
        (CHUNKED + b"!", "more than one response"),
        (b"HTTP/1.1 204 No Content\r\n\r\n!", "more than one response"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n", "chunk size"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n", "longer than its size"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * (MAX_LINE + 1), "chunk header of more"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * MAX_HEAD, "header of more"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * MAX_HEAD + b"\r\n\r\n", "header of more"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"A: b\r\n" * 20_000, "trailers of more"),
    ],
)
def test_what_is_ambiguous_or_endless_is_refused(data: bytes, told: str) -> None:
    with pytest.raises(MalformedError, match=told):
        read(data)


def test_a_tunnel_has_no_body_but_a_refused_one_does() -> None:
    tunnel = ReplyReader(connect=True)
    assert tunnel.feed(b"HTTP/1.1 200 Connection established\r\nContent-Length: 10\r\n\r\n") == b"" and tunnel.done
    refused = ReplyReader(connect=True)
    assert refused.feed(b"HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno") == b"no" and refused.done
