"""`make fuzz MINUTES=5`: every reader against documents that are almost right; Hypothesis shrinks what it finds.

`--growth` looks for documents that take more time than their length allows (`growth`).
With atheris, where that is installed, and `--guided`: led by coverage (`guided`), and with `--keep FOLDER` it goes on
where it stopped.
Exit status 1 if anything but our own errors escaped; the smallest bytes that do it are shown.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from importlib.util import find_spec

from hypothesis import HealthCheck, given, seed, settings
from tests.faults.measure import ROOT
from tests.fuzz.growth import grown
from tests.fuzz.mutations import almost
from tests.fuzz.readers import TARGETS
from tests.fuzz.target import tried


def attacked(name: str, examples: int, start: int, taken: Counter[str]) -> str:
    """Return what escaped a reader, and for which bytes; nothing if nothing did."""
    target, last = TARGETS[name], [b""]

    @seed(start)
    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(almost(target))
    def attack(data: bytes) -> None:
        last[0] = data
        taken[name] += tried(target, data)

    try:
        attack()
    except Exception as error:
        return f"{name}: {error!r} for {last[0]!r} (seed {start})"
    return ""


def guided(names: list[str], minutes: float, folder: str) -> int:
    """Attack readers with atheris, in another process; return its exit status."""
    if find_spec("atheris") is None:
        print("atheris is not installed: pip install atheris")
        return 2
    with tempfile.TemporaryDirectory() as unkept:
        seconds = str(max(1, round(minutes * 60 / len(names))))
        words = [sys.executable, "-m", "tests.fuzz.guided", folder or unkept, seconds, *names]
        return subprocess.run(words, cwd=ROOT).returncode


def growth(names: list[str], minutes: float) -> int:
    """Tell what takes more time than its length allows; return whether anything does."""
    slow = 0
    for name in names:
        *told, tries = grown(TARGETS[name], budget=minutes * 60 / len(names))
        slow += len(told)
        print(*[f"{name}: {tries}, {len(told)} too dear", *told], sep="\n", flush=True)
    print(f"{slow} documents take longer than they should" if slow else "all readers take time by length")
    return int(bool(slow))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--only", default="", help="readers whose names contain this")
    parser.add_argument("--after", default="", help="only readers that come after the one of this name")
    parser.add_argument("--guided", action="store_true")
    parser.add_argument("--growth", action="store_true", help="look for what takes more time than its length allows")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", default="", help="folder for what --guided learns, to go on from")
    given_ = parser.parse_args()
    names = list(TARGETS)[list(TARGETS).index(given_.after) + 1 if given_.after else 0 :]
    names = [name for name in names if given_.only in name]
    if given_.guided:
        return guided(names, given_.minutes, given_.keep)
    warnings.simplefilter("ignore")
    if given_.growth:
        return growth(names, given_.minutes)
    until, found, taken, tries, start = time.monotonic() + given_.minutes * 60, {}, Counter[str](), 0, given_.seed
    while time.monotonic() < until and set(names) - set(found):
        for name in names:
            if name not in found and time.monotonic() < until:
                tries += 100
                if told := attacked(name, 100, start, taken):
                    found[name] = told
                    print(told, flush=True)
        start += 1
    print(f"{tries} documents for {len(names)} readers, {taken.total()} of them taken")
    told = [each for each in found.values() if each]
    print(f"{len(told)} readers let something escape" if told else "nothing but our own errors escaped")
    return int(bool(told))


if __name__ == "__main__":
    sys.exit(main())
