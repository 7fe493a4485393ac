import threading

import pytest

from dragoman.connectors.databases import pool as module
from dragoman.connectors.databases.engine import EngineFault
from dragoman.connectors.databases.pool import SIZE, Pool


class Line:
    """A connection that knows whether it is open."""

    def __init__(self, lines: list["Line"]) -> None:
        self.open = True
        self.ended = threading.Event()
        lines.append(self)

    def end(self) -> None:
        self.open = False
        self.ended.set()


def pool_of(lines: list[Line], idle: float = 30.0) -> Pool[Line]:
    return Pool(lambda: Line(lines), Line.end, lambda line: line.open, idle=idle)


def test_a_connection_is_lent_again() -> None:
    lines: list[Line] = []
    pool = pool_of(lines)
    for _ in range(3):
        with pool.lent():
            pass
    assert len(lines) == 1 and lines[0].open
    pool.close()
    assert not lines[0].open


def test_what_fails_and_what_is_closed_is_not_lent_again() -> None:
    lines: list[Line] = []
    pool = pool_of(lines)
    with pytest.raises(ZeroDivisionError), pool.lent():
        raise ZeroDivisionError
    with pool.lent() as line:
        line.end()
    with pool.lent():
        pass
    assert len(lines) == 3
    pool.close()


def test_no_more_than_a_few_are_open_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT", 0.05)
    lines: list[Line] = []
    pool = pool_of(lines)
    held = [pool.lent() for _ in range(SIZE)]
    for one in held:
        one.__enter__()
    with pytest.raises(EngineFault, match="connections are busy"), pool.lent():
        pass
    for one in held:
        one.__exit__(None, None, None)
    with pool.lent():
        pass
    assert len(lines) == SIZE
    pool.close()


def test_what_nobody_needs_is_closed_after_a_while() -> None:
    lines: list[Line] = []
    pool = pool_of(lines, idle=0.05)
    with pool.lent():
        pass
    assert lines[0].ended.wait(5)
    with pool.lent():
        pass
    assert len(lines) == 2
    pool.close()
