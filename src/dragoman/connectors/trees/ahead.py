"""One open file of a tree over a network, where a request costs more than the bytes that it brings: each asks for more.

What came last is held, and given from there while it lasts.
"""

from __future__ import annotations

from collections.abc import Callable

from dragoman.connectors.trees.tree import Node

_AHEAD = 262_144  # bytes that a request asks for at least


class Ahead:
    """One file as it was when it was opened.

    `read` returns its bytes from one place up to another and raises Broken once
    it is another file; `head` are the first of them, if they are known.
    """

    def __init__(
        self, node: Node, read: Callable[[int, int], bytes], head: bytes = b"", closed: Callable[[], None] | None = None
    ) -> None:
        self.node = node
        self._read = read
        self._held = (0, head)
        self._closed = closed

    def at(self, start: int, length: int) -> bytes:
        end = min(start + length, self.node.size)
        if start >= end:
            return b""
        first, held = self._held
        if not first <= start <= end <= first + len(held):
            first, held = start, self._read(start, min(max(end, start + _AHEAD), self.node.size))
            self._held = (first, held)
        return held[start - first : end - first]

    def close(self) -> None:
        self._held = (0, b"")
        closed, self._closed = self._closed, None
        if closed is not None:
            closed()
