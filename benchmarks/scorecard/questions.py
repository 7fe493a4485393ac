"""A hundred questions about the demo's company, with answers from what its generator knows, never from a server.

An answer is one or more texts, with no letter or digit on either side, that stand in one line of what came back, or
within so many characters; or one of several such answers, since a number may be said in cents or in dollars.
"""

from __future__ import annotations

import csv
import json
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

COUNT = 100
SALES = "FROM order_lines l JOIN orders o ON o.id = l.order_id"
PRODUCTS = " JOIN products p ON p.id = l.product_id"
CUSTOMERS = " JOIN customers c ON c.id = o.customer_id"


@dataclass(frozen=True)
class Question:
    """`kind` chooses the route to an answer, `given` is what the route takes: what a person would know or ask for.

    `answers` are alternatives; each is the parts that stand in one line, or within `near` characters.
    """

    kind: str
    text: str
    answers: tuple[tuple[str, ...], ...]
    given: dict[str, str] = field(default_factory=dict)
    near: int = 0

    def answered_by(self, text: str) -> bool:
        """Say whether `text` holds all parts of an answer together; a single part may be broken by lines."""
        plain = " ".join(text.split())
        for parts in self.answers:
            if len(parts) == 1 and _pattern(parts[0]).search(plain):
                return True
            if self.near and any(
                all(
                    _pattern(part).search(plain, max(0, at.start() - self.near), at.end() + self.near) for part in parts
                )
                for at in _pattern(parts[0]).finditer(plain)
            ):
                return True
            if any(all(_pattern(part).search(line) for part in parts) for line in text.splitlines()):
                return True
        return False


def _pattern(part: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(part)}(?![\w])", re.IGNORECASE)


def questions(data: Path) -> list[Question]:
    """Return the hundred questions about the company that was made at `data`, always in the same order."""
    truth = json.loads((data / "truth.json").read_text("utf-8"))
    made = [
        *_documents(truth), *_tables(data), *_sales(data, truth), *_exports(data), *_code(truth), *_builds(truth),
        *_scripts(truth),
    ]  # fmt: skip
    assert len(made) == COUNT, len(made)
    return made


def _documents(truth: dict[str, Any]) -> Iterator[Question]:
    for one in truth["questions"]:
        given = {"words": one["query"], "path": f"documents/{one['file']}"}
        yield Question("documents", one["query"], ((" ".join(one["answer"].split()),),), given)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _tables(data: Path) -> Iterator[Question]:
    """Rows of CSV files among the documents: shelves, tickets, prices."""
    for number, store in enumerate(("Bristol", "Columbus", "Singapore", "Santiago", "Bristol", "Columbus")):
        path = f"documents/operations/stock-{store.lower()}.csv"
        row = _rows(data / path)[5 + 6 * number]
        given = {"words": f"{row['product']} stock {store} shelf", "path": path}
        yield Question(
            "tables", f"On which shelf in {store} is the {row['product']}?", ((row["product"], row["shelf"]),), given
        )
    for number, quarter in enumerate(("2024-q1", "2025-q1", "2026-q1", "2026-q3")):
        path = f"documents/service/tickets-{quarter}.csv"
        row = _rows(data / path)[11 + 17 * number]
        given = {"words": f"ticket {row['ticket']}", "path": path}
        yield Question("tables", f"Whose ticket is {row['ticket']}?", ((row["ticket"], row["customer"]),), given)
    for year, number in ((2024, 3), (2025, 21)):
        path = f"documents/prices/price-list-{year}.csv"
        row = _rows(data / path)[number]
        given = {"words": f"{row['sku']} {row['product']} price list {year}", "path": path}
        price = row["list_price_usd"]
        yield Question(
            "tables", f"What was the list price of the {row['product']} in {year}?",
            tuple((row["product"], said) for said in (price, price.removesuffix(".00"), f"{float(price):,.2f}")), given,
        )  # fmt: skip


def _sql(kind: str, text: str, sql: str, *answers: object) -> Question:
    return Question(kind, text, tuple((str(answer),) for answer in answers), {"sql": sql})


def _sales(data: Path, truth: dict[str, Any]) -> Iterator[Question]:
    quarters = truth["quarters"]
    for one in quarters[-6:]:
        cents = one["total_cents"]
        told = (
            f"{cents / 100:.2f}",
            cents / 100,
            f"{cents / 100:.2f}".removesuffix(".00"),
        )  # as programs write numbers
        yield _sql("sales", f"What was the revenue of {one['quarter']}?", one["sql"], *told)
    for one in quarters[1:9:2]:
        between = f"WHERE o.ordered_on BETWEEN '{one['first_day']}' AND '{one['last_day']}'"
        name = next(iter(one["top_customers_cents"]))
        best = "GROUP BY c.name ORDER BY SUM(l.amount_cents) DESC LIMIT 1"
        yield _sql(
            "sales", f"Who bought most in {one['quarter']}?", f"SELECT c.name {SALES}{CUSTOMERS} {between} {best}", name
        )
        region, cents = list(one["regions_cents"].items())[1]
        sql = f"SELECT SUM(l.amount_cents) AS cents {SALES}{CUSTOMERS} {between} AND c.region = '{region}'"
        yield _sql("sales", f"What was the revenue of {one['quarter']} in {region}, in cents?", sql, cents)
    for one in quarters[2:5]:
        between = f"WHERE o.ordered_on BETWEEN '{one['first_day']}' AND '{one['last_day']}'"
        yield _sql("sales", f"How many orders came in {one['quarter']}?", f"SELECT COUNT(*) FROM orders o {between}",
                   one["orders"])  # fmt: skip
    with sqlite3.connect(f"file:{data / 'sales.db'}?mode=ro", uri=True) as sales:
        for name in ("AquaLift 120", "SafeVent 16", "LevelScout R"):
            sql = f"SELECT SUM(l.quantity) AS units {SALES}{PRODUCTS} WHERE p.name = '{name}'"
            yield _sql("sales", f"How many {name} were sold in all?", sql, sales.execute(sql).fetchone()[0])
    sales.close()


def _exports(data: Path) -> Iterator[Question]:
    """Of the folder of CSV and Parquet: four rows to be read, four things to be computed."""
    folder = data / "exports"
    for month, region, line in (
        ("2024-05", "Europe", "Valves"), ("2025-03", "North America", "Pumps"), ("2026-08", "Latin America", "Sensors"),
    ):  # fmt: skip
        row = next(
            row
            for row in _rows(folder / "monthly_sales" / f"{month}.csv")
            if (row["region"], row["product_line"]) == (region, line)
        )
        sql = f"SELECT revenue_cents FROM monthly_sales WHERE month = '{month}' AND region = '{region}'"
        yield Question(
            "exports", f"What did {line} bring in {region} in {month}, in cents?", ((row["revenue_cents"],),),
            {"sql": f"{sql} AND product_line = '{line}'", "path": f"exports/monthly_sales/{month}.csv"},
        )  # fmt: skip
    yield Question(
        "exports", "When was the store in Singapore opened?", (("2003-03-03",),),
        {"sql": "SELECT opened_on FROM stores WHERE store = 'Singapore'", "path": "exports/stores.csv"},
    )  # fmt: skip
    place = str(folder)
    for text, sql in (
        ("How many shipments went with Blue Parcel?", "SELECT count(*) FROM shipments WHERE carrier = 'Blue Parcel'"),
        ("How many packages left Santiago?", "SELECT sum(packages) AS n FROM shipments WHERE store = 'Santiago'"),
        ("How many visits had the web shop in 2025?", "SELECT sum(visitors) AS n FROM web_visits WHERE year(day)=2025"),
        ("What did the monthly exports of 2025 add up to, in cents?",
         "SELECT sum(revenue_cents) AS cents FROM monthly_sales WHERE month LIKE '2025-%'"),
    ):  # fmt: skip
        yield _sql("exports", text, sql, _by_duckdb(place, sql))


def _by_duckdb(folder: str, sql: str) -> int:
    """The answer of DuckDB itself, over the files as they lie there."""
    files = {
        "shipments": f"read_parquet('{folder}/shipments.parquet')",
        "web_visits": f"read_parquet('{folder}/web_visits.parquet')",
        "monthly_sales": f"read_csv('{folder}/monthly_sales/*.csv', types={{'month': 'VARCHAR'}})",
    }
    for name, reader in files.items():
        sql = sql.replace(f"FROM {name}", f"FROM {reader}")
    with duckdb.connect() as warehouse:
        row = warehouse.execute(sql).fetchone()
    assert row is not None
    return int(row[0])


def _code(truth: dict[str, Any]) -> Iterator[Question]:
    commits = {one["message"].splitlines()[0]: one for one in truth["commits"]}

    def commit(text: str, words: str, message: str, *answers: str) -> Question:
        one = commits[message]
        told = tuple((message, answer) for answer in answers)
        return Question("commits", text, told, {"words": words, "hash": one["hash"]}, near=250)

    rounding, sixty = "Round each year's prices to whole dollars", "Keep quotations valid for sixty days"
    yield commit("Who made prices round to whole dollars?", "round prices whole dollars", rounding, "Grace Liu")
    yield commit("Which build failed before prices were rounded?", "round prices whole dollars", rounding, "Build 113")
    yield commit("Who made quotations valid for sixty days?", "quotations sixty days", sixty, "Jonas Meyer")
    yield commit("Why are quotations valid for sixty days?", "quotations sixty days", sixty, "a board need two months")
    yield commit("When was the exchange with the web shop dropped?", "drop exchange web shop",
                 "Drop the exchange with the web shop", "2026-02-10")  # fmt: skip
    one = truth["quarters"][4]
    yield commit(f"With what revenue was {one['quarter']} closed?", f"close {one['quarter']}",
                 f"Close {one['quarter']}: {one['total']}", one["total"])  # fmt: skip
    tags = {one["tag"]: one for one in truth["commits"] if one["tag"]}
    for tag in ("v1.0", "v2.0"):
        text = f"Who made the commit that is released as {tag}?"
        yield Question("releases", text, ((tags[tag]["author"],),), {"tag": tag})
    yield Question("versions", "How many days was a quotation valid in v1.0?", (("VALID_DAYS = 30",),),
                   {"tag": "v1.0", "file": "pricing/quote.py"})  # fmt: skip
    yield Question("versions", "By what did prices rise in 2025, as v1.2 has it?", (("3.2%",),),
                   {"tag": "v1.2", "file": "pricing/rises.py"})  # fmt: skip


def _builds(truth: dict[str, Any]) -> Iterator[Question]:
    builds = {one["number"]: one for one in truth["builds"]}

    def build(text: str, words: str, answer: str, name: str) -> Question:
        return Question("builds", text, ((answer,),), {"words": words, "path": f"builds/{name}"})

    for number in (113, 121, 128):
        one = builds[number]
        answer = " ".join(one["failure"].split())
        yield build(f"Why did build {number} fail?", f"why did build {number} fail", answer, one["log"])
    one = builds[113]
    test = "test_the_printed_list_of_2025"
    yield build("Which test failed in build 113?", "test failed build 113", test, one["report"])
    one = builds[117]
    yield build("Which commit did build 117 build?", "commit of build 117", one["commit"], one["log"])


def _scripts(truth: dict[str, Any]) -> Iterator[Question]:
    latest = truth["quarters"][-1]
    yield Question("scripts", f"What do the books say of {latest['quarter']}, and do they agree?",
                   ((f'closed_cents": {latest["total_cents"]}', 'agree": true'),),
                   {"tool": "check_books", "arguments": json.dumps({"quarter": latest["slug"]})})  # fmt: skip
    yield Question("scripts", "What do two AquaLift 120 (PU-100) cost on 1 March 2025, less 12 %?", (("888.80",),),
                   {"tool": "quotation", "arguments": json.dumps(
                       {"sku": "PU-100", "quantity": 2, "discount": 12, "day": "2025-03-01"})})  # fmt: skip
