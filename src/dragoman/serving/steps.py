"""Steps: what a function does once, however often it runs again for its questions.

A step is claimed before it runs and recorded after, so that the same request sent
twice does it once. Limit: a step that was cut off between the two is in doubt, and
nothing but whoever it acted on can tell; an error says so.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

import msgspec

from dragoman.errors import LocalError
from dragoman.ports.state import States
from dragoman.serving.codec import adapt, convert, encoder
from dragoman.serving.suspended import Suspended

MAX_STEPS = 1000  # in all runs of one call
MAX_RESULT = 256 * 1024  # bytes of JSON
Keyed = Callable[[str], Any]


class Step:
    """One step of one run: `key` stays the same in every run; `found` is its result, None if it has to run."""

    __slots__ = ("_keep", "_states", "found", "key", "name")

    def __init__(
        self,
        name: str,
        key: str,
        found: msgspec.Raw | None = None,
        states: States | None = None,
        keep: Callable[[msgspec.Raw], None] | None = None,
    ) -> None:
        self.name = name
        self.key = key
        self.found = found
        self._states = states
        self._keep = keep

    async def done(self, result: Any) -> msgspec.Raw:
        """Record a result. Raises LocalError if it has no JSON form, or a long one; the step is in doubt then."""
        try:
            raw = msgspec.Raw(encoder.encode(result))
        except (TypeError, ValueError) as error:
            raise LocalError(f"the step {self.name!r} took effect, but its result cannot be kept: {error}") from None
        if len(bytes(raw)) > MAX_RESULT:
            raise LocalError(f"the step {self.name!r} took effect, but its result is over {MAX_RESULT} bytes of JSON")
        if self._states is not None:
            await self._states.record(self.key, bytes(raw))
        if self._keep is not None:
            self._keep(raw)
        return raw

    async def failed(self) -> None:
        """Give the step back: it said itself that it failed. Only one of which nothing was heard is in doubt."""
        if self._states is not None:
            await self._states.release(self.key)


def named(name: str, before: set[str]) -> None:
    """Note that a run has a step `name`. Raises LocalError if it had one before, or too many."""
    if name in before:
        raise LocalError(f"there was a step {name!r} before in this call; every step needs a name of its own")
    if len(before) >= MAX_STEPS:
        raise LocalError(f"more than {MAX_STEPS} steps in one call")
    before.add(name)


def step_of(run: Callable[..., Any]) -> tuple[Keyed, Any]:
    """Return a step's function, taking its key, and the type that its result is read back as.

    Raises LocalError for a function that is annotated to return what cannot be found.
    """
    try:
        needed = [
            parameter
            for parameter in inspect.signature(run).parameters.values()
            # `lambda amount=amount: ...` keeps a value; it does not ask for the key.
            if parameter.default is parameter.empty and parameter.kind in (0, 1)
        ]
        kind = adapt(get_type_hints(run, include_extras=True).get("return", Any)) if inspect.isroutine(run) else Any
    except NameError as error:
        raise LocalError(f"the step {run.__qualname__} is annotated to return what is not there: {error}") from None
    except (TypeError, ValueError):
        needed, kind = [], Any  # written in C: it does not tell its signature
    return (run if needed else lambda key: run()), kind


def read_step(name: str, raw: msgspec.Raw, kind: Any) -> Any:
    """Return the result of a step as a `kind`. Raises LocalError if the step returned something else."""
    try:
        return convert(msgspec.json.decode(raw), kind, strict=False)
    except msgspec.ValidationError as error:
        raise LocalError(f"the step {name!r} did not return what it is annotated to: {error}") from None


async def run_step(step: Step, run: Keyed) -> msgspec.Raw:
    """Return the result of a step, running it if it has none."""
    if step.found is not None:
        return step.found
    try:
        result = run(step.key)
        if inspect.isawaitable(result):
            result = await result
    except Suspended:
        await step.failed()
        raise _asks(step) from None
    except Exception:
        await step.failed()
        raise
    return await step.done(result)


def run_step_here(step: Step, run: Keyed, wait: Callable[[Any], Any]) -> msgspec.Raw:
    """Return the same, the step running in this thread; `wait` waits for what is the event loop's."""
    if step.found is not None:
        return step.found
    try:
        result = run(step.key)
        if inspect.iscoroutine(result):
            result = wait(result)
    except Suspended:
        wait(step.failed())
        raise _asks(step) from None
    except Exception:
        wait(step.failed())
        raise
    recorded: msgspec.Raw = wait(step.done(result))
    return recorded


def _asks(step: Step) -> LocalError:
    return LocalError(f"the step {step.name!r} asks a question: ask before the step, and hand it the answer")
