"""Write the whole company into a folder: its documents, database, code, builds, exports, scripts, and `truth.json`.

The reports are written from the finished database, so what they state is what a query gives.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path
from random import Random

from company.builds import Build, builds, write_builds
from company.calendar import Quarter
from company.daily import daily
from company.documents import Bullets, Document, Heading, Table, Text
from company.exports import write_exports
from company.figures import Figures, read_figures
from company.history import Commit, commits
from company.people import CHIEF, ROLES, Customer, customers
from company.policies import policies
from company.products import products
from company.reports import report_path, reports
from company.repository import write_repository
from company.sales import build_database
from company.tables import write_tables
from company.truth import quarter_truth, questions
from company.writers import write

Progress = Callable[[str], None]


def write_corpus(out: Path, seed: int, lines: int, progress: Progress) -> None:
    """Write everything under `out`, which must exist; call `progress` with each step in words."""
    progress(f"sales database with {lines:,} order lines")
    build_database(out / "sales.db", seed, lines)
    progress("figures of eleven quarters")
    figures = read_figures(out / "sales.db")
    people = customers(Random(f"{seed}:customers"))
    folder = out / "documents"
    pages: dict[str, int] = {}
    for number, document in enumerate(_documents(seed, figures, people), 1):
        if number % 30 == 1:
            progress(f"documents: {number} and on")
        pages[document.path] = write(folder, document)
    progress("workbooks and tables")
    for path in write_tables(folder, seed, figures, people):
        pages[path] = 1
    progress("code, builds and exports")
    history = commits(figures)
    hashes = write_repository(out / "code", history)
    every = builds(seed, history, hashes)
    write_builds(out / "builds", seed, every)
    write_exports(out / "exports", seed, out / "sales.db")
    progress("truth.json")
    truth = _truth(seed, lines, figures, pages) | _made(history, hashes, every)
    (out / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")


def _documents(seed: int, figures: Mapping[Quarter, Figures], people: list[Customer]) -> Iterator[Document]:
    yield from reports(seed, figures)
    yield from policies(seed)
    yield from products(seed)
    yield from daily(seed, people)
    yield _about()


def _about() -> Document:
    return Document(
        path="about-acme.md",
        title="About Acme Industrial",
        written=date(2026, 1, 12),
        author=CHIEF,
        blocks=[
            Text(
                "Acme Industrial makes pumps, valves, sensors and controllers in Bristol and sells them in 23 "
                "countries. The company was founded in 1966 by two engineers who repaired dock pumps, and "
                "employs 1,140 people."
            ),
            Heading("Management"),
            Table(["Name", "Role"], list(ROLES.items())),
            Heading("Where to find what"),
            Bullets(
                [
                    "reports: sales reports by quarter, summaries for the board, workbooks with figures",
                    "policies: the rules of the house",
                    "manuals and products: operating manuals, quick guides, product sheets",
                    "meetings, letters, news, faq: everyday papers",
                    "prices, finance, operations, sales, service: tables",
                ]
            ),
        ],
    )


def _truth(seed: int, lines: int, figures: Mapping[Quarter, Figures], pages: Mapping[str, int]) -> dict[str, object]:
    kinds = Counter(Path(path).suffix.removeprefix(".") for path in pages)
    return {
        "seed": seed,
        "order_lines": lines,
        "documents": len(pages),
        "formats": dict(sorted(kinds.items())),
        "files": sorted(pages),
        "quarters": [quarter_truth(now, pages[report_path(quarter)]) for quarter, now in figures.items()],
        "questions": [asdict(question) for question in questions(figures)],
    }


def _made(history: list[Commit], hashes: list[str], every: list[Build]) -> dict[str, object]:
    """What is true about the code: its commits and its builds."""
    log = [
        {"hash": name, "day": str(one.day), "author": one.author, "message": one.message, "tag": one.tag}
        for one, name in zip(history, hashes, strict=True)
    ]
    kept = [{**asdict(build), "day": str(build.day), "log": build.log, "report": build.report} for build in every]
    return {"commits": log, "builds": kept}
