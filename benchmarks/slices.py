"""Sides measured in short slices, in turns: what disturbs one slice disturbs its neighbours alike, and a ratio least.

A round is one slice of each side. A stretch of them in which the machine did other things, or its host took it away, is
measured again, half as many rounds as there are at most, and the calmest try counts: never judged by its result.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import TypeVar

AWAY = 0.1  # of all cores in a stretch, that may go to others
TRIES = 3  # of one stretch
Side = Callable[[], float]
T = TypeVar("T")


@dataclass
class Taken:
    """How many rounds were measured, how many of them again, and how much of the machine others had in those kept."""

    rounds: int = 0
    again: int = 0
    away: list[float] = field(default_factory=list)

    def plain(self) -> dict[str, float]:
        """Return it as data: `away` is the median, `disturbed` how many count although they were not calm."""
        disturbed = sum(part > AWAY for part in self.away)
        away = median(self.away) if self.away else 0.0
        return {"rounds": self.rounds, "again": self.again, "disturbed": disturbed, "away": away}


def turns(
    sides: dict[str, Callable[[], T]],
    rounds: int,
    taken: Taken,
    watching: Callable[[], Callable[[dict[str, list[T]]], float]],
    stretch: int = 1,
) -> dict[str, list[T]]:
    """Measure a slice of each side once per round, in an order drawn anew each time; return what came, by side.

    `watching` begins a stretch of so many rounds; what it returns says, given what these gave, how much of it was taken
    away.
    """
    got: dict[str, list[T]] = {name: [] for name in sides}
    drawn, spare = random.Random(7), rounds // 2
    while (left := rounds - _length(got)) > 0:
        count = min(stretch, left)
        tries: list[tuple[float, dict[str, list[T]]]] = []
        while not tries or (tries[-1][0] > AWAY and spare >= count and len(tries) < TRIES):
            spare -= count * bool(tries)
            judged = watching()
            values = _stretch(sides, count, drawn)
            tries.append((judged(values), values))
        away, values = min(tries, key=lambda one: one[0])
        for name, column in values.items():
            got[name] += column
        taken.rounds += count
        taken.again += count * (len(tries) - 1)
        taken.away += [away] * count
    return got


def _length(got: dict[str, list[T]]) -> int:
    return len(next(iter(got.values())))


def _stretch(sides: dict[str, Callable[[], T]], count: int, drawn: random.Random) -> dict[str, list[T]]:
    got: dict[str, list[T]] = {name: [] for name in sides}
    order = list(sides)
    for _ in range(count):
        drawn.shuffle(order)
        for name in order:
            got[name].append(sides[name]())
    return got
