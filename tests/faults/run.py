"""`make faults TIMES=100`: every fault in its long form; what was measured goes into results.json and the pages.

What fails is tried a second time, alone, since other programs of the machine can hold times up; the page says so.
Exit status 1 if a promise is not kept then, either; then nothing is written.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.faults.page import PAGES, RESULTS, ROOT, rendered, table


def machine() -> str:
    """Return what it was measured on, in a few words."""
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


def figures(folder: str) -> list[dict[str, Any]]:
    """Return what was measured."""
    file = Path(folder, "figures")
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=float, default=100)
    parser.add_argument("words", nargs="*", help="for pytest, such as -k overload; then nothing is written")
    given = parser.parse_args()
    # Those that scale, and those of other rooms that hold a fault; where a server of a store is missing, they say so.
    named = {test for rows in table().values() for row in rows.values() for test in row["tests"]}
    others = sorted(test for test in named if not test.startswith(("tests/faults/", "tests/soak/")))
    with tempfile.TemporaryDirectory() as folder:
        setting = {"FAULTS_TIMES": str(given.times), "FAULTS_FIGURES": f"{folder}/figures"}
        # The pages are judged when they are written.
        wanted = ["--ignore", "tests/faults/test_table.py", "tests/faults", "tests/soak", *others, *given.words]
        words = [sys.executable, "-m", "pytest", "-q", "--timeout", "3600", "-o", f"cache_dir={folder}/cache"]
        environ = {**os.environ, **setting}
        status = subprocess.run([*words, *wanted], cwd=ROOT, env=environ).returncode
        found, again = figures(folder), 0
        if status == 1:
            Path(folder, "figures").unlink(missing_ok=True)
            failed = list(json.loads(Path(folder, "cache/v/cache/lastfailed").read_text()))
            again, status = len(failed), subprocess.run([*words, *failed], cwd=ROOT, env=environ).returncode
            newer = figures(folder)
            measured = {(each["fault"], each["what"]) for each in newer}
            found = [each for each in found if (each["fault"], each["what"]) not in measured] + newer
    for each in found:
        bound = f" (at most {each['bound']:g})" if each["bound"] is not None else ""
        print(f"{each['fault']}: {each['what']}: {each['value']:g} {each['unit']}{bound}")
    late = [each for each in found if each["bound"] is not None and each["value"] > each["bound"]]
    if late and not status:
        print(f"{len(late)} of these only held with the room that a busy machine gets: nothing is written")
    if status or given.words or late:
        return int(bool(status))
    run = {
        "date": str(datetime.date.today()),
        "machine": machine(),
        "times": given.times,
        "again": again,
        "figures": found,
    }
    RESULTS.write_text(json.dumps(run, indent=1) + "\n", "utf-8")
    for page in PAGES:
        page.write_text(rendered(page), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
