"""`make faults TIMES=100`: every fault in its long form; what was measured goes into results.json and the pages.

Exit status 1 if a promise is not kept; then nothing is written.
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

from tests.faults.page import PAGES, RESULTS, ROOT, rendered, table


def machine() -> str:
    """Return what it was measured on, in a few words."""
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=float, default=100)
    parser.add_argument("words", nargs="*", help="for pytest, such as -k overload; then nothing is written")
    given = parser.parse_args()
    # Those that scale, and those of other rooms that hold a fault; where a server of a store is missing, they say so.
    named = {test for rows in table().values() for row in rows.values() for test in row["tests"]}
    others = sorted(test for test in named if not test.startswith(("tests/faults/", "tests/soak/")))
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures"
        figures.touch()
        setting = {"FAULTS_TIMES": str(given.times), "FAULTS_FIGURES": str(figures)}
        # The pages are judged when they are written.
        skipped = ["--ignore", "tests/faults/test_table.py"]
        wanted = [*skipped, "tests/faults", "tests/soak", *others, *given.words]
        words = [sys.executable, "-m", "pytest", "-q", "--timeout", "3600", *wanted]
        status = subprocess.run(words, cwd=ROOT, env={**os.environ, **setting}).returncode
        found = [json.loads(line) for line in figures.read_text().splitlines()]
    for each in found:
        bound = f" (at most {each['bound']:g})" if each["bound"] is not None else ""
        print(f"{each['fault']}: {each['what']}: {each['value']:g} {each['unit']}{bound}")
    if status or given.words:
        return int(bool(status))
    run = {"date": str(datetime.date.today()), "machine": machine(), "times": given.times, "figures": found}
    RESULTS.write_text(json.dumps(run, indent=1) + "\n", "utf-8")
    for page in PAGES:
        page.write_text(rendered(page), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
