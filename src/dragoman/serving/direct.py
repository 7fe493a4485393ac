"""Questions where the protocol has a way back: they go out as requests, and the function waits.

Source: client/elicitation, client/sampling, client/roots of the revisions with a handshake; requirement LEG-19.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any

import msgspec

from dragoman.errors import DeclinedError, LocalError, PeerError
from dragoman.protocol.exchange import Call
from dragoman.serving.question import TOGETHER, Question, identified
from dragoman.serving.steps import Step, named

USER_REJECTED = -1  # what clients answer for a user who does not want a model asked (client/sampling "Error Handling")


class Direct:
    """The questions of one call with a way back to its client."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._out: list[asyncio.Task[msgspec.Raw]] = []
        self._steps: set[str] = set()

    async def ask(self, questions: Mapping[str, Question]) -> dict[str, Any]:
        """Return the answers to all of `questions`.

        Raises PeerError if the client answers with an error, DeclinedError if
        that is the user's refusal, LocalError if an answer does not fit.
        """
        if self._out:
            # The other's client would wait for an answer that nobody reads.
            self._recall()
            raise LocalError(TOGETHER)
        self._out = [asyncio.ensure_future(self._put(question)) for question in questions.values()]
        try:
            answers = await asyncio.gather(*self._out)
        finally:
            self._recall()
            self._out = []
        found: dict[str, Any] = {}
        for (key, question), raw in zip(questions.items(), answers, strict=True):
            try:
                found[key] = question.read(raw)
            except ValueError as error:
                raise LocalError(f"the client's answer to {question.label()} does not fit: {error}") from None
        return found

    async def step(self, name: str) -> Step:
        """Return a step that has not run: this function runs once."""
        named(name, self._steps)
        return Step(name, f"{name}-{secrets.token_hex(16)}")

    async def _put(self, question: Question) -> msgspec.Raw:
        params = identified(question.params)
        try:
            return await self._call.door.ask(question.method, self._call.era.pose(params))
        except PeerError as error:
            if error.code != USER_REJECTED:
                raise
            raise DeclinedError(getattr(params, "message", question.method), "decline") from None

    def _recall(self) -> None:
        for task in self._out:
            task.cancel()
