"""What every part of the benchmark gets: the table, the sides, and how often and how long to measure."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

import environments
from machine import watching
from slices import Side, Taken, turns
from table import Table, middle, ratios, shown

STRETCH = 0.5  # seconds
Columns = dict[str, list[float]]  # what slices gave, by side


class Bench:
    """One run. `quick` takes a tenth where ten thousand are opened."""

    def __init__(self, rounds: int, seconds: float, *, quick: bool) -> None:
        self.table = Table()
        self.rounds = rounds
        self.seconds = seconds
        self.quick = quick
        self.extra: dict[str, Any] = {}  # figures without a target
        self.taken: dict[str, Taken] = {}  # slices, by part

    @property
    def fewer(self) -> int:
        """Return how many rounds there are of what takes long."""
        return max(4, self.rounds // 20)

    @cached_property
    def ours(self) -> Path:
        """The interpreter with this working copy, its event loop and parser in C."""
        return environments.ours("fast")

    @cached_property
    def mcp(self) -> Path:
        """The interpreter with the official SDK."""
        return environments.rival()

    def turns(
        self,
        sides: dict[str, Side],
        warm: Callable[[], Any] | None = None,
        rounds: int | None = None,
        seconds: float | None = None,
    ) -> Columns:
        """Measure a slice of each side once per round, in an order that changes; return what came, by side."""
        if warm is not None:
            warm()
        rounds = rounds or self.rounds
        # The kernel counts what is idle in hundredths of a second: what is judged by it has to last.
        stretch = max(1, round(STRETCH / len(sides) / (seconds or self.seconds))) if rounds > 2 * self.fewer else 1
        return turns(sides, rounds, self.taken.setdefault(self.table.part, Taken()), watching, stretch)

    def beside(
        self, what: str, mine: list[float], theirs: list[float], names: tuple[str, str], unit: str = "us"
    ) -> None:
        """Note a ratio that has no target."""
        each = ratios(mine, theirs)
        values = {names[0]: median(mine), names[1]: median(theirs)}
        self.extra[what] = {"ratio": median(each), "spread": middle(each), "values": values, "unit": unit}
        print(f"     {what:<62} {median(each):>9.4g}             {shown(values, middle(each), unit)}", flush=True)

    @staticmethod
    def output(*command: object) -> str:
        """Return what a program prints. Raises CalledProcessError, with its words, if it fails."""
        done = subprocess.run([str(word) for word in command], check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{command} failed:\n{done.stderr[-2000:]}")
        return done.stdout
