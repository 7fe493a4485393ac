"""Ending tasks of asyncio for good. A cancellation can be lost: `asyncio.wait_for` of Python 3.11 swallows one that
comes together with what it waited for, and a task that waits again and again then goes on for ever.
"""

from __future__ import annotations

import asyncio
from typing import Any

AGAIN = 0.05  # seconds after which a task that goes on is cancelled again


async def stop(*tasks: asyncio.Future[Any]) -> None:
    """Cancel `tasks` and wait until all have ended. What they raised is left with them."""
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=AGAIN)
