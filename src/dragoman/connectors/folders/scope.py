"""What of an index one search or list is about: the caller's view and the question's filters.

Paths are judged by `View`, once for each file, and what is left out is neither ranked, counted nor suggested: the
engine is given the numbers of those that are in.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from dragoman.connectors.source import ALL, Question, View
from dragoman.connectors.view import matches

_KEPT = 16  # scopes whose files are remembered, about 60 bytes for each file


class Scope(NamedTuple):
    """A condition on the table `file`, as `f`, with its values; and who judges the paths, by what patterns."""

    view: View = ALL
    patterns: tuple[str, ...] = ()
    condition: str = ""
    values: tuple[str, ...] = ()

    @property
    def open(self) -> bool:
        """True where nothing is left out."""
        return not self.condition and not self.judging

    @property
    def judging(self) -> bool:
        """Whether paths have to be judged."""
        return bool(self.patterns) or not self.view.everything

    @property
    def key(self) -> tuple[object, ...]:
        """What makes it another scope than others."""
        return self.view.allow, self.view.deny, self.patterns, self.condition, self.values

    def sees(self, path: str) -> bool:
        """Tell whether the path is in."""
        return self.view.sees(path) and all(matches(pattern, path) for pattern in self.patterns)


OPEN = Scope()


def scope_of(view: View, question: Question | None = None, pattern: str = "") -> Scope:
    """Return the scope of a view, narrowed by a question's filters, or by a pattern of paths."""
    patterns: tuple[str, ...] = (pattern,) if pattern else ()
    found: list[tuple[str, tuple[str, ...]]] = []
    if question is not None:
        if question.path:
            patterns += (question.path,)
        if question.kind:
            ending = "%." + question.kind.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            found.append(("(f.kind = ? OR lower(f.path) LIKE ? ESCAPE '\\')", (question.kind, ending)))
        if question.since:
            found.append(("f.day >= ?", (question.since,)))
        if question.until:
            found.append(("f.day != '' AND f.day <= ?", (question.until,)))
    return Scope(
        view, patterns, " AND ".join(one for one, _ in found), tuple(value for _, values in found for value in values)
    )


class Judged:
    """The numbers of the files that scopes show.  A file's number is never another file's, so each is judged once."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[object, ...], tuple[int, set[int]]] = OrderedDict()
        self._lock = threading.Lock()

    def judged_until(self, scope: Scope) -> int:
        """Return the last number that was judged for the scope, 0 if none was."""
        with self._lock:
            return self._known.get(_key(scope), (0, set[int]()))[0]

    def add(self, scope: Scope, files: Iterable[tuple[int, str]]) -> set[int]:
        """Judge files with greater numbers, in their order; return the numbers of all that are in."""
        with self._lock:
            last, seen = self._known.pop(_key(scope), (0, set[int]()))
        # A set of its own: another thread may look through the one before.
        fresh = list(files)
        if found := {number for number, path in fresh if scope.sees(path)}:
            seen = seen | found
        with self._lock:
            self._known[_key(scope)] = (max([last, *(number for number, _ in fresh)]), seen)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return seen


def _key(scope: Scope) -> tuple[object, ...]:
    return scope.view.allow, scope.view.deny, scope.patterns
