"""A store that is away, told in a log that people read: when it begins, each minute that it lasts, and when it is over.

What looks for the store several times a second would otherwise write as many lines, and hide all others.
Promise: no fault is told later than it is met first, and none that differs from the one before is left out.
Limit: one outage for each object; its owner calls it from one event loop.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

EVERY = 60.0  # seconds between two lines of the same text


class Outage:
    """What cannot be done while the store is away: `gone` is the sentence for it, `back` the one for its end."""

    def __init__(self, log: logging.Logger, gone: str, back: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._gone, self._back, self._clock = gone, back, clock
        self._since: float | None = None
        self._told = ("", 0.0)

    def met(self, fault: Exception) -> None:
        """Tell of a fault, unless the same was told within a minute."""
        now, text = self._clock(), str(fault)
        if self._since is None:
            self._since = now
        elif text == self._told[0] and now - self._told[1] < EVERY:
            return
        self._told = text, now
        self._log.warning("%s: %s", self._gone, text)

    def over(self) -> None:
        """Tell that it is over, if there was one."""
        if self._since is not None:
            seconds, self._since = self._clock() - self._since, None
            self._log.warning("%s, after %.0f s", self._back, seconds)
