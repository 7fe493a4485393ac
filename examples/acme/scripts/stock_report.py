#!/usr/bin/env python3
"""What is running out in a store: prints CSV of the articles at or below their level of reordering, the least first."""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

STOCK = Path(__file__).resolve().parent.parent / "documents" / "operations"


def main() -> int:
    """Return 0 when the store is known, else 3."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", required=True)
    parser.add_argument("--top", type=int, default=10)
    options = parser.parse_args()
    path = STOCK / f"stock-{options.store.lower()}.csv"
    if not path.is_file():
        return 3
    with path.open(encoding="utf-8", newline="") as file:
        low = [row for row in csv.DictReader(file) if int(row["on_hand"]) <= int(row["reorder_at"])]
    low.sort(key=lambda row: (int(row["on_hand"]), row["sku"]))
    writer = csv.DictWriter(sys.stdout, ["sku", "product", "on_hand", "reorder_at", "shelf"], extrasaction="ignore")
    writer.writeheader()
    writer.writerows(low[: options.top])
    return 0


if __name__ == "__main__":
    sys.exit(main())
