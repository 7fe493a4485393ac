"""The quarters that Acme's records cover, and the words for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
ORDINALS = ("first", "second", "third", "fourth")


@dataclass(frozen=True, order=True)
class Quarter:
    """A calendar quarter; `number` counts from 1."""

    year: int
    number: int

    @property
    def name(self) -> str:
        return f"Q{self.number} {self.year}"

    @property
    def slug(self) -> str:
        """The name for file names; sorts by time."""
        return f"{self.year}-q{self.number}"

    @property
    def words(self) -> str:
        return f"{ORDINALS[self.number - 1]} quarter of {self.year}"

    @property
    def first(self) -> date:
        return date(self.year, 3 * self.number - 2, 1)

    @property
    def last(self) -> date:
        return self.next.first - timedelta(days=1)

    @property
    def next(self) -> Quarter:
        return Quarter(self.year + self.number // 4, self.number % 4 + 1)

    @property
    def previous(self) -> Quarter:
        return Quarter(self.year - (self.number == 1), (self.number + 2) % 4 + 1)

    @property
    def year_before(self) -> Quarter:
        return Quarter(self.year - 1, self.number)

    @property
    def months(self) -> tuple[str, str, str]:
        start = 3 * self.number - 3
        return MONTHS[start], MONTHS[start + 1], MONTHS[start + 2]


QUARTERS = tuple(Quarter(year, number) for year in (2024, 2025, 2026) for number in (1, 2, 3, 4))[:11]
LATEST = QUARTERS[-1]
