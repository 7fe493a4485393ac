"""What the data warehouse exports: monthly sales as CSV, shipments and visits of the web shop as Parquet.

The sales are summed from the finished database, so that every way to a quarter's revenue gives the same.
"""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from random import Random

import duckdb

from company.calendar import QUARTERS
from company.tables import STORES

CARRIERS = ("Northline Freight", "Blue Parcel", "Harbour Express")
_SALES = """
SELECT substr(o.ordered_on, 1, 7), c.region, p.product_line, COUNT(DISTINCT o.id), SUM(l.quantity), SUM(l.amount_cents)
FROM order_lines l JOIN orders o ON o.id = l.order_id
JOIN customers c ON c.id = o.customer_id JOIN products p ON p.id = l.product_id
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
_ORDERS = "SELECT o.id, o.ordered_on, SUM(l.quantity) FROM orders o JOIN order_lines l ON l.order_id = o.id GROUP BY 1"

Row = Sequence[object]


def write_exports(folder: Path, seed: int, database: Path) -> None:
    """Write monthly_sales/2024-01.csv and on, shipments.parquet, web_visits.parquet and stores.csv."""
    (folder / "monthly_sales").mkdir(parents=True)
    connection = sqlite3.connect(database)
    try:
        sales, orders = connection.execute(_SALES).fetchall(), connection.execute(_ORDERS + " ORDER BY 1").fetchall()
    finally:
        connection.close()
    header = ("month", "region", "product_line", "orders", "units", "revenue_cents")
    for month in sorted({month for month, *_ in sales}):
        rows = [row for row in sales if row[0] == month]
        _csv(folder / "monthly_sales" / f"{month}.csv", header, rows)
    _csv(folder / "stores.csv", ("store", "opened_on", "dock_doors"), zip(STORES, _OPENED, (6, 4, 3, 2), strict=True))
    shipments = ("order_id", "shipped_on", "store", "carrier", "packages")
    _parquet(folder / "shipments.parquet", shipments, _shipments(Random(f"{seed}:shipments"), orders))
    visits = ("day", "visitors", "quotes_asked")
    _parquet(folder / "web_visits.parquet", visits, _visits(Random(f"{seed}:visits")))


_OPENED = ("1966-05-02", "1988-09-12", "2003-03-03", "2014-11-17")


def _shipments(random: Random, orders: Sequence[tuple[int, str, int]]) -> Iterator[Row]:
    for order, day, units in orders:
        shipped = date.fromisoformat(day) + timedelta(days=random.randint(1, 9))
        yield order, shipped, random.choice(STORES), random.choice(CARRIERS), 1 + units // 12


def _visits(random: Random) -> Iterator[Row]:
    day = QUARTERS[0].first
    while day <= QUARTERS[-1].last:
        visitors = random.randint(300, 900) if day.weekday() < 5 else random.randint(60, 200)
        yield day, visitors, visitors // random.randint(18, 40)
        day += timedelta(days=1)


def _csv(path: Path, header: Row, rows: Sequence[Row] | Iterator[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _parquet(path: Path, header: Row, rows: Iterator[Row]) -> None:
    """By way of a CSV file, which DuckDB reads faster than rows; one thread, so that the bytes are the same."""
    draft = path.with_suffix(".csv")
    _csv(draft, header, rows)
    connection = duckdb.connect(config={"threads": 1})
    try:
        connection.read_csv(str(draft)).write_parquet(str(path))
    finally:
        connection.close()
        draft.unlink()
