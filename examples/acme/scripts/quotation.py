#!/usr/bin/env python3
"""A quotation: list price of the year, quantity, discount, and who has to approve it.  Prints one JSON object."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from datetime import date, timedelta
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent
# The program whose history the source "code" shows.
sys.path.insert(0, str(DATA / "code"))
sys.dont_write_bytecode = True

from pricing.discount import approver  # noqa: E402
from pricing.price import list_price  # noqa: E402
from pricing.quote import VALID_DAYS  # noqa: E402


def main() -> int:
    """Return 0, or 3 for an article that there is not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sku", required=True)
    parser.add_argument("--quantity", type=int, required=True)
    parser.add_argument("--discount", type=int, default=0)
    parser.add_argument("--day", type=date.fromisoformat, required=True)
    options = parser.parse_args()
    with (DATA / "code" / "catalog.csv").open(encoding="utf-8", newline="") as file:
        article = next((row for row in csv.DictReader(file) if row["sku"] == options.sku), None)
    if article is None:
        return 3
    price = list_price(int(article["cents"]), options.day.year)
    cents = (price * options.quantity * (100 - options.discount) + 50) // 100
    answer = {
        "product": article["name"],
        "list_price_usd": f"{price / 100:.2f}",
        "amount_usd": f"{cents / 100:.2f}",
        "approved_by": approver(options.discount),
        "valid_until": (options.day + timedelta(days=VALID_DAYS)).isoformat(),
    }
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
