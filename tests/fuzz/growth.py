"""Readers for which eight times as much takes much more than eight times as long: `make fuzz ARGS=--growth`.

Measured is processor time, not the clock: the least of some tries, and only where it is long enough to be told from
chance. Told is what takes more than length to the power of 1.3, from end to end and at the end, and what takes long.
Limit: for a machine that does much else, the figures are rough; what is told is to be looked at.
"""

from __future__ import annotations

import gc
import math
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence

from tests.fuzz.shapes import Shape, shapes
from tests.fuzz.target import Target, tried

SIZES = (4_000, 8_000, 16_000, 32_000)  # bytes
BRIEF = 0.015  # seconds: what takes less for the longest is quick, whatever it grows by
LONG = 1.0  # seconds: more than any of these may take
DEAR = 40e-6  # seconds for each byte of the shortest, which may be all that is read before a limit
STEEP = 1.3  # the power of the length
TRIES = 5

Cost = Callable[[Target, bytes], float]


class _TooLong(BaseException):
    """Not to be taken for a fault that a reader expects."""


def _stop(*_: object) -> None:
    raise _TooLong


def seconds(target: Target, data: bytes) -> float:
    """Return the processor time for one document; it is broken off soon after `LONG`."""
    before = signal.signal(signal.SIGPROF, _stop)
    gc.collect(1)
    gc.disable()  # when it looks through all that there is depends on how much that was before
    begun = time.thread_time()  # that of the process goes in steps of 4 ms while it has an alarm
    try:
        signal.setitimer(signal.ITIMER_PROF, 3 * LONG)
        tried(target, data)
    except (Exception, _TooLong):
        pass  # the first is for the other attacks
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        gc.enable()
    return time.thread_time() - begun


def power(few: float, many: float, times: float) -> float:
    """Return by which power of its length that grows which takes `few` once, and `many` for `times` as much."""
    return math.log(max(many, 1e-6) / max(few, 1e-6), times)


def suspect(target: Target, shape: Shape, cost: Cost) -> bool:
    """Say whether a shape is worth measuring well; most are not."""
    long = cost(target, shape.make(SIZES[-1]))
    few = shape.make(SIZES[0])
    short = min(cost(target, few), cost(target, few))
    steep = long > BRIEF and power(short, long, SIZES[-1] / SIZES[0]) > STEEP
    return steep or long > LONG or short > DEAR * SIZES[0]


def too_dear(took: Sequence[float]) -> bool:
    """Say whether what takes so long for each of `SIZES` takes more than it should."""
    most = max(range(len(SIZES)), key=took.__getitem__)
    if most == 0 or took[most] < BRIEF:
        return took[most] > LONG
    from_end_to_end = power(took[0], took[most], SIZES[most] / SIZES[0])
    at_the_end = power(took[most - 1], took[most], SIZES[most] / SIZES[most - 1])
    return took[most] > LONG or min(from_end_to_end, at_the_end) > STEEP


def grown(target: Target, cost: Cost = seconds, *, budget: float = math.inf) -> Iterator[str]:
    """Yield what takes a reader more than its length allows, and last, how many shapes it was tried with.

    They come in an order of chance, always the same, until `budget` seconds of processor time are spent.
    """
    for seed in target.seeds:
        cost(target, seed)  # loads what the first loads
    every = list(shapes(target))
    random.Random(0).shuffle(every)
    begun, tries = time.thread_time(), 0
    for shape in every:
        if time.thread_time() - begun > budget:
            break
        tries += 1
        if suspect(target, shape, cost):
            took = [cost(target, shape.make(size)) for size in SIZES]
            for _ in range(TRIES - 1):  # what looks dear once may have been disturbed
                if too_dear(took):
                    took = [min(each, cost(target, shape.make(size))) for size, each in zip(SIZES, took, strict=True)]
            if too_dear(took):
                told = ", ".join(f"{each * 1000:.1f}" for each in took)
                yield f"{shape.name}: {told} ms for {', '.join(f'{size:,}' for size in SIZES)} bytes"
    yield f"{tries} of {len(every)} shapes"
