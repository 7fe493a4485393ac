"""The scorecard in short: what has to hold of every answer, and that what marks the answers can tell good from bad."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.scorecard import asking, checks, desk, page, run
from benchmarks.scorecard.attacks import Attacker
from benchmarks.scorecard.questions import Question
from benchmarks.scorecard.serving import served
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman import Client
from dragoman.connectors import build, database

SMALL = desk.Sizes(files=55, commits=700, rows=1_100, logs=52)


def found(folder: Path) -> Iterator[checks.Tally]:
    """Serve the small desk as a user does, and look at it."""
    place, known = desk.make(folder, SMALL)

    async def looked() -> list[checks.Tally]:
        async with served(place, folder / "home") as client:
            await asking.settled(client)
            asker = await checks.Asker.of(client)
            tallies = [
                await checks.paging(asker, known),
                await checks.readable(asker, known, every=17),
                await checks.recovery(asker),
                asker.valid,
            ]
            more = known.items["docs://papers/"] | {"docs://papers/of-which-nobody-knows.md"}
            return [*tallies, await checks.paging(asker, desk.Known(items={"docs://papers/": more}))]

    yield from asyncio.run(looked())


@pytest.fixture(scope="module")
def tallies(tmp_path_factory: pytest.TempPathFactory) -> list[checks.Tally]:
    return list(found(tmp_path_factory.mktemp("desk")))


@pytest.mark.parametrize(("place", "least"), [(0, 20), (1, 60), (2, 150), (3, 100)])
def test_what_holds_of_every_answer_holds(tallies: list[checks.Tally], place: int, least: int) -> None:
    tally = tallies[place]
    assert tally.faults == [], tally.name
    assert tally.done >= least, tally.name


def test_a_page_that_is_missing_is_seen(tallies: list[checks.Tally]) -> None:
    assert len(tallies[4].faults) == 1 and "list docs://papers/: 56 in 2 pages" in tallies[4].faults[0]


async def test_an_attack_that_comes_through_is_seen(tmp_path: Path) -> None:
    secret = "ada@example.org"
    with sqlite3.connect(tmp_path / "shop.db") as shop:
        shop.execute("CREATE TABLE customers(id INTEGER PRIMARY KEY, email TEXT)")
        shop.execute("INSERT INTO customers VALUES (1, ?)", [secret])
    shop.close()
    for masked in (True, False):
        rules = {"mask": ["customers.email"]} if masked else {}
        server = build([database(f"sqlite:///{tmp_path / 'shop.db'}", **rules)], cache_dir=tmp_path / "cache")
        async with server.lifespan(), Client(server) as client:
            attacker = Attacker(client, tmp_path)
            with attacker.group("one"):
                await attacker.attack("query", sql="SELECT email FROM customers")
                await attacker.twin("query", sql="SELECT id FROM customers")
                await attacker.twin("query", sql="SELECT nothing FROM customers")
                if not masked:
                    (tmp_path / "written").touch()
        (group,) = attacker.groups
        assert len(group.passed) == (0 if masked else 2), group.passed
        assert (group.tried, group.twins, len(group.refused)) == (1, 2, 1)


def question(*answers: tuple[str, ...], near: int = 0) -> Question:
    return Question("kind", "text", answers, near=near)


def test_an_answer_stands_alone_and_in_one_line() -> None:
    assert question(("260 dollars",)).answered_by("up to 260\ndollars a night")
    assert not question(("26",)).answered_by("up to 260 dollars a night")
    row = question(("AquaLift 120", "D27"))
    assert row.answered_by("AquaLift 120,3,10,D27\nAquaLift 240,4,10,D28")
    assert not row.answered_by("AquaLift 120,3,10,D28\nAquaLift 240,4,10,D27")
    near = question(("Close Q1", "Ann"), near=20)
    assert near.answered_by("Author: Ann\n\nClose Q1") and not near.answered_by(
        "Author: Ann" + "\n" * 9 + "x " * 20 + "Close Q1"
    )
    assert question(("1",), ("2",)).answered_by("a 2 b")


@settings(max_examples=30)
@given(st.lists(st.from_regex(r"[a-z]{1,8}", fullmatch=True), min_size=2, max_size=9, unique=True), st.data())
def test_any_word_of_a_text_answers_and_no_other(words: list[str], data: st.DataObject) -> None:
    inside = data.draw(st.sampled_from(words))
    assert question((inside,)).answered_by(" ".join(words))
    rest = [word for word in words if word != inside]
    assert not question((inside,)).answered_by(" ".join(rest))


def test_the_page_says_what_the_results_say() -> None:
    results = json.loads(run.RESULTS.read_text("utf-8"))
    assert page.PAGE.read_text("utf-8") == page.page(results)
    assert run.faults(results) == []
    assert results["asked"]["questions"] == 100
