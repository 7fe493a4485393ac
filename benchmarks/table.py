"""The table: what was measured, what was wanted, whether it was met, and by how much it was missed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from statistics import median, quantiles


@dataclass
class Row:
    """One figure against its target. `values` are what it was made of, by who was measured; `unit` is theirs.

    `each` has what every pair of slices gave, or every moment, `spread` its quartiles. A figure that is the `best` of
    several is one that a disturbance can only make worse; `moments` says how often in the run it was looked at.
    """

    part: str
    what: str
    got: float
    target: float
    at_least: bool = False
    met: bool = False
    unit: str = ""
    values: dict[str, float] = field(default_factory=dict)
    spread: tuple[float, float] | None = None
    each: list[float] = field(default_factory=list)
    best: bool = False
    moments: int = 1


class Table:
    """Rows, printed as they come. What is measured a second time joins its first row."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.part = ""

    def add(
        self, what: str, got: float, target: float, detail: str = "", *, at_least: bool = False,
        values: dict[str, float] | None = None, unit: str = "",
    ) -> None:  # fmt: skip
        """Add a figure that must be at most `target`, or at least."""
        self._put(Row(self.part, what, got, target, at_least, unit=unit, values=values or {}), detail)

    def middle(
        self, what: str, each: list[float], target: float, *, values: dict[str, float] | None = None, unit: str = "us",
        at_least: bool = False,
    ) -> None:  # fmt: skip
        """Add the median of what several slices gave, and of those before if there were some."""
        each = self._earlier(what) + each
        self._put(Row(self.part, what, median(each), target, at_least, unit=unit, values=values or {}, each=each))

    def ratio(
        self, what: str, mine: list[float], theirs: list[float], target: float, *, names: tuple[str, str],
        unit: str = "us", at_least: bool = False,
    ) -> None:  # fmt: skip
        """Add the median of the ratios of two columns that were measured in turns."""
        values = {names[0]: median(mine), names[1]: median(theirs)}
        self.middle(what, ratios(mine, theirs), target, values=values, unit=unit, at_least=at_least)

    def best(
        self, what: str, got: dict[str, list[float]], target: float, *, unit: str = "us", at_least: bool = False
    ) -> None:
        """Add the best of the first column, which a disturbance can only make worse, and of the others beside it."""
        choose = max if at_least else min
        values = {side: choose(column) for side, column in got.items()}
        if (before := self._before(what)) is not None:
            values = {side: choose(value, before.values[side]) for side, value in values.items()}
        each = self._earlier(what) + next(iter(got.values()))
        self._put(Row(self.part, what, choose(each), target, at_least, unit=unit, values=values, each=each, best=True))

    def _earlier(self, what: str) -> list[float]:
        before = self._before(what)
        return before.each if before is not None else []

    def _before(self, what: str) -> Row | None:
        return next((row for row in self.rows if row.what == what), None)

    def _put(self, row: Row, detail: str = "") -> None:
        row.met = row.got >= row.target if row.at_least else row.got <= row.target
        row.spread = middle(row.each) if row.each else None
        before = self._before(row.what)
        if before is None:
            self.rows.append(row)
        else:
            row.moments = before.moments + 1
            self.rows[self.rows.index(before)] = row
        bound = f"{'>=' if row.at_least else '<='} {row.target:.4g}"
        detail = detail or shown(row.values, row.spread, row.unit)
        print(f"{'met ' if row.met else 'MISS'} {row.what:<62} {row.got:>9.4g}  {bound:<10} {detail}", flush=True)

    def missed(self) -> list[Row]:
        """Return the rows that are not as they should be."""
        return [row for row in self.rows if not row.met]

    def plain(self) -> list[dict[str, object]]:
        """Return the rows as data, with how many slices there were instead of what each gave."""
        return [{**asdict(row), "each": len(row.each)} for row in self.rows]

    def markdown(self) -> str:
        """Return the table for the documentation."""
        lines = ["| work | target | measured | half of all | | of what |", "|---|---|---|---|---|---|"]
        for row in self.rows:
            values = ", ".join(f"{name} {value:,.4g}" for name, value in row.values.items())
            bound = f"{'≥' if row.at_least else '≤'} {row.target:.4g}"
            word = "met" if row.met else "**missed**"
            half = f"{row.spread[0]:,.3g} to {row.spread[1]:,.3g}" if row.spread else ""
            got = f"{row.got:,.4g}{', best' if row.best else ''}"
            lines.append(f"| {row.what} | {bound} | {got} | {half} | {word} | {values} {row.unit} |")
        return "\n".join(lines) + "\n"


def shown(values: dict[str, float], spread: tuple[float, float] | None, unit: str) -> str:
    """Return what a figure was made of, and between what half of all that were measured lie."""
    words = ", ".join(f"{name} {value:.4g}" for name, value in values.items()) + f" {unit}" if values else ""
    return f"{words}  [{spread[0]:.4g} to {spread[1]:.4g}]" if spread else words


def ratios(mine: list[float], theirs: list[float]) -> list[float]:
    """Return the ratio of each pair of neighbours."""
    return [x / y for x, y in zip(mine, theirs, strict=True)]


def middle(values: list[float]) -> tuple[float, float]:
    """Return the quartiles, between which half of all lies."""
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = quantiles(values, n=4, method="inclusive")
    return low, high
