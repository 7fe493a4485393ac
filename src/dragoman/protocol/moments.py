"""When to come again, as HTTP says it: seconds, or a moment in one of three ways to write it.

Returns 0 for what says nothing. Limit: years of two digits are read as the standard library does.
Source: RFC 9110, sections 5.6.7 and 10.2.3.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

# By number and not by name to the standard library, which takes names of the language that the program has set.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATES = ("%d %m %Y %H:%M:%S GMT", "%d-%m-%y %H:%M:%S GMT", "%m %d %H:%M:%S %Y")


def seconds_of(text: str, now: datetime) -> float:
    """Return the seconds from `now` on that a Retry-After says, 0 if it says nothing."""
    text = text.strip()
    if text.isdigit() and text.isascii():
        return float(text[:9])
    _, _, date = text[:64].partition(" ")  # which day of the week it is needs nobody
    found = re.search("|".join(_MONTHS), date)
    if found is None:
        return 0.0
    date = f"{date[: found.start()]}{_MONTHS.index(found[0]) + 1:02}{date[found.end() :]}"
    for form in _DATES:
        try:
            moment = datetime.strptime(date, form).replace(tzinfo=UTC)
        except ValueError:
            continue
        return max(0.0, (moment - now).total_seconds())
    return 0.0
