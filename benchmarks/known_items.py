"""Known items: how high the one document stands that is sought, in our list and in that of plain BM25.

A made corpus of three sources, the same each time, with distractors that share most words with what is sought. Each
kind of question has sixty of them. Plain BM25 is SQLite's own over the same pieces: any of the words, ranked by bm25().
Run as a program it prints JSON: by kind of question, the mean reciprocal rank (MRR@10) of both.
"""

import json
import random
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

EACH = 60  # questions of a kind
SLACK = 0.02  # of a mean rank of sixty questions: one of them a place lower is no loss
SIZE = 1_200  # documents
PLACES = [
    "Rotterdam",
    "Lyon",
    "Nagoya",
    "Porto",
    "Tromso",
    "Gdansk",
    "Cusco",
    "Perth",
    "Turin",
    "Bergen",
    "Malmo",
    "Kyoto",
    "Leeds",
    "Utrecht",
    "Ghent",
    "Bilbao",
    "Varna",
    "Cork",
    "Tampere",
    "Graz",
    "Basel",
    "Nantes",
    "Aarhus",
    "Genoa",
]
THINGS = [
    "pump",
    "valve",
    "gauge",
    "sensor",
    "controller",
    "tank",
    "filter",
    "motor",
    "pipe",
    "seal",
    "rotor",
    "bearing",
    "panel",
    "cable",
    "relay",
    "boiler",
    "turbine",
    "compressor",
    "nozzle",
    "gasket",
    "piston",
    "flange",
    "spindle",
    "clutch",
    "coupling",
    "impeller",
    "manifold",
    "regulator",
    "actuator",
    "transformer",
]
TASKS = [
    "install",
    "inspect",
    "replace",
    "clean",
    "calibrate",
    "lubricate",
    "test",
    "balance",
    "dismantle",
    "repair",
    "align",
    "adjust",
    "monitor",
    "measure",
    "transport",
    "purge",
    "degrease",
    "commission",
    "label",
    "audit",
]
TOPICS = [
    "sales",
    "staffing",
    "safety",
    "energy",
    "warranty",
    "logistics",
    "training",
    "complaints",
    "inventory",
    "budget",
    "recycling",
    "purchasing",
    "quality",
    "travel",
    "insurance",
    "delivery",
    "maintenance",
    "research",
]
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
KINDS = {"manuals": "Manual", "reports": "Report", "mail": "Note"}


class Item(NamedTuple):
    """One document and what somebody may remember of it."""

    name: str
    title: str
    thing: str
    task: str
    place: str
    topic: str
    month: str
    year: int
    code: str
    figure: str
    saying: list[str]


def sentences(root: Path) -> list[str]:
    """Return the sentences of our own documentation: English as it is written, with its frequent and rare words."""
    text = " ".join(path.read_text("utf-8") for path in sorted((root / "docs").glob("*.md")))
    text = re.sub(r"```.*?```|`[^`]*`|\|[^\n]*|https?:\S+|[#*\[\]()]", " ", text, flags=re.DOTALL)
    return [line for line in re.findall(r"[A-Z][^.!?]{40,200}[.!?]", " ".join(text.split())) if line.count(" ") > 6]


def made(root: Path, folder: Path) -> list[Item]:
    """Write the corpus below `folder`, one folder for each source; return the items."""
    chance = random.Random(11)
    pool = sentences(root)
    words = sorted({word for line in pool for word in re.findall(r"\b[a-z]{5,12}\b", line)})
    items = [item(chance, number, words) for number in range(SIZE)]
    for one in items:
        path = folder / one.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(written(chance, one, items, pool), "utf-8")
    return items


def item(chance: random.Random, number: int, words: list[str]) -> Item:
    source = list(KINDS)[number % 3]
    thing, task, place, topic = map(chance.choice, (THINGS, TASKS, PLACES, TOPICS))
    month, year = chance.choice(MONTHS), chance.randint(2019, 2026)
    code = f"{chance.choice('ABDKPX')}{chance.choice('NQRT')}-{chance.randint(1000, 1200)}-{chance.choice('ABCD')}"
    figure = f"{chance.randint(10, 99)},{chance.randint(100, 999)}.{chance.randint(10, 99)}"
    title = {
        "manuals": f"How to {task} the {thing} in {place}",
        "reports": f"{topic.capitalize()} report of {place}, {month} {year}",
        "mail": f"Re: {topic} and the {thing}, {place}",
    }[source]
    return Item(
        f"{source}/{KINDS[source].lower()}-{number:04}.md", title, thing, task, place, topic, month, year, code, figure,
        chance.sample(words, 5),
    )  # fmt: skip


def written(chance: random.Random, one: Item, items: list[Item], pool: list[str]) -> str:
    """Return a document: its own facts among much else, and the words of others in another order."""
    other, third = chance.choice(items), chance.choice(items)
    facts = [
        f"The part number is {one.code}.",
        f"It came to EUR {one.figure} in all.",
        f"They agreed on {' '.join(one.saying)} at once.",
        f"Compare {other.topic} at {other.place} and the {other.thing} there, {other.month} {other.year}.",
        f"Once they said {' and '.join(chance.sample(third.saying, 5))} elsewhere.",
        f"The {third.thing} was {third.task}ed, not the {chance.choice(THINGS)}.",
        f"The total before was EUR {other.figure[:-1]}{chance.randint(0, 9)}.",
    ]
    lines = chance.sample(pool, chance.randint(15, 45)) + facts
    chance.shuffle(lines)
    half = len(lines) // 2
    text = [f"# {one.title}", *_paragraphs(lines[:half]), f"## About {one.topic}", *_paragraphs(lines[half:])]
    return "\n\n".join(text) + "\n"


def _paragraphs(lines: list[str]) -> list[str]:
    return [" ".join(lines[at : at + 4]) for at in range(0, len(lines), 4)]


def misspelt(chance: random.Random, word: str, first: bool = False) -> str:
    """Return a word with one slip of the fingers: two letters swapped, one left out, doubled or replaced."""
    at = 0 if first else chance.randrange(1, len(word) - 1)
    slip = chance.randrange(4)
    if slip == 0:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if slip == 1:
        return word[:at] + word[at + 1 :]
    return word[:at] + (word[at] * 2 if slip == 2 else chance.choice("aeiorst")) + word[at + 1 :]


def inflected(word: str) -> str:
    """Return another form of an English word."""
    return word[:-1] + "ies" if word.endswith("y") else word + "s" if not word.endswith("s") else word[:-1]


def questions(items: list[Item]) -> dict[str, list[tuple[str, set[str]]]]:
    """Return, by kind, what is asked and the documents that are right."""
    chance = random.Random(5)
    asked: dict[str, Callable[[Item], str]] = {
        "title": lambda one: one.title,
        "words of the title, in disorder": lambda one: _shuffled(chance, one),
        "a word misspelt": lambda one: _slipped(chance, one, False),
        "the first letter misspelt": lambda one: _slipped(chance, one, True),
        "phrase": lambda one: f'"{" ".join(one.saying)}"',
        "phrase without quotes": lambda one: " ".join(one.saying),
        "three words of a sentence": lambda one: " ".join(chance.sample(one.saying, 3)),
        "figure": lambda one: f"EUR {one.figure}",
        "identifier": lambda one: one.code,
        "identifier, written together": lambda one: one.code.replace("-", "").lower(),
        "other forms": lambda one: " ".join(inflected(word) for word in one.saying[:4]),
        "question": lambda one: _question(one),
        "month and topic": lambda one: f"{one.month} {one.year} {one.topic} {one.place}",
        "one source": lambda one: f"{one.name.partition('/')[0]}|{one.topic} {one.thing} {one.place}",
    }
    found: dict[str, list[tuple[str, set[str]]]] = {}
    for kind, ask in asked.items():
        fitting = [one for one in items if _fits(kind, one)]
        found[kind] = []
        for one in chance.sample(fitting, EACH):
            query = ask(one)
            same = {other.name for other in items if _same(kind, one, other)}
            found[kind].append((query, same))
    found["latest"] = [_latest(chance, items) for _ in range(EACH)]
    return found


def _fits(kind: str, one: Item) -> bool:
    source = one.name.partition("/")[0]
    return {
        "question": source == "manuals",
        "month and topic": source == "reports",
        "one source": source == "mail",
    }.get(kind, True)


def _same(kind: str, one: Item, other: Item) -> bool:
    """Tell whether the other document answers the question just as well."""
    if kind.startswith("identifier"):
        return one.code == other.code
    if kind in ("title", "question", "one source", "a word misspelt", "the first letter misspelt") or "title" in kind:
        return one.title == other.title
    return one.name == other.name


def _shuffled(chance: random.Random, one: Item) -> str:
    words = [word for word in re.findall(r"\w+", one.title) if len(word) > 2 and word.lower() not in ("the", "and")]
    chance.shuffle(words)
    return " ".join(words)


def _slipped(chance: random.Random, one: Item, first: bool) -> str:
    words = re.findall(r"\w+", one.title)
    at = chance.choice([at for at, word in enumerate(words) if len(word) > 4 and word.isalpha()])
    words[at] = misspelt(chance, words[at].lower(), first)
    return " ".join(words)


def _question(one: Item) -> str:
    return f"What do I have to do if I want to {one.task} a {one.thing}, and we are in {one.place}?"


def _latest(chance: random.Random, items: list[Item]) -> tuple[str, set[str]]:
    one = chance.choice([one for one in items if one.name.startswith("reports/")])
    alike = [
        other for other in items
        if other.name.startswith("reports/") and (other.topic, other.place) == (one.topic, one.place)
    ]  # fmt: skip
    newest = max((other.year, MONTHS.index(other.month)) for other in alike)
    names = {other.name for other in alike if (other.year, MONTHS.index(other.month)) == newest}
    return f"latest {one.topic} report of {one.place}", names


class Plain:
    """SQLite's full text with nothing added: what one gets in ten lines."""

    def __init__(self, sources: list[Any]) -> None:
        self._db = sqlite3.connect(":memory:")
        self._db.execute("CREATE VIRTUAL TABLE t USING fts5(name UNINDEXED, text)")
        for source in sources:
            with source._index.place.reading() as db:
                rows = db.execute(
                    "SELECT ? || f.path, p.title || ' ' || p.heading || ' ' || p.body FROM piece p JOIN file f ON "
                    "f.id = p.file ORDER BY p.id",
                    (f"{source.name}/",),
                ).fetchall()
            self._db.executemany("INSERT INTO t VALUES (?, ?)", rows)

    def find(self, query: str) -> list[str]:
        only, _, text = query.rpartition("|")
        words = " OR ".join(f'"{word}"' for word in re.findall(r"\w+", text))
        rows = self._db.execute("SELECT name FROM t WHERE t MATCH ? ORDER BY bm25(t) LIMIT 100", (words,))
        return [name for (name,) in rows if name.startswith(only)]


def ours(catalogue: Any, query: str) -> list[str]:
    from dragoman.connectors.source import Question

    only, _, text = query.rpartition("|")
    hits = catalogue.search(Question(text=text), 100, only).hits
    return [hit().uri.removeprefix("docs://").partition("#")[0] for hit in hits[:40]]


def reciprocal(found: list[str], right: set[str]) -> float:
    """Return one by the place of the first right document among ten, nothing if there is none."""
    places = list(dict.fromkeys(found))[:10]
    return next((1 / place for place, name in enumerate(places, 1) if name in right), 0.0)


def measured(root: Path, show: str = "") -> dict[str, dict[str, float]]:
    """Return MRR@10 of ours and of plain BM25 by kind of question."""
    # Of the environment that is measured, which is not the one that `run` runs in.
    from dragoman.connectors import documents
    from dragoman.connectors.assembly import opened
    from dragoman.connectors.catalogue import Catalogue
    from dragoman.connectors.kind import Opening

    with tempfile.TemporaryDirectory(prefix="dragoman-bench-") as place:
        folder = Path(place) / "corpus"
        items = made(root, folder)
        sources: list[Any] = opened(
            [documents(folder / name, name) for name in KINDS], Opening(cache_dir=Path(place) / "cache")
        )
        for source in sources:
            source.start()
        for source in sources:
            source.indexer.wait_idle(300)
        catalogue, plain = Catalogue(sources), Plain(sources)
        found: dict[str, dict[str, float]] = {}
        for kind, asked in questions(items).items():
            scores = [
                (reciprocal(ours(catalogue, text), right), reciprocal(plain.find(text), right)) for text, right in asked
            ]
            found[kind] = {
                "ours": sum(one for one, _ in scores) / EACH, "plain": sum(other for _, other in scores) / EACH
            }  # fmt: skip
            if show and show in kind:
                for (text, right), score in zip(asked, scores, strict=True):
                    if score[0] < 1:
                        print(score, text, right, ours(catalogue, text)[:3], file=sys.stderr)
        catalogue.close()
        return found


def measure(python: Path, table: Any) -> None:
    """Add the rows: ours has to be as good for each kind of question, and better in the mean."""
    done = subprocess.run([python, __file__], check=True, capture_output=True, text=True)
    found: dict[str, dict[str, float]] = json.loads(done.stdout)
    for kind, one in found.items():
        detail = f"plain BM25 {one['plain']:.3f}"
        table.add(f"MRR@10, {kind}", one["ours"], max(one["plain"] - SLACK, 0.0), detail, at_least=True)
    means = {who: sum(one[who] for one in found.values()) / len(found) for who in ("ours", "plain")}
    table.add(
        "MRR@10, mean of all kinds",
        means["ours"],
        means["plain"] + 0.1,
        f"plain BM25 {means['plain']:.3f}",
        at_least=True,
    )


def main() -> None:
    root = Path(__file__).parents[1]
    result: Any = measured(root, sys.argv[1] if len(sys.argv) > 1 else "")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
