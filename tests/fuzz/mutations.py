"""Documents that are almost right: one that is, changed in a few places. What is all random is refused at the door."""

from __future__ import annotations

from hypothesis import strategies as st
from tests.fuzz.readers import Target

# What means something to one reader or another, at places where it should not be.
WORDS = [
    b"\x00", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\r\n", b"\n\n", b"\t", b'"', b"'", b"\\", b"\\u0000",
    b"\\ud800", b"{", b"}", b"[", b"]", b"[" * 100, b"{" * 70, b",", b":", b"=", b";", b"%", b"%zz", b"*", b"&x", b"*x",
    b"<<: *x", b"!!python/object", b"-1", b"1e999", b"9" * 400, b"NaN", b"null", b"true", b"0x", b"\xc2\xa0", b"--",
    b"\xe2\x80\xae", b"/*", b"*/", b"../", b"//", b"$ref", b"#/", b"__proto__", b"\x1b[2J", b"=?base64?", b"?=",
    b"chunked", b"fffffffffffffffff\r\n", b"a" * 5000,
]  # fmt: skip


@st.composite
def almost(draw: st.DrawFn, target: Target) -> bytes:
    """Draw bytes that `target` might take for a document."""
    data = draw(st.sampled_from(list(target.seeds)))
    for _ in range(draw(st.integers(1, 6))):
        at, to = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
        kind = draw(st.integers(0, 5))
        if kind == 0:
            data = data[:at] + draw(st.sampled_from(WORDS)) + data[at:]
        elif kind == 1:
            data = data[:at] + draw(st.binary(max_size=8)) + data[at + 1 :]
        elif kind == 2:
            data = data[:at] + data[to:]
        elif kind == 3:
            data = data[:to] + data[at:to] * draw(st.integers(1, 40)) + data[to:]
        elif kind == 4:
            data = data[:at] + draw(st.sampled_from(WORDS)) + data[to:]
        else:
            data = data[:at]
        data = data[:20_000]
    return data
