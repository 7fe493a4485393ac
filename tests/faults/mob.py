"""Thousands of clients in a process of their own, on raw sockets: what they take is not the server's, nor the test's.

`python -m tests.faults.mob JSON`: `kind` is "listen", "unread" or "trickle", `number` how many, `port` whose, `ask`
what each writes. It says "ready" when all are connected, and when it is spoken to what came of them, as JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from tests.faults.measure import PATIENCE, ROOT

SPARE = 500  # descriptors that a process needs beside those of its clients
MARK = b"list_changed"
KNOCKING = 100  # connections that are being made at once: fewer than may wait at the server's door


def room(number: int) -> bool:
    """Say whether a process may have so many descriptors, and let this one and its children have them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < number + SPARE:
        return False
    if soft < number + SPARE:
        resource.setrlimit(resource.RLIMIT_NOFILE, (number + SPARE, hard))
    return True


class Client:
    """One of them, and what it heard."""

    def __init__(self, at: socket.socket) -> None:
        self.socket = at
        self.told: list[float] = []  # when it heard of a change
        self.tail = b""
        self.first = b""
        self.ended = 0.0

    def hear(self, data: bytes) -> None:
        now = time.monotonic()
        if not data:
            self.ended = now
            return
        self.first = self.first or data[:13]
        data = self.tail + data
        self.told += [now] * data.count(MARK)
        self.tail = data[-len(MARK) + 1 :]


class Mob:
    """All of them."""

    def __init__(self, port: int, *, buffer: int = 0) -> None:
        self.clients: list[Client] = []
        self._poll = select.epoll()
        self._by_number: dict[int, Client] = {}
        self._port, self._buffer = port, buffer

    def come(self, number: int, says: bytes) -> list[Client]:
        """Connect so many more, each of whom says something; returns them."""
        knocking: dict[int, Client] = {}
        door = select.poll()
        for _ in range(number):
            one = socket.socket()
            if self._buffer:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer)
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", self._port))
            knocking[one.fileno()] = Client(one)
            door.register(one, select.POLLOUT)
        came = list(knocking.values())
        while knocking:
            for at, _ in door.poll(PATIENCE * 1000):
                door.unregister(at)
                client = self._by_number[at] = knocking.pop(at)
                if fault := client.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    raise OSError(fault, os.strerror(fault))
                client.socket.send(says)
                self._poll.register(at, select.EPOLLIN)
        self.clients += came
        return came

    def send_away(self, client: Client) -> None:
        """Leave with one, who may come again."""
        self.clients.remove(client)
        if not client.ended:
            self._poll.unregister(client.socket)
        client.socket.close()

    def listen(self, seconds: float) -> None:
        """Read what comes, for so long or until something came."""
        for number, _ in self._poll.poll(seconds):
            client = self._by_number[number]
            with contextlib.suppress(BlockingIOError):
                try:
                    client.hear(client.socket.recv(65536))
                except ConnectionError:
                    client.hear(b"")
            if client.ended:
                self._poll.unregister(number)


def _over() -> bool:
    return bool(select.select([0], [], [], 0)[0])


def listen(port: int, number: int, ask: str) -> dict[str, Any]:
    """Listen for changes, and say how often each heard of one and when for the last time."""
    mob = Mob(port)
    # A server refuses a crowd that waited for too long: these come as fast as they are let in, and come again.
    refused = 0
    while missing := number - len(mob.clients):
        came = mob.come(min(KNOCKING, missing), ask.encode())
        while not all(client.first or client.ended for client in came):
            mob.listen(PATIENCE)
        for client in came:
            if b" 200 " not in client.first:
                refused += 1
                mob.send_away(client)
    print("ready", flush=True)
    while not _over():
        mob.listen(0.2)
    ended, patience = float(sys.stdin.readline()), time.monotonic() + PATIENCE
    while any(not client.told or client.told[-1] < ended for client in mob.clients) and time.monotonic() < patience:
        mob.listen(0.2)
    gaps = [
        later - sooner for client in mob.clients for sooner, later in zip(client.told, client.told[1:], strict=False)
    ]
    return {
        "heard": [len(client.told) for client in mob.clients],
        "last": [client.told[-1] if client.told else 0.0 for client in mob.clients],
        "gaps": sorted(gaps)[:: max(len(gaps) // 1000, 1)],
        "refused": refused,
        "ended": sum(bool(client.ended) for client in mob.clients),
    }


def unread(port: int, number: int, ask: str) -> dict[str, Any]:
    """Ask for much, and read none of it."""
    mob, begun = Mob(port, buffer=4096), []
    for first in range(0, number, KNOCKING):
        for client in mob.come(min(KNOCKING, number - first), ask.encode()):
            client.socket.setblocking(True)
            begun.append(client.socket.recv(13, socket.MSG_PEEK))
    print("ready", flush=True)
    while not _over():
        time.sleep(0.01)
    return {"refused": sum(b" 200 " not in each for each in begun)}


def trickle(port: int, number: int, ask: str, every: float) -> dict[str, Any]:
    """Write `ask` byte by byte, one `every` so many seconds, and say how long each was let do so, and what it was told.

    Each writes its bytes at times of its own, so that there is no moment at which all do.
    """
    mob, data = Mob(port), ask.encode()
    begun: list[float] = []
    for first in range(0, number, KNOCKING):
        came = mob.come(min(KNOCKING, number - first), data[:1])
        begun += [time.monotonic()] * len(came)
    print("ready", flush=True)
    at, due = [1] * number, [since + every for since in begun]
    while not _over():
        now = time.monotonic()
        for index, client in enumerate(mob.clients):
            if not client.ended and now >= due[index] and at[index] < len(data):
                with contextlib.suppress(OSError):
                    client.socket.send(data[at[index] : at[index] + 1])
                at[index], due[index] = at[index] + 1, due[index] + every
        mob.listen(0.02)
    ended = [client.ended - since for client, since in zip(mob.clients, begun, strict=True) if client.ended]
    return {"ended": ended, "said": sorted({client.first.decode() for client in mob.clients})}


KINDS: dict[str, Callable[..., dict[str, Any]]] = {"listen": listen, "unread": unread, "trickle": trickle}


class Crowd:
    """A mob that is under way."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def over(self, ended: float = 0.0) -> Any:
        """End it, when all who listen have heard of what `ended` then, and return what it says of itself."""
        said, _ = self._process.communicate(b"%r\n" % ended, 2 * PATIENCE)
        return json.loads(said)


@contextlib.contextmanager
def mob(kind: str, **given: Any) -> Iterator[Crowd]:
    """Yield so many clients, connected."""
    words = [sys.executable, "-m", "tests.faults.mob", json.dumps({"kind": kind, **given})]
    process = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield Crowd(process)
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    words = json.loads(sys.argv[1])
    print(json.dumps(KINDS[words.pop("kind")](**words)), flush=True)
