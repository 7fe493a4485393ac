import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.folders.dates import day_of


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("Quarterly Sales Report Q3 2026", "2026-09-30"),
        ("sales-figures-2025-q4", "2025-12-31"),
        ("2024Q1 results", "2024-03-31"),
        ("Half-year H1 2025", "2025-06-30"),
        ("Minutes 2026-03-14", "2026-03-14"),
        ("minutes_20260314", "2026-03-14"),
        ("Letter of 3 May 2025", "2025-05-03"),
        ("May 3, 2025", "2025-05-03"),
        ("Newsletter February 2024", "2024-02-29"),
        ("price-list-2025-11", "2025-11-30"),
        ("Annual Report 2025", "2025-12-31"),
        ("Pump P-2000 manual", "2000-12-31"),
        ("No date here", ""),
        ("2026-13-45", "2026-12-31"),
    ],
)
def test_the_day_is_read_from_a_title_or_name(text: str, day: str) -> None:
    assert day_of(text) == day


def test_the_first_text_with_a_date_wins() -> None:
    assert day_of("no date", "report-2025-q1", "2026-01-01") == "2025-03-31"


@given(st.text(max_size=100))
def test_any_text_gives_a_day_or_nothing(text: str) -> None:
    day = day_of(text)
    assert day == "" or (len(day) == 10 and day[4] == day[7] == "-")


@given(st.dates(min_value=__import__("datetime").date(1990, 1, 1)))
def test_every_written_out_day_is_found(day) -> None:
    if day.year < 2100:
        assert day_of(f"minutes of {day.isoformat()}") == day.isoformat()
