"""The connectors as functions: `documents("./manuals")`, `database("sqlite:///sales.db")`.

Each returns a source that is opened when it is served: `build([...])` puts several into one server, and
`server.mount(...)` one into a server of yours.  Options are those of dragoman.yaml.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import Any

from dragoman.connectors.kind import Opening
from dragoman.connectors.kinds import KINDS, NAME, existing, free, named, open_options
from dragoman.connectors.source import Source, SourceError


class Connector:
    """One source, described.  Opened when it is served, at most once as a server of its own."""

    def __init__(self, kind: str, name: str | None, options: Mapping[str, Any], serve: Callable[..., Any]) -> None:
        if name is not None and not NAME.fullmatch(name):
            raise SourceError(f"a source's name has lower-case letters, digits and dashes, not {name[:80]!r}")
        self.kind = kind
        self.name = name
        self._options = options
        self._serve = serve
        self._server: Any = None

    def __repr__(self) -> str:
        # What it is opened with may hold a password.
        return f"<connector {self.name or self.kind!r}>"

    def open(self, taken: Container[str], opening: Opening) -> Source:
        """Return the source, with a name that is not in `taken`.  Raises SourceError."""
        name = self.name
        if name is None:
            main = next(kind.main for kind in KINDS if kind.name == self.kind)
            place = str(self._options[main])
            name = free(named(place, existing(place, opening)), taken)
        return open_options(self.kind, name, self._options, opening)

    def as_server(self) -> Any:
        """Return a server over this source alone, the same each time, to be mounted.  Raises SourceError."""
        if self._server is None:
            self._server = self._serve([self])
        return self._server
