"""`make fuzz MINUTES=5`: every reader against documents that are almost right; Hypothesis shrinks what it finds.

`--growth` looks for documents that take more time than their length allows (`growth`).
With atheris, where that is installed, and `--guided`: each reader in a process of its own, led by coverage.
Exit status 1 if anything but our own errors escaped; the smallest bytes that do it are shown.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

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


def guided(name: str, seconds: float) -> str:
    """Attack a reader with atheris in a process of its own; return what it found, and what ended it."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "tests.fuzz.guided", name, str(int(seconds)), folder]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, errors="replace")
        file = Path(folder) / "found"
        found = file.read_text() if file.exists() else ""
        for artifact in sorted(Path(folder).glob("*-*")) if done.returncode else []:
            found += f"{artifact.name}: {artifact.read_bytes()!r}\n"
    runs = re.search(r"executed_units:\s*(\d+)", done.stderr)
    print(f"{name}: {runs[1] if runs else 'unknown'} runs", flush=True)
    if done.returncode:
        found += done.stderr[-3000:]
    return f"{name}: {found}" if found else ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--only", default="", help="readers whose names contain this")
    parser.add_argument("--guided", action="store_true")
    parser.add_argument("--growth", action="store_true", help="look for what takes more time than its length allows")
    parser.add_argument("--seed", type=int, default=0)
    given_ = parser.parse_args()
    names = [name for name in TARGETS if given_.only in name]
    if given_.guided and find_spec("atheris") is None:
        print("atheris is not installed: pip install atheris")
        return 2
    warnings.simplefilter("ignore")
    if given_.growth:
        slow = [print(told, flush=True) for name in names for told in grown(name)]
        print(f"{len(slow)} documents take longer than they should" if slow else "all readers take time by length")
        return int(bool(slow))
    until, found, taken, tries, start = time.monotonic() + given_.minutes * 60, {}, Counter[str](), 0, given_.seed
    if given_.guided:
        for name in names:
            if told := guided(name, given_.minutes * 60 / len(names)):
                found[name] = told
                print(told, flush=True)
    else:
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
