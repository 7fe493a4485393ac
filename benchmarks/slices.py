"""Sides measured in short slices, in turns: what disturbs one slice disturbs its neighbours alike, and a ratio least.

A round is one slice of each side. One in which the machine did other things, or its host took it away, is measured
again, half as many times as there are rounds at most, and the calmest of its tries counts: never judged by its result.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import TypeVar

AWAY = 0.1  # of all cores in a round, that may go to others; the kernel counts what is idle in hundredths of a second
TRIES = 3  # of one round
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
    watching: Callable[[], Callable[[dict[str, T]], float]],
) -> dict[str, list[T]]:
    """Measure a slice of each side once per round, in an order drawn anew each time; return what came, by side.

    `watching` begins a round; what it returns says, given what the round's slices gave, how much was taken away of it.
    """
    got: dict[str, list[T]] = {name: [] for name in sides}
    order, drawn, spare = list(sides), random.Random(7), rounds // 2
    for _ in range(rounds):
        tries: list[tuple[float, dict[str, T]]] = []
        while not tries or (tries[-1][0] > AWAY and spare > 0 and len(tries) < TRIES):
            spare -= bool(tries)
            drawn.shuffle(order)
            judged = watching()
            values = {name: sides[name]() for name in order}
            tries.append((judged(values), values))
        away, values = min(tries, key=lambda one: one[0])
        for name, value in values.items():
            got[name].append(value)
        taken.rounds += 1
        taken.again += len(tries) - 1
        taken.away.append(away)
    return got
