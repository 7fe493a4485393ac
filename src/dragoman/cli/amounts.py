"""Numbers on a command line: read as argparse wants it, and refused with what they may be.

Promise: what passes is finite and within its bounds. Limit: nothing is rounded; `2.0` is no whole number.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

DAY = 86_400.0  # seconds
PORTS = 65_535


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """Return a reader of whole numbers from `least` to `most`, which raises argparse.ArgumentTypeError for others."""
    wanted = f"a whole number, at least {least}" if most is None else f"a whole number from {least} to {most}"

    def read(text: str) -> int:
        number = int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else least - 1
        if number < least or (most is not None and number > most):
            raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")
        return number

    return read


port = whole(0, PORTS)


def seconds(text: str) -> float:
    """Return a duration in seconds, more than 0 and at most a day. Raises argparse.ArgumentTypeError."""
    return _real(text, DAY, "a number of seconds, more than 0 and at most 86400")


def days(text: str) -> float:
    """Return a number of days, more than 0 and at most a hundred years. Raises argparse.ArgumentTypeError."""
    return _real(text, 36_525.0, "a number of days, more than 0")


def _real(text: str, most: float, wanted: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")
    return value
