"""What was wrong with arguments or with a result, in words that a model can act on.

A model that is told the place, the expectation and the nearest valid value corrects itself in one more call.
Every fault is told, never only the first.  Values are cut at 80 characters: a fault must not cost a page of tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from dragoman.errors import LocalError, McpError
from dragoman.serving.nearest import nearest

MAX_SHOWN = 80
MAX_FAULTS = 20
MAX_CHOICES = 12


class Fault(msgspec.Struct, frozen=True):
    """One thing that is wrong: where (`$.days`), what was expected, what came, and how to mend it."""

    path: str
    expected: str
    got: str = ""
    hint: str = ""

    def __str__(self) -> str:
        middle = [f"expected {self.expected}"] if self.expected else []
        middle += [f"got {self.got}"] if self.got else []
        return f"{self.path}: " + "; ".join(part for part in (", ".join(middle), self.hint) if part)


class ArgumentFaults(McpError):
    """The arguments do not fit the function; `faults` holds every one that was found."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        shown = [f"- {fault}" for fault in faults[:MAX_FAULTS]]
        if len(faults) > MAX_FAULTS:
            shown.append(f"- and {len(faults) - MAX_FAULTS} more")
        head = "The arguments have a fault:" if len(faults) == 1 else f"The arguments have {len(faults)} faults:"
        super().__init__("\n".join([head, *shown]))
        self.faults = list(faults)


class OutputMismatch(LocalError):
    """A function returned something else than its annotation, or its schema, promises; `fault` says where and what."""

    def __init__(self, fault: Fault, *, where: str = "", promise: str = "return annotation") -> None:
        super().__init__(f"the result does not match the {promise}: {fault}" + (f" ({where})" if where else ""))
        self.fault = fault
        self.where = where


def shorten(text: str, limit: int = MAX_SHOWN) -> str:
    """Return `text`, cut to `limit` characters with a note of how long it was."""
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"


def suggestion(word: str, choices: Iterable[str]) -> str:
    """Return `did you mean 'x'?` for the choice nearest to `word`; what there is, if little; or an empty string."""
    return nearest(word, choices).removeprefix("; ")
