"""Bars as SVG, drawn by hand: three shapes need no library. Readable on light and on dark pages."""

from __future__ import annotations

import math
from html import escape
from typing import NamedTuple

WIDTH, BAR, LEFT, RIGHT, TOP = 760, 22, 330, 90, 46
OURS, OTHERS, MISSED = "#2a78d6", "#8a8f98", "#d1603d"
STYLE = (
    "<style>text{font:13px system-ui,sans-serif;fill:#333}.t{font-weight:600;font-size:15px}"
    ".s{fill:#777;font-size:12px}"
    ".a{stroke:#999;stroke-width:1}@media(prefers-color-scheme:dark){text{fill:#ddd}.s{fill:#aaa}}</style>"
)


class Bar(NamedTuple):
    """One bar: its words, its length, what stands at its end, and whether it stands out or is at fault."""

    label: str
    value: float
    said: str
    ours: bool = False
    missed: bool = False


def bars(title: str, subtitle: str, rows: list[Bar], *, line: float | None = None) -> str:
    """Return an SVG of horizontal bars; logarithmic with a `line` to compare with, linear without."""
    height = TOP + len(rows) * (BAR + 6) + 14
    room = WIDTH - LEFT - RIGHT
    low, high = _range(rows, line)

    def at(value: float) -> float:
        if line is None:
            return room * value / high
        return room * (math.log(max(value, low)) - math.log(low)) / (math.log(high) - math.log(low))

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'role="img" aria-label="{escape(title)}">',
        STYLE,
        f'<text class="t" x="8" y="18">{escape(title)}</text><text class="s" x="8" y="35">{escape(subtitle)}</text>',
    ]
    for number, row in enumerate(rows):
        y = TOP + number * (BAR + 6)
        colour = MISSED if row.missed else OURS if row.ours else OTHERS
        length = max(1.0, at(row.value))
        out.append(
            f'<text x="{LEFT - 8}" y="{y + 15}" text-anchor="end">{escape(row.label)}</text>'
            f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2" fill="{colour}"/>'
            f'<text x="{LEFT + length + 6:.1f}" y="{y + 15}">{escape(row.said)}</text>'
        )
    if line is not None:
        x = LEFT + at(line)
        out.append(
            f'<line class="a" x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{height - 8}" stroke-dasharray="4 3"/>'
        )
    return "\n".join([*out, "</svg>"]) + "\n"


def _range(rows: list[Bar], line: float | None) -> tuple[float, float]:
    values = [row.value for row in rows if row.value > 0]
    if line is not None:
        values.append(line)
    high = max(values, default=1.0)
    low = min(values, default=1.0)
    return (low / 1.5, high * 1.1) if line is not None else (0.0, high)
