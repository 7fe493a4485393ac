"""How a run ends at an unanswered question. By itself, so that servers that never ask load nothing else for it."""

from __future__ import annotations

from typing import Any, Protocol


class Required(Protocol):
    """What can say what it waits for."""

    async def required(self) -> Any:
        """Return the result that asks for what is missing."""
        ...


class Suspended(BaseException):
    """Ends a run at an unanswered question.

    Not an Exception: `except Exception` in user code must not swallow it.
    """

    def __init__(self, asking: Required) -> None:
        super().__init__("this call waits for answers")
        self.asking = asking


def stopped_by(error: BaseException) -> BaseException:
    """Return what a run stopped by: of a group, the suspension if it holds nothing else, else the rest."""
    if isinstance(error, BaseExceptionGroup):
        rest = error.split(Suspended)[1]
        if rest is None:
            return _first(error)
    return error


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
