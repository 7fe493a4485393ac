"""Logs and JUnit reports of the pricing program's builds: one each month, three of which failed.

What failed and why agrees with the history: build 113 found the prices that were not rounded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random
from xml.sax.saxutils import quoteattr

from company.catalog import BY_NAME, RISES
from company.history import PRINTED, Commit

FIRST = 101
COUNT = 33
ROUNDING, NETWORK, DISK = 113, 121, 128  # the builds that failed
_TESTS = (
    ("tests.test_price", "test_the_printed_list_of_{year}"),
    ("tests.test_discount", "test_a_sales_engineer_may_grant_five_percent"),
    ("tests.test_discount", "test_more_than_fifteen_percent_needs_a_business_case"),
)


@dataclass(frozen=True)
class Build:
    """One build; `commit` is what it built, and `failure` why it failed, empty if it did not."""

    number: int
    day: date
    commit: str
    author: str
    tests: int
    seconds: int
    failure: str = ""

    @property
    def log(self) -> str:
        return f"build-{self.number}.log"

    @property
    def report(self) -> str:
        return f"build-{self.number}-tests.xml"


def builds(seed: int, commits: Sequence[Commit], hashes: Sequence[str]) -> list[Build]:
    """Return every build, on the fifteenth of each month."""
    found: list[Build] = []
    for number in range(COUNT):
        random = Random(f"{seed}:build:{number}")
        day = date(2024 + number // 12, number % 12 + 1, 15)
        at = max(place for place, commit in enumerate(commits) if commit.day <= day)
        failure = {ROUNDING: _wrong(), NETWORK: _TIMEOUT, DISK: _FULL}.get(FIRST + number, "")
        tests, seconds = len(_tests(day)), random.randint(95, 260)
        found.append(Build(FIRST + number, day, hashes[at], commits[at].author, tests, seconds, failure))
    return found


def write_builds(folder: Path, seed: int, every: Sequence[Build]) -> None:
    """Write a log for each build, and a report of its tests for those that came so far."""
    folder.mkdir(parents=True)
    for build in every:
        random = Random(f"{seed}:log:{build.number}")
        texts = {build.log: "\n".join(_lines(build, random)) + "\n"}
        if build.number not in (NETWORK, DISK):
            texts[build.report] = _junit(build, random)
        ended = datetime.combine(build.day, time(2, 40), UTC).timestamp()
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
            os.utime(folder / name, (ended, ended))


_TIMEOUT = "ConnectionError: warehouse.acme.example:5432 did not answer within 10 s"
_FULL = "OSError: [Errno 28] No space left on device: 'dist/pricing-1.2.tar.gz'"


def _wrong() -> str:
    product = BY_NAME["AquaLift 120"]
    unrounded = round(product.base_cents * (1000 + RISES[2025]) / 1000)
    return f"AssertionError: assert {unrounded} == {product.price(2025)}"


def _tests(day: date) -> list[tuple[str, str]]:
    since = {2024: date(2024, 1, 22), 2025: PRINTED, 2026: date(2025, 11, 20)}
    names = [(_TESTS[0][0], _TESTS[0][1].format(year=year)) for year in RISES if since[year] <= day]
    return names + ([*_TESTS[1:]] if day >= date(2024, 2, 6) else [])


def _lines(build: Build, random: Random) -> Iterator[str]:
    clock = datetime.combine(build.day, time(2, 30))

    def line(level: str, text: str) -> str:
        nonlocal clock
        clock += timedelta(seconds=random.randint(0, 2))
        return f"{clock:%Y-%m-%d %H:%M:%S} {level:<7} {text}"

    yield line("INFO", f"build {build.number} of pricing on runner-{build.number % 3 + 1}")
    yield line("INFO", f"checkout {build.commit} by {build.author}")
    for number in range(1, 61):
        size = random.randint(20, 900)
        yield line("INFO", f"[{number}/60] unpack layer sha256:{random.getrandbits(48):012x} ({size} kB)")
    for attempt in range(1, 41 if build.number == NETWORK else 1):
        yield line("WARNING", f"warehouse.acme.example:5432 does not answer, attempt {attempt} of 40, next in 10 s")
    if build.number == NETWORK:
        yield line("ERROR", _TIMEOUT)
    else:
        yield from _tested(build, line)
    result = "FAILED" if build.failure else "passed"
    yield line("INFO", f"build {build.number} {result} after {build.seconds} s")


def _tested(build: Build, line: object) -> Iterator[str]:
    assert callable(line)
    for suite, name in _tests(build.day):
        failed = build.number == ROUNDING and name.endswith("2025")
        yield line("ERROR" if failed else "INFO", f"{suite}::{name} {'FAILED' if failed else 'ok'}")
        if failed:
            yield from ("Traceback (most recent call last):", '  File "tests/test_price.py", line 14, in ' + name)
            yield build.failure
    if build.number == DISK:
        yield line("ERROR", f"packing: {_FULL}")
    elif not build.failure:
        yield line("INFO", f"artifact pricing-{build.number}.tar.gz, {40 + build.number % 7} kB")


def _junit(build: Build, random: Random) -> str:
    cases: list[str] = []
    for suite, name in _tests(build.day):
        head = f'  <testcase classname={quoteattr(suite)} name={quoteattr(name)} time="0.{random.randint(1, 99):03d}"'
        if build.number == ROUNDING and name.endswith("2025"):
            cases.append(f"{head}>\n    <failure message={quoteattr(build.failure)}/>\n  </testcase>")
        else:
            cases.append(f"{head}/>")
    failures = sum("<failure" in case for case in cases)
    head = f'<testsuite name="pricing" tests="{len(cases)}" failures="{failures}" timestamp="{build.day}T02:31:00">'
    return '<?xml version="1.0" encoding="utf-8"?>\n' + "\n".join([head, *cases, "</testsuite>"]) + "\n"
