"""The sales reports of a quarter: the full report (PDF), the summary for the board (Word) and the figures (Excel).

Every amount comes from `Figures`, so the reports and the database can't disagree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from random import Random

from company.calendar import LATEST, MONTHS, QUARTERS, Quarter
from company.documents import Block, Bullets, Chart, Document, Heading, Table, Text, change, long_date, money, percent
from company.figures import Figures, revenue_sql
from company.people import CHIEF, FINANCE, REGIONS, SALES
from company.remarks import LINE_REMARKS, OUTLOOK, REGION_REMARKS, RISKS

All = Mapping[Quarter, Figures]
MANAGERS = {region: manager for region, _, _, manager in REGIONS}


def report_path(quarter: Quarter) -> str:
    return f"reports/quarterly-sales-report-{quarter.slug}.pdf"


def report_title(quarter: Quarter) -> str:
    return f"Quarterly Sales Report {quarter.name}"


def summary_path(quarter: Quarter) -> str:
    return f"reports/board/board-summary-{quarter.slug}.docx"


def workbook_path(quarter: Quarter) -> str:
    return f"reports/figures/sales-figures-{quarter.slug}.xlsx"


def reports(seed: int, figures: All) -> Iterator[Document]:
    """The full report and the board's summary of every quarter."""
    for quarter in QUARTERS:
        random = Random(f"{seed}:report:{quarter.slug}")
        yield Document(
            path=report_path(quarter),
            title=report_title(quarter),
            written=quarter.last + timedelta(days=14),
            author=SALES,
            facts=_facts(quarter),
            blocks=[
                *_summary(figures, quarter),
                *_regions(random, figures, quarter),
                *_product_lines(random, figures, quarter),
                *_customers(figures[quarter]),
                *_outlook(random, figures[quarter]),
                *_method(quarter),
            ],
        )
        yield _board_summary(random, figures, quarter)


def workbook(figures: All, quarter: Quarter) -> list[tuple[str, list[list[object]]]]:
    """The sheets of the quarter's workbook; amounts are numbers in dollars."""
    now = figures[quarter]

    def sheet(label: str, amounts: Mapping[str, int]) -> list[list[object]]:
        return [[label, "Revenue (USD)"], *([name, cents / 100] for name, cents in amounts.items())]

    summary: list[list[object]] = [["Figure", now.quarter.name], ["Total revenue (USD)", now.total / 100]]
    summary += [
        ["Plan (USD)", now.plan / 100],
        ["Orders", now.orders],
        ["Order lines", now.lines],
        ["Units", now.units],
    ]
    months = {MONTHS[month - 1]: cents for month, cents in now.months.items()}
    return [
        ("Summary", summary),
        ("Regions", sheet("Region", now.regions)),
        ("Product lines", sheet("Product line", now.product_lines)),
        ("Products", sheet("Product", now.products)),
        ("Months", sheet("Month", months)),
        ("Customers", sheet("Customer", now.customers)),
    ]


def _facts(quarter: Quarter) -> list[tuple[str, str]]:
    if quarter == LATEST:
        status = "This is the latest quarterly sales report. It follows the report for " + quarter.previous.name + "."
    else:
        status = f"Archived. A newer report, for {quarter.next.name}, has replaced this one."
    return [
        ("Period", f"{long_date(quarter.first)} to {long_date(quarter.last)}, the {quarter.words}"),
        ("Published", long_date(quarter.last + timedelta(days=14))),
        ("Prepared by", f"{SALES}, Head of Sales, and {FINANCE}, Chief Financial Officer"),
        ("Status", status),
        ("Classification", "Internal"),
    ]


def _summary(figures: All, quarter: Quarter) -> Iterator[Block]:
    now, before, year = figures[quarter], figures.get(quarter.previous), figures.get(quarter.year_before)
    verdict = "above" if now.total >= now.plan else "below"
    text = f"Acme Industrial sold goods and services for {money(now.total)} in the {quarter.words}."
    if before:
        text += f" Compared with {before.quarter.name} revenue changed by {change(now.total, before.total)}."
    if year:
        text += f" Against the same quarter a year ago ({year.quarter.name}) it is {change(now.total, year.total)}."
    yield Heading("Summary")
    yield Text(text)
    yield Text(
        f"Revenue is {money(abs(now.total - now.plan))} {verdict} the plan of {money(now.plan)}. "
        f"The strongest region was {now.top_region} with {money(now.regions[now.top_region])}, "
        f"and the strongest product line was {now.top_line} with {money(now.product_lines[now.top_line])}."
    )
    seen = [now, before, year]
    rows = [
        ["Total revenue", *(money(f.total) if f else "n/a" for f in seen)],
        ["Orders", *(f"{f.orders:,}" if f else "n/a" for f in seen)],
        ["Order lines", *(f"{f.lines:,}" if f else "n/a" for f in seen)],
        ["Units", *(f"{f.units:,}" if f else "n/a" for f in seen)],
        ["Average order", *(money(f.average_order) if f else "n/a" for f in seen)],
    ]
    header = ["Key figure", quarter.name, quarter.previous.name, quarter.year_before.name]
    yield Table(header, rows, (3, 3, 3, 3))
    yield Heading("Months", 2)
    yield Table(
        ["Month", "Revenue", "Share"],
        [[MONTHS[m - 1], money(cents), percent(cents, now.total)] for m, cents in now.months.items()],
    )
    yield Heading("Channels", 2)
    yield Table(
        ["Channel", "Revenue", "Share"],
        [[name.capitalize(), money(cents), percent(cents, now.total)] for name, cents in now.channels.items()],
    )


def _breakdown(figures: All, quarter: Quarter, label: str, field: str) -> Table:
    now: Mapping[str, int] = getattr(figures[quarter], field)
    before: Mapping[str, int] = getattr(figures[quarter.previous], field) if quarter.previous in figures else {}
    year: Mapping[str, int] = getattr(figures[quarter.year_before], field) if quarter.year_before in figures else {}
    total = sum(now.values())
    rows = [
        [
            name,
            money(cents),
            percent(cents, total),
            change(cents, before.get(name, 0)),
            change(cents, year.get(name, 0)),
        ]
        for name, cents in now.items()
    ]
    rows.append(["Total", money(total), percent(total, total), change(total, sum(before.values())), ""])
    rows[-1][-1] = change(total, sum(year.values()))
    header = [label, "Revenue", "Share", f"vs {quarter.previous.name}", f"vs {quarter.year_before.name}"]
    return Table(header, rows, (4, 3, 2, 2, 2))


def _regions(random: Random, figures: All, quarter: Quarter) -> Iterator[Block]:
    now = figures[quarter]
    yield Heading("Revenue by region", new_page=True)
    yield _breakdown(figures, quarter, "Region", "regions")
    yield Chart(list(now.regions.items()))
    for region, cents in now.regions.items():
        before = figures[quarter.previous].regions.get(region, 0) if quarter.previous in figures else 0
        moved = f", {change(cents, before)} on {quarter.previous.name}" if before else ""
        yield Heading(region, 2)
        yield Text(
            f"{region} contributed {money(cents)}{moved}. {MANAGERS[region]} reports: "
            f"{random.choice(REGION_REMARKS[region])} {random.choice(REGION_REMARKS['any'])}"
        )


def _product_lines(random: Random, figures: All, quarter: Quarter) -> Iterator[Block]:
    now = figures[quarter]
    yield Heading("Revenue by product line", new_page=True)
    yield _breakdown(figures, quarter, "Product line", "product_lines")
    yield Chart(list(now.product_lines.items()))
    for name, cents in now.product_lines.items():
        yield Text(f"{name} stand at {money(cents)}. {random.choice(LINE_REMARKS[name])}")
    yield Heading("Best selling products", 2)
    yield Table(
        ["Product", "Revenue", "Share"],
        [[name, money(cents), percent(cents, now.total)] for name, cents in list(now.products.items())[:8]],
    )


def _customers(now: Figures) -> Iterator[Block]:
    top = list(now.customers.items())[:10]
    share = percent(sum(cents for _, cents in top), now.total)
    yield Heading("Customers", new_page=True)
    yield Text(
        f"{len(now.customers)} customers placed {now.orders:,} orders in the quarter. The ten largest bought for "
        f"{share} of all revenue; the largest of them, {top[0][0]}, bought for {money(top[0][1])}."
    )
    yield Heading("Ten largest customers", 2)
    yield Table(
        ["Customer", "Revenue", "Share"],
        [[f"{rank}. {name}", money(cents), percent(cents, now.total)] for rank, (name, cents) in enumerate(top, 1)],
    )
    yield Heading("New accounts", 2)
    names = ", ".join(now.new_customers[:8]) or "none"
    yield Text(f"{len(now.new_customers)} accounts were opened in {now.quarter.name}: {names}.")


def _outlook(random: Random, now: Figures) -> Iterator[Block]:
    coming = now.quarter.next
    yield Heading("Outlook", new_page=True)
    yield Text(f"For the {coming.words} we watch the following.")
    yield Bullets(random.sample(OUTLOOK, 4))
    yield Heading("Risks", 2)
    yield Table(["Risk", "Effect", "Answer"], random.sample(RISKS, 4), (3, 3, 4))
    yield Heading("Decisions asked of the board", 2)
    yield Bullets(
        [
            f"Take note of the revenue of {money(now.total)} for {now.quarter.name}.",
            f"Confirm the plan for {coming.name}, to be presented by {FINANCE}.",
            f"Review the discount practice in {random.choice(list(now.regions))} with {SALES} and {CHIEF}.",
        ]
    )


def _method(quarter: Quarter) -> Iterator[Block]:
    yield Heading("How the figures are made")
    yield Text(
        "Revenue is the sum of the amounts of all order lines whose order was placed in the quarter, after discounts "
        "and before tax, in US dollars. Amounts are kept in whole cents, so the parts add up to the total exactly. "
        "Regions are those of the customers' accounts. Anyone can check the total in the sales database with this "
        "statement:"
    )
    yield Text(revenue_sql(quarter))


def _board_summary(random: Random, figures: All, quarter: Quarter) -> Document:
    now = figures[quarter]
    blocks: list[Block] = [
        Heading("At a glance"),
        Text(
            f"Total revenue in {quarter.name} was {money(now.total)} from {now.orders:,} orders; the plan was "
            f"{money(now.plan)}. The full report has the details."
        ),
        Heading("By region"),
        _breakdown(figures, quarter, "Region", "regions"),
        Heading("By product line"),
        _breakdown(figures, quarter, "Product line", "product_lines"),
        Heading("Largest customers"),
        Table(["Customer", "Revenue"], [[name, money(cents)] for name, cents in list(now.customers.items())[:5]]),
        Heading("For discussion"),
        Bullets(random.sample(OUTLOOK, 2)),
    ]
    return Document(
        path=summary_path(quarter),
        title=f"Board Summary {quarter.name}",
        written=quarter.last + timedelta(days=21),
        author=FINANCE,
        facts=[("For", "Board of directors"), ("From", f"{FINANCE}, Chief Financial Officer")],
        blocks=blocks,
    )
