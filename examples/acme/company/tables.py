"""Tables that people keep in files: price lists, stock, support tickets, targets and customers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from random import Random

from company.calendar import QUARTERS, Quarter
from company.catalog import PRODUCTS, RISES
from company.figures import Figures
from company.people import REGION_NAMES, Customer
from company.products import fault_code
from company.reports import workbook, workbook_path
from company.writers import write_csv, write_workbook

STORES = ("Bristol", "Columbus", "Singapore", "Santiago")
STATES = ("solved", "solved", "solved", "waiting for customer", "part ordered")

Rows = list[list[object]]


def write_tables(folder: Path, seed: int, figures: Mapping[Quarter, Figures], customers: list[Customer]) -> list[str]:
    """Write every table file under `folder`; return their paths, relative to it."""
    paths: list[str] = []
    for quarter in QUARTERS:
        path, day = workbook_path(quarter), quarter.last + timedelta(days=14)
        write_workbook(folder / path, f"Sales figures {quarter.name}", day, workbook(figures, quarter))
        paths.append(path)
    for year in RISES:
        path, day = f"prices/price-list-{year}.xlsx", date(year - 1, 11, 20)
        write_workbook(folder / path, f"Price list {year}", day, _price_sheets(year))
        paths.append(path)
    for path, day, rows in _csv_files(seed, figures, customers):
        write_csv(folder / path, day, rows)
        paths.append(path)
    return paths


def _price_sheets(year: int) -> list[tuple[str, Rows]]:
    sheets: list[tuple[str, Rows]] = []
    for line in dict.fromkeys(product.line.name for product in PRODUCTS):
        rows: Rows = [["Article", "Product", f"List price {year} (USD)", "Delivery (weeks)"]]
        for product in PRODUCTS:
            if product.line.name == line:
                rows.append([product.sku, product.name, product.price(year) / 100, 1 + product.id % 6])
        sheets.append((line, rows))
    return sheets


def _csv_files(
    seed: int, figures: Mapping[Quarter, Figures], customers: list[Customer]
) -> Iterator[tuple[str, date, Rows]]:
    for year in RISES:
        yield f"prices/price-list-{year}.csv", date(year - 1, 11, 20), _prices(year)
        yield f"finance/sales-targets-{year}.csv", date(year, 1, 10), _targets(year, figures)
    for store in STORES:
        yield f"operations/stock-{store.lower()}.csv", date(2026, 9, 30), _stock(Random(f"{seed}:stock:{store}"), store)
    for region in REGION_NAMES:
        path = f"sales/customers-{region.lower().replace(' ', '-')}.csv"
        yield path, date(2026, 9, 30), _customer_rows(customers, region)
    for quarter in QUARTERS[::2]:
        random = Random(f"{seed}:tickets:{quarter.slug}")
        yield f"service/tickets-{quarter.slug}.csv", quarter.last, _tickets(random, quarter, customers)


def _prices(year: int) -> Rows:
    rows: Rows = [["sku", "product", "product_line", "list_price_usd"]]
    return rows + [[p.sku, p.name, p.line.name, f"{p.price(year) / 100:.2f}"] for p in PRODUCTS]


def _targets(year: int, figures: Mapping[Quarter, Figures]) -> Rows:
    rows: Rows = [["quarter", "target_usd"]]
    return rows + [[q.name, f.plan // 100] for q, f in figures.items() if q.year == year]


def _stock(random: Random, store: str) -> Rows:
    rows: Rows = [["store", "sku", "product", "on_hand", "reorder_at", "shelf"]]
    for product in PRODUCTS[:40]:
        shelf = f"{random.choice('ABCDEF')}{random.randint(1, 40):02d}"
        rows.append([store, product.sku, product.name, random.randint(0, 180), random.choice((10, 20, 40)), shelf])
    return rows


def _customer_rows(customers: list[Customer], region: str) -> Rows:
    rows: Rows = [["customer_number", "name", "country", "segment", "customer_since"]]
    return rows + [[c.id, c.name, c.country, c.segment, c.since] for c in customers if c.region == region]


def _tickets(random: Random, quarter: Quarter, customers: list[Customer]) -> Rows:
    rows: Rows = [["ticket", "opened_on", "customer", "product", "code", "problem", "cause", "state"]]
    days = (quarter.last - quarter.first).days
    for number, offset in enumerate(sorted(random.randrange(days) for _ in range(80)), 1):
        product = random.choice(PRODUCTS[:32])
        fault = random.randrange(len(product.line.faults))
        symptom, cause, _ = product.line.faults[fault]
        day = quarter.first + timedelta(days=offset)
        ticket, code = f"T-{quarter.slug}-{number:03d}", fault_code(product, fault)
        name = random.choice(customers).name
        rows.append([ticket, day, name, product.name, code, symptom, cause, random.choice(STATES)])
    return rows
