"""What runs tasks: started and stopped with its server, woken when something waits.

What waits stands in the store, put there together with its record, so an engine only decides who runs it and when.
Promise asked of every engine: each task that waits is run by somebody, and by one at a time.
"""

from __future__ import annotations

from typing import Protocol


class Engine(Protocol):
    """Runs the tasks of one server in this process, or has others run them."""

    async def start(self) -> None:
        """Begin to run what waits. Safe to call again."""
        ...

    async def stop(self) -> None:
        """Let what runs end, for a while, and leave the rest to others."""
        ...

    def wake(self) -> None:
        """Look at once: something was queued here. Must not block."""
        ...

    def cancel(self, task_id: str) -> None:
        """Stop a task if it runs here; its record says already that it was cancelled."""
        ...
