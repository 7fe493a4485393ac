"""Try our server with other packages' clients and our client at other packages' servers: `make interop`.

Prints a line a pair, and says by name what failed. `--write` puts the tables into docs/interop.md.
A failure that known.json does not list fails the run, and so does one that it lists and that is none any more.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from tests.interop.install import ROOT
from tests.interop.pairs import ASKED, Pair, all_pairs
from tests.interop.visits import FURTHER, Found

PAGE = ROOT / "docs" / "interop.md"
KNOWN = Path(__file__).parent / "known.json"  # "side/peer/way/version/check" -> why it fails, which is not ours
BEGIN, END = "<!-- tables: make interop ARGS=--write -->", "<!-- end of tables -->"
TITLES = {"server": "Our server, their clients", "client": "Our client, their servers"}
AT_ONCE = 2  # pairs under way at the same time


def place(pair: Pair, check: str) -> str:
    """Return the name of a check in known.json; releases are left out, so that it survives an update."""
    major = pair.release.partition(".")[0]
    return f"{pair.side}/{pair.peer} {major}/{pair.way}/{pair.version}/{check}"


async def try_all(pairs: list[Pair]) -> list[tuple[Pair, Found]]:
    """Return what was found, in the order of `pairs`, with a line for each on the way."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(pair: Pair) -> tuple[Pair, Found]:
        async with gate:
            try:
                found = await pair.find()
            except OSError as error:
                found = {check: str(error) for check in ASKED}
        bad = [check for check, note in found.items() if note]
        print(f"{pair.label:<72} {len(found) - len(bad):>2} of {len(found):>2}", *bad, flush=True)
        return pair, found

    return await asyncio.gather(*map(one, pairs))


def judge(tried: list[tuple[Pair, Found]], known: dict[str, str]) -> list[str]:
    """Return what is wrong: failures that nobody knows of, and known ones that are none."""
    failed = {place(pair, check): note for pair, found in tried for check, note in found.items() if note}
    passed = {place(pair, check) for pair, found in tried for check, note in found.items() if not note}
    wrong = [f"{where}: {note[:600]}" for where, note in failed.items() if where not in known]
    return wrong + [f"{where}: passes now; take it off {KNOWN.name}" for where in sorted(known.keys() & passed)]


def table(tried: list[tuple[Pair, Found]], side: str, known: dict[str, str]) -> str:
    """Return one side's table in Markdown, with what failed below it."""
    mine = [(pair, found) for pair, found in tried if pair.side == side]
    columns = [check for check in (*ASKED, *FURTHER) if any(check in found for _, found in mine)]
    lines = [f"| {' | '.join(['peer', 'release', 'over', 'protocol', *columns])} |", f"|{'---|' * (len(columns) + 4)}"]
    notes: dict[str, int] = {}
    for pair, found in mine:
        cells = [_cell(pair, check, found, known, notes) for check in columns]
        lines.append(f"| {' | '.join([pair.peer, pair.release, pair.way, pair.version, *cells])} |")
    below = [f"{number}. {why}" for why, number in notes.items()]
    return "\n".join([f"## {TITLES[side]}", "", *lines, *(["", *below] if below else [])])


def _cell(pair: Pair, check: str, found: Found, known: dict[str, str], notes: dict[str, int]) -> str:
    if check not in found:
        return ""
    if not found[check]:
        return "✓"
    why = known.get(place(pair, check), "Fails, and it is not known why.")
    return f"✗ {notes.setdefault(why, len(notes) + 1)}"


def write(tried: list[tuple[Pair, Found]], known: dict[str, str]) -> None:
    """Put the tables between the marks of the page."""
    text = PAGE.read_text("utf-8")
    head, rest = text[: text.index(BEGIN)], text[text.index(END) :]
    tables = "\n\n".join(table(tried, side, known) for side in TITLES)
    PAGE.write_text(f"{head}{BEGIN}\n\n{tables}\n\n{rest}", "utf-8")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", default="", help="try the pairs whose line contains this text")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/interop.md; not with --only")
    options = parser.parse_args(argv)
    if options.write and options.only:
        parser.error("--write needs everything tried; leave out --only")
    begun = time.monotonic()
    known: dict[str, str] = json.loads(KNOWN.read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        pairs = [pair for pair in all_pairs(Path(folder).resolve()) if options.only in pair.label]
        tried = asyncio.run(try_all(pairs))
    wrong = judge(tried, known)
    if options.write:
        write(tried, known)
    checks = [note for _, found in tried for note in found.values()]
    print(f"{len(pairs)} pairs, {len(checks)} checks, {checks.count('')} pass; {time.monotonic() - begun:.0f} s")
    for line in wrong:
        print(f"wrong: {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
