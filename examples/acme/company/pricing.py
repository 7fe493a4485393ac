"""Acme's pricing program as it grew: the text of each of its files at any point of its history.

The numbers come from the catalog and the policies, so that code, price lists and orders say the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from company.catalog import BY_NAME, PRODUCTS, RISES
from company.documents import percent

README = """\
# pricing

Computes list prices, discounts and quotations for Acme Industrial, and closes the quarters of the sales reports.

    python -m pricing.price PU-100 2026

Owner: product management (Laura Chen). Price lists change once a year, on the first of January.
"""

ROUND_ONCE = '''\
"""List prices by year, from the prices of 2024 in catalog.csv."""

from pricing.rises import RISES


def list_price(base_cents: int, year: int) -> int:
    """Return the list price in cents in `year`."""
    price = float(base_cents)
    for step in range(2025, year + 1):
        price *= 1 + RISES[step] / 1000
    return round(price)
'''

ROUND_EACH_YEAR = '''\
"""List prices by year, from the prices of 2024 in catalog.csv."""

from pricing.rises import RISES


def list_price(base_cents: int, year: int) -> int:
    """Return the list price in cents in `year`, rounded to whole dollars each year, as the printed lists are."""
    cents = base_cents
    for step in range(2025, year + 1):
        cents = (cents * (1000 + RISES[step]) + 50_000) // 100_000 * 100
    return cents
'''

DISCOUNT = '''\
"""Who may grant which discount: the Discount and Pricing Policy as code."""

LIMITS = ((5, "sales engineer"), (10, "regional manager"), (15, "head of sales"))


def approver(percent: float) -> str:
    """Return who has to approve a discount of so many percent."""
    for limit, role in LIMITS:
        if percent <= limit:
            return role
    return "finance, with a business case"
'''

SERVICE_PLANS = '''\


def allowed(product_line: str, months_as_customer: int) -> bool:
    """Say whether a discount may be given at all: none on service plans in the first year."""
    return product_line != "Service Plans" or months_as_customer >= 12
'''

WARRANTY = '''\
"""How long what is repaired free of charge: the Warranty Terms as code."""

MONTHS = {"Pumps": 36, "Valves": 36, "Sensors": 24, "Controllers": 24, "Spare Parts": 12}
'''

CLOSE = '''\
"""Closes a quarter: reads its revenue from the sales database and adds it to closed.csv."""

import csv
import sqlite3

REVENUE = (
    "SELECT SUM(l.amount_cents) FROM order_lines l JOIN orders o ON o.id = l.order_id "
    "WHERE o.ordered_on BETWEEN ? AND ?"
)


def close_quarter(database: str, quarter: str, first: str, last: str) -> int:
    """Return the quarter's revenue in cents, once it stands in closed.csv."""
    with sqlite3.connect(database) as sales:
        (cents,) = sales.execute(REVENUE, (first, last)).fetchone()
    with open("closed.csv", "a", newline="") as file:
        csv.writer(file).writerow([quarter, cents])
    return cents
'''

TEST_PRICE = """\
import csv
from pathlib import Path

from pricing.price import list_price

CATALOG = {row["sku"]: int(row["cents"]) for row in csv.DictReader(Path("catalog.csv").open())}


"""

TEST_DISCOUNT = """\
from pricing.discount import approver


def test_a_sales_engineer_may_grant_five_percent():
    assert approver(5) == "sales engineer"


def test_more_than_fifteen_percent_needs_a_business_case():
    assert approver(15.5) == "finance, with a business case"
"""


def rises(years: Sequence[int]) -> str:
    """Return rises.py as it was once the rise of the last of these years was decided."""
    lines = "".join(f"    {year}: {RISES[year]},  # {percent(RISES[year], 1000)}\n" for year in years)
    return f'"""What is added to last year\'s prices, in tenths of a percent."""\n\nRISES = {{\n{lines}}}\n'


def quote(days: int) -> str:
    """Return quote.py with quotations that are valid for so many days."""
    return f'''\
"""Quotations: what a customer is offered, and until when."""

from datetime import date, timedelta

from pricing.discount import approver
from pricing.price import list_price

VALID_DAYS = {days}


def quotation(base_cents: int, quantity: int, discount: int, day: date) -> dict[str, object]:
    """Return the amount in cents, who has to approve the discount, and the last day on which it holds."""
    cents = (list_price(base_cents, day.year) * quantity * (100 - discount) + 50) // 100
    return {{"cents": cents, "approver": approver(discount), "valid_until": day + timedelta(days=VALID_DAYS)}}
'''


def catalog(lines: Sequence[str]) -> str:
    """Return catalog.csv with the articles of these product lines."""
    rows = [f"{p.sku},{p.name},{p.line.name},{p.base_cents}\n" for p in PRODUCTS if p.line.name in lines]
    return "sku,name,product_line,cents\n" + "".join(rows)


def tests(years: Sequence[int]) -> str:
    """Return test_price.py with one test for each year's list."""
    product = BY_NAME["AquaLift 120"]
    return TEST_PRICE + "\n\n".join(
        f"def test_the_printed_list_of_{year}():\n"
        f'    assert list_price(CATALOG["{product.sku}"], {year}) == {product.price(year)}\n'
        for year in years
    )
