"""What definitions cost each conversation, kind by kind, as `serve --check` counts; and that docs/serve.md says so."""

import re
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.code.repositories import git
from tests.connectors.desk import written

from dragoman.connectors.assembly import Assembly
from dragoman.connectors.catalogue import Catalogue
from dragoman.connectors.kind import Opening
from dragoman.connectors.kinds import open_options
from dragoman.connectors.settings.health import check
from dragoman.connectors.source import Source

ONE, ALL_KINDS = 1_500, 3_500  # tokens
PAGE = Path(__file__).parents[2] / "docs" / "serve.md"
QUERIES = {"of": {"sql": "SELECT * FROM orders WHERE id = :id", "parameters": {"id": {"type": "integer"}}}}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kinds")
    written(folder / "papers", a_md="# A\n")
    written(folder / "logs", build_log="error: no oil\n")
    db = sqlite3.connect(folder / "shop.db")
    db.execute("CREATE TABLE orders(id INTEGER PRIMARY KEY, note TEXT)")
    db.close()
    written(folder / "code", a_py="print(1)\n")
    git(folder / "code", "init", "-q")
    git(folder / "code", "add", ".")
    git(folder / "code", "commit", "-qm", "first")
    return folder


def opened(place: Path, words: str) -> Source:
    """Open the kind that a row of the page speaks of."""
    shop = {"url": str(place / "shop.db")}
    report: Any = {"argv": [sys.executable, "-c", "print(1)"], "about": "a report", "read_only": True}
    kind, options = {
        "documents": ("documents", {"path": str(place / "papers")}),
        "files": ("files", {"path": str(place / "papers")}),
        "a database": ("database", shop),
        "a database with queries": ("database", {**shop, "queries": QUERIES}),
        "a database with queries, to be written": ("database", {**shop, "queries": QUERIES}),
        "a Git repository": ("git", {"path": str(place / "code")}),
        "logs": ("logs", {"path": str(place / "logs")}),
        "programs": ("programs", {"tools": {"report": report}, "path": str(place)}),
    }[words]
    name = re.sub("[^a-z]+", "-", words)
    opening = Opening(cache_dir=place / "cache", writable=(name,) if "written" in words else ())
    return open_options(kind, name, options, opening)


def told() -> dict[str, int]:
    rows = re.findall(r"^\| (.+?) \| ([\d,]+) tokens \|", PAGE.read_text(), re.MULTILINE)
    return {words: int(number.replace(",", "")) for words, number in rows}


async def test_definitions_cost_what_the_page_says_and_no_more_than_they_may(place: Path) -> None:
    page = told()
    *kinds, together = page
    assert together == "all of these together" and len(kinds) == 8
    sources = [opened(place, words) for words in kinds]
    for words, found in [*((words, [one]) for words, one in zip(kinds, sources, strict=True)), (together, sources)]:
        report = await check(Assembly("kinds", Catalogue(found)).server, found, {})
        tokens = sum(report.tokens.values())
        assert tokens <= (ALL_KINDS if words == together else ONE), words
        assert abs(tokens - page[words]) <= page[words] * 0.02, f"{words}: {tokens}"
