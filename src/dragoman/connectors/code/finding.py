"""Search in a repository: lines of the newest commit's files, definitions first; commits by their messages."""

from __future__ import annotations

import re
from collections.abc import Callable

from dragoman.connectors.address import make
from dragoman.connectors.code.git import Git, GitError
from dragoman.connectors.code.history import log
from dragoman.connectors.code.paths import shown
from dragoman.connectors.folders.query import telling
from dragoman.connectors.source import Hit, Hits, Question, View
from dragoman.connectors.view import matches

MAX_LINES = 20_000  # that match, in all
_PER_FILE = 200
_SHOWN = 300  # characters of one line
_WORD = re.compile(r"\w{2,}")
_DEFINES = r"\b(?:def|class|func|function|fn|struct|enum|trait|interface|type|module|const|let|var|val|object)\s+"
_COMMITS = 5_000
_TRUST, _NAMED, _DEFINED = 0.7, 0.98, 1.1
_ASKS = frozenset(
    ["function", "functions", "method", "methods", "class", "defined", "definition", "declared", "implemented"]
)
_NAME = re.compile(r"_|[a-z][A-Z]")  # what only programs call something


def found_lines(git: Git, name: str, view: View, question: Question, limit: int) -> Hits:
    """Return the files whose lines hold most of the words, those that define one first; each with its best line.

    With `exact` the text as it stands, each line that holds it.
    """
    text = question.text.strip()
    words, made = ([text], []) if question.exact else _sought(text)
    searched = f"{name}: lines of the files of the newest commit"
    if question.since or question.until:
        return Hits(
            [], searched=searched, hint=f'{name}: files have no dates; kind="commit" searches commits by theirs'
        )
    if not words or question.kind not in ("", "file"):
        return Hits([], searched=searched)
    lines = _grep(git, view, words, question)
    if question.exact:
        return Hits([_line(name, path, number, line) for path, number, line in lines[:limit]], 1.0, searched)
    ranked: dict[str, tuple[float, int, str, set[str]]] = {}
    lowered = [word.lower() for word in words]
    defines = re.compile(_DEFINES + "(" + "|".join(map(re.escape, words)) + r")\b", re.IGNORECASE)
    for path, number, line in lines:
        low = line.lower()
        have = {word for word in lowered if word in low}
        score = len(have) + (2.0 if defines.search(line) else 0.0)
        best, at, shown_line, all_words = ranked.get(path, (0.0, 0, "", set()))
        if score > best:
            best, at, shown_line = score, number, line
        ranked[path] = (best, at, shown_line, all_words | have)
    named = {path: sum(word in path.lower() for word in lowered) for path in ranked}
    order = sorted(ranked, key=lambda path: (-len(ranked[path][3]) - ranked[path][0] - named[path], path))
    weight = max((len(ranked[path][3]) for path in order[:1]), default=0) / len(words)
    # Less than a document that holds as much, since code repeats words without being about them; but not for its names,
    # of which the best that can be said is where they are made.
    trust = _NAMED if any(map(_NAME.search, words)) else _TRUST
    makes = re.compile(_DEFINES + "(" + "|".join(map(re.escape, made)) + r")\b", re.IGNORECASE) if made else None
    top = [_DEFINED if makes and makes.search(ranked[path][2]) else trust for path in order[:limit]]
    scores = [each * (len(ranked[path][3]) / len(words)) ** 2 for path, each in zip(order, top, strict=False)]
    hits = [_line(name, path, ranked[path][1], ranked[path][2]) for path in order[:limit]]
    return Hits(hits, weight, searched, scores=scores)


def _sought(text: str) -> tuple[list[str], list[str]]:
    """Return the words to look for, and those of them whose definition is looked for.

    A question's own words ("where is ... defined") stand in every file, and say nothing but that.
    """
    said = telling(list(dict.fromkeys(_WORD.findall(text))))
    words = ([word for word in said if word.lower() not in _ASKS] or said)[:12]
    return words, [word for word in words if _NAME.search(word)] or (words if len(words) < len(said) else [])


def found_commits(git: Git, name: str, view: View, question: Question, limit: int) -> Hits:
    """Return the commits whose subject, author or message holds all the words, newest first."""
    words = question.text.lower().split()
    found: list[Callable[[], Hit]] = []
    commit = git.resolve("HEAD")
    for line in log(git, view, commit, question.path, 0, _COMMITS):
        short, day, rest = [*line.split(" ", 2), "", ""][:3]
        fits = (not question.since or day >= question.since) and (not question.until or day <= question.until)
        if fits and all(word in rest.lower() for word in words):
            found.append(_commit(name, short, day, rest.strip()))
    return Hits(found[:limit], 1.0, f"{name}: subjects and authors of the newest {_COMMITS:,} commits")


def _grep(git: Git, view: View, words: list[str], question: Question) -> list[tuple[str, int, str]]:
    flags = ["--fixed-strings"] if question.exact else ["--fixed-strings", "--ignore-case"]
    terms = [part for number, word in enumerate(words) for part in ([*(["--or"] if number else []), "-e", word])]
    try:
        printed = git.run(
            "grep", "-I", "-n", "-z", "--no-color", "--full-name", "--no-textconv", f"--max-count={_PER_FILE}",
            *flags, *terms, "HEAD", "--", most=4_000_000,
        )  # fmt: skip
    except GitError:
        return []  # nothing matches
    found: list[tuple[str, int, str]] = []
    for record in printed.decode("utf-8", "replace").split("\n"):
        place, _, rest = record.partition("\0")
        number, _, line = rest.partition("\0")
        path = place.removeprefix("HEAD:")
        if number.isdigit() and shown(view, path) and (not question.path or _below(question.path, path)):
            found.append((path, int(number), line))
            if len(found) >= MAX_LINES:
                break
    return found


def _below(asked: str, path: str) -> bool:
    return path.startswith(f"{asked.rstrip('/')}/") or matches(asked, path)


def _line(name: str, path: str, number: int, line: str) -> Callable[[], Hit]:
    def hit() -> Hit:
        uri = make("git", name, path, f"lines={max(number - 10, 1)}-{number + 20}")
        return Hit(uri=uri, title=path, where=f"line {number}", text=line.strip()[:_SHOWN])

    return hit


def _commit(name: str, short: str, day: str, rest: str) -> Callable[[], Hit]:
    return lambda: Hit(uri=make("git", name, "", revision=short), title=rest[:200], where=f"commit {short}", date=day)
