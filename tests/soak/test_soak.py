"""The short form of `make soak`: a moment of everything at once. And what it judges by is judged itself."""

import os
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.faults.desk import desk
from tests.faults.measure import PAGE, SLACK, figure
from tests.soak.plot import drawn
from tests.soak.run import Sample, judged, slope, soaked

from dragoman import Limits
from dragoman.testing import no_leaks, serving_http, stalls


def look() -> tuple[float, int]:
    return float(int(Path("/proc/self/statm").read_text().split()[1]) * PAGE), len(os.listdir("/proc/self/fd"))


async def test_a_moment_of_everything_leaves_nothing() -> None:
    """F01, F28"""
    # What a wrong argument takes is imported by then.
    server = desk(Limits())
    with stalls(0.1 * SLACK) as found:
        async with no_leaks(5.0), serving_http(server) as url:
            targets = [(f"{mode}-{at}", url, mode) for mode in ("modern", "legacy") for at in range(4)]
            soaking, samples = await soaked(targets, 1.0, look, pause=0.01)
    assert soaking.faults == [] and len(soaking.did) == 9, soaking.did
    assert len(samples) >= 2 and all(each.memory > 0 for each in samples)
    figure("F01", "acts in a second", sum(soaking.did.values()))
    assert [str(each) for each in found] == []
    figure("F28", "callbacks of more than 100 ms", len(found))


def test_growth_is_seen_and_a_level_is_none() -> None:
    def samples(more: float) -> list[Sample]:
        return [Sample(at, 50 + more * at / 3600, 10, 1, 2) for at in range(0, 600, 5)]

    assert slope(samples(0)) == 0
    assert slope(samples(10)) == pytest.approx(10)


def test_a_long_run_is_judged_by_its_second_half_and_a_short_one_by_its_last_quarter() -> None:
    def begins(seconds: int) -> float:
        return judged([Sample(at, 50, 10, 1, 2) for at in range(0, seconds, 5)])[0].at

    assert (begins(1200), begins(60)) == (600, 45)
    assert begins(200) == 120, "as soon as it is warm"


def test_the_plot_is_an_svg_with_a_line_for_each_value() -> None:
    found = ElementTree.fromstring(drawn("two", [Sample(1, 50, 10, 1, 2), Sample(2, 51, 10, 1, 3)]))
    lines = found.findall("{http://www.w3.org/2000/svg}polyline")
    assert found.tag.endswith("svg") and len(lines) == 4
    assert all(len(line.get("points", "").split()) == 2 for line in lines)
