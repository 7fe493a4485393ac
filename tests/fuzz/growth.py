"""Readers for which eight times as much takes much more than eight times as long: `make fuzz ARGS=--growth`.

Words that mean something are put into what a reader takes, again and again. Measured is processor time, not the clock:
the least of some tries, and only where it is long enough to be told from chance.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.fuzz.mutations import WORDS
from tests.fuzz.readers import TARGETS
from tests.fuzz.target import Target, tried

FEW, MANY = 4_000, 32_000  # bytes
LONG = 0.1  # seconds: what takes less is quick, whatever it grows by
MOST = 3.0  # times as much as the length has grown by
SIGNS = [bytes([sign]) for sign in b" \t\n\r!\"#$&'()*+,-./:;<=>?@[]^_`{|}~aA0"]
PAIRS = [
    b"a,",
    b"a=b;",
    b"&amp;",
    b"<a>",
    b"<a ",
    b"[](",
    b"**",
    b"1.",
    b"- ",
    b"\r\n\r\n",
    b'""',
    b'\\"',
    b"()",
    b"a b ",
    b"$a",
    b"{}",
]


def repeated(target: Target, size: int) -> Iterator[tuple[str, bytes]]:
    """Yield documents of about `size` bytes, each with a name."""
    for number, seed in enumerate(target.seeds):
        if len(seed) > 2_000:
            continue
        for word in [*SIGNS, *PAIRS, *(word for word in WORDS if len(word) < 32)]:
            many = word * (size // len(word))
            for at in sorted({0, len(seed) // 2, max(len(seed) - 1, 0), len(seed)}):
                yield f"seed {number}, {word!r} at {at}", seed[:at] + many + seed[at:]


def seconds(target: Target, data: bytes) -> float:
    """Return the processor time for one document."""
    begun = time.process_time()
    try:
        tried(target, data)
    except Exception:
        pass  # that is for the other attacks
    return time.process_time() - begun


def grown(name: str) -> Iterator[str]:
    """Yield what takes a reader more than its length allows."""
    target = TARGETS[name]
    for (what, few), (_, many) in zip(repeated(target, FEW), repeated(target, MANY), strict=True):
        if (long := seconds(target, many)) < LONG:
            continue
        short = min(seconds(target, few) for _ in range(3))
        long = min([long, seconds(target, many)])
        if long > LONG and long > short * MOST * MANY / FEW:
            yield f"{name}: {what}: {short * 1000:.1f} ms for {FEW} bytes, {long * 1000:.0f} ms for {MANY}"
