"""The table: what was measured, what was wanted, whether it was met, and by how much it was missed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from statistics import median


@dataclass
class Row:
    """One figure against its target. `values` are what it was made of, by who was measured; `unit` is theirs."""

    part: str
    what: str
    got: float
    target: float
    at_least: bool = False
    met: bool = False
    unit: str = ""
    values: dict[str, float] = field(default_factory=dict)
    spread: tuple[float, float] | None = None  # of the figure, over the rounds


class Table:
    """Rows, printed as they come."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.part = ""

    def add(
        self, what: str, got: float, target: float, detail: str = "", *, at_least: bool = False,
        values: dict[str, float] | None = None, unit: str = "", spread: tuple[float, float] | None = None,
    ) -> None:  # fmt: skip
        """Add a figure that must be at most `target`, or at least."""
        met = got >= target if at_least else got <= target
        self.rows.append(Row(self.part, what, got, target, at_least, met, unit, values or {}, spread))
        bound = f"{'>=' if at_least else '<='} {target:.4g}"
        if values and not detail:
            detail = ", ".join(f"{name} {value:.4g}" for name, value in values.items()) + f" {unit}"
        print(f"{'met ' if met else 'MISS'} {what:<62} {got:>9.4g}  {bound:<10} {detail}", flush=True)

    def ratio(
        self, what: str, mine: list[float], theirs: list[float], target: float, *, names: tuple[str, str],
        unit: str = "us", at_least: bool = False,
    ) -> None:  # fmt: skip
        """Add the median of the ratios of two columns that were measured in turns."""
        ratios = sorted(x / y for x, y in zip(mine, theirs, strict=True))
        values = {names[0]: median(mine), names[1]: median(theirs)}
        spread = (ratios[0], ratios[-1])
        self.add(what, median(ratios), target, values=values, unit=unit, spread=spread, at_least=at_least)

    def missed(self) -> list[Row]:
        """Return the rows that are not as they should be."""
        return [row for row in self.rows if not row.met]

    def plain(self) -> list[dict[str, object]]:
        """Return the rows as data."""
        return [asdict(row) for row in self.rows]

    def markdown(self) -> str:
        """Return the table for the documentation."""
        lines = ["| work | target | measured | | of what |", "|---|---|---|---|---|"]
        for row in self.rows:
            values = ", ".join(f"{name} {value:,.4g}" for name, value in row.values.items())
            bound = f"{'≥' if row.at_least else '≤'} {row.target:.4g}"
            word = "met" if row.met else "**missed**"
            lines.append(f"| {row.what} | {bound} | {row.got:,.4g} | {word} | {values} {row.unit} |")
        return "\n".join(lines) + "\n"
