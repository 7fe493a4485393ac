"""Running a registered function: with its context if it asks for one, on the loop or in a worker thread.

Prompts, resources and methods of the server's own run this way; tools do the same by themselves, with more to mind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from dragoman.protocol.exchange import Call
from dragoman.serving.context import Context, ServerFace
from dragoman.serving.parameters import Arguments
from dragoman.serving.workers import Workers

T = TypeVar("T")


class Runnable(Protocol):
    """What of a plan says how its function runs."""

    @property
    def is_async(self) -> bool:
        """Whether it runs on the event loop."""
        ...

    @property
    def context_parameter(self) -> str | None:
        """The parameter that takes the Context."""
        ...

    def place(self, arguments: Arguments, context: Any) -> Arguments:
        """Return `arguments` with the context in its place."""
        ...


class Runner:
    """Runs functions for the calls of one server."""

    __slots__ = ("_face", "_workers")

    def __init__(self, face: ServerFace, workers: Workers) -> None:
        self._face = face
        self._workers = workers

    async def run(
        self, plan: Runnable, function: Callable[..., Any], arguments: Arguments, call: Call, after: Callable[[Any], T]
    ) -> T:
        """Return `after(value)` of what `function` returned; both run in the same thread. Raises what they raise."""
        if plan.context_parameter is not None:
            loop = None if plan.is_async else asyncio.get_running_loop()
            arguments = plan.place(arguments, Context(call, self._face, loop))
        if plan.is_async:
            return after(await function(*arguments[0], **arguments[1]))
        found: T = await self._workers.run(lambda: after(function(*arguments[0], **arguments[1])))
        return found
