"""A store that fails while it is told to, as a database does that is gone for a while."""

from collections.abc import Callable
from typing import Any

from dragoman.errors import StoreError
from dragoman.store.memory import MemoryStore


class FailingStore:
    """A store in memory, behind a line that breaks while `down` says so of the call at hand."""

    def __init__(self) -> None:
        self.kept = MemoryStore()
        self.down: Callable[[str], bool] = lambda name: False

    def streams(self) -> list[str]:
        """Return the streams of tasks."""
        return [name for name in self.kept._streams if name.startswith("task:")]

    def __getattr__(self, name: str) -> Any:
        there = getattr(self.kept, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            if self.down(name):
                raise StoreError(f"{name}: the store is gone")
            return await there(*args, **kwargs)

        return call
