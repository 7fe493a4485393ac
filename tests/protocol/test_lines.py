"""Lines: any cut of a stream gives the same frames, and none is longer than the limit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.errors import MalformedError
from dragoman.protocol.lines import LineReader

frame = st.binary(min_size=1, max_size=40).filter(
    lambda b: b"\n" not in b and not b.endswith(b"\r") and bool(b.strip())
)


def pieces(stream: bytes, step: int) -> list[bytes]:
    return [stream[i : i + step] for i in range(0, len(stream), step)]


@given(st.lists(frame), st.sampled_from([b"\n", b"\r\n"]), st.integers(min_value=1, max_value=7))
def test_any_cut_gives_the_same_frames(sent: list[bytes], line_end: bytes, step: int) -> None:
    stream = b"".join(f + line_end for f in sent)
    reader = LineReader()
    assert [f for piece in pieces(stream, step) for f in reader.feed(piece)] == sent
    assert reader.pending == 0


@given(st.binary(max_size=200), st.integers(min_value=1, max_value=9), st.integers(min_value=1, max_value=30))
def test_garbage_either_comes_out_bounded_or_is_refused(stream: bytes, step: int, limit: int) -> None:
    reader = LineReader(max_frame=limit)
    try:
        frames = [f for piece in pieces(stream, step) for f in reader.feed(piece)]
    except MalformedError:
        assert any(len(line.removesuffix(b"\r")) > limit for line in stream.split(b"\n"))
    else:
        assert all(0 < len(f) <= limit for f in frames)
        assert frames == [f for line in stream.split(b"\n")[:-1] if (f := line.removesuffix(b"\r")).strip()]


def test_blank_lines_are_skipped() -> None:
    assert LineReader().feed(b"\n\r\n  \n{}\n\n") == [b"{}"]


def test_an_unfinished_frame_waits_and_is_counted() -> None:
    reader = LineReader()
    assert reader.feed(b'{"a"') == []
    assert reader.pending == 4
    assert reader.feed(b":1}\n") == [b'{"a":1}']


def test_a_carriage_return_inside_a_frame_stays() -> None:
    assert LineReader().feed(b"a\rb\n") == [b"a\rb"]


@pytest.mark.parametrize("data", [b"123456789", b"123456789\n", b"123456789\r", b"123456789\r\n", b"ok\n123456789\n"])
def test_a_frame_over_the_limit_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError, match="longer than 8 bytes") as caught:
        LineReader(max_frame=8).feed(data)
    assert caught.value.code == -32700


@pytest.mark.parametrize("data", [b"12345678\n", b"12345678\r\n"])
def test_a_frame_of_exactly_the_limit_passes(data: bytes) -> None:
    reader = LineReader(max_frame=8)
    assert [f for piece in pieces(data, 1) for f in reader.feed(piece)] == [b"12345678"]


def test_after_a_refusal_the_reader_stays_refusing_and_holds_nothing() -> None:
    reader = LineReader(max_frame=8)
    with pytest.raises(MalformedError):
        reader.feed(b"123456789")
    assert reader.pending == 0
    with pytest.raises(MalformedError):
        reader.feed(b"ok\n")
