"""`make bench`: measure, print a table against the budgets, write results/latest.json.

Exit status 1 if a budget is missed.
"""

import argparse
import json
import platform
import sys
import time
from pathlib import Path

import environments
import load
import over_http
import over_stdio
import sql
import with_data

RESULTS = Path(__file__).parent / "results"
PARTS = ("install", "http", "tools", "stdio", "data", "sql")


class Table:
    """Rows of figure, measured, budget; says at the end whether all held."""

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []

    def add(self, what: str, got: float, most: float, detail: str = "", *, at_least: bool = False) -> None:
        held = got >= most if at_least else got <= most
        self.rows.append({"what": what, "got": round(got, 4), "budget": most, "held": held, "detail": detail})
        bound = f"{'at least' if at_least else 'at most'} {most:g}"
        print(f"{'ok  ' if held else 'OVER'} {what:<52} {got:>10.3g}   {bound:<16} {detail}", flush=True)

    def held(self) -> bool:
        return all(row["held"] for row in self.rows)


def measure(parts: list[str], rounds: int, seconds: float) -> Table:
    table = Table()
    ours = environments.ours("fast")
    if "install" in parts:
        count, size = environments.installed(environments.ours(""))
        table.add("core install: packages", count, 12)
        table.add("core install: MB without .pyc", size, 25)
    if "http" in parts:
        got = over_http.compare(ours, environments.rival(), rounds, seconds)
        detail = f"{got['ours_us']:.0f} us against {got['mcp_us']:.0f}; {got['above_floor']:.2f} x bare ASGI"
        table.add("HTTP tools/call: CPU, ratio to mcp", got["ratio"], 1 / 5, detail)
    if "tools" in parts:
        got = over_http.by_tools(ours, rounds, seconds)
        detail = f"{got['one_us']:.1f} and {got['thousand_us']:.1f} us"
        table.add("HTTP tools/call: 1,000 tools against 1", got["ratio"], 1.05, detail)
    if "stdio" in parts:
        figures = over_stdio.compare(ours, environments.rival(), rounds)
        for name, most in (("first_ms", 1 / 4), ("p50_ms", 1 / 4), ("rss_mb", 1 / 2)):
            got = figures[name]
            table.add(f"stdio {name}: ratio to mcp", got["ratio"], most, f"{got['ours']:.3g} against {got['mcp']:.3g}")
    if "data" in parts:
        with_data.measure(table)
    if "sql" in parts:
        sql.measure(table)
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one HTTP measurement")
    options = parser.parse_args()
    print(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}; load: {load.generator()}")
    table = measure(options.only, options.rounds, options.seconds)
    RESULTS.mkdir(exist_ok=True)
    report = {
        "date": time.strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "load": load.generator(),
        "rival": environments.RIVAL,
        "command": "make bench",
        "rows": table.rows,
    }
    (RESULTS / "latest.json").write_text(json.dumps(report, indent=2) + "\n")
    return 0 if table.held() else 1


if __name__ == "__main__":
    sys.exit(main())
