"""A loop aside: asked from any thread, never for longer than was said, and over when it is closed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from dragoman.connectors.trees.aside import Aside
from dragoman.connectors.trees.tree import Broken


@pytest.fixture
def aside() -> Iterator[Aside]:
    aside = Aside()
    yield aside
    aside.close()


async def told(what: str) -> str:
    return what


async def failed() -> None:
    raise KeyError("its own")


def test_coroutines_run_one_beside_the_other_from_any_thread(aside: Aside) -> None:
    met = asyncio.Barrier(2)
    found: list[str] = []

    async def meeting(name: str) -> str:
        await met.wait()
        return name

    threads = [threading.Thread(target=lambda name=name: found.append(aside.run(meeting(name), 5))) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert sorted(found) == ["a", "b"]
    with pytest.raises(KeyError, match="its own"):
        aside.run(failed(), 5)


def test_what_takes_too_long_is_given_up_and_the_next_is_not(aside: Aside) -> None:
    ended = threading.Event()

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(Broken, match=r"within 0\.01 s"):
        aside.run(forever(), 0.01)
    assert ended.wait(5)
    assert aside.run(told("next"), 5) == "next"


def test_closing_ends_what_is_under_way_and_lets_nothing_in(aside: Aside) -> None:
    begun = threading.Event()
    said: list[str] = []

    async def forever() -> None:
        begun.set()
        await asyncio.Event().wait()

    def waiting() -> None:
        try:
            aside.run(forever(), 30)
        except Broken as fault:
            said.append(str(fault))

    thread = threading.Thread(target=waiting)
    thread.start()
    assert begun.wait(5)
    aside.close()
    aside.close()
    thread.join(5)
    assert said == ["it is not served any more"]
    with pytest.raises(Broken, match="not served any more"):
        aside.run(told("x"), 5)
