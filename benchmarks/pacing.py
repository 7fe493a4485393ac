"""Calls at a rate, over kept connections, each with when it was due, when it was sent, and when its answer was there.

No event loop: one that has 64 connections to read is late itself. Between two calls it sleeps 20 us, so that it neither
takes a core away nor oversleeps (Linux; elsewhere sleeps are longer, and calls late by that).
"""

import contextlib
import ctypes
import gc
import re
import select
import socket
import time
from collections import deque
from typing import NamedTuple

import load

NAP = 20e-6  # seconds
_PR_SET_TIMERSLACK = 29
_LENGTH = re.compile(rb"(?i)content-length: *(\d+)")


class Call(NamedTuple):
    """One call: when it was due and how long after that it was sent and answered, in seconds of the monotonic clock."""

    due: float
    late: float
    took: float


class Paced:
    """Connections to a server, each of which has had an answer. Raises RefusedError for one that is another."""

    def __init__(self, port: int, connections: int) -> None:
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1)
        self._data = load.CALL.data(port)
        self._size = 0
        self._poll = select.epoll()
        self._by: dict[int, socket.socket] = {}
        self._got: dict[int, bytes] = {}
        self._sent: dict[int, tuple[float, float]] = {}
        self._free: deque[socket.socket] = deque()
        for _ in range(connections):
            # One after the other, each with a call: a crowd at the door is another matter, and is refused there.
            self._add(port)

    def _add(self, port: int) -> None:
        one = socket.create_connection(("127.0.0.1", port))
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        one.sendall(self._data)
        got = b""
        while not self._size or len(got) < self._size:
            if not (more := one.recv(65536)):
                raise load.RefusedError(f"a connection ended: {got[:200]!r}")
            got += more
            if not self._size and (end := got.find(b"\r\n\r\n")) > 0 and (length := _LENGTH.search(got[:end])):
                self._size = end + 4 + int(length[1])
        self._check(got)
        one.setblocking(False)
        self._poll.register(one, select.EPOLLIN)
        self._by[one.fileno()] = one
        self._got[one.fileno()] = b""
        self._free.append(one)

    def _check(self, got: bytes) -> None:
        # The same call has an answer of the same length.
        if len(got) != self._size or not got.startswith(b"HTTP/1.1 200"):
            raise load.RefusedError(got[:200].decode("latin-1"))

    def run(self, rate: float, seconds: float) -> list[Call]:
        """Call `rate` times a second, 0 for as often as there is an answer, and return what came of it."""
        calls: list[Call] = []
        gc.collect()
        gc.disable()
        try:
            begun, sent = time.perf_counter(), 0
            while (now := time.perf_counter()) - begun < seconds or len(self._free) < len(self._by):
                if now - begun < seconds:
                    sent = self._send(begun, now, rate, sent)
                if not self._receive(calls):
                    time.sleep(NAP)
        finally:
            gc.enable()
        return calls

    def _send(self, begun: float, now: float, rate: float, sent: int) -> int:
        while self._free and (not rate or begun + sent / rate <= now):
            one = self._free.popleft()
            due = begun + sent / rate if rate else now
            self._sent[one.fileno()] = (due, time.perf_counter())
            one.send(self._data)
            sent += 1
        return sent

    def _receive(self, calls: list[Call]) -> bool:
        events = self._poll.poll(0)
        for number, _ in events:
            one = self._by[number]
            got = self._got[number] + one.recv(65536)
            if 0 < len(got) < self._size and got.startswith(b"HTTP/1.1 200"):
                self._got[number] = got
                continue
            self._check(got)
            self._got[number] = b""
            due, sent = self._sent.pop(number)
            calls.append(Call(due, sent - due, time.perf_counter() - due))
            self._free.append(one)
        return bool(events)

    def close(self) -> None:
        for one in self._by.values():
            one.close()
        self._poll.close()
