"""Draws samples as an SVG: one panel below the other, each with its largest value; no library is needed for that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

WIDTH, HEIGHT, LEFT, GAP = 640, 110, 70, 34
PANELS = (("memory, MiB", ("memory",)), ("descriptors", ("files",)), ("latency of a call, ms", ("median", "p99")))
COLOURS = ("#1f6feb", "#d1495b")


def drawn(title: str, samples: Sequence[Any]) -> str:
    """Return the SVG. Samples have `at` in seconds, and a value for each name in PANELS."""
    last = max((each.at for each in samples), default=1.0) or 1.0
    height = GAP + len(PANELS) * (HEIGHT + GAP)
    size = f'viewBox="0 0 {WIDTH + LEFT + 20} {height}"'
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">']
    out.append(f'<rect width="100%" height="100%" fill="white"/><text x="8" y="18" font-size="13">{title}</text>')
    for row, (name, fields) in enumerate(PANELS):
        top = GAP + row * (HEIGHT + GAP)
        most = max((getattr(each, field) for each in samples for field in fields), default=1.0) or 1.0
        out.append(f'<rect x="{LEFT}" y="{top}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#ccc"/>')
        out.append(f'<text x="8" y="{top + 12}" font-size="11">{most:.4g}</text>')
        out.append(f'<text x="8" y="{top + HEIGHT}" font-size="11">0</text>')
        for colour, field in zip(COLOURS, fields, strict=False):
            points = " ".join(
                f"{LEFT + each.at / last * WIDTH:.1f},{top + HEIGHT * (1 - getattr(each, field) / most):.1f}"
                for each in samples
            )
            out.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.2"/>')
        words = f"{name} ({', '.join(fields)})" if len(fields) > 1 else name
        out.append(f'<text x="{LEFT + 6}" y="{top + 14}" font-size="11" fill="#333">{words}</text>')
    out.append(f'<text x="{LEFT + WIDTH}" y="{height - 8}" font-size="11" text-anchor="end">{last / 60:.3g} min</text>')
    return "\n".join([*out, "</svg>", ""])
