#!/usr/bin/env python3
"""Compare a quarter's revenue in the sales database, the monthly exports and the closed quarters; say if all agree."""

from __future__ import annotations

import csv
import json
import sqlite3
import sys
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent
SQL = """SELECT SUM(l.amount_cents) FROM order_lines l JOIN orders o ON o.id = l.order_id
         WHERE substr(o.ordered_on, 1, 7) = ?"""


def exported(month: str) -> int:
    """Return a month's revenue in cents as the data warehouse exported it."""
    with (DATA / "exports" / "monthly_sales" / f"{month}.csv").open(encoding="utf-8", newline="") as file:
        return sum(int(row["revenue_cents"]) for row in csv.DictReader(file))


def main() -> int:
    """Return 0 when all agree, 1 when not, 3 for a quarter that was not closed.  The argument is as in 2026-q3."""
    year, _, number = sys.argv[1].partition("-q")
    with (DATA / "code" / "closed.csv").open(encoding="utf-8", newline="") as file:
        closed = {row["quarter"]: int(row["revenue_cents"]) for row in csv.DictReader(file)}
    if f"Q{number} {year}" not in closed:
        return 3
    months = [f"{year}-{3 * int(number) - 2 + offset:02d}" for offset in range(3)]
    sales = sqlite3.connect(f"file:{DATA / 'sales.db'}?mode=ro", uri=True)
    sold = warehouse = 0
    for place, month in enumerate(months, 1):
        sold += sales.execute(SQL, (month,)).fetchone()[0]
        warehouse += exported(month)
        print(f"progress: {place}/3 {month}", file=sys.stderr, flush=True)
    sales.close()
    found = {"database_cents": sold, "exports_cents": warehouse, "closed_cents": closed[f"Q{number} {year}"]}
    agree = len(set(found.values())) == 1
    print(json.dumps({**found, "agree": agree}))
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
