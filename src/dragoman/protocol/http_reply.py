"""HTTP/1.1 responses, read from a byte stream in any pieces. The client's half of RFC 9112, without the sockets.

One reader reads one response after its request was sent; what follows it on the wire is an error.
Costs time linear in the bytes. Does not decode content codings: none is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import TypeAlias

from dragoman.errors import MalformedError

MAX_HEAD = 64 * 1024
"""Longest header section accepted, in bytes; the same bounds the trailers of a chunked body."""

MOST_KNOWN = 8  # heads that a connection remembers
NO_HEADERS: Mapping[str, str] = MappingProxyType({})
MAX_LINE = 1024  # bytes of a chunk-size line, extensions included
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\x00-\x08\x0a-\x1f\x7f]*)?")
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?", re.DOTALL)
_LENGTH = re.compile(r"[0-9]{1,15}")
_BODILESS = frozenset({204, 304})


class _Part(Enum):
    HEAD = 0
    FIXED = 1  # as many bytes as Content-Length said
    SIZE = 2  # the line before a chunk
    CHUNK = 3
    CRLF = 4  # the line end after a chunk
    TRAILER = 5
    REST = 6  # all that comes until the connection closes
    DONE = 7


# What a head says: status, header fields, whether the connection is kept, how the body ends, and its length.
Known: TypeAlias = dict[bytes, tuple[int, Mapping[str, str], bool, _Part, int]]


class ReplyReader:
    """The receiving end of one response.

    `status` is 0 until the head is complete. `headers` has lower-case names;
    fields that came more than once are joined by ", " (RFC 9110, section 5.3).
    `keep` says whether the connection may carry another request. `known` has the heads that came before on
    the same connection, with what they say: servers answer most requests with the same head.
    """

    def __init__(self, *, connect: bool = False, known: Known | None = None) -> None:
        self.status = 0
        self.headers: Mapping[str, str] = NO_HEADERS
        self._known = known
        self.keep = False
        self._connect = connect
        self._part = _Part.HEAD
        self._left = 0  # bytes of the body, or of the chunk, still to come
        self._held: bytearray = bytearray()
        self._trailer = 0

    @property
    def done(self) -> bool:
        """Whether the whole response is there."""
        return self._part is _Part.DONE

    def feed(self, data: bytes) -> bytes:
        """Return the part of the body that `data` holds.

        Raises MalformedError for what is not HTTP/1.1, or longer than it may be:
        close the connection then.
        """
        if self._part is _Part.HEAD:
            data = self._head(data)
        if self._part is _Part.REST:
            return data
        if self._part is _Part.FIXED:
            return self._fixed(data)
        if self._part is _Part.DONE:
            if data:
                self.keep = False
                raise MalformedError("the server sent more than one response to one request")
            return b""
        if self._part is _Part.HEAD:
            return b""
        return self._chunked(data)

    def end(self) -> None:
        """The connection closed. Raises MalformedError if the response was cut off by that."""
        if self._part is _Part.REST:
            self._part = _Part.DONE
        elif self._part is not _Part.DONE:
            raise MalformedError("the response was cut off")

    # --- head -----------------------------------------------------------------------------------------------

    def _head(self, data: bytes) -> bytes:
        """Read heads, interim ones (1xx) included, and return what follows the final one."""
        if not self._held and 0 < (end := data.find(b"\r\n\r\n")) <= MAX_HEAD and self._read_head(data[:end]):
            return data[end + 4 :]  # as nearly all come: in one piece
        # The end may straddle two pieces; only new bytes and three held ones are searched.
        start = max(0, len(self._held) - 3)
        self._held += data
        while (end := self._held.find(b"\r\n\r\n", start)) >= 0:
            head = bytes(self._held[:end])
            if len(head) > MAX_HEAD:
                break
            rest = bytes(self._held[end + 4 :])
            self._held.clear()
            start = 0
            if self._read_head(head):
                return rest
            self._held += rest
        if len(self._held) > MAX_HEAD:
            raise MalformedError(f"the response has a header of more than {MAX_HEAD} bytes")
        return b""

    def _read_head(self, head: bytes) -> bool:
        """Read one head; returns whether it is the final one."""
        known = self._known
        if known is not None and head in known:
            self.status, self.headers, self.keep, self._part, self._left = known[head]
            return True
        first, *lines = head.split(b"\r\n")
        found = _STATUS.fullmatch(first)
        if found is None:
            raise MalformedError(f"not an HTTP/1.1 response: {first[:100]!r}")
        status = int(found[2])
        if status < 200:
            if status == 101:
                raise MalformedError("the server switched protocols, which nobody asked for")
            return False
        headers: dict[str, str] = {}
        for line in lines:
            field = _FIELD.fullmatch(line)
            if field is None:
                raise MalformedError(f"the response has a header line that is none: {line[:100]!r}")
            name, value = field[1].decode().lower(), field[2].decode("latin-1").rstrip(" \t")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        self.status = status
        self.headers = headers
        tokens = {token.strip() for token in headers.get("connection", "").lower().split(",")}
        self.keep = "close" not in tokens and (found[1] == b"1" or "keep-alive" in tokens)
        self._frame()
        if known is not None and not self._connect:
            if len(known) >= MOST_KNOWN:
                known.clear()
            known[head] = self.status, headers, self.keep, self._part, self._left
        return True

    def _frame(self) -> None:
        """Decide how the body ends (RFC 9112, section 6.3)."""
        coding = self.headers.get("transfer-encoding")
        length = self.headers.get("content-length")
        if (self._connect and self.status < 300) or self.status in _BODILESS:
            self._part = _Part.DONE
        elif coding is not None:
            if coding.lower() != "chunked":
                raise MalformedError(f"the response has a transfer coding that nobody asked for: {coding[:100]!r}")
            # With a length beside it, one of the two lies: the connection is not trusted any further.
            self.keep = self.keep and length is None
            self._part = _Part.SIZE
        elif length is not None:
            # A length given twice the same is one length.
            lengths = {item.strip() for item in length.split(",")}
            stated = lengths.pop()
            if lengths or not _LENGTH.fullmatch(stated):
                raise MalformedError(f"the response has no clear length: {length[:100]!r}")
            self._left = int(stated)
            self._part = _Part.FIXED if self._left else _Part.DONE
        else:
            self.keep = False
            self._part = _Part.REST

    # --- body -----------------------------------------------------------------------------------------------

    def _fixed(self, data: bytes) -> bytes:
        if len(data) > self._left:
            raise MalformedError("the response is longer than its Content-Length")
        self._left -= len(data)
        if not self._left:
            self._part = _Part.DONE
        return data

    def _chunked(self, data: bytes) -> bytes:
        if self._held:
            data = bytes(self._held) + data
            self._held.clear()
        out: list[bytes] = []
        at = 0
        while at < len(data) and self._part is not _Part.DONE:
            if self._part is _Part.CHUNK:
                piece = data[at : at + self._left]
                out.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._part = _Part.CRLF
                continue
            end = data.find(b"\r\n", at)
            if end < 0:
                # Bounded before it is held, so that a line that never ends cannot cost more than its bound.
                if len(data) - at > MAX_LINE:
                    raise MalformedError(f"the response has a chunk header of more than {MAX_LINE} bytes")
                self._held += data[at:]
                return b"".join(out)
            self._chunk_line(data[at:end])
            at = end + 2
        if at < len(data):
            raise MalformedError("the server sent more than one response to one request")
        return b"".join(out)

    def _chunk_line(self, line: bytes) -> None:
        if self._part is _Part.CRLF:
            if line:
                raise MalformedError("a chunk of the response is longer than its size")
            self._part = _Part.SIZE
        elif self._part is _Part.SIZE:
            found = _SIZE.fullmatch(line)
            if found is None or len(line) > MAX_LINE:
                raise MalformedError(f"the response has a chunk size that is none: {line[:100]!r}")
            self._left = int(found[1], 16)
            self._part = _Part.CHUNK if self._left else _Part.TRAILER
        elif line:
            self._trailer += len(line)
            if self._trailer > MAX_HEAD:
                raise MalformedError(f"the response has trailers of more than {MAX_HEAD} bytes")
        else:
            self._part = _Part.DONE
