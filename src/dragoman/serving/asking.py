"""Asking the client, in every era, with one line of user code.

Where the protocol has a way back, the question goes out and the function waits
(`direct`); where it has none, the function is run again with the answer (`replay`).
Source: specification, basic/patterns/mrtr; requirements MRTR-01 to MRTR-12, LEG-19.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from dragoman.errors import LocalError
from dragoman.ports.state import States
from dragoman.protocol.exchange import Call
from dragoman.serving.direct import Direct
from dragoman.serving.question import Question
from dragoman.serving.replay import Replay, binding_of
from dragoman.serving.steps import Step, read_step, run_step, run_step_here, step_of

__all__ = ["Question", "ask", "binding_of", "step", "step_here"]


class Way(Protocol):
    """How one call asks."""

    async def ask(self, questions: Mapping[str, Question]) -> dict[str, Any]:
        """Return the answers to all of `questions`."""
        ...

    async def step(self, name: str) -> Step:
        """Return a step of this call, with its result if it has one already."""
        ...


def _way_of(call: Call, states: States) -> Way:
    way: Way | None = call.asking
    if way is None:
        way = call.asking = Replay(call, states) if call.era.replays else Direct(call)
    return way


async def ask(call: Call, states: States, questions: Mapping[str, Question]) -> dict[str, Any]:
    """Return the answers to `questions`, however this call's era asks. Raises RequestError for an undeclared need."""
    if call.over or call.door.cancelled:
        raise LocalError(f"{call.method} was answered or given up already: nobody is there to be asked")
    for key, question in questions.items():
        if not isinstance(question, Question):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise LocalError(f"{key!r} is no question: make it with ask.form, ask.page, ask.sample or ask.roots")
        needed = question.missing(call.caller.capabilities)
        if needed is not None:
            raise call.era.undeclared(question.method, needed)
    return await _way_of(call, states).ask(questions)


async def step(call: Call, states: States, name: str, run: Callable[..., Any]) -> Any:
    """Return the result of a step of this call, run once (see `Context.step`)."""
    keyed, kind = step_of(run)
    begun = await _way_of(call, states).step(name)
    return read_step(name, await run_step(begun, keyed), kind)


def step_here(call: Call, states: States, name: str, run: Callable[..., Any], wait: Callable[[Any], Any]) -> Any:
    """Return the same for a plain function: the step runs in its thread, and `wait` waits for the event loop.

    So what a thread may not share, such as a connection to a database, can be used in steps.
    """
    keyed, kind = step_of(run)

    async def begin() -> Step:
        return await _way_of(call, states).step(name)

    return read_step(name, run_step_here(wait(begin()), keyed, wait), kind)
