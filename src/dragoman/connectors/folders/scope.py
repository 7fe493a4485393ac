"""What of an index one search or list is about: the caller's view and the question's filters, as SQL.

Judged by SQLite while it looks, so that what is left out is neither ranked, counted nor suggested.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from dragoman.connectors.source import ALL, Question, View
from dragoman.connectors.view import matches


class Scope(NamedTuple):
    """A condition on the table `file`, as `f`, with its values; `sees` and `below` are functions that it calls."""

    view: View = ALL
    condition: str = ""
    values: tuple[str, ...] = ()

    @property
    def open(self) -> bool:
        """True where nothing is left out."""
        return not self.condition

    def where(self, joint: str = "AND") -> str:
        """Return the condition behind `joint`, nothing where all is in."""
        return f" {joint} {self.condition}" if self.condition else ""

    def prepare(self, db: sqlite3.Connection) -> None:
        """Give a connection the functions."""
        if self.condition:
            db.create_function("sees", 1, self.view.sees, deterministic=True)
            db.create_function("below", 2, matches, deterministic=True)


OPEN = Scope()


def scope_of(view: View, question: Question | None = None, pattern: str = "") -> Scope:
    """Return the scope of a view, narrowed by a question's filters, or by a pattern of paths."""
    found: list[tuple[str, tuple[str, ...]]] = []
    if not view.everything:
        found.append(("sees(f.path)", ()))
    if pattern:
        found.append(("below(?, f.path)", (pattern,)))
    if question is not None:
        if question.path:
            found.append(("below(?, f.path)", (question.path,)))
        if question.kind:
            found.append(("(f.kind = ? OR lower(f.path) GLOB ?)", (question.kind, f"*.{_plain(question.kind)}")))
        if question.since:
            found.append(("f.day >= ?", (question.since,)))
        if question.until:
            found.append(("f.day != '' AND f.day <= ?", (question.until,)))
    return Scope(view, " AND ".join(one for one, _ in found), tuple(value for _, values in found for value in values))


def _plain(text: str) -> str:
    """Return the text without what GLOB takes for a pattern."""
    return "".join(sign for sign in text if sign not in "*?[]")
