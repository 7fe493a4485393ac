"""Breaks one rule at a time, in a copy of the package, and expects the tests of that rule to fail.

`python -m tests.mutations.run [ROW or MEANING...]` (`make mutations`), where a word picks the rows that begin with it.
The work tree is never changed: the copy comes before it on PYTHONPATH. Exits with 1 if a change of the code is not
noticed, and with 2 if the tests fail without any change, or a change could not be made.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.requirements.page import rows

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SRC = ROOT / "src"
SECONDS = 180.0  # for the tests of one rule
WORKERS = 2
# What pytest says (its documented exit codes) when a test failed, as it has to here.
RED = 1


class Mutation(NamedTuple):
    """One change: `old`, which stands once in `file`, becomes `new`; one of `tests` has to notice."""

    row: str
    what: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def changed(self, text: str) -> str:
        """Return `text` with the change. Raises ValueError if what is to be changed is not there, or not once."""
        if (count := text.count(self.old)) != 1:
            raise ValueError(f"{self.row}: in {self.file} {self.old.strip()[:80]!r} stands {count} times, not once")
        return text.replace(self.old, self.new)


def mutations() -> list[Mutation]:
    """Return all of them, with the tests that the table of requirements names for their rows."""
    table = rows()
    found = tomllib.loads((HERE / "auth.toml").read_text("utf-8"))
    return [
        Mutation(row, each["what"], each["file"], each["old"], each["new"], tuple(table[row].get("tests", ())))
        for row, changes in found.items()
        for each in changes
    ]


def modes() -> list[Mutation]:
    """Return the failure modes of others, each as changes with the tests that are to notice them."""
    found = tomllib.loads((HERE / "modes.toml").read_text("utf-8"))
    return [
        Mutation(row, each["what"], each["file"], each["old"], each["new"], tuple(each["tests"]))
        for row, changes in found.items()
        for each in changes
    ]


def judged(src: Path, tests: tuple[str, ...]) -> tuple[int, str]:
    """Return how pytest ends with the package below `src`, and what it says."""
    words = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--no-header", *tests]
    environ = {**os.environ, "PYTHONPATH": f"{src}{os.pathsep}{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}
    where = "import dragoman, sys; sys.exit(not dragoman.__file__.startswith(sys.argv[1]))"
    if subprocess.run([sys.executable, "-c", where, str(src)], env=environ, cwd=ROOT).returncode:
        return 2, "the tests would not run against the copy"
    try:
        done = subprocess.run(words, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return 2, f"the tests did not end within {SECONDS:g} s"
    return done.returncode, done.stdout[-2000:]


def copied(source: Path, folder: str) -> Path:
    """Return a copy of the package's folder."""
    return Path(shutil.copytree(source, Path(folder) / "src", ignore=shutil.ignore_patterns("__pycache__")))


def tried(mutation: Mutation, source: Path = SRC) -> tuple[str, str]:
    """Return `red`, `survived` or `error` for one change, and which test noticed it or what went wrong."""
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        src = copied(source, folder)
        file = src / "dragoman" / mutation.file
        try:
            changed = mutation.changed(file.read_text("utf-8"))
            compile(changed, mutation.file, "exec")
        except (ValueError, SyntaxError) as error:
            return "error", str(error)
        file.write_text(changed, "utf-8")
        status, said = judged(src, mutation.tests)
    if status == RED:
        return "red", next((line for line in said.splitlines() if line.startswith("FAILED")), "")[7:120]
    return ("survived", "") if status == 0 else ("error", said)


def run(chosen: list[Mutation], show: Callable[[str], None] = print) -> int:
    """Try the changes, show a table, and return the exit status."""
    tests = tuple(dict.fromkeys(test for mutation in chosen for test in mutation.tests))
    outcomes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder, ThreadPoolExecutor(WORKERS) as pool:
        source = copied(SRC, folder)  # so that all are tried on the same code, whoever goes on writing meanwhile
        status, said = judged(source, tests)
        if status:
            show(f"the tests fail without any change:\n{said}")
            return 2
        for mutation, (outcome, detail) in zip(chosen, pool.map(lambda one: tried(one, source), chosen), strict=True):
            outcomes.append(outcome)
            show(f"{outcome:9}{mutation.row:10}{mutation.what}{'' if outcome == 'red' else f'  {detail}'}")
    show(", ".join(f"{outcomes.count(each)} {each}" for each in ("red", "survived", "error")))
    return 2 if "error" in outcomes else int("survived" in outcomes)


def picked(words: list[str]) -> Iterator[Mutation]:
    """Yield the changes of the rows that begin with one of `words`, all without any."""
    return (each for each in [*mutations(), *modes()] if not words or each.row.startswith(tuple(words)))


if __name__ == "__main__":
    sys.exit(run(list(picked(sys.argv[1:]))))
