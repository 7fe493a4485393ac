"""A tool with a page. See it with `dragoman run examples/apps/weather.py --preview`."""

from pathlib import Path

import msgspec

from dragoman import Server

server = Server("weather", version="1.0.0")


class Day(msgspec.Struct):
    """One day: degrees Celsius."""

    day: str
    high: float
    low: float


@server.app("ui://weather/forecast.html", html=Path(__file__).with_name("forecast.html"))
def forecast(city: str = "Lisbon", days: int = 5) -> list[Day]:
    """Forecast for a city. Hosts that show pages show a chart; others read the figures."""
    return [Day(f"day {n}", 18 + (n * 7 + len(city)) % 9, 9 + (n * 5 + len(city)) % 6) for n in range(1, days + 1)]


@server.app("ui://weather/forecast.html", visibility=["app"])
def another_day(day: int) -> Day:
    """One more day, for the page's own button."""
    return Day(f"day {day}", 18 + day * 7 % 9, 9 + day * 5 % 6)


if __name__ == "__main__":
    server.run()
