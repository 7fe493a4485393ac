"""How a run ends at an unanswered question. By itself, so that servers that never ask load nothing else for it."""

from __future__ import annotations

from collections.abc import Iterator
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
    """Return what a run stopped by: of a group, the suspension if it holds nothing else."""
    raised = list(_leaves(error))
    return raised[0] if all(isinstance(one, Suspended) for one in raised) else error


def _leaves(error: BaseException) -> Iterator[BaseException]:
    inner: tuple[BaseException, ...] | None = getattr(error, "exceptions", None)
    if inner is None or not isinstance(error, BaseExceptionGroup):
        yield error
    else:
        for one in inner:
            yield from _leaves(one)
