"""Sessions in a store: agreed to by compare-and-set, lasting while used anywhere, bounded, ended everywhere."""

import asyncio
from typing import Any

import pytest

from dragoman.errors import RequestError, StoreError
from dragoman.ports.sessions import Session
from dragoman.protocol.limits import Limits
from dragoman.serving.crew import Crew
from dragoman.serving.shared_sessions import FRESH, RECORD, SharedSessions, owner_of
from dragoman.store.memory import MemoryStore


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class World:
    """A store and the processes that share it, on one clock. They hear nothing of each other: the worst case."""

    def __init__(self, **limits: Any) -> None:
        self.clock = Clock()
        self.store = MemoryStore(clock=self.clock)
        self.limits = Limits(**limits)

    def process(self) -> SharedSessions:
        return SharedSessions(Crew(self.store, "here", 10), self.limits, self.clock)


async def opened(sessions: SharedSessions, log_level: str = "debug") -> Session:
    session = await sessions.open()
    assert session is not None
    session.peer.greeted, session.peer.log_level = True, log_level
    assert await sessions.save(session, session.loads)
    return session


async def found(sessions: SharedSessions, session: Session) -> Session:
    there = await sessions.get(session.id)
    assert there is not None
    return there


async def test_a_session_counts_once_it_is_saved() -> None:
    world = World()
    one, other = world.process(), world.process()
    session = await one.open()
    assert session is not None and len(session.id) == 32
    assert await other.get(session.id) is None
    assert await one.save(session, session.loads)
    there = await found(other, session)
    assert (there.peer.caller.session, there.owner != session.owner) == (session.id, True)
    unsaved = await one.open()
    assert unsaved is not None and await one.end(unsaved.id)
    assert len(await world.store.keys("session:")) == 1


async def test_what_was_agreed_elsewhere_is_known_after_a_second() -> None:
    world = World()
    one, other = world.process(), world.process()
    session = await opened(one)
    there = await found(other, session)
    session.peer.log_level = "error"
    assert await one.save(session, session.loads)
    world.clock.now += FRESH
    assert (await found(other, session)) is there and there.peer.log_level == "error"


async def test_of_two_changes_at_the_same_time_one_is_judged_anew() -> None:
    world = World()
    one, other = world.process(), world.process()
    here = await opened(one)
    there = await found(other, here)
    here.peer.subscribed.add("a")
    there.peer.subscribed.add("b")
    assert await one.save(here, here.loads)
    loads = there.loads
    assert not await other.save(there, loads)
    assert there.peer.subscribed == {"a"}, "what was not saved is gone"
    assert not await other.save(there, loads), "and is not saved by asking again"
    there.peer.subscribed.add("b")
    assert await other.save(there, there.loads)
    world.clock.now += FRESH
    assert (await found(one, here)).peer.subscribed == {"a", "b"}


async def test_what_changes_nothing_here_may_change_something_there() -> None:
    world = World()
    one, other = world.process(), world.process()
    here = await opened(one)
    there = await found(other, here)
    here.peer.subscribed.add("a")
    assert await one.save(here, here.loads)
    there.peer.subscribed.discard("a")  # it was not there, in this copy
    assert not await other.save(there, there.loads)
    there.peer.subscribed.discard("a")
    assert await other.save(there, there.loads)
    world.clock.now += FRESH
    assert (await found(one, here)).peer.subscribed == set()
    assert await one.save(here, here.loads)


async def test_an_end_holds_everywhere_within_a_second_and_is_final() -> None:
    world = World()
    one, other = world.process(), world.process()
    session = await opened(one)
    there = await found(other, session)
    cancelled: list[int] = []
    there.calls[1] = lambda: cancelled.append(1)
    assert await one.end(session.id) and not await one.end(session.id)
    assert session.ended and await one.get(session.id) is None
    assert not await other.save(there, there.loads) or there.peer.written() == session.peer.written()
    world.clock.now += FRESH
    assert await other.get(session.id) is None
    assert there.ended and cancelled == [1]
    there.peer.log_level = "error"
    assert not await other.save(there, there.loads), "what has ended does not come back"
    assert await world.store.keys("session:") == []


async def test_a_session_lasts_while_it_is_used_anywhere() -> None:
    world = World(session_idle_seconds=40)
    one, other = world.process(), world.process()
    session, silent = await opened(one), await opened(one)
    for _ in range(10):
        world.clock.now += 20
        await found(other, session)
    assert await found(one, session) and await one.get(silent.id) is None
    world.clock.now += 51
    assert await other.get(session.id) is None


async def test_a_session_with_a_call_under_way_lasts_and_its_time_counts_from_the_end() -> None:
    world = World(session_idle_seconds=40)
    one, other = world.process(), world.process()
    session = await opened(one)
    session.calls[1] = lambda: None
    for _ in range(10):
        world.clock.now += 20
        await one._stay()
    session.calls.clear()
    session.used = world.clock.now
    world.clock.now += 39
    assert await found(other, session)


async def test_many_sessions_in_use_are_kept_at_once_and_those_that_ended_do_not_come_back() -> None:
    world = World(session_idle_seconds=40)
    one, other = world.process(), world.process()
    sessions = [await opened(one) for _ in range(250)]
    for session in sessions:
        session.calls[1] = lambda: None
    world.clock.now += 39
    ended, changed = sessions[7], await found(other, sessions[120])
    await other.end(ended.id)
    changed.peer.log_level = "error"
    assert await other.save(changed, changed.loads)
    await one._stay()
    world.clock.now += 39
    assert len(await world.store.keys("session:")) == 249
    assert ended.ended and sessions[120].peer.log_level == "error"


async def test_copies_that_nobody_uses_are_let_go_and_met_again() -> None:
    world = World(session_idle_seconds=40, sessions=100)
    one = world.process()
    session = await opened(one)
    other = SharedSessions(Crew(world.store, "here", 10), Limits(session_idle_seconds=40, sessions=2), world.clock)
    sessions = [session, *[await opened(one) for _ in range(4)]]
    busy = await found(other, session)
    busy.calls[1] = lambda: None
    for each in sessions:
        await found(other, each)
    assert len(other) == 2 and await found(other, session) is busy
    busy.calls.clear()
    world.clock.now += 41
    await other._stay()
    assert len(other) == 0


async def test_their_number_is_bounded_over_all_processes() -> None:
    world = World(sessions=3)
    one, other = world.process(), world.process()
    sessions = [await opened(one), await opened(other), await opened(one)]
    assert await one.open() is None and await other.open() is None
    await other.end(sessions[0].id)
    assert await one.open() is not None


async def test_too_much_agreed_is_refused_and_changes_nothing() -> None:
    world = World()
    one = world.process()
    session = await opened(one)
    session.peer.subscribed.add("x" * RECORD)
    with pytest.raises(RequestError):
        await one.save(session, session.loads)
    assert (await found(one, session)).peer.subscribed == set()


async def test_a_change_that_the_store_did_not_take_does_not_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    one = world.process()
    session = await opened(one)
    session.peer.log_level = "error"

    async def fail(*_: Any) -> bool:
        raise StoreError("gone")

    monkeypatch.setattr(world.store, "commit", fail)
    with pytest.raises(StoreError):
        await one.save(session, session.loads)
    monkeypatch.undo()
    assert (await found(one, session)).peer.log_level == "debug"


async def test_a_record_that_cannot_be_read_is_no_session() -> None:
    world = World()
    one, other = world.process(), world.process()
    session = await opened(one)
    await world.store.put(f"session:here:{session.id}", b'{"of":"another version"}', 60)
    assert await other.get(session.id) is None


async def test_requests_at_the_same_time_meet_one_and_the_same_session() -> None:
    world = World()
    session = await opened(world.process())
    other = world.process()
    met = await asyncio.gather(*(other.get(session.id) for _ in range(10)))
    assert len({id(each) for each in met}) == 1


@pytest.mark.parametrize("number", [1, "", "x.1", "abc", "0123456789ab", "0123456789ab.1"])
def test_ids_of_questions_say_who_asked(number: Any) -> None:
    assert owner_of(number) == ("0123456789ab" if str(number).startswith("0123456789ab") else "")
