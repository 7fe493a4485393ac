"""Server-Sent Events: what is written is read back, however the stream is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.errors import MalformedError
from dragoman.protocol.sse import COMMENT, Event, EventReader, encode_event

one_line = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=12)
payload = st.binary(max_size=40).filter(lambda b: b"\n" not in b and b"\r" not in b)
sent_event = st.builds(
    Event,
    event=one_line.filter(bool),
    data=payload,
    id=st.none() | one_line,
    retry=st.none() | st.integers(min_value=0, max_value=10**9),
)


def read(stream: bytes, step: int = 1_000_000, limit: int = 4096) -> list[Event]:
    reader = EventReader(limit)
    return [event for i in range(0, len(stream), step) for event in reader.feed(stream[i : i + step])]


@given(st.lists(sent_event, max_size=4), st.integers(min_value=1, max_value=9), st.sampled_from(["\n", "\r", "\r\n"]))
def test_any_cut_and_any_line_end_give_the_same_events(sent: list[Event], step: int, line_end: str) -> None:
    stream = COMMENT.join(encode_event(e.data, event=e.event, id=e.id, retry=e.retry) for e in sent)
    assert read(stream.replace(b"\n", line_end.encode()), step) == sent


@given(st.binary(max_size=120), st.integers(min_value=1, max_value=9))
def test_garbage_reads_the_same_in_one_piece_and_in_many(stream: bytes, step: int) -> None:
    assert read(stream) == read(stream, step)


def test_a_plain_event_is_one_data_line() -> None:
    assert encode_event(b'{"a":1}') == b'data: {"a":1}\n\n'


def test_every_field_has_its_line() -> None:
    assert encode_event(b"{}", event="message", id="7", retry=500) == (
        b"event: message\nid: 7\nretry: 500\ndata: {}\n\n"
    )


@pytest.mark.parametrize("evil", ["a\nb", "a\rb", "a\0b"])
def test_a_value_that_would_end_its_line_is_refused(evil: str) -> None:
    with pytest.raises(ValueError, match="id must have no CR, LF or NUL"):
        encode_event(b"{}", id=evil)
    with pytest.raises(ValueError, match="event must have no CR, LF or NUL"):
        encode_event(b"{}", event=evil)


@pytest.mark.parametrize("data", [b"{\n}", b"{\r}"])
def test_data_over_several_lines_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="must be one line"):
        encode_event(data)


def test_a_negative_retry_is_refused() -> None:
    with pytest.raises(ValueError, match="milliseconds, got -1"):
        encode_event(b"{}", retry=-1)
    assert encode_event(b"{}", retry=0).startswith(b"retry: 0\n")


def test_several_data_lines_are_joined_by_a_newline() -> None:
    assert read(b"data: a\ndata\ndata:  b\n\n") == [Event("message", b"a\n\n b", None, None)]


def test_a_block_without_data_is_no_event_but_its_id_counts() -> None:
    reader = EventReader()
    assert reader.feed(b"id: 41\nretry: 9\n\n") == []
    assert (reader.last_id, reader.retry) == ("41", 9)


def test_an_empty_data_line_is_an_event() -> None:
    assert read(encode_event(b"", id="1")) == [Event("message", b"", "1", None)]


def test_an_id_with_nul_is_ignored_and_an_empty_one_resets() -> None:
    reader = EventReader()
    reader.feed(b"id: 1\ndata: a\n\n")
    reader.feed(b"id: 2\0\ndata: b\n\n")
    assert reader.last_id == "1"
    reader.feed(b"id\ndata: c\n\n")
    assert reader.last_id == ""


@pytest.mark.parametrize("text", [b"-1", b"1.5", b"", b"12a", "\u0663".encode(), b"9" * 5000])
def test_a_retry_that_is_no_number_of_milliseconds_is_ignored(text: bytes) -> None:
    reader = EventReader()
    reader.feed(b"retry: " + text + b"\n\n")
    assert reader.retry is None
    reader.feed(b"retry: 1500\n\n")
    assert reader.retry == 1500


def test_a_byte_order_mark_is_dropped_once() -> None:
    stream = b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n"
    assert read(stream, 1) == read(stream) == [Event("message", b"a", None, None)]


def test_comments_and_unknown_fields_are_ignored() -> None:
    assert read(b": hello\nwhat: 1\n\n" + COMMENT + b"data: a\n\n") == [Event("message", b"a", None, None)]


def test_the_event_name_does_not_leak_into_the_next_event() -> None:
    assert [e.event for e in read(b"event: x\n\ndata: a\n\nevent: y\ndata: b\n\n")] == ["message", "y"]


def test_an_event_that_does_not_end_is_not_delivered() -> None:
    assert read(b"data: a\n") == []


@pytest.mark.parametrize("stream", [b"data: 123456789\n\n", b"data: 1\n" * 5, b":" * 17, b"id: " + b"x" * 13 + b"\n"])
def test_an_event_over_the_limit_is_refused(stream: bytes) -> None:
    reader = EventReader(max_event=14)
    with pytest.raises(MalformedError, match="longer than 14 bytes") as caught:
        reader.feed(stream)
    assert caught.value.code == -32700
    with pytest.raises(MalformedError):
        reader.feed(b"data: ok\n\n")


def test_events_within_the_limit_pass_one_after_another() -> None:
    reader = EventReader(max_event=14)
    assert len(reader.feed(b"data: 12345678\n\n" * 50)) == 50
