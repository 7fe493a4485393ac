"""All sources of one server, found by their names, and searched together; and what of them one caller sees.

Results of sources that score alike are merged by their scores, others by their places: scores of different engines mean
nothing to each other.  A source that a caller may not see is not there for it, in no list and in no error's text.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from msgspec import structs

from dragoman.connectors.address import Address, BadAddress, parse
from dragoman.connectors.source import ALL, Historical, Hit, Hits, Queryable, Question, Runnable, Source, View
from dragoman.errors import ToolError
from dragoman.protocol.exchange import Caller

MAX_HITS = 200
_EVEN = 10  # added to each place: with less, the first places would count for everything


# Says what a caller may see of the source with this name, None if it is not there for it.  No caller means whoever
# started the server: on stdio and in memory nobody is asked who they are.
Judge: TypeAlias = Callable[[Caller | None, str], View | None]


def _all(_caller: Caller | None, _name: str) -> View:
    return ALL


class Catalogue:
    """The sources by name, in the order in which they were given.

    `seen_by` gives what one caller has of them; `views` and `who` are that
    caller's, and empty where everybody sees everything.
    """

    def __init__(self, sources: Sequence[Source], judge: Judge | None = None) -> None:
        # One value, replaced at once: a call must not meet new sources with rules that do not know them.
        self._served = {source.name: source for source in sources}, judge
        self.views: Mapping[str, View] = {}
        self.who = ""

    @property
    def sources(self) -> dict[str, Source]:
        """The sources by name."""
        return self._served[0]

    @property
    def judge(self) -> Judge | None:
        """Who says what callers see; None where everybody sees everything."""
        return self._served[1]

    def replace(self, sources: Sequence[Source], judge: Judge | None) -> None:
        """Have these instead, from the next call on."""
        self._served = {source.name: source for source in sources}, judge

    def seen_by(self, caller: Caller, http: bool) -> Catalogue:
        """Return the catalogue as this caller has it.

        Those who do not come over HTTP, on stdio and in memory, are not asked
        who they are: whoever is there started this.
        """
        sources, judge = self._served
        seen = Catalogue(list(sources.values()))
        keeping = caller.principal and any(hasattr(one, "run") or hasattr(one, "query") for one in sources.values())
        if judge is None and not keeping:  # past runs and results are kept for one caller
            return seen
        asked = caller if http or caller.identity is not None else None
        judge = judge or _all
        views = {
            name: structs.replace(view, who=caller.principal)
            for name in sources
            if (view := judge(asked, name)) is not None
        }
        seen = Catalogue([sources[name] for name in views])
        seen.views = views
        # Whom and what cursors are good for: another caller's, or one from before the rules changed, is none.
        seen.who = f"{caller.principal}\n{sorted(views.items())}"
        return seen

    def view(self, source: Source) -> View:
        """Return what may be seen of the source."""
        return self.views.get(source.name, ALL)

    def start(self) -> None:
        """Start every source.  Returns at once."""
        for source in self.sources.values():
            source.start()

    def close(self) -> None:
        """Close every source; one that fails does not keep the others open."""
        faults: list[Exception] = []
        for source in self.sources.values():
            try:
                source.close()
            except Exception as fault:
                faults.append(fault)
        if faults:
            raise faults[0]

    def find(self, uri: str) -> tuple[Source, Address]:
        """Return the source of an address and the address, taken apart.

        A bare name stands for its source, and a path without a scheme for an
        item where there is only one source.  Raises ToolError.
        """
        text = uri.strip()
        if not text:
            raise ToolError(f"uri is empty: take one from search or list; sources here: {self._addresses()}")
        if "://" not in text:
            text = self._completed(text)
        try:
            address = parse(text)
        except BadAddress as fault:
            raise ToolError(f"{fault}; sources here: {self._addresses()}") from fault
        source = self.sources.get(address.source)
        if source is None or source.scheme != address.scheme:
            raise ToolError(f"no source at {address.scheme}://{address.source}; {self.advice(address.source)}")
        if address.revision and not hasattr(source, "history"):
            raise ToolError(f"{self._address(source.name)} has no revisions: leave out @{address.revision[:40]}")
        return source, address

    def advice(self, name: str) -> str:
        """Return what to say to one who named a source that is not there: which may be meant, and which there are."""
        near = difflib.get_close_matches(name, self.sources, 1, 0.5)
        return f"{f'did you mean {self._address(near[0])}? ' if near else ''}sources here: {self._addresses()}"

    def queryable(self, name: str) -> Queryable:
        """Return the database of that name; the only one where no name is given.  Raises ToolError."""
        found: Queryable = self._only(name, "query", "database", "databases")
        return found

    def historical(self, uri: str) -> tuple[Historical, Address]:
        """Return the source of an address with a history; the only one where none is given.  Raises ToolError."""
        if not uri.strip():
            source: Historical = self._only("", "history", "source with a history", "sources with a history")
            return source, Address(scheme=source.scheme, source=source.name)
        found, address = self.find(uri)
        if not hasattr(found, "history"):
            self._only(found.name, "history", "source with a history", "sources with a history")
        return found, address  # type: ignore[return-value]

    def runnables(self) -> list[Runnable]:
        """Return the sources that have something to run."""
        return [source for source in self.sources.values() if hasattr(source, "run")]  # type: ignore[misc]

    def _only(self, name: str, ability: str, what: str, several: str) -> Any:
        able = {source.name: source for source in self.sources.values() if hasattr(source, ability)}
        bare = name.strip().partition("://")[2] or name.strip()
        bare = bare.partition("@")[0].strip("/")
        if bare in able:
            return able[bare]
        names = ", ".join(able)
        if not able:
            raise ToolError(f"there is no {what} here; sources here: {self._addresses()}")
        if bare:
            raise ToolError(f"no {what} {bare!r} here; source is one of: {names}")
        if len(able) != 1:
            raise ToolError(f"there are several {several}: say which in source, one of: {names}")
        return next(iter(able.values()))

    def search(self, question: Question, limit: int, only: str = "") -> Hits:
        """Return the merged hits, best first, with the joined words on what was searched and what to try."""
        asked = [source for source in self.sources.values() if not only or source.name == only]
        found = [source.search(self.view(source), question, limit) for source in asked]
        return Hits(
            hits=_merged(found)[:limit],
            searched="; ".join(hits.searched for hits in found if hits.searched),
            hint="; ".join(hits.hint for hits in found if hits.hint),
        )

    def overview(self) -> list[dict[str, Any]]:
        """Return one entry for each source."""
        entries: list[dict[str, Any]] = []
        for source in self.sources.values():
            # How many files there are is nothing that is told to those who see a part of them.
            whole = self.view(source).everything
            entry = {
                "uri": self._address(source.name),
                "kind": source.about if whole else source.about.partition(" (")[0],
            }
            progress = source.progress()
            told = whole and (progress.total or not progress.complete)
            entries.append(entry | ({"progress": progress.text()} if told else {}))
        return entries

    def _completed(self, text: str) -> str:
        head, _, rest = text.partition("/")
        if head in self.sources:
            return f"{self._address(head)}{rest}"
        if len(self.sources) == 1:
            return f"{self._address(next(iter(self.sources)))}{text}"
        return text

    def _address(self, name: str) -> str:
        return f"{self.sources[name].scheme}://{name}/"

    def _addresses(self) -> str:
        return ", ".join(map(self._address, self.sources)) or "none that you may see"


def _merged(found: Sequence[Hits]) -> list[Callable[[], Hit]]:
    """Return the hits of several sources in one list, best first."""
    if len(found) == 1:
        return list(found[0].hits)
    scored = [
        (-score * hits.weight, at, place, hit)
        for at, hits in enumerate(found)
        for place, (hit, score) in enumerate(zip(hits.hits, hits.scores, strict=False))
    ]
    # In a source its own order holds, whatever made it: of its hits, none comes before one that it set higher.
    lists = [(1.0, _in_order(scored))] if scored else []
    lists += [(hits.weight, list(hits.hits)) for hits in found if not hits.scores]
    placed = [
        (-weight / (place + _EVEN), at, hit)
        for at, (weight, hits) in enumerate(lists)
        for place, hit in enumerate(hits)
    ]
    return [hit for _, _, hit in sorted(placed, key=lambda one: one[:2])]


def _in_order(scored: list[tuple[float, int, int, Callable[[], Hit]]]) -> list[Callable[[], Hit]]:
    least: dict[int, float] = {}
    ordered: list[tuple[float, int, int, Callable[[], Hit]]] = []
    for score, source, place, hit in scored:
        least[source] = max(score, least.get(source, score))
        ordered.append((least[source], source, place, hit))
    return [hit for *_, hit in sorted(ordered, key=lambda one: one[:3])]
