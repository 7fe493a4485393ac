"""`make bench`: measure, print a table against the targets, write results and plots.

`--only` takes parts, `--quick` less of everything, `--base REV` compares two revisions instead.
Exit status 1 if a target is missed.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import clients
import environments
import files
import growth
import known_items
import over_http
import over_stdio
import report
import revisions
import searching
import sql
import streaming
import tails
import with_data
from bench import Bench

RESULTS = Path(__file__).parent / "results"


def install(bench: Bench) -> None:
    """Size of the core install."""
    count, size = environments.installed(environments.ours(""))
    bench.table.add("core install: packages", count, 12)
    bench.table.add("core install: MB without .pyc", size, 25)


Measure = Callable[[Bench], None]
MOMENTS = 2  # more, at which a figure is looked at that has to be so and so much in a second
PARTS: dict[str, tuple[Measure, ...]] = {
    "install": (install,),
    "http": (over_http.modern,),
    "threads": (over_http.threads,),
    "sessions": (
        lambda bench: over_http.older(bench, stream=False),
        lambda bench: over_http.older(bench, stream=True),
    ),
    "secured": (over_http.secured,),
    "proxy": (over_http.proxied,),
    "workers": (over_http.workers,),
    "tail": (tails.measure,),
    "lists": (growth.lists,),
    "growth": (growth.tools, growth.sessions, growth.streams),
    "progress": (streaming.progress,),
    "large": (streaming.large,),
    "stdio": (over_stdio.starts, over_stdio.calls, over_stdio.rates),
    "clients": (clients.calls,),
    "imports": (clients.imports,),
    "data": (lambda bench: with_data.measure(bench.table),),
    "index": (lambda bench: searching.measure(environments.ours("all"), bench.table),),
    "quality": (lambda bench: known_items.measure(environments.ours("all"), bench.table),),
    "sql": (lambda bench: sql.measure(bench.table),),
    "files": (lambda bench: files.measure(bench.table),),
}


def options() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=240, help="slices of each side")
    parser.add_argument("--seconds", type=float, default=0.02, help="length of one slice")
    parser.add_argument("--quick", action="store_true", help="24 slices, and a thousand where ten thousand are opened")
    parser.add_argument("--publish", action="store_true", help="show even a part in the documentation")
    parser.add_argument("--base", metavar="REV", help="compare this revision with the working copy")
    return parser.parse_args()


def main() -> int:
    """Return the exit status."""
    chosen = options()
    environments.FOLDER.mkdir(exist_ok=True)
    bench = Bench(24 if chosen.quick else chosen.rounds, chosen.seconds, quick=chosen.quick)
    print(report.machine(), flush=True)
    if chosen.base:
        revisions.compare(bench, chosen.base)
        return 0
    began = time.monotonic()
    later: list[tuple[str, Measure, set[str]]] = []
    for part in chosen.only or PARTS:
        bench.table.part = part
        for measure in PARTS[part]:
            before = len(bench.table.rows)
            measure(bench)
            if names := {row.what for row in bench.table.rows[before:] if row.best and not row.met}:
                later.append((part, measure, names))
    for part, measure, names in later * (0 if chosen.quick else MOMENTS):
        # At another moment of the run: what is as fast as the machine lets it be may have met a slow one.
        bench.table.part = part
        if any(row.what in names for row in bench.table.missed()):
            measure(bench)
    whole = chosen.publish or not (chosen.only or chosen.quick)
    words = " ".join(sys.argv[1:])
    command = f'make bench ARGS="{words}"' if words else "make bench"
    # What is published is a whole run; a part of one, or a quick one, lies where git does not look.
    folder = RESULTS if whole else environments.FOLDER / "results"
    taken = time.monotonic() - began
    report.write(bench, folder, report.facts(bench, command, taken), publish=whole)
    missed = bench.table.missed()
    print(f"{len(bench.table.rows)} figures in {taken:.0f} s, {len(missed)} of them not what was wanted; see {folder}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
