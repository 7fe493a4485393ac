"""The sales database: 240 customers, 48 products and as many order lines as asked for, in SQLite.

All money is in whole cents and each line's amount is rounded once, when it is made, so that sums never drift.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import accumulate
from pathlib import Path
from random import Random

from company.calendar import LATEST, QUARTERS, Quarter
from company.catalog import PRODUCTS, Product
from company.people import REGIONS, Customer, customers

LINES_PER_ORDER = (1, 2, 3, 4, 5, 6, 8)
SEASON = {1: 0.92, 2: 1.04, 3: 0.98, 4: 1.12}
GROWTH = 1.021  # from one quarter to the next
CHANNELS = ("direct", "partner", "web")
DISCOUNTS = (0, 0, 0, 5, 5, 10, 15)  # percent

SCHEMA = """
CREATE TABLE customers (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    region TEXT NOT NULL,
    country TEXT NOT NULL,
    segment TEXT NOT NULL,
    account_manager TEXT NOT NULL,
    customer_since TEXT NOT NULL          -- YYYY-MM-DD
);
CREATE TABLE products (
    id INTEGER PRIMARY KEY,
    sku TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    product_line TEXT NOT NULL,
    list_price_cents INTEGER NOT NULL     -- of the latest price list
);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    ordered_on TEXT NOT NULL,             -- YYYY-MM-DD
    channel TEXT NOT NULL CHECK (channel IN ('direct', 'partner', 'web'))
);
CREATE TABLE order_lines (
    id INTEGER PRIMARY KEY,
    order_id INTEGER NOT NULL REFERENCES orders (id),
    product_id INTEGER NOT NULL REFERENCES products (id),
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    unit_price_cents INTEGER NOT NULL,    -- list price of the year of the order
    discount_percent INTEGER NOT NULL,
    amount_cents INTEGER NOT NULL         -- quantity * unit price less discount; revenue is the sum of these
);
"""

INDEXES = """
CREATE INDEX customers_region ON customers (region);
CREATE INDEX orders_ordered_on ON orders (ordered_on);
CREATE INDEX orders_customer ON orders (customer_id);
CREATE INDEX order_lines_order ON order_lines (order_id);
CREATE INDEX order_lines_product ON order_lines (product_id);
"""

Row = tuple[int | str, ...]


def build_database(path: Path, seed: int, lines: int) -> None:
    """Write the database; the same `seed` and number of order `lines` give the same rows."""
    people = customers(Random(f"{seed}:customers"))
    managers = {region: manager for region, _, _, manager in REGIONS}
    random = Random(f"{seed}:orders")
    orders = list(_orders(random, people, lines))
    with sqlite3.connect(path) as database:
        database.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + SCHEMA)
        database.executemany(
            "INSERT INTO customers VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(c.id, c.name, c.region, c.country, c.segment, managers[c.region], c.since.isoformat()) for c in people],
        )
        database.executemany(
            "INSERT INTO products VALUES (?, ?, ?, ?, ?)",
            [(p.id, p.sku, p.name, p.line.name, p.price(LATEST.year)) for p in PRODUCTS],
        )
        database.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", [order for order, _ in orders])
        database.executemany(
            "INSERT INTO order_lines VALUES (?, ?, ?, ?, ?, ?, ?)",
            ((number, *line) for number, line in enumerate((line for _, all_ in orders for line in all_), 1)),
        )
        database.executescript(INDEXES + "ANALYZE;")
    database.close()


def _orders(random: Random, people: Sequence[Customer], lines: int) -> Iterator[tuple[Row, list[Row]]]:
    """Yield each order, in order of its date, with its lines; in all exactly `lines` lines."""
    sizes = _sizes(random, lines)
    days = _days(random, len(sizes))
    # A few customers buy much and most buy little; each has an order of its own among them.
    weights = list(accumulate(100 // (rank + 3) + 2 for rank in range(len(people))))
    products = list(accumulate(product.line.weight * (1 + (product.id * 7) % 5) for product in PRODUCTS))
    for number, (day, size) in enumerate(zip(days, sizes, strict=True), 1):
        customer = random.choices(people, cum_weights=weights)[0]
        while customer.since.isoformat() > day:
            customer = random.choices(people, cum_weights=weights)[0]
        channel = random.choices(CHANNELS, (6, 3, 2))[0]
        chosen = random.choices(PRODUCTS, cum_weights=products, k=size)
        year = int(day[:4])
        yield (number, customer.id, day, channel), [_line(random, number, product, year) for product in chosen]


def _line(random: Random, order: int, product: Product, year: int) -> Row:
    price = product.price(year)
    quantity = random.randint(1, 12) if price < 50_000 else random.randint(1, 4)
    discount = random.choice(DISCOUNTS)
    return order, product.id, quantity, price, discount, (price * quantity * (100 - discount) + 50) // 100


def _sizes(random: Random, lines: int) -> list[int]:
    sizes: list[int] = []
    left = lines
    while left > 0:
        sizes.append(min(left, random.choice(LINES_PER_ORDER)))
        left -= sizes[-1]
    return sizes


def _days(random: Random, count: int) -> list[str]:
    """`count` dates in ascending order: growing from quarter to quarter, with a season, on working days."""
    weights = [SEASON[quarter.number] * GROWTH**index for index, quarter in enumerate(QUARTERS)]
    working = {quarter: _working_days(quarter) for quarter in QUARTERS}
    return sorted(random.choice(working[quarter]) for quarter in random.choices(QUARTERS, weights, k=count))


def _working_days(quarter: Quarter) -> list[str]:
    span = (quarter.last - quarter.first).days + 1
    days = [quarter.first + timedelta(days=offset) for offset in range(span)]
    return [day.isoformat() for day in days if day.weekday() < 5]
