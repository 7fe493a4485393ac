"""`make scorecard`: what a model pays for our tools, what it finds with them, and what gets through; none is asked.

Prints the tables, writes results/scorecard.json and docs/scorecard.md.  Exit status 1 if anything does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.scorecard import asking, attacks, checks, desk, page, rivals
from benchmarks.scorecard.contestants import Contestant
from benchmarks.scorecard.questions import Question, questions
from benchmarks.scorecard.serving import served

from dragoman import Client

ROOT = Path(__file__).resolve().parent.parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "scorecard.json"
PARTS = ("questions", "attacks", "checks")
# What each of the others serves, as ours is told to serve it alone.
ALONE = {"server-filesystem": "documents", "mcp-server-git": "git:code", "dbhub": "sales.db"}


def company() -> Path:
    """Return the folder of the demo's company, made if it is not there."""
    folder = rivals.HOME / "acme"
    subprocess.run([sys.executable, str(ROOT / "examples" / "acme" / "generate.py"), str(folder)], check=True)
    return folder


async def ask_all(data: Path, home: Path) -> dict[str, Any]:
    """Return what each server's definitions cost, and how its questions went."""
    every = questions(data)
    found: dict[str, Any] = {"questions": len(every), "servers": {}}
    settings = data / "dragoman.yaml"
    async with served(settings, home) as client:
        await asking.settled(client)
        mine = await _asked(rivals.ours(data), client, every)
    found["servers"]["dragoman"] = mine
    for contestant in rivals.rivals(data):
        async with Client(contestant.words) as client:
            theirs = await _asked(contestant, client, every)
        asked = {row["question"] for row in theirs["rows"]}
        rows = [row for row in mine["rows"] if row["question"] in asked]
        source = ALONE[contestant.name]
        kind, colon, name = source.rpartition(":")
        words = [sys.executable, "-m", "dragoman", "serve", f"{kind}{colon}{data / name}", "--stdio"]
        async with Client(words) as client:
            alone = await asking.definitions(client)
        theirs["ours"] = {"definitions": alone, "total": asking.totals(rows), "kinds": _kinds(rows)}
        found["servers"][contestant.name] = theirs
    found["missed"] = [every[row["question"] - 1].text for row in mine["rows"] if not row["answered"]]
    return found


async def _asked(contestant: Contestant, client: Client, every: Sequence[Question]) -> dict[str, Any]:
    told = await asking.definitions(client)
    rows = await asking.ask(contestant, client, every)
    return {"definitions": told, "total": asking.totals(rows), "kinds": _kinds(rows), "rows": rows}


def _kinds(rows: list[dict[str, Any]]) -> dict[str, Any]:
    kinds = dict.fromkeys(row["kind"] for row in rows)
    return {kind: asking.totals([row for row in rows if row["kind"] == kind]) for kind in kinds}


async def check_all(folder: Path) -> list[dict[str, Any]]:
    """Return the tallies of what must hold of every answer, over the small desk."""
    settings, known = desk.make(folder)
    async with served(settings, folder / "home") as client:
        await asking.settled(client)
        asker = await checks.Asker.of(client)
        tallies = [await checks.paging(asker, known), await checks.readable(asker, known), await checks.recovery(asker)]
    tallies.append(asker.valid)
    tallies.append(checks.Tally("of them cut to fit, or one page of several", asker.cut))
    return [{"name": one.name, "done": one.done, "faults": one.faults} for one in tallies]


def measure(parts: Sequence[str]) -> dict[str, Any]:
    """Return all results, in the shape of scorecard.json."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="scorecard-") as name:
        folder = Path(name)
        if "questions" in parts:
            found["asked"] = asyncio.run(ask_all(company(), folder / "home"))
            found["versions"] = rivals.versions()
        if "attacks" in parts:
            (folder / "hostile").mkdir()
            groups = asyncio.run(attacks.attack(folder / "hostile"))
            found["attacks"] = [
                {"name": g.name, "tried": g.tried, "twins": g.twins, "passed": g.passed, "refused": g.refused}
                for g in groups
            ]
        if "checks" in parts:
            (folder / "desk").mkdir()
            found["checks"] = asyncio.run(check_all(folder / "desk"))
    return found


def faults(found: dict[str, Any]) -> list[str]:
    """Return what does not hold, each in a line."""
    missed = [f"not answered: {text}" for text in found.get("asked", {}).get("missed", ())]
    passed = [f"attack passed: {one}" for group in found.get("attacks", ()) for one in group["passed"]]
    refused = [f"harmless, and refused: {one}" for group in found.get("attacks", ()) for one in group["refused"]]
    wrong = [f"{tally['name']}: {one}" for tally in found.get("checks", ()) for one in tally["faults"]]
    return missed + passed + refused + wrong


def main() -> int:
    """Return the exit status: 0 if everything holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, help="parts; with any, nothing is written")
    options = parser.parse_args()
    started = time.monotonic()
    found = measure(options.only)
    print(page.tables(found))
    wrong = faults(found)
    for one in wrong:
        print(f"FAULT {one}", file=sys.stderr)
    if set(options.only) == set(PARTS):
        for server in found["asked"]["servers"].values():
            del server["rows"]
        RESULTS.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        page.PAGE.write_text(page.page(found), encoding="utf-8")
        print(f"{RESULTS.relative_to(ROOT)} and {page.PAGE.relative_to(ROOT)} written")
    print(f"{time.monotonic() - started:.0f} s; {len(wrong)} faults")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
