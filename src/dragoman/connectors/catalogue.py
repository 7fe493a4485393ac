"""All sources of one server, found by their names, and searched together.

Results of several sources are merged by their places, not by their scores: scores of different sources mean nothing to
each other.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from dragoman.connectors.address import Address, BadAddress, parse
from dragoman.connectors.source import Hits, Queryable, Source
from dragoman.errors import ToolError

MAX_HITS = 200
_EVEN = 10  # added to each place: with less, the first places would count for everything


class Catalogue:
    """The sources by name, in the order in which they were given."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = {source.name: source for source in sources}

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
        if "://" not in text:
            text = self._completed(text)
        try:
            address = parse(text)
        except BadAddress as fault:
            raise ToolError(f"{fault}; sources here: {self._addresses()}") from fault
        source = self.sources.get(address.source)
        if source is None or source.scheme != address.scheme:
            near = difflib.get_close_matches(address.source, self.sources, 1, 0.5)
            advice = f"did you mean {self._address(near[0])}? " if near else ""
            raise ToolError(
                f"no source at {address.scheme}://{address.source}; {advice}sources here: {self._addresses()}"
            )
        return source, address

    def queryable(self, name: str) -> Queryable:
        """Return the database of that name; the only one where no name is given.  Raises ToolError."""
        databases = {source.name: source for source in self.sources.values() if hasattr(source, "query")}
        bare = name.strip().removeprefix("db://").strip("/")
        if bare in databases:
            return databases[bare]  # type: ignore[return-value]
        names = ", ".join(databases)
        if bare:
            raise ToolError(f"no database {bare!r} here; source is one of: {names}")
        if len(databases) != 1:
            raise ToolError(f"there are several databases: say which in source, one of: {names}")
        return next(iter(databases.values()))  # type: ignore[return-value]

    def search(self, query: str, limit: int, only: str = "") -> Hits:
        """Return the merged hits, best first, with the joined words on what was searched and what to try."""
        found = [source.search(query, limit) for source in self.sources.values() if not only or source.name == only]
        placed = [
            (-hits.weight / (place + _EVEN), at, hit)
            for at, hits in enumerate(found)
            for place, hit in enumerate(hits.hits)
        ]
        placed.sort(key=lambda item: item[:2])
        return Hits(
            hits=[hit for _, _, hit in placed[:limit]],
            searched="; ".join(hits.searched for hits in found if hits.searched),
            hint="; ".join(hits.hint for hits in found if hits.hint),
        )

    def overview(self) -> list[dict[str, Any]]:
        """Return one entry for each source."""
        entries: list[dict[str, Any]] = []
        for source in self.sources.values():
            progress = source.progress()
            entry = {"uri": self._address(source.name), "kind": source.about}
            entries.append(entry | ({"progress": progress.text()} if progress.total or not progress.complete else {}))
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
        return ", ".join(map(self._address, self.sources))
