"""What an examination says: findings as data, each of a kind that has a cause, a cure and a place in docs/doctor.md.

Promise: every finding is of a kind of `KINDS`, so that nobody has to read prose to tell two apart.
Limit: texts of servers in it are cut short, and not made safe for terminals; who prints does that.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from time import monotonic
from typing import Any, Literal

import msgspec

from dragoman.doctor.kinds import KINDS, Severity

PAGE = "docs/doctor.md"
SAID = 300  # characters of a peer's text that a finding repeats

Outcome = Literal["fine", "notes", "failed", "skipped"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as it should be: what, where, why, and what to do. `page` is where the docs say more."""

    kind: str
    severity: Severity
    what: str
    where: str
    cause: str
    cure: str
    page: str


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the examination: how it ended, in words too, and how many seconds it took."""

    name: str
    outcome: Outcome
    said: str
    seconds: float


class Report(msgspec.Struct, kw_only=True, rename="camel"):
    """All that was found of one server.

    `reached` says how far it came: "nothing" (no word of MCP was exchanged), "refused" (a login is missing or not
    good), "server" (it answers). `facts` are figures and names, such as the version that is spoken.
    """

    target: str
    reached: Literal["nothing", "refused", "server"] = "nothing"
    stages: list[Stage] = []
    findings: list[Finding] = []
    facts: dict[str, Any] = {}
    fixed: list[str] = []

    def find(self, kind: str, what: str, where: str = "") -> None:
        """Add a finding of a kind, once for each place."""
        known = KINDS[kind]
        found = Finding(
            kind=kind,
            severity=known.severity,
            what=short(what),
            where=short(where or self.target),
            cause=known.cause,
            cure=known.cure,
            page=f"{PAGE}#{kind}",
        )
        if not any((one.kind, one.where, one.what) == (kind, found.where, found.what) for one in self.findings):
            self.findings.append(found)

    def has(self, *kinds: str) -> bool:
        """Say whether there is a finding of one of `kinds`."""
        return any(found.kind in kinds for found in self.findings)

    @contextmanager
    def stage(self, name: str) -> Generator[Told]:
        """Note a step: what is found in its block decides how it ended."""
        told, before, began = Told(), len(self.findings), monotonic()
        try:
            yield told
        finally:
            bad = {found.severity for found in self.findings[before:]}
            outcome: Outcome = "failed" if "error" in bad else "notes" if bad else "fine"
            if told.skipped:
                outcome = "skipped"
            seconds = round(monotonic() - began, 3)
            self.stages.append(Stage(name=name, outcome=outcome, said=short(told.said), seconds=seconds))

    def skip(self, name: str, why: str) -> None:
        """Note a step that was not taken."""
        self.stages.append(Stage(name=name, outcome="skipped", said=short(why), seconds=0.0))

    def count(self, severity: Severity) -> int:
        """Return how many findings are of a severity."""
        return sum(found.severity == severity for found in self.findings)


class Told:
    """What a stage says of itself, for people."""

    def __init__(self) -> None:
        self.said = ""
        self.skipped = False


def short(text: str) -> str:
    """Return `text`, cut where it is longer than anybody wants to read."""
    return text if len(text) <= SAID else f"{text[: SAID - 1]}…"
