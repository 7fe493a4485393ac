"""Reports of tests in JUnit's XML, as pytest, Maven, Gradle, Jest and others write them: what failed, and why.

Read as a stream by the standard library's parser.  Promise: no document type, no entities, bounded texts and counts.
"""

from __future__ import annotations

import xml.parsers.expat
from typing import NamedTuple

MAX_FAILED = 200
_TEXT = 4_000  # characters of one failure
_DEEP = 50


class Failed(NamedTuple):
    """One test that failed: "failure" or "error", its message, and the end of its details."""

    name: str
    kind: str
    message: str
    details: str


class Report(NamedTuple):
    """What a report says; `failed` has the first 200 that failed."""

    tests: int
    failures: int
    skipped: int
    seconds: float
    failed: list[Failed]


class NoReport(ValueError):
    """This is no JUnit report; the text says why."""


class _Reader:
    def __init__(self) -> None:
        self.depth = self.tests = self.failures = self.skipped = 0
        self.seconds = 0.0
        self.failed: list[Failed] = []
        self.is_report = False
        self._case = ""
        self._open: tuple[str, str] | None = None
        self._text: list[str] = []
        self._held = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > _DEEP:
            raise NoReport(f"nested more than {_DEEP} levels deep")
        name = tag.rpartition(":")[2]
        if self.depth == 1:
            self.is_report = name in ("testsuite", "testsuites")
            if not self.is_report:
                raise NoReport(f"its first element is {name[:40]!r}")
        if name == "testcase":
            self.tests += 1
            place = attributes.get("classname", "")
            self._case = f"{place}::{attributes.get('name', '')}".removeprefix("::")[:500]
            self.seconds += _number(attributes.get("time", ""))
        elif name in ("failure", "error") and self._case:
            self.failures += 1
            self._open = (name, attributes.get("message", "")[:1_000])
            self._text, self._held = [], 0
        elif name == "skipped" and self._case:
            self.skipped += 1

    def text(self, data: str) -> None:
        if self._open is not None and self._held < 1_000_000:
            self._text.append(data)
            self._held += len(data)

    def end(self, tag: str) -> None:
        self.depth -= 1
        name = tag.rpartition(":")[2]
        if self._open is not None and name == self._open[0]:
            if len(self.failed) < MAX_FAILED:
                self.failed.append(Failed(self._case, *self._open, "".join(self._text).strip()[-_TEXT:]))
            self._open = None
        elif name == "testcase":
            self._case = ""


def read_report(data: bytes) -> Report:
    """Return what a report says.  Raises NoReport."""
    reader = _Reader()
    parser = xml.parsers.expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(data, True)
    except xml.parsers.expat.ExpatError as fault:
        raise NoReport(f"not well-formed: {fault}") from fault
    return Report(reader.tests, reader.failures, reader.skipped, round(reader.seconds, 3), reader.failed)


def as_text(report: Report) -> str:
    """Return a report for a model to read: the table of what failed, then each with its reason."""
    head = (
        f"{report.tests:,} tests in {report.seconds:,.1f} s: {report.failures:,} failed, {report.skipped:,} skipped\n"
    )
    if not report.failed:
        return head
    more = report.failures - len(report.failed)
    parts = [head, *(f"- {one.name}: {one.message.partition(chr(10))[0][:200]}\n" for one in report.failed)]
    parts += [f"and {more:,} more\n"] if more > 0 else []
    parts += [f"\n{one.kind} in {one.name}:\n{one.details or one.message}\n" for one in report.failed[:20]]
    return "".join(parts)


def _refuse(*_declared: object) -> None:
    raise NoReport("it declares a document type, where entity bombs are hidden")


def _number(text: str) -> float:
    try:
        return max(min(float(text.replace(",", "")), 1e9), 0.0) if text else 0.0
    except ValueError:
        return 0.0
