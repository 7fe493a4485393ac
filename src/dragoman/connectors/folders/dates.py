"""The day a document speaks for, guessed from its title, its file name or its properties.

"The latest report" is a question about this day: the time of the last change says when a file was copied.
"""

from __future__ import annotations

import calendar
import re

_YEAR = r"((?:19|20)\d\d)"
_MONTHS = {
    name.lower(): number
    for names in (calendar.month_name, calendar.month_abbr)
    for number, name in enumerate(names)
    if name
}
_NAMES = "|".join(sorted(_MONTHS, key=len, reverse=True))
_EDGE, _END = r"(?<![0-9A-Za-z])", r"(?![0-9A-Za-z])"

_DAY = re.compile(rf"(?<!\d){_YEAR}[-_.](\d\d)[-_.](\d\d)(?!\d)|(?<!\d){_YEAR}(\d\d)(\d\d)(?!\d)")
_NAMED_DAY = re.compile(rf"{_EDGE}(?:(\d\d?)\.? ({_NAMES})|({_NAMES}) (\d\d?),?)[ ,]+{_YEAR}", re.IGNORECASE)
_QUARTER = re.compile(
    rf"{_EDGE}Q([1-4])[ _./-]*(?:FY ?)?{_YEAR}{_END}|(?<!\d){_YEAR}[ _./-]*Q([1-4]){_END}", re.IGNORECASE
)
_HALF = re.compile(rf"{_EDGE}H([12])[ _./-]*{_YEAR}{_END}|(?<!\d){_YEAR}[ _./-]*H([12]){_END}", re.IGNORECASE)
_NAMED_MONTH = re.compile(rf"{_EDGE}({_NAMES})\.?[ _-]+{_YEAR}(?!\d)", re.IGNORECASE)
_MONTH = re.compile(rf"(?<!\d){_YEAR}[-_.](\d\d)(?!\d)")
_YEARS = re.compile(_YEAR)
_ALONE = re.compile(rf"(?<!\d){_YEAR}(?!\d)")


def day_of(*texts: str) -> str:
    """Return the day, as year-month-day, that the first text with a date in it tells; empty when none does.

    A quarter, a half, a month or a year means its last day.
    """
    return next((day for text in texts if (day := _day(text))), "")


def _day(text: str) -> str:
    if not _YEARS.search(text):  # as most texts: none of the patterns fits
        return ""
    if found := _DAY.search(text):
        year, month, day = (int(part) for part in found.groups() if part)
        if valid := _valid(year, month, day):
            return valid
    if found := _NAMED_DAY.search(text):
        name = found[2] or found[3]
        if valid := _valid(int(found[5]), _MONTHS[name.lower()], int(found[1] or found[4])):
            return valid
    for pattern, months in ((_QUARTER, 3), (_HALF, 6)):
        if found := pattern.search(text):
            return _last(int(found[2] or found[3]), months * int(found[1] or found[4]))
    if found := _NAMED_MONTH.search(text):
        return _last(int(found[2]), _MONTHS[found[1].lower()])
    if (found := _MONTH.search(text)) and 1 <= int(found[2]) <= 12:
        return _last(int(found[1]), int(found[2]))
    return f"{found[1]}-12-31" if (found := _ALONE.search(text)) else ""


def _valid(year: int, month: int, day: int) -> str:
    fits = 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]
    return f"{year:04}-{month:02}-{day:02}" if fits else ""


def _last(year: int, month: int) -> str:
    return f"{year:04}-{month:02}-{calendar.monthrange(year, month)[1]:02}"
