"""Documents of any length in shapes that are dear to careless readers: many of one thing, depth, what nearly matches.

Each is made from one that a reader takes, and from the members of that where it is an archive.
"""

from __future__ import annotations

import io
import itertools
import re
import zipfile
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.fuzz.mutations import WORDS
from tests.fuzz.target import Target, packed, zipped

SIGNS = [bytes([sign]) for sign in b" \t\n\r!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~aA0179\x00\xff"]
PAIRS = [
    b"a,", b"a=b;", b"&amp;", b"&#x41;", b"<a>", b"<a ", b"</a>", b"<!--", b"-->", b"<a b='", b"[](", b"[a](b", b"![",
    b"**", b"_a", b"*a", b"1.", b"- ", b"> ", b"\r\n\r\n", b"\r\n ", b'""', b'\\"', b"''", b"()", b"a b ", b"$a", b"{}",
    b"[]", b"[1],", b'{"a":1},', b'"a":1,', b"a: 1\n", b"- a\n", b"a = 1\n", b"a\n", b"a\n\n", b"\n ", b" \n", b"/a",
    b"a/", b"./", b"**/", b"a.b.", b"%41", b"{a}", b"{a", b"a'", b"0,", b"0.", b"1e", b"1-", b"--a\n", b"# a\n",
    b"|a|\n", b"|-", b"```\n", b"~~", b"a@b", b"http://a ", b"\xc3\xa9", b"\xe2\x80\x8b", b"AND ", b"(SELECT ",
    b"x IN (", b"NOT ", b"/**/", b"\x1b[1m",
]  # fmt: skip
NESTED = [
    (b"[", b"]"), (b"{", b"}"), (b"(", b")"), (b'{"a":', b"}"), (b"<a>", b"</a>"), (b"<div>", b"</div>"),
    (b"<table><tr><td>", b"</td></tr></table>"), (b"<ul><li>", b"</li></ul>"), (b"> ", b"\n"), (b"a: {", b"}"),
    (b"<<", b">>"), (b"{\\b ", b"}"), (b"(SELECT * FROM ", b") a"), (b"<blockquote>", b""), (b"<b><i>", b""),
    (b"/*", b"*/"), (b"case when a then ", b" end"),
]  # fmt: skip
# What begins something that a long run of these never ends, or ends only there.
OPENED = [
    b"](", b"[a]:", b"[a](", b"![", b"<a ", b"<a b=", b"<!--", b"# a", b"a: ", b"a:", b'"', b"'", b"`", b"=", b"a=",
    b"--", b"a;q=", b"%", b"&#", b"&", b"{", b"${", b"$", b"\\", b"\x1b[", b"=?utf-8?q?", b"a@", b"http://", b"://a:",
    b"/*", b"//", b"1.", b"0x", b"1e", b"- ", b"> ", b"title: a", b"2026", b"Q1", b"1 jan", b"eyJ", b"\r\na:", b"*",
    b"!", b"a", b"1", b"CREATE VIEW ", b"x IN (",
]  # fmt: skip
RUNS = [b" ", b"\t", b"\n", b"a", b"0", b"#", b"-", b".", b"/", b"=", b"*", b"\\", b'"', b"_a"]
COUNTED = [
    '"k%s":1,', "k%s=1; ", "k%s: 1\n", "k%s = 1\n", "[t%s]\n", "&k%s ", "*k%s ", "<k%s>", "<a k%s=1>", "[%s]: a\n",
    "%s,", "data: %s\n", "%s 0 obj<<>>endobj\n", "- k%s\n", "--k%s\n", "k%s/*.a\n", "word%s ", "X-K%s: a\r\n",
]  # fmt: skip


class Shape(NamedTuple):
    """`make` returns a document of about so many bytes."""

    name: str
    make: Callable[[int], bytes]


def kernels(seed: bytes) -> Iterator[tuple[str, bytes, Callable[[bytes], bytes]]]:
    """Yield what in a document is grown, each with a name, and with what makes a document of it."""
    if seed.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(seed)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        for name, data in members.items():
            yield name, data, lambda grown, name=name: zipped({**members, name: grown})
    elif seed.startswith(b"\x1f\x8b"):
        yield (
            "package.json",
            b'{"name":"a","version":"1","bin":"a.js"}',
            lambda grown: packed("package/package.json", grown),
        )
    else:
        yield "", seed, lambda grown: grown


def pieces(kernel: bytes) -> Iterator[bytes]:
    """Yield what a document is made of, and its beginnings: many of these nearly match, again and again."""
    found = [*kernel.splitlines(True), *re.findall(rb"\w+\W", kernel), *re.findall(rb"\W\w+", kernel)]
    found += [kernel[: len(kernel) * eighth // 8] for eighth in range(1, 9)]
    yield from list(dict.fromkeys(each for each in found if 0 < len(each) < 500))[:24]


def _repeated(kernel: bytes, at: int, piece: bytes) -> Callable[[int], bytes]:
    return lambda size: kernel[:at] + piece * (size // len(piece)) + kernel[at:]


def _nested(kernel: bytes, at: int, pair: tuple[bytes, bytes]) -> Callable[[int], bytes]:
    many = len(pair[0] + pair[1])
    return lambda size: kernel[:at] + pair[0] * (size // many) + pair[1] * (size // many) + kernel[at:]


def _counted(kernel: bytes, at: int, pattern: str) -> Callable[[int], bytes]:
    """Number what is repeated, with six digits of which no year can be made."""

    def make(size: int) -> bytes:
        numbers = itertools.islice(itertools.product("345678", repeat=6), size // (len(pattern) + 4))
        return kernel[:at] + b"".join((pattern % "".join(each)).encode() for each in numbers) + kernel[at:]

    return make


def _opened(kernel: bytes, at: int, opener: bytes, run: bytes) -> Callable[[int], bytes]:
    return lambda size: kernel[:at] + opener + run * (size // len(run)) + b"!" + kernel[at:]


def shapes(target: Target) -> Iterator[Shape]:
    """Yield what a reader is to be tried with."""
    words = [*SIGNS, *PAIRS, *(word for word in WORDS if 1 < len(word) < 32)]
    for number, seed in enumerate(target.seeds):
        for member, kernel, whole in kernels(seed):
            named = f"seed {number}{member and ', ' + member}"
            for at in sorted({0, len(kernel) // 2, max(len(kernel) - 1, 0)}):
                makers = [
                    (f"{word!r}", _repeated(kernel, at, word)) for word in dict.fromkeys([*words, *pieces(kernel)])
                ]
                makers += [(f"{pair[0]!r}...{pair[1]!r}", _nested(kernel, at, pair)) for pair in NESTED]
                if at == len(kernel) // 2 and not member:
                    pairs = itertools.product(OPENED, RUNS)
                    makers += [(f"{opener!r} and {run!r}", _opened(kernel, at, opener, run)) for opener, run in pairs]
                makers += [(f"{pattern!r}", _counted(kernel, at, pattern)) for pattern in COUNTED]
                for what, make in makers:
                    yield Shape(f"{named}, {what} at {at}", lambda size, make=make, whole=whole: whole(make(size)))
