"""A stand-in for a language model that answers questions on Acme's sales: `python assistant.py --port 8849`.

It follows rules instead of thinking, and speaks the wire formats of real ones, so that `dragoman ask` and `dragoman
chat` can be tried without a model or a key. Every figure that it names comes from what the tools gave it just now.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from collections.abc import Sequence

from dragoman.errors import LocalError
from dragoman.testing.model_wires import Seen
from dragoman.testing.models import Move, Say, Use, serve

REPORT = re.compile(r"docs://[^\s\"'\\<>)]*quarterly-sales-report-(\d{4})-q([1-4])\.[a-z]+")
TOTAL = re.compile(r"\$[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]{2}")
NUMBER = re.compile(r"(?<![\d.,])\d{4,}(?:\.\d+)?(?![\d.,])")


def answer(seen: Seen) -> Move:
    """Return what comes next: search, read the newest report, ask the database for the same figure, compare."""
    tools = {name.rpartition("__")[2]: name for name in seen.tools}
    if "report" not in seen.question.lower() or not {"search", "fetch", "query"} <= set(tools):
        return Say("I only know how to summarize Acme's latest sales report, with the tools search, fetch and query.")
    given = {name.rpartition("__")[2]: text for name, text in seen.results}
    if "search" not in given:
        return [Say("I look for the report. "), Use(tools["search"], {"query": "latest quarterly sales report"})]
    newest = max(REPORT.finditer(given["search"]), key=lambda found: (found[1], found[2]), default=None)
    early = " Indexing goes on: ask again in a moment." if "not all is indexed" in given["search"] else ""
    if newest is None:
        return Say(f"The search gave no quarterly sales report.{early}")
    if "fetch" not in given:
        return Use(tools["fetch"], {"uri": newest[0]})
    year, quarter = int(newest[1]), int(newest[2])
    stated = TOTAL.search(given["fetch"])
    if stated is None:
        return Say(f"I read {newest[0]}, and found no total in it.")
    if "query" not in given:
        return Use(tools["query"], {"source": "sales", "sql": statement(year, quarter)})
    counted = NUMBER.search(given["query"])
    if counted is None:
        return Say(f"{newest[0]} states revenue of {stated[0]}; the database did not answer.")
    agrees = f"${float(counted[0]):,.2f}" == stated[0]
    return Say(
        f"The latest report is that of Q{quarter} {year}. It states revenue of {stated[0]}"
        f"{', and the database gives the same' if agrees else f', but the database gives ${float(counted[0]):,.2f}'}."
        f"{early}\n\nSource: {newest[0]}"
    )


def statement(year: int, quarter: int) -> str:
    """The SQL for the revenue of a quarter, in dollars."""
    first = 3 * quarter - 2
    end = f"{year + quarter // 4}-{first + 3 if quarter < 4 else 1:02}-01"
    return (
        "SELECT ROUND(SUM(l.amount_cents) / 100.0, 2) AS revenue FROM order_lines l JOIN orders o ON o.id = l.order_id "
        f"WHERE o.ordered_on >= '{year}-{first:02}-01' AND o.ordered_on < '{end}'"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C; returns the exit status."""
    parser = argparse.ArgumentParser(description="Serve a stand-in for a model on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=8849)
    options = parser.parse_args(arguments)
    try:
        asyncio.run(serve(answer, options.port, told))
    except LocalError as error:
        print(f"assistant: {error}", file=sys.stderr)
        return 2
    return 0


def told(name: str) -> None:
    """Say how it is used."""
    print(f"a model made of rules, for dragoman ask --model {name}; Ctrl-C stops it", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
