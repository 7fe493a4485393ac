"""docs/scorecard.md from the results: all its figures are theirs, and a test holds the page against them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "scorecard.md"

HEAD = """\
# The scorecard

```sh
make scorecard
```

measures without a model what a model pays for Dragoman's tools, what it finds with them, and what gets through them.
It takes some minutes, wants the network once (for the servers that it compares with), prints these tables, writes
`benchmarks/results/scorecard.json` and this page, and ends with 1 if anything does not hold: a question that is not
answered, an attack that passes, pages that do not join.

Tokens are characters by four, for all alike. Definitions are names, descriptions and parameters of the tools as JSON,
which is what clients give to models; "all the rest" is output schemas, titles and annotations, as `dragoman serve
--check` counts them. Of answers the content counts, not the structured form beside it.
"""

QUESTIONS = """\
## A hundred questions

About [the demo](demo.md)'s company, with answers that its generator knows ([the
questions](../benchmarks/scorecard/questions.py)). Each is asked in a conversation of its own, by a fixed route of
calls for its kind ([the routes](../benchmarks/scorecard/contestants.py)), and counts as answered if the answer stands
in what came back. With six sources behind it, Dragoman searches with words, and reads the best hits until the answer
is there; it is told no address of a document, a log or a commit. It knows the names of databases, releases and
scripts, as anybody does who has listed them; SQL is given to all.
"""

RIVALS = """\
## Beside others

Each of them on the questions that it can answer at all (server-filesystem reads no PDF, Word or Excel files and no
Parquet), Dragoman on the same. Their routes are the best that there are: they are told the right file and commit
beforehand; of a database both look at the columns first. The definitions of Dragoman are those over the same
source alone; `calls` and `tokens` are means of a question.
"""

ATTACKS = """\
## Attacks

Through a served program, as a client calls it. An attack passes if a secret comes back, something is written or
started, or what has to be refused is not; beside them stand harmless calls of the same kind, which have to be
answered. What single guards do when the others are taken away is in the tests (`tests/connectors`, `tests/security`),
and on PostgreSQL, MariaDB and S3 in `make live`.
"""

CHECKS = """\
## What holds of every answer

On a desk with every kind of source that is named here: documents, SQLite, DuckDB over a folder, files, a zip file, a
repository, logs and programs.
"""

LIMITS = """\
## What this does not say

The routes are fixed: a real model takes wrong turns, asks twice, and words its searches differently. The company is
made, its documents are tidy and in English, and the questions were written by those who wrote the server. Figures by
characters are estimates; models count otherwise, but for all servers alike.
"""


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table; numbers get their thousands marked."""
    lines = [list(head), ["---"] * len(head), *([_cell(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(cell: object) -> str:
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def definitions(found: dict[str, Any]) -> str:
    """Return the table of what definitions cost."""
    versions = found["versions"]
    rows = []
    for name, server in found["asked"]["servers"].items():
        told = server["definitions"]
        shown = f"{name} {versions[name]}" if name in versions else "Dragoman, six sources"
        rows.append((shown, told["tools"], told["tokens"], told["whole"], told["instructions"]))
    for name, server in found["asked"]["servers"].items():
        if "ours" in server:
            told = server["ours"]["definitions"]
            rows.append(
                (
                    f"Dragoman over what {name} serves",
                    told["tools"],
                    told["tokens"],
                    told["whole"],
                    told["instructions"],
                )
            )
    return table(("server", "tools", "tokens of definitions", "with all the rest", "of instructions"), rows)


def kinds(found: dict[str, Any]) -> str:
    """Return the table of how the questions went, by kind."""
    mine = found["asked"]["servers"]["dragoman"]
    rows = [(kind, *_went(total)) for kind, total in mine["kinds"].items()]
    return table(("kind", "answered", "calls", "tokens"), [*rows, ("all", *_went(mine["total"]))])


def compared(found: dict[str, Any]) -> str:
    """Return the table of the others beside us."""
    rows = []
    for name, server in found["asked"]["servers"].items():
        if "ours" in server:
            for kind, total in {**server["kinds"], "all": server["total"]}.items():
                ours = server["ours"]["total"] if kind == "all" else server["ours"]["kinds"][kind]
                rows.append((name, kind, *_went(total), *_went(ours)))
    head = ("server", "kind", "answered", "calls", "tokens", "Dragoman: answered", "calls", "tokens")
    return table(head, rows)


def _went(total: dict[str, Any]) -> tuple[object, ...]:
    return f"{total['answered']} of {total['asked']}", total["calls"], total["tokens"]


def better(found: dict[str, Any]) -> str:
    """Return where the others are better, from the same figures."""
    lines = []
    for name, server in found["asked"]["servers"].items():
        if "ours" not in server:
            continue
        theirs, ours = server["definitions"]["tokens"], server["ours"]["definitions"]["tokens"]
        if theirs < ours:
            lines.append(f"- {name} costs {theirs:,} tokens of definitions, Dragoman over the same {ours:,}.\n")
        for kind, total in {**server["kinds"], "all": server["total"]}.items():
            mine = server["ours"]["total"] if kind == "all" else server["ours"]["kinds"][kind]
            pairs = [(what, total[what], mine[what]) for what in ("answered", "calls", "tokens")]
            lines += [
                f"- {name}, {kind}: {their:,} {what} against {my:,}.\n"
                for what, their, my in pairs
                if (their > my if what == "answered" else their < my)
            ]
    return "Where they are better:\n\n" + ("".join(lines) or "- Nowhere in these figures.\n")


def attacks(found: dict[str, Any]) -> str:
    """Return the table of attacks."""
    groups = found["attacks"]
    rows = [
        (g["name"], g["tried"], len(g["passed"]), f"{g['twins'] - len(g['refused'])} of {g['twins']}") for g in groups
    ]
    tried, passed = sum(g["tried"] for g in groups), sum(len(g["passed"]) for g in groups)
    twins, refused = sum(g["twins"] for g in groups), sum(len(g["refused"]) for g in groups)
    head = ("attacks", "tried", "passed", "harmless ones answered")
    return table(head, [*rows, ("all", tried, passed, f"{twins - refused} of {twins}")])


def held(found: dict[str, Any]) -> str:
    """Return the table of checks."""
    return table(("check", "looked at", "faults"), [(c["name"], c["done"], len(c["faults"])) for c in found["checks"]])


def tables(found: dict[str, Any]) -> str:
    """Return all tables that there are results for, for a terminal."""
    parts = [definitions(found), kinds(found), compared(found), better(found)] if "asked" in found else []
    parts += [attacks(found)] if "attacks" in found else []
    parts += [held(found)] if "checks" in found else []
    return "\n".join(parts)


def page(found: dict[str, Any]) -> str:
    """Return the whole page."""
    parts = [
        HEAD, definitions(found), QUESTIONS, kinds(found), RIVALS, compared(found), better(found),
        ATTACKS, attacks(found), CHECKS, held(found), LIMITS,
    ]  # fmt: skip
    return "\n".join(parts)
