"""The time of a file: it goes on at the machine's own pace, whatever is done to the wall clock.

Within one run of the machine it is the time since boot plus a constant that the file keeps.
After a restart it goes on from the wall clock, but never backwards.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Steady(msgspec.Struct, frozen=True):
    """The clocks of one machine: `since_boot` counts seconds, sleep included, in the run of the machine `boot`."""

    wall: Callable[[], float]
    since_boot: Callable[[], float]
    boot: str

    def shift(self, known: float | None) -> float:
        """Return what to add to `since_boot`, for a file of another run whose time had come to `known`."""
        now = self.wall()
        return (now if known is None else max(now, known)) - self.since_boot()


def machine() -> Steady:
    """Return the clocks of this machine; where none counts from boot, the wall clock in its place."""
    try:
        boot = BOOT_ID.read_text("ascii").strip()
        kind = time.CLOCK_BOOTTIME
        time.clock_gettime(kind)
    except (OSError, AttributeError, ValueError):
        return Steady(time.time, time.time, "wall")
    return Steady(time.time, lambda: time.clock_gettime(kind), boot)
