"""What every part of the benchmark gets: the table, the sides, and how often and how long to measure."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

import environments
from table import Table


class Bench:
    """One run. `quick` takes a tenth where ten thousand are opened."""

    def __init__(self, rounds: int, seconds: float, *, quick: bool) -> None:
        self.table = Table()
        self.rounds = rounds
        self.seconds = seconds
        self.quick = quick
        self.extra: dict[str, Any] = {}  # figures without a target

    @cached_property
    def ours(self) -> Path:
        """The interpreter with this working copy, its event loop and parser in C."""
        return environments.ours("fast")

    @cached_property
    def mcp(self) -> Path:
        """The interpreter with the official SDK."""
        return environments.rival()

    def turns(
        self, sides: dict[str, Callable[[], float]], warm: Callable[[], Any] | None = None
    ) -> dict[str, list[float]]:
        """Measure each side once per round, in an order that changes; return what came, by side."""
        got: dict[str, list[float]] = {name: [] for name in sides}
        if warm is not None:
            warm()
        order = list(sides)
        mixed = random.Random(7)
        for _ in range(self.rounds):
            for name in order:
                got[name].append(sides[name]())
            mixed.shuffle(order)
        return got

    def beside(
        self, what: str, mine: list[float], theirs: list[float], names: tuple[str, str], unit: str = "us"
    ) -> None:
        """Note a ratio that has no target."""
        ratio = median(x / y for x, y in zip(mine, theirs, strict=True))
        values = {names[0]: median(mine), names[1]: median(theirs)}
        self.extra[what] = {"ratio": ratio, "values": values, "unit": unit}
        print(f"     {what:<62} {ratio:>9.4g}             {values} {unit}", flush=True)

    @staticmethod
    def output(*command: object) -> str:
        """Return what a program prints. Raises CalledProcessError, with its words, if it fails."""
        done = subprocess.run([str(word) for word in command], check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{command} failed:\n{done.stderr[-2000:]}")
        return done.stdout
