"""Indexing and searching: pieces per second from folder to index, the middle time of a search, memory and size.

Run as a program with a number of pieces it prints JSON. With an address behind it the index is in that database. Texts
are made of words as frequent as those of a language are (Zipf's law), with one token in each piece that no other has.
"""

import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

PIECES = (20_000, 200_000)
BUDGETS = {20_000: 5.0, 200_000: 30.0}  # milliseconds
IN_A_FILE = 100
WORDS = 60_000  # different words
SEARCHES = 60
STARTS, ENDS = "b c d f g l m n p r s t v st tr pl", "an el ir on um ast ent ing ol ure"


def vocabulary(chance: random.Random) -> list[str]:
    """Return made words, the most frequent first; those are short."""
    starts, ends = STARTS.split(), ENDS.split()
    found: dict[str, None] = {}
    while len(found) < WORDS:
        syllables = 1 + min(3, len(found) // 100)
        found["".join(chance.choice(starts) + chance.choice(ends) for _ in range(syllables))] = None
        if len(found) < 300:
            found[chance.choice(starts) + chance.choice(ends) + chance.choice(ends)] = None
    return list(found)


def written(folder: Path, pieces: int) -> list[list[str]]:
    """Write the corpus; return the words of some pieces."""
    chance = random.Random(3)
    words = vocabulary(chance)
    weights = [1 / (place + 3) for place in range(len(words))]
    pool = chance.choices(words, weights, k=500_000)
    some: list[list[str]] = []
    for number in range(pieces // IN_A_FILE):
        lines = []
        for part in range(IN_A_FILE):
            at = chance.randrange(len(pool) - 60)
            token = f"token{number * IN_A_FILE + part}"
            lines.append(f"## Part {number}-{part}\n\n{' '.join(pool[at : at + 60])} {token}\n")
            if chance.random() < 4 * SEARCHES / pieces:
                some.append([*pool[at : at + 60], token])
        (folder / f"note-{number}.md").write_text("\n".join(lines), "utf-8")
    return some


def queries(some: list[list[str]]) -> dict[str, list[str]]:
    """Return what is asked: words that stand in one piece, as somebody remembers them."""
    chance = random.Random(4)
    chance.shuffle(some)
    return {
        "three words": [" ".join(chance.sample(words[:-1], 3)) for words in some[:SEARCHES]],
        "two words and a token": [" ".join([*chance.sample(words[:-1], 2), words[-1]]) for words in some[:SEARCHES]],
        "one word": [chance.choice(words[:-1]) for words in some[:SEARCHES]],
        "three words that stand together": [
            " ".join(words[at : at + 3]) for words in some[:SEARCHES] for at in [chance.randrange(50)]
        ],
        "eight words": [" ".join(chance.sample(words[:-1], 8)) for words in some[:SEARCHES]],
        "slips in two words": [
            " ".join([*(slipped(chance, word) for word in chance.sample(long(words), 2)), chance.choice(words[:-1])])
            for words in some[:SEARCHES]
        ],
        "two slips in a word": [
            " ".join([slipped(chance, slipped(chance, max(words[:-1], key=len))), *chance.sample(words[:-1], 2)])
            for words in some[:SEARCHES]
        ],
    }


def long(words: list[str]) -> list[str]:
    """Return those of the words that are long enough to be misspelt."""
    return [word for word in words[:-1] if len(word) >= 6]


def slipped(chance: random.Random, word: str) -> str:
    """Return the word with one slip behind its first letter: two letters swapped, one left out, or another for one."""
    at = chance.randrange(1, len(word) - 1)
    return (
        word[:at] + chance.choice([word[at + 1] + word[at], "", chance.choice("qxz") + word[at + 1]]) + word[at + 2 :]
    )


def measured(pieces: int, address: str = "") -> dict[str, Any]:
    """Index and search; return the figures."""
    from dragoman.connectors import documents
    from dragoman.connectors.assembly import opened
    from dragoman.connectors.catalogue import Catalogue
    from dragoman.connectors.kind import Opening
    from dragoman.connectors.source import Question

    place = Path(tempfile.mkdtemp(prefix="dragoman-bench-"))
    try:
        folder = place / "corpus"
        folder.mkdir()
        asked = queries(written(folder, pieces))
        (source,) = opened([documents(folder)], Opening(cache_dir=place / "cache", index=address))
        began, used = time.monotonic(), time.process_time()
        source.start()
        source.indexer.wait_idle(3600)  # type: ignore[attr-defined]
        seconds, used = time.monotonic() - began, time.process_time() - used
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        used += children.ru_utime + children.ru_stime
        found: dict[str, Any] = {"rate": pieces / seconds, "cpu_rate": pieces / used}
        found["size_mb"] = sum(file.stat().st_size for file in place.rglob("*.db")) / 1e6
        catalogue = Catalogue([source])
        found["searches"] = {}
        for name, texts in asked.items():
            wall, cpu = [], []
            for text in texts:
                began, used = time.perf_counter(), time.thread_time()
                hits = catalogue.search(Question(text=text), 200).hits
                [hit() for hit in hits[:10]]
                wall.append((time.perf_counter() - began) * 1e3)
                cpu.append((time.thread_time() - used) * 1e3)
            found["searches"][name] = {"p50": median(wall), "p95": sorted(wall)[-len(wall) // 20], "cpu": median(cpu)}
        found["rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        source.close()
        return found
    finally:
        shutil.rmtree(place, ignore_errors=True)


def measure(python: Path, table: Any) -> None:
    """Add the rows."""
    for pieces in PIECES:
        done = subprocess.run([python, __file__, str(pieces)], check=True, capture_output=True, text=True)
        got = json.loads(done.stdout)
        about = f"{got['cpu_rate']:,.0f} per CPU second; index {got['size_mb']:.0f} MB, memory {got['rss_mb']:.0f} MB"
        table.add(f"index: {pieces:,} pieces, per second", got["rate"], 10_000, about, at_least=True)
        for name, one in got["searches"].items():
            detail = f"p95 {one['p95']:.1f} ms, CPU {one['cpu']:.1f} ms"
            table.add(f"search in {pieces:,}, {name}: p50 in ms", one["p50"], BUDGETS[pieces], detail)


if __name__ == "__main__":
    print(json.dumps(measured(int(sys.argv[1]), *sys.argv[2:]), indent=1))
