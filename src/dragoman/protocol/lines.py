"""Cut a byte stream into newline-delimited frames, the framing of stdio.

Bytes may arrive in any pieces: the frames are always the same, at a cost linear in the bytes.
Frames are not decoded here, and a last frame without its line end is never delivered.
"""

from __future__ import annotations

from dragoman.errors import MalformedError
from dragoman.wire.jsonrpc import PARSE_ERROR

MAX_FRAME = 4 * 1024 * 1024
"""Longest frame accepted by default, in bytes, its line end not counted."""

_OPEN, _CLOSE = b"{}"


class LineReader:
    """The receiving end of a stream of lines.

    One reader serves one stream.  A line ends with LF or CRLF; blank lines are skipped.
    Source: specification, basic/transports/stdio (messages are delimited by newlines).
    """

    def __init__(self, max_frame: int = MAX_FRAME) -> None:
        self._max_frame = max_frame
        self._partial = bytearray()
        self._failed = False

    @property
    def pending(self) -> int:
        """Bytes held of a frame that has not ended: at the end of a stream, anything but 0 means it was cut off."""
        return len(self._partial)

    def feed(self, data: bytes) -> list[bytes]:
        """Return the frames that `data` completes, without their line ends; keep the rest for the next call.

        Raises MalformedError (code -32700) when a frame, finished or not, is longer than `max_frame` bytes.
        Nobody can tell where the next frame begins after that, so every later call raises too: close the stream.
        """
        if self._failed:
            raise self._too_long()
        size = len(data)
        whole = 2 < size <= self._max_frame and not self._partial and data[0] == _OPEN and data[-2] == _CLOSE
        if whole and data.find(b"\n") == size - 1:
            return [data[:-1]]  # one message and its end, as nearly all come
        pieces = data.split(b"\n")
        rest = pieces.pop()
        if pieces and self._partial:
            pieces[0] = bytes(self._partial) + pieces[0]
            self._partial.clear()
        # Only new bytes are ever searched, and the held ones are copied once: a peer that sends
        # one byte at a time costs no more than one that sends whole frames.
        self._partial += rest
        frames = [self._checked(piece) for piece in pieces]
        # The CR of a CRLF whose LF is still on its way belongs to the line end.
        if len(self._partial) > self._max_frame + self._partial.endswith(b"\r"):
            raise self._too_long()
        return [frame for frame in frames if frame and not frame.isspace()]

    def _checked(self, piece: bytes) -> bytes:
        frame = piece[:-1] if piece.endswith(b"\r") else piece
        if len(frame) > self._max_frame:
            raise self._too_long()
        return frame

    def _too_long(self) -> MalformedError:
        self._failed = True
        self._partial.clear()
        return MalformedError(
            f"frame longer than {self._max_frame} bytes; send less in one message, or raise the limit on this side",
            code=PARSE_ERROR,
        )
