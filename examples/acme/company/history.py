"""The history of the pricing program: its commits in order, with what each changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from company import pricing
from company.calendar import QUARTERS, Quarter
from company.catalog import LINES
from company.documents import money
from company.figures import Figures
from company.people import FINANCE, PRODUCT

NOOR, JONAS, GRACE, BOT = "Noor Haddad", "Jonas Meyer", "Grace Liu", "Closing Robot"
PRINTED = date(2025, 1, 10)  # when the list of 2025 was tested for the first time, and found wrong


@dataclass(frozen=True)
class Commit:
    """One commit.  `changes` gives files their new text, None for a file that goes; `tag` names a release."""

    day: date
    author: str
    message: str
    changes: Mapping[str, str | None]
    tag: str = ""


def commits(figures: Mapping[Quarter, Figures]) -> list[Commit]:
    """Return all commits, the oldest first."""
    every = [*_program(), *_catalog(), *_quarters(figures)]
    return sorted(every, key=lambda commit: commit.day)


def _program() -> Iterator[Commit]:
    yield Commit(date(2024, 1, 3), PRODUCT, "Begin with a read-me and the rises of prices", {
        "README.md": pricing.README, "pricing/__init__.py": "", "pricing/rises.py": pricing.rises([2024]),
    })  # fmt: skip
    yield Commit(date(2024, 1, 22), NOOR, "Compute list prices from the catalog", {
        "pricing/price.py": pricing.ROUND_ONCE, "tests/test_price.py": pricing.tests([2024]),
    })  # fmt: skip
    yield Commit(date(2024, 2, 6), JONAS, "Say who approves a discount\n\nThe levels are those of the policy.", {
        "pricing/discount.py": pricing.DISCOUNT, "tests/test_discount.py": pricing.TEST_DISCOUNT,
    })  # fmt: skip
    yield Commit(date(2024, 3, 12), GRACE, "Quotations, valid for thirty days", {"pricing/quote.py": pricing.quote(30)})
    yield Commit(date(2024, 3, 28), GRACE, "Close quarters from the sales database", {
        "pricing/close.py": pricing.CLOSE,
    }, tag="v1.0")  # fmt: skip
    yield Commit(date(2024, 6, 18), NOOR, "Warranty months by product line", {"pricing/warranty.py": pricing.WARRANTY})
    yield Commit(date(2024, 8, 27), JONAS, "Keep quotations valid for sixty days\n\nSales asked for it: customers with "
                 "a board need two months.", {"pricing/quote.py": pricing.quote(60)}, tag="v1.1")  # fmt: skip
    yield Commit(date(2024, 11, 20), NOOR, "Prices of 2025: 3.2 percent more", {
        "pricing/rises.py": pricing.rises([2024, 2025]),
    })  # fmt: skip
    yield Commit(PRINTED, JONAS, "Test the printed list of 2025", {
        "tests/test_price.py": pricing.tests([2024, 2025]),
    })  # fmt: skip
    yield Commit(date(2025, 1, 16), GRACE, "Round each year's prices to whole dollars\n\nBuild 113 failed: the printed "
                 "list of 2025 has whole dollars, and we had cents.", {"pricing/price.py": pricing.ROUND_EACH_YEAR},
                 tag="v1.2")  # fmt: skip
    yield Commit(date(2025, 5, 6), JONAS, "No discount on service plans in the first year", {
        "pricing/discount.py": pricing.DISCOUNT + pricing.SERVICE_PLANS,
    })  # fmt: skip
    yield Commit(date(2025, 9, 23), NOOR, "Try the exchange of prices with the web shop", {
        "pricing/webshop.py": '"""Sends the price list to the web shop (a trial)."""\n\nRETRIES = 3\n',
    })  # fmt: skip
    yield Commit(date(2025, 11, 20), NOOR, "Prices of 2026: 2.5 percent more", {
        "pricing/rises.py": pricing.rises([2024, 2025, 2026]), "tests/test_price.py": pricing.tests([2024, 2025, 2026]),
    })  # fmt: skip
    yield Commit(date(2026, 2, 10), GRACE, "Drop the exchange with the web shop\n\nThe shop reads the CSV list now.",
                 {"pricing/webshop.py": None}, tag="v2.0")  # fmt: skip


def _catalog() -> Iterator[Commit]:
    known: list[str] = []
    for number, line in enumerate(LINES):
        known.append(line.name)
        day = date(2024, 1, 8) + timedelta(days=2 * number)
        yield Commit(day, PRODUCT, f"Catalog: {line.name}", {"catalog.csv": pricing.catalog(known)})


def _quarters(figures: Mapping[Quarter, Figures]) -> Iterator[Commit]:
    targets, closed = "quarter,target_usd\n", "quarter,revenue_cents\n"
    for quarter in QUARTERS:
        now = figures[quarter]
        targets += f"{quarter.name},{now.plan // 100}\n"
        yield Commit(quarter.first + timedelta(days=9), FINANCE, f"Target of {quarter.name}", {"targets.csv": targets})
        closed += f"{quarter.name},{now.total}\n"
        message = f"Close {quarter.name}: {money(now.total)}"
        yield Commit(quarter.last + timedelta(days=12), BOT, message, {"closed.csv": closed})
