"""Sessions: bounded in number and idle time; one in use is never ended."""

from typing import Any

from dragoman.protocol.limits import Limits
from dragoman.serving.sessions import OwnSession, Sessions


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


async def opened(sessions: Sessions) -> OwnSession:
    session = await sessions.open()
    assert session is not None
    return session


async def test_ids_are_visible_ascii_and_cannot_be_guessed() -> None:
    """LEG-07"""
    sessions = Sessions(Limits())
    ids = {(await opened(sessions)).id for _ in range(50)}
    assert len(ids) == 50
    assert all(len(each) >= 32 and all(0x21 <= ord(letter) <= 0x7E for letter in each) for each in ids)


async def test_a_session_is_found_until_it_is_ended() -> None:
    """LEG-09"""
    sessions = Sessions(Limits())
    session = await opened(sessions)
    assert await sessions.get(session.id) is session and session.peer.caller.session == session.id
    assert await sessions.get("other") is None
    assert await sessions.end(session.id) and not await sessions.end(session.id)
    assert await sessions.get(session.id) is None and len(sessions) == 0


async def test_ending_a_session_cancels_its_calls() -> None:
    sessions = Sessions(Limits())
    session = await opened(sessions)
    cancelled: list[int] = []
    session.calls = {1: lambda: session.calls.pop(1) and None, 2: lambda: cancelled.append(2)}  # type: ignore[func-returns-value]
    await sessions.end(session.id)
    assert cancelled == [2] and 1 not in session.calls


async def test_a_session_that_is_silent_for_too_long_is_ended() -> None:
    clock = Clock()
    sessions = Sessions(Limits(session_idle_seconds=10), clock)
    quiet, used = await opened(sessions), await opened(sessions)
    clock.now += 9
    assert await sessions.get(used.id) is used
    clock.now += 1
    assert await sessions.get(quiet.id) is None and await sessions.get(used.id) is used
    clock.now += 10
    assert await opened(sessions) and len(sessions) == 1


async def test_a_session_in_use_is_not_silent() -> None:
    clock = Clock()
    sessions = Sessions(Limits(session_idle_seconds=10), clock)
    busy, listening, quiet = await opened(sessions), await opened(sessions), await opened(sessions)
    busy.calls[1] = lambda: None
    listening.listening = True
    clock.now += 60
    assert await sessions.get(quiet.id) is None
    assert await sessions.get(busy.id) is busy and await sessions.get(listening.id) is listening
    busy.calls.clear()
    clock.now += 60
    assert await sessions.get(busy.id) is None


async def test_when_there_is_no_room_the_least_used_goes() -> None:
    sessions = Sessions(Limits(sessions=2), Clock())
    first, second = await opened(sessions), await opened(sessions)
    await sessions.get(first.id)
    third = await opened(sessions)
    assert [await sessions.get(each.id) is not None for each in (first, second, third)] == [True, False, True]
    assert len(sessions) == 2


async def test_busy_sessions_make_no_room() -> None:
    sessions = Sessions(Limits(sessions=2), Clock())
    busy: list[Any] = [await opened(sessions), await opened(sessions)]
    for session in busy:
        session.calls["a"] = lambda: None
    assert await sessions.open() is None
    busy[0].calls.clear()
    assert (await opened(sessions)).id != busy[0].id
    assert await sessions.get(busy[0].id) is None and await sessions.get(busy[1].id) is busy[1]


async def test_an_idle_time_of_nothing_ends_and_does_not_hang() -> None:
    clock = Clock()
    sessions = Sessions(Limits(session_idle_seconds=0), clock)
    busy, quiet = await opened(sessions), await opened(sessions)
    busy.calls[1] = lambda: None
    clock.now += 1
    assert await sessions.get(busy.id) is busy and await sessions.get(quiet.id) is None


async def test_no_room_is_no_room() -> None:
    assert await Sessions(Limits(sessions=0)).open() is None
