"""Regular expressions that are compiled when first used.

To compile one takes as long as to read a small module, and most of them judge what a program may never meet.
Promise: after the first use, no more than the compiled expression itself is entered.
Limit: one that is wrong is found at its first use, not at import.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, Generic, cast

_METHODS = ("findall", "finditer", "fullmatch", "match", "search", "split", "sub", "subn")


class _Late(Generic[AnyStr]):
    __slots__ = (*_METHODS, "_flags", "pattern")
    pattern: AnyStr

    def __init__(self, text: AnyStr, flags: int) -> None:
        self.pattern = text
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        # Only what is not there yet gets here. Two threads may both compile: either will do.
        if name not in _METHODS:
            raise AttributeError(f"a pattern that is compiled late has no attribute {name!r}")
        compiled = re.compile(self.pattern, self._flags)
        for method in _METHODS:
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)


def late_pattern(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return what `re.compile` does, as far as its methods go, compiled when the first of them is used."""
    return cast("re.Pattern[AnyStr]", _Late(text, flags))
