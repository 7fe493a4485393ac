"""A head that never came before, known by its lines: proxies write an id, a trace or an address into each request.

Taken is what is written as the parser took it before: the request line and the name of every field to the byte, a value
of visible signs, one Content-Length. All else is the parser's, so no two readers can take such a head for two things.
Promise: no secret value is kept but by its connection. Limit: no field twice, none that is about the connection.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import msgspec

from dragoman.protocol.marks import Marked
from dragoman.transport.asgi import SAME, WEIGHED

if TYPE_CHECKING:
    from dragoman.app.again import Again

LONGEST_LINE, LONGEST_NAME, LONGEST_KEY = 256, 64, 1024  # bytes of what is kept
LONGEST_NUMBER = 12  # digits of a length
MOST_LINES, MOST_NAMES, MOST_FIRSTS, MOST_SHAPES, MOST_VERDICTS = 1024, 256, 64, 256, 256
MARKS = 4096  # things that are noticed
# What is nobody's but its sender's.
SECRET = frozenset({b"authorization", b"dpop"})
# What makes a request unlike others: it changes how that is read or when its connection ends, or is its sender's.
UNUSUAL = frozenset(
    {b"transfer-encoding", b"upgrade", b"expect", b"connection", b"proxy-connection", b"http2-settings"}
    | {b"cookie", b"proxy-authorization"}
)
# What a shape is known by, so that it is not left open.
_FIXED = frozenset({*SAME, b"content-length", b"mcp-name", b"connection"})
_VISIBLE = bytes(range(0x20, 0x7F))
_SPACE = 0x20

Pair = tuple[bytes, bytes]
Fields = dict[bytes, bytes]
# Answers one request, with the fields of its head and its body, by what was found out about heads like that.
Known = Callable[["Again", Fields, bytes], Coroutine[Any, Any, None]]


class Marks:
    """What came a while ago, by marks from which nothing can be read."""

    def __init__(self) -> None:
        self.seen: set[int] = set()

    def again(self, data: bytes) -> bool:
        """Say whether this was here a while ago. Many things are no more than once, and not worth keeping."""
        mark = hash(data)
        if mark in self.seen:
            return True
        if len(self.seen) >= MARKS:
            self.seen.clear()
        self.seen.add(mark)
        return False


class Verdict(msgspec.Struct):
    """What the application makes of heads that agree in all that it judges them by.

    `known` is None for heads of which it wants to be told in ASGI's way.
    """

    known: Known | None = None
    judged: bool = False  # whether the application was asked: when such a head comes again, since some never do
    waits: int = 0  # how many of the next requests will have to wait for something, as far as one can tell


class Head(msgspec.Struct):
    """What a head means: the scope of its requests without what is the connection's, and the length of their bodies.

    `pairs` are the fields where some stand twice. Each of `open` is the place of a line whose value may be any, with
    how it begins and the name of its field.
    """

    scope: dict[str, Any]
    fields: Fields
    length: int
    verdict: Verdict
    pairs: list[Pair] | None = None
    open: tuple[tuple[int, bytes, bytes], ...] = ()


class Lines:
    """The lines that a parser took, and heads that are made of them."""

    def __init__(self) -> None:
        self.firsts: dict[bytes, dict[str, Any]] = {}  # request lines, and the scopes that they make
        self.names: dict[bytes, bytes] = {}  # names of fields as they are written, and as applications get them
        self.lines: dict[bytes, int] = {}  # whole lines that came more than once, numbered
        self.shapes: dict[tuple[int | None, ...], Head] = {}  # by the numbers of their lines
        self.verdicts: dict[tuple[Any, ...], Verdict] = {}
        self._marks = Marks()

    def read(self, head: bytes, mine: Fields) -> tuple[Head, Fields] | None:
        """Return what a head means that has its end, and its fields.

        None if the parser has to read it. `mine` are values of secret lines, kept by whoever calls.
        """
        lines = head[:-4].split(b"\r\n")
        numbers = tuple(map(self.lines.get, lines))
        shape = self.shapes.get(numbers)
        if shape is None:
            return self._spell(lines, numbers, mine)
        fields = shape.fields.copy()
        for at, begins, name in shape.open:
            line = lines[at]
            if not line.startswith(begins):
                return self._spell(lines, numbers, mine)
            value = _value(line, len(begins)) if name not in SECRET else _secret(line, len(begins), name, mine)
            if value is None:
                return None
            fields[name] = value
        return shape, fields

    def _spell(self, lines: list[bytes], numbers: tuple[int | None, ...], mine: Fields) -> tuple[Head, Fields] | None:
        scope = self.firsts.get(lines[0])
        if scope is None:
            return None
        if numbers[0] is None:
            self._notice(lines[0])
        fields: Fields = {}
        left: list[tuple[int, bytes, bytes]] = []
        for at, line in enumerate(lines[1:], 1):
            begins = line[: line.find(b": ") + 2]
            name = self.names.get(begins[:-2])
            if name is None or name in fields:
                return None
            value = _value(line, len(begins)) if name not in SECRET else _secret(line, len(begins), name, mine)
            if value is None or not usual(name, value):
                return None
            fields[name] = value
            if numbers[at] is None:
                left.append((at, begins, name))
                self._notice(line, name)
        # The number has to be written as everybody writes it: `+5` and `05` are read in two ways.
        length = fields.get(b"content-length", b"")
        if len(length) > LONGEST_NUMBER or not length.isdigit() or b"%d" % int(length) != length:
            return None
        head = Head(scope, fields, int(length), self._verdict(scope, fields), None, tuple(left))
        if numbers[0] is not None and _FIXED.isdisjoint(name for _, _, name in left):
            known = {name: b"" for _, _, name in left}
            _keep(self.shapes, numbers, msgspec.structs.replace(head, fields={**fields, **known}), MOST_SHAPES)
        return head, fields

    def _notice(self, line: bytes, name: bytes = b"") -> None:
        if name in SECRET or len(line) > LONGEST_LINE or not self._marks.again(line):
            return
        if len(self.lines) >= MOST_LINES:
            self.lines.clear()
            self.shapes.clear()  # their numbers are given to others
        self.lines[line] = len(self.lines)

    def learn(self, head: bytes, scope: dict[str, Any], pairs: list[Pair]) -> None:
        """Remember how the head of a usual request was written, of which the parser made `scope` and `pairs`."""
        first, *lines = head[:-4].split(b"\r\n")
        if len(lines) != len(pairs):
            return
        names = [line.partition(b": ")[0] for line in lines]
        # What the parser changes, or reads in its own way, is nowhere else taken for what it is.
        for line, written, (name, value) in zip(lines, names, pairs, strict=True):
            if line != written + b": " + value or written.lower() != name or len(written) > LONGEST_NAME:
                return
        if first not in self.firsts:
            _keep(self.firsts, first, scope, MOST_FIRSTS)
        for written in names:
            if written not in self.names:
                _keep(self.names, written, written.lower(), MOST_NAMES)

    def head(self, scope: dict[str, Any], pairs: list[Pair], length: int) -> Head:
        """Return what a head with these fields means, of which some may stand twice."""
        fields = dict(pairs)
        if len(fields) != len(pairs):
            return Head(scope, fields, length, Verdict(judged=True), pairs)
        return Head(scope, fields, length, self._verdict(scope, fields))

    def _verdict(self, scope: dict[str, Any], fields: Fields) -> Verdict:
        if not WEIGHED.isdisjoint(fields):
            return Verdict(judged=True)
        get = fields.get
        key = (scope["raw_path"], scope["query_string"], *map(get, SAME), get(b"mcp-name"))
        verdict = self.verdicts.get(key)
        if verdict is None:
            verdict = Verdict()
            if sum(len(part or b"") for part in key) <= LONGEST_KEY:
                _keep(self.verdicts, key, verdict, MOST_VERDICTS)
        return verdict


def usual(name: bytes, value: bytes) -> bool:
    """Say whether a field leaves it at what is usual. Many clients say that the connection stays, which it does."""
    return name not in UNUSUAL or (name == b"connection" and value.lower() == b"keep-alive")


def _value(line: bytes, at: int) -> bytes | None:
    """Return the value that begins `at` there; None if a parser might read another."""
    value = line[at:]
    if not value or value[0] == _SPACE or value[-1] == _SPACE or value.translate(None, _VISIBLE):
        return None
    return value


def _secret(line: bytes, at: int, name: bytes, mine: Fields) -> bytes | None:
    value = mine.get(line)
    if value is not None:
        return value
    value = _value(line, at)
    if value is None or name != b"authorization":
        return value  # a proof is another for each request
    mine.clear()
    mine[line] = marked = Marked(value)
    return marked


def _keep(kept: dict[Any, Any], key: Any, value: Any, most: int) -> None:
    # What is used is there again at once; what was sent to fill this is not.
    if len(kept) >= most:
        kept.clear()
    kept[key] = value
