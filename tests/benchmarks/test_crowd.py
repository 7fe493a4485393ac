"""The benchmark's calls: every answer is counted once, whatever pieces it comes in, and a refusal ends the slice."""

from __future__ import annotations

import importlib
import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from typing import Any

import pytest
from benchmarks.load import CALL, whole
from hypothesis import given
from hypothesis import strategies as st

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
SIZED = HEAD + b"Content-Length: 4\r\n\r\n\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"


@given(st.sampled_from([SIZED, CHUNKED]), st.data())
def test_a_response_is_whole_with_its_last_byte_and_not_before(response: bytes, data: st.DataObject) -> None:
    assert whole(response)
    assert not whole(response[: data.draw(st.integers(0, len(response) - 1))])


@pytest.fixture(scope="module")
def crowd() -> Iterator[Any]:
    """The module as the benchmark has it: a program beside others, not part of a package."""
    folder = str(Path(__file__).parents[2] / "benchmarks")
    sys.path.insert(0, folder)
    try:
        yield importlib.import_module("crowd")
    finally:
        sys.path.remove(folder)
        for name in ("crowd", "load"):
            sys.modules.pop(name, None)


class Server(ThreadingTCPServer):
    """A server that notes the numbers of its calls; after `good` of them it refuses."""

    daemon_threads = True

    def __init__(self, good: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.good = good
        self.numbers: list[int] = []
        self.open: list[socket.socket] = []
        self.port = int(self.server_address[1])

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that leave in between."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.numbers.append(asked["id"])
        if self.connection not in self.server.open:
            self.server.open.append(self.connection)
        self.send_response(200 if len(self.server.numbers) <= self.server.good else 503)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{")
        self.wfile.write(b"}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    good = getattr(request, "param", 10**9)
    with Server(good) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield made
        finally:
            made.shutdown()
            thread.join()


def test_what_was_sent_in_a_slice_is_counted_to_the_last_answer(crowd: Any, server: Server) -> None:
    with closing(crowd.Crowd(server.port, replace(CALL, numbered=True), 3)) as three:
        opening = len(server.numbers)
        assert opening == 3, "each connection has had an answer before it counts"
        first = three.run(0.02)
        assert first == len(server.numbers) - opening >= 3
        assert three.run(0.02) == len(server.numbers) - opening - first
        assert len({*server.numbers}) == len(server.numbers), "no two calls have one number"
    assert len(server.open) == 3, "connections are kept from slice to slice"


def test_a_connection_that_the_server_closed_meanwhile_is_made_anew(crowd: Any, server: Server) -> None:
    with closing(crowd.Crowd(server.port, CALL, 2)) as two:
        server.open[0].shutdown(socket.SHUT_RDWR)
        assert two._poll.poll(20), "it is seen at this end"
        two.ready()
        assert (len(server.open), len(server.numbers)) == (3, 3)
        assert two.run(0.0) == 2


@pytest.mark.parametrize("server", [5], indirect=True)
def test_a_call_that_is_refused_ends_the_slice(crowd: Any, server: Server) -> None:
    with closing(crowd.Crowd(server.port, CALL, 2)) as two, pytest.raises(crowd.RefusedError, match="503"):
        two.run(60)
