"""The nearest name to one that does not exist, for error texts that can be acted on."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

MOST = 2000  # names looked at: a huge list must not make an error expensive


def nearest(name: str, names: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the closest of `names`, or what there is if few, or an empty string."""
    import difflib  # noqa: PLC0415  only errors need it

    known = list(islice(names, MOST))
    close = difflib.get_close_matches(name[:100], known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    if 0 < len(known) <= 10:
        return f"; there is {', '.join(known)}"
    return ""
