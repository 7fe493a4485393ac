"""What of the machine others had in a while: other programs, and other guests of the host."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

from processes import cpu_of, family

_CORES = os.sched_getaffinity(0)
_TICK = os.sysconf("SC_CLK_TCK")


class Machine:
    """All cores since it was made."""

    def __init__(self) -> None:
        self._before = self._used()

    def away(self) -> float:
        """Return the part of the time since then that was neither idle nor used by this process and its children.

        That is other programs, and what the host gave to other guests (steal).
        """
        wall, idle, own = (now - then for now, then in zip(self._used(), self._before, strict=True))
        return max(0.0, 1 - (idle + own) / (wall * len(_CORES)))

    @staticmethod
    def _used() -> tuple[float, float, float]:
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        own = sum(map(cpu_of, family(os.getpid()))) + ended.ru_utime + ended.ru_stime
        return time.perf_counter(), _idle(), own


def _idle() -> float:
    """Return the seconds in which cores that this process may use had nothing to do."""
    lines = (line.split() for line in Path("/proc/stat").read_text().splitlines())
    cores = (line for line in lines if line[0].startswith("cpu") and line[0][3:] in map(str, _CORES))
    return sum(int(line[4]) + int(line[5]) for line in cores) / _TICK


def watching() -> Callable[[object], float]:
    """Begin to look; return what says how much others had until then, whatever came of it."""
    machine = Machine()
    return lambda _: machine.away()
