"""Readers under atheris, led by what of our code is entered: `python -m tests.fuzz.guided FOLDER SECONDS NAME...`.

Each runs in a process of its own, forked when our code is ready for it, for so many seconds; it begins with what it
takes and with what FOLDER has from another time, knows the words of `mutations`, and goes on after what it finds: a
line in `found` for each place from which something escaped, or where one input took more time or memory than all may.
A reader that stands in FOLDER/done is left out: a run goes on where one before was broken off.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import resource
import sys
import time
import traceback
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import atheris

# What atheris says of each module that it instruments is for nobody.
with redirect_stderr(io.StringIO()), atheris.instrument_imports(include=["dragoman"]):
    from tests.fuzz.mutations import WORDS
    from tests.fuzz.readers import TARGETS
    from tests.fuzz.target import tried

SLOW = 1.0  # seconds of processor time for 20,000 bytes, where reading them takes some times as long as usual
MUCH = 100  # MiB more than at the beginning
LONGEST = 20_000  # bytes


class Watch:
    """Says of each input what is wrong with the reading of it, once for each place."""

    def __init__(self, name: str, found: Path) -> None:
        self._target, self._found = TARGETS[name], found
        self._known: set[str] = set()
        with atheris.instrument_imports(include=["dragoman"]):  # some is loaded by the first who needs it
            for seed in self._target.seeds:
                tried(self._target, seed)
        self._usual = self._peak = _peak()

    def attack(self, data: bytes) -> None:
        begun = time.process_time()
        try:
            tried(self._target, data)
        except Exception as error:
            at = traceback.extract_tb(error.__traceback__)[-1]
            self._tell(f"{type(error).__name__} {at.filename}:{at.lineno}", f"{error!r}"[:300], data)
        if (took := time.process_time() - begun) > SLOW:
            self._tell("slow", f"{took:.1f} s for {len(data)} bytes", data)
        if (peak := _peak()) > self._peak:
            self._peak = peak
            if (more := peak - self._usual) > MUCH:
                self._tell("memory", f"{more:.0f} MiB more after {len(data)} bytes", data)

    def _tell(self, where: str, what: str, data: bytes) -> None:
        if where not in self._known:
            self._known.add(where)
            with self._found.open("a") as out:
                out.write(f"{where}: {what} for {data!r}\n")


def _peak() -> float:
    """Return the most memory that this process has held, in MiB (Linux counts it in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def escapes(word: bytes) -> str:
    """Return a word as libFuzzer's dictionaries write it."""
    return "".join(f"\\x{byte:02x}" for byte in word)


def attack(name: str, seconds: int, folder: Path) -> None:
    """Attack a reader for so long; libFuzzer ends the process."""
    corpus, words = folder / "corpus", folder / "words"
    corpus.mkdir(exist_ok=True)
    for seed in TARGETS[name].seeds:
        (corpus / hashlib.sha256(seed).hexdigest()).write_bytes(seed)
    words.write_text("".join(f'"{escapes(word)}"\n' for word in WORDS if len(word) < 64))
    options = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", "-timeout=60", "-rss_limit_mb=2048"]
    options += [f"-dict={words}", f"-artifact_prefix={folder}/", "-verbosity=0", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], Watch(name, folder / "found").attack)
    atheris.Fuzz()


def attacked(name: str, seconds: int, folder: Path) -> dict[str, Any]:
    """Attack a reader in a process of its own; return how many inputs it was given, and what was found."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in [folder / "found", *folder.glob("*-*")]:
        left.unlink(missing_ok=True)
    log = folder / "log"
    if not (child := os.fork()):
        with log.open("wb") as out:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
        try:
            attack(name, seconds, folder)
        except BaseException:
            traceback.print_exc()
        os._exit(99)
    _, ended = os.waitpid(child, 0)
    told = log.read_text(errors="replace")
    found = (folder / "found").read_text() if (folder / "found").exists() else ""
    if ended:
        found += "".join(f"{each.name}: {each.read_bytes()!r}\n" for each in sorted(folder.glob("*-*"))) + told[-3000:]
    runs = re.search(r"executed_units:\s*(\d+)", told)
    return {"reader": name, "seconds": seconds, "runs": int(runs[1]) if runs else 0, "found": found}


def main() -> int:
    folder, seconds, names = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "done"
    told = [json.loads(line) for line in done.read_text().splitlines()] if done.exists() else []
    for name in names:
        if any(each["reader"] == name for each in told):
            continue
        told.append(each := attacked(name, seconds, folder / re.sub(r"\W+", "-", name)))
        with done.open("a") as out:
            out.write(json.dumps(each) + "\n")
        print(f"{name}: {each['runs']} runs\n{each['found']}", end="", flush=True)
    faulty = sum(bool(each["found"]) for each in told)
    runs, spent = sum(each["runs"] for each in told), sum(each["seconds"] for each in told) / 60
    print(f"{runs:,} runs for {len(told)} readers in {spent:.0f} minutes")
    print(f"{faulty} readers let something escape" if faulty else "nothing but our own errors escaped")
    return int(bool(faulty))


if __name__ == "__main__":
    sys.exit(main())
