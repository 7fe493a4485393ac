"""A million files, twice: in a thousand folders, and in one.  How soon a page comes, and what it takes of memory.

The files are empty and made once, below .bench (2,000,000 inodes); `rm -r .bench/million` takes them away.
"""

import os
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import environments
import with_data

MADE = environments.ROOT / ".bench" / "million"
FOLDERS = 1_000
EACH = 1_000
PAGES = 20


def made() -> tuple[Path, Path]:
    """Return the tree and the flat folder, making what is not there."""
    tree, flat = MADE / "tree", MADE / "flat"
    plans = {
        tree: [(f"{folder:04}", [f"{number:04}.txt" for number in range(EACH)]) for folder in range(FOLDERS)],
        flat: [(".", [f"file-{number:07}.txt" for number in range(FOLDERS * EACH)])],
    }
    for root, plan in plans.items():
        if (done := MADE / f"{root.name}.done").exists():
            continue
        print(f"making {FOLDERS * EACH:,} files below {root.name} (once)...", file=sys.stderr, flush=True)
        for folder, names in plan:
            (root / folder).mkdir(parents=True, exist_ok=True)
            above = os.open(root / folder, os.O_RDONLY)
            for name in names:
                os.close(os.open(name, os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=above))
            os.close(above)
        done.touch()
    return tree, flat


def pages(port: int, source: str, **arguments: str) -> tuple[float, float]:
    """Return the milliseconds of the first page, the middle one of a few, and of those that follow it."""
    first, later, cursor = list[float](), list[float](), ""
    for _ in range(5):
        began = time.perf_counter()
        cursor = with_data.call(port, "list", {"uri": f"file://{source}/", **arguments})["next_cursor"]
        first.append((time.perf_counter() - began) * 1e3)
    for _ in range(PAGES):
        began = time.perf_counter()
        answer = with_data.call(port, "list", {"uri": f"file://{source}/", "cursor": cursor, **arguments})
        later.append((time.perf_counter() - began) * 1e3)
        cursor = answer["next_cursor"]
    return median(first), median(later)


def memory(pid: int) -> float:
    """Return what a process held at its most, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def measure(table: Any, python: Path | None = None) -> None:
    """Add the rows of large trees."""
    tree, flat = made()
    sources: list[Any] = [f"tree=files:{tree}", f"flat=files:{flat}"]
    process, port, _ = with_data.start(python or environments.ours("all"), sources, MADE / "cache")
    try:
        for source, what in (("tree", "in 1,000 folders"), ("flat", "in one folder")):
            first, later = pages(port, source)
            table.add(f"a million files {what}: first page in ms", first, 50)
            table.add(f"a million files {what}: later pages in ms", later, 50)
        table.add("a million files: memory of the server in MB", memory(process.pid), 120)
    finally:
        with_data.stop(process)
