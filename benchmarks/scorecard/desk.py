"""A small desk with every kind of source, large enough that each tool has to page; and what is known to be on it."""

from __future__ import annotations

import os
import sqlite3
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
from tests.connectors.code import repositories

SETTINGS = f"""\
server: {{name: desk}}
sources:
  papers: ./papers
  shop:
    kind: database
    url: sqlite:///shop.db
    samples: true
    queries:
      orders_of:
        about: The orders of one customer.
        sql: SELECT id, note FROM orders WHERE customer = :customer ORDER BY id
        parameters: {{customer: {{type: integer, minimum: 1}}}}
  tables: duckdb:///tables
  tree: {{kind: files, path: ./tree}}
  box: {{kind: files, path: ./box.zip}}
  repo: "git:./repo"
  logs: "logs:./logs"
tools:
  count:
    about: Counts up to a number.
    argv: ["{sys.executable}", -IS, count.py, "{{to}}"]
    params: {{to: {{type: integer, min: 1, max: 100000}}, word: {{enum: [one, two], optional: true}}}}
    read_only: true
"""


class Sizes(NamedTuple):
    """How much of each there is: by default so much that every tool has to page."""

    files: int = 120
    commits: int = 900
    rows: int = 2_500
    logs: int = 60


@dataclass
class Known:
    """What is served, from those who made it: addresses by source, whole texts, rows, and commits."""

    items: dict[str, set[str]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    rows: list[tuple[str, str, list[list[Any]]]] = field(default_factory=list)
    commits: dict[str, list[str]] = field(default_factory=dict)
    hits: list[tuple[dict[str, Any], int]] = field(default_factory=list)  # searches, and how many results they have


def make(folder: Path, sizes: Sizes | None = None) -> tuple[Path, Known]:
    """Make it below `folder`; return the settings, and what is known."""
    known, many = Known(), sizes or Sizes()
    _folders(folder, known, many.files)
    with sqlite3.connect(folder / "shop.db") as shop:
        shop.executescript(
            "CREATE TABLE orders(id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customers(id), note TEXT);"
            "CREATE TABLE customers(id INTEGER PRIMARY KEY, name TEXT);"
        )
        rows = [[number, number % 7, f"note {number}"] for number in range(1, many.rows + 1)]
        shop.executemany("INSERT INTO orders VALUES (?, ?, ?)", rows)
        shop.executemany("INSERT INTO customers VALUES (?, ?)", [[number, f"Name {number}"] for number in range(7)])
    shop.close()
    known.rows.append(("shop", "SELECT id, customer, note FROM orders ORDER BY id", rows))
    known.items["db://shop/"] = {"db://shop/orders", "db://shop/customers", "db://shop/queries/orders_of"}
    (folder / "tables").mkdir()
    lines = [[number, number * number] for number in range(1, many.rows + 1)]
    (folder / "tables" / "squares.csv").write_text("n,square\n" + "".join(f"{n},{square}\n" for n, square in lines))
    with duckdb.connect() as engine:
        engine.sql("SELECT range AS n FROM range(10)").write_parquet(str(folder / "tables" / "tens.parquet"))
    known.rows.append(("tables", "SELECT n, square FROM squares ORDER BY n", lines))
    known.items["db://tables/"] = {"db://tables/squares", "db://tables/tens"}
    _repository(folder / "repo", known, many.commits)
    _logs(folder / "logs", known, many.logs)
    (folder / "count.py").write_text("import sys\nfor n in range(int(sys.argv[1])):\n    print('number', n)\n")
    known.items["run://tools/"] = {"run://tools/count"}
    settings = folder / "dragoman.yaml"
    settings.write_text(SETTINGS, encoding="utf-8")
    os.chmod(settings, 0o644)
    return settings, known


def _folders(folder: Path, known: Known, count: int) -> None:
    long = "".join(f"line {number} of the long text\n" for number in range(1, 3_001))
    texts = {f"notes/{number:03}.md": f"# Note {number}\n\nThe pump number {number} hums.\n" for number in range(count)}
    texts["long.txt"] = long
    for name in ("papers", "tree"):
        for path, text in texts.items():
            place = folder / name / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
    with zipfile.ZipFile(folder / "box.zip", "w") as archive:
        for path, text in texts.items():
            archive.writestr(path, text)
    for source in ("docs://papers/", "file://tree/", "file://box/"):
        known.items[source] = {source + path for path in texts}
        known.texts[f"{source}long.txt"] = long
    known.hits += [
        ({"query": "hums", "source": "papers"}, count),
        ({"query": "hums", "source": "tree", "exact": True}, count),
        ({"query": "hums", "source": "box", "exact": True}, count),
    ]


def _repository(folder: Path, known: Known, count: int) -> None:
    repositories.long(folder, count)
    hashes = repositories.git(folder, "rev-list", "main").split()
    known.commits["git://repo/"] = hashes
    names = repositories.git(folder, "ls-tree", "-r", "--name-only", "main").split()
    known.items["git://repo/"] = {f"git://repo/{name}" for name in names}


def _logs(folder: Path, known: Known, count: int) -> None:
    folder.mkdir()
    for number in range(count):
        text = f"step {number}\nERROR: part {number} of 9 failed\n"
        (folder / f"build-{number:03}.log").write_text(text)
    (folder / "tests.xml").write_text('<testsuite tests="1"><testcase name="fine"/></testsuite>')
    names = [*(f"build-{number:03}.log" for number in range(count)), "tests.xml"]
    known.items["logs://logs/"] = {f"logs://logs/{name}" for name in names}
