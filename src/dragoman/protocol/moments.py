"""When to come again, as HTTP says it: seconds, or a moment in one of three ways to write it.

Returns 0 for what says nothing. Limit: years of two digits are read as the standard library does.
Source: RFC 9110, sections 5.6.7 and 10.2.3.
"""

from __future__ import annotations

from datetime import UTC, datetime

_DATES = ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y")


def seconds_of(text: str, now: datetime) -> float:
    """Return the seconds from `now` on that a Retry-After says, 0 if it says nothing."""
    text = text.strip()
    if text.isdigit() and text.isascii():
        return float(text[:9])
    for form in _DATES:
        try:
            moment = datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
        return max(0.0, (moment - now).total_seconds())
    return 0.0
