"""A call that asks: its questions answered, the call sent again with the answers, until there is a result.

Answers and state belong to that one call, and are forgotten with it (MRTR-16). The state is never read or changed.
Source: specification, basic/patterns/mrtr; requirements MRTR-13 to MRTR-19.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import UNSET

from dragoman.calling.callbacks import answer_by_hand
from dragoman.errors import LocalError, MalformedError
from dragoman.wire.questions import AnyInputRequired

T = TypeVar("T")
ASKING = frozenset({"tools/call", "prompts/get", "resources/read"})  # MRTR-02
ROUNDS = 10


class Answering(Protocol):
    """Who answers questions."""

    async def answer(self, method: str, params: msgspec.Raw) -> Any:
        """Return the result of a question."""
        ...


class Unanswered(msgspec.Struct, frozen=True, kw_only=True):
    """A call that waits for answers: plain data, to be kept anywhere and gone on with by `Client.resume`.

    `questions` has the method and parameters of each question by its key;
    `state` is the server's own, and not to be read.
    """

    method: str
    params: dict[str, Any]
    questions: dict[str, dict[str, Any]]
    state: str | None = None


def unanswered(method: str, params: Mapping[str, Any], asked: AnyInputRequired) -> Unanswered:
    """Return what a call waits for, as plain data."""
    requests = asked.input_requests if asked.input_requests is not UNSET else {}
    questions = {
        key: {"method": one.method, "params": msgspec.json.decode(one.params)} for key, one in requests.items()
    }
    state = asked.request_state if asked.request_state is not UNSET else None
    kept = {name: value for name, value in params.items() if name not in ("inputResponses", "requestState")}
    return Unanswered(method=method, params=msgspec.to_builtins(kept), questions=questions, state=state)


async def answered(callbacks: Answering, params: Mapping[str, Any], asked: AnyInputRequired) -> dict[str, Any]:
    """Return the parameters of the next leg, all questions of the last one answered, at the same time if several.

    Raises what the callbacks raise, one error and not a group, and
    MalformedError where nothing is asked and nothing is to be sent back.
    """
    if not asked.input_requests and asked.request_state is UNSET:
        raise MalformedError("the server asks for input, and names neither a question nor a state (MRTR-03)")
    requests = asked.input_requests if asked.input_requests is not UNSET else {}
    given = await together([callbacks.answer(one.method, one.params) for one in requests.values()])
    return next_leg(params, dict(zip(requests, given, strict=True)), asked.request_state)


def resumed(waiting: Unanswered, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that go on with a call that was left. Raises LocalError for answers that do not fit."""
    strange = [key for key in given if key not in waiting.questions]
    lacking = [key for key in waiting.questions if key not in given]
    if strange or lacking:
        wrong = f"there is no question {strange[0]!r}" if strange else f"{lacking[0]!r} has no answer"
        raise LocalError(f"{wrong}: the questions are {', '.join(waiting.questions) or 'none'}")
    made = {
        key: answer_by_hand(one["method"], msgspec.Raw(msgspec.json.encode(one.get("params", {}))), given[key])
        for key, one in waiting.questions.items()
    }
    return next_leg(waiting.params, made, UNSET if waiting.state is None else waiting.state)


def next_leg(params: Mapping[str, Any], answers: Mapping[str, Any], state: Any) -> dict[str, Any]:
    """Return `params` with answers and state in place of those of an earlier leg (MRTR-14)."""
    leg = {name: value for name, value in params.items() if name not in ("inputResponses", "requestState")}
    if answers:
        leg["inputResponses"] = answers
    if state is not UNSET:
        leg["requestState"] = state
    return leg


async def together(works: list[Coroutine[Any, Any, T]]) -> list[T]:
    """Return what all of `works` give. The first failure is raised, and ends the others."""
    if len(works) == 1:
        return [await works[0]]
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        if any(not task.done() for task in tasks):
            await asyncio.wait(tasks)
