"""Server-Sent Events: one writer, and one reader that takes a stream in any pieces.

Here so that server and client agree, and the framing is tested with literal bytes.
Reading costs time linear in the bytes.  Reconnecting is the caller's business.
"""

from __future__ import annotations

from typing import NamedTuple

from dragoman.errors import MalformedError
from dragoman.wire.jsonrpc import PARSE_ERROR

MAX_EVENT = 4 * 1024 * 1024
"""Longest event accepted by default, in bytes of data and unfinished line."""

COMMENT = b":\n\n"
"""Keeps a quiet stream open: receivers ignore it (WHATWG HTML 9.2.6)."""

_BOM = b"\xef\xbb\xbf"
_RETRY_DIGITS = 15  # more milliseconds than 30,000 years; a longer number is no reconnection time


def encode_event(data: bytes, *, event: str | None = None, id: str | None = None, retry: int | None = None) -> bytes:
    """Return one event, ready to send; `retry` is in milliseconds.

    Raises ValueError if a value would end its line early: `data` with CR or LF (JSON as msgspec writes it has
    neither), `event` or `id` with CR, LF or NUL, or a negative `retry`.
    Source: WHATWG HTML 9.2.5 and 9.2.6.
    """
    if b"\n" in data or b"\r" in data:
        raise ValueError("event data must be one line: encode the JSON without line breaks")
    if event is None and id is None and retry is None:
        return b"data: %b\n\n" % data
    head = ""
    if event is not None:
        head += f"event: {_one_line('event', event)}\n"
    if id is not None:
        head += f"id: {_one_line('id', id)}\n"
    if retry is not None:
        if retry < 0:
            raise ValueError(f"retry is a time in milliseconds, got {retry}")
        head += f"retry: {retry}\n"
    return b"%bdata: %b\n\n" % (head.encode(), data)


def _one_line(field: str, value: str) -> str:
    if "\n" in value or "\r" in value or "\0" in value:
        raise ValueError(f"an event's {field} must have no CR, LF or NUL, got {value!r}")
    return value


class Event(NamedTuple):
    """One event received.  `id` and `retry` (milliseconds) are what this event carried, None if it carried none."""

    event: str
    data: bytes
    id: str | None
    retry: int | None


class EventReader:
    """The receiving end of one event stream.

    `last_id` and `retry` hold what the stream said last, also in blocks without data, which are no events.
    Source: WHATWG HTML 9.2.6 (parsing and interpreting an event stream).
    """

    def __init__(self, max_event: int = MAX_EVENT) -> None:
        self.last_id = ""
        self.retry: int | None = None
        self._max_event = max_event
        self._partial = bytearray()
        self._first_line = True
        self._after_cr = False
        self._failed = False
        # What the block being read has said so far.
        self._event = ""
        self._data = bytearray()
        self._id: str | None = None
        self._retry: int | None = None

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that `data` completes; an event that never ends is never returned.

        Raises MalformedError (code -32700) when one event is longer than `max_event` bytes, and at every call
        after that: close the stream.
        """
        if self._failed:
            raise self._too_long()
        if not data:
            return []
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]  # the second half of a CRLF that was cut in two
            self._after_cr = False
            if not data:
                return []
        self._after_cr = data.endswith(b"\r")
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = data.split(b"\n")
        rest = lines.pop()
        if lines and self._partial:
            lines[0] = bytes(self._partial) + lines[0]
            self._partial.clear()
        self._partial += rest
        events = [event for line in lines if (event := self._line(line)) is not None]
        self._check(len(self._partial))
        return events

    def _line(self, line: bytes) -> Event | None:
        if self._first_line:
            self._first_line = False
            line = line.removeprefix(_BOM)
        self._check(len(line))
        if not line:
            return self._dispatch()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data += value
            self._data += b"\n"
        elif field == b"event":
            self._event = value.decode(errors="replace")
        elif field == b"id":
            if b"\0" not in value:
                self._id = value.decode(errors="replace")
        elif field == b"retry" and value.isdigit() and len(value) <= _RETRY_DIGITS:
            self._retry = self.retry = int(value)
        return None

    def _dispatch(self) -> Event | None:
        if self._id is not None:
            self.last_id = self._id
        event = None
        if self._data:
            event = Event(self._event or "message", bytes(self._data[:-1]), self._id, self._retry)
        self._clear()
        return event

    def _clear(self) -> None:
        self._event = ""
        self._data.clear()
        self._id = None
        self._retry = None

    def _check(self, more: int) -> None:
        if len(self._data) + more > self._max_event:
            raise self._too_long()

    def _too_long(self) -> MalformedError:
        self._failed = True
        self._partial.clear()
        self._clear()
        return MalformedError(
            f"event longer than {self._max_event} bytes; ask for less at once, or raise the limit on this side",
            code=PARSE_ERROR,
        )
