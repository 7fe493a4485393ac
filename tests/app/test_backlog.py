"""Who waited for too long at the door of a server that cannot keep up is told to come again; others are served."""

import asyncio
import socket
import sys
import time

import pytest
from tests.transport.raw_http import Answer, Wire, call, listening

from dragoman import Server
from dragoman.app.backlog import CROWD, Backlog
from dragoman.app.heads import timed

LATE = 0.1
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says how old what was received is")


async def answers(number: int, waited: float, late: float = LATE) -> list[Answer]:
    """Return what so many are answered who asked while the event loop stood still for `waited` seconds."""
    server = Server("adder")

    @server.tool
    async def add(a: int, b: int) -> int:
        return a + b

    async with listening(server.asgi(), http=timed(5.0, late)) as place:
        made = [socket.create_connection(("127.0.0.1", place.port)) for _ in range(number)]
        for each in made:
            each.sendall(call("add", a=1, b=2).written(f"127.0.0.1:{place.port}"))
        time.sleep(waited)
        wires = [Wire(place.port, *await asyncio.open_connection(sock=each)) for each in made]
        found = [await wire.answer() for wire in wires]
        for wire in wires:
            wire.leave()
        async with place.connected() as fresh:
            assert (await fresh.ask(call("add", a=1, b=2))).value == 3
    await server.service.stop()
    return found


async def test_a_crowd_that_waited_for_too_long_is_refused_and_who_comes_now_is_served() -> None:
    found = await answers(CROWD + 5, 2 * LATE)
    refused = [each for each in found if each.status == 503]
    assert len(refused) == 5 and len(found) - len(refused) == CROWD
    assert {each.headers["retry-after"] for each in refused} == {"1"}
    assert all(each.json["error"]["data"] == {"begun": False} for each in refused), "so that anything may come again"
    assert all("try again" in each.json["error"]["message"] and "id" not in each.json for each in refused)


@pytest.mark.parametrize(("number", "late"), [(CROWD, LATE), (CROWD + 5, 60.0), (CROWD + 5, 0.0)])
async def test_a_few_and_who_did_not_wait_and_where_it_is_off_are_all_served(number: int, late: float) -> None:
    assert {each.status for each in await answers(number, 2 * LATE, late)} == {200}


def test_what_is_no_tcp_connection_is_never_late() -> None:
    class Transport:
        def get_extra_info(self, name: str) -> socket.socket:
            return end

    end, other = socket.socketpair()
    with end, other:
        assert not any(Backlog(1e-9).refuses(Transport()) for _ in range(2 * CROWD))
