"""Questions where the protocol has no way back: the function is *replayed*.

Its first run stops at the unanswered question, the client sends the call again with the
answer, and the function runs again from its beginning; what was answered before returns
at once. What is remembered between the runs travels with the client, sealed.

    run 1: ask A -> stop            -> input_required {A}, state {}
    run 2: ask A = a, ask B -> stop -> input_required {B}, state {A: a}
    run 3: ask A = a, ask B = b, ... -> result

Source: specification, basic/patterns/mrtr; requirements MRTR-01 to MRTR-12.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from dragoman.errors import DoubtError, LocalError, RequestError
from dragoman.ports.state import States
from dragoman.protocol.exchange import Call
from dragoman.protocol.sealed import not_ours
from dragoman.serving.question import TOGETHER, Question, identified
from dragoman.serving.steps import Step, named
from dragoman.serving.suspended import Suspended
from dragoman.wire.jsonrpc import INVALID_PARAMS
from dragoman.wire.questions import InputRequest, InputRequired

SUPPORTED = frozenset({"tools/call", "prompts/get", "resources/read"})
INPUT_REQUIRED = "input_required"
MAX_QUESTIONS = 100  # in all rounds of one call
MAX_PAST = 4 * 1024 * 1024  # bytes that a call remembers
_encode = msgspec.json.Encoder(order="sorted").encode


class Asked(msgspec.Struct, frozen=True, array_like=True):
    """A question of an earlier run."""

    digest: str
    label: str


class Answered(msgspec.Struct, frozen=True, array_like=True):
    """A question of an earlier run and its answer."""

    digest: str
    label: str
    answer: msgspec.Raw


class Past(msgspec.Struct):
    """What a call knows of its earlier runs; `call` is its name in all of them."""

    call: str
    answers: dict[str, Answered] = {}
    pending: dict[str, Asked] = {}
    steps: dict[str, msgspec.Raw] = {}


_read_past = msgspec.json.Decoder(Past).decode


class Replay:
    """The questions of one run of a call."""

    def __init__(self, call: Call, states: States, past: Past | None = None) -> None:
        """Begin a run that remembers `past`, or what the call's own state says."""
        if call.method not in SUPPORTED:
            raise LocalError(f"{call.method} cannot ask: only {', '.join(sorted(SUPPORTED))} can (MRTR-02)")
        self._call = call
        self._states = states
        self._sent: Mapping[str, msgspec.Raw] = {} if past else _sent(call.params)
        self._fresh = past is None and call.params.request_state is UNSET
        self._past: Past | None = past
        self._missing: dict[str, Question] = {}
        self._asked: set[str] = set()
        self._steps: set[str] = set()
        self._busy = False
        self._conflict = False

    async def ask(self, questions: Mapping[str, Question]) -> dict[str, Any]:
        """Return the answers to all of `questions`.

        Raises Suspended if one is missing, RequestError if one is bad or the
        state is not ours, LocalError if this run asks other than the last.
        """
        if self._busy or self._missing:
            self._conflict = True
            raise LocalError(TOGETHER)
        self._busy = True
        try:
            past = await self.remembered()
        finally:
            self._busy = False
        answers: dict[str, Any] = {}
        for name, question in questions.items():
            key = self._key(name)
            raw = self._answer(past, key, question)
            if raw is None:
                self._missing[key] = question
            else:
                answers[name] = _read(key, question, raw)
        if self._missing:
            raise Suspended(self)
        return answers

    async def required(self) -> InputRequired:
        """Return the result that asks the client for what is missing. Raises LocalError after two at once."""
        past, requests = await self.pause()
        state = await self._states.save(_encode(past), binding_of(self._call))
        return InputRequired(result_type=INPUT_REQUIRED, input_requests=requests, request_state=state)

    async def pause(self) -> tuple[Past, dict[str, InputRequest]]:
        """Return what the next run has to know, and what this one asks. Raises LocalError after two at once."""
        if self._conflict:
            raise LocalError(TOGETHER)
        past = await self.remembered()
        era, missing = self._call.era, self._missing
        requests = {
            key: InputRequest(method=item.method, params=era.pose(identified(item.params)))
            for key, item in missing.items()
        }
        past.pending = {key: Asked(item.digest(), item.label()) for key, item in missing.items()}
        if len(_encode(past)) > MAX_PAST:
            raise LocalError(f"the answers and steps of this call are over {MAX_PAST} bytes: keep less, elsewhere")
        return past, requests

    async def step(self, name: str) -> Step:
        """Return a step, with its result if an earlier run, or the same request sent before, has done it.

        Raises LocalError if it began there and its result was never recorded.
        """
        named(name, self._steps)
        past = await self.remembered()
        # By the call, not by this request: a request that was sent twice goes on twice.
        key = hashlib.sha256(f"{past.call}\0{name}".encode()).hexdigest()
        found = past.steps.get(name)
        if found is None:
            there = await self._states.claim(key)
            if there == b"":
                raise DoubtError(
                    f"the step {name!r} began in another run of this call, which has not recorded its result: "
                    "it is at work there or was cut off, and whether it took effect is unknown"
                )
            if there is not None:
                found = past.steps[name] = msgspec.Raw(there)
        return Step(name, key, found, self._states, lambda raw: past.steps.update({name: raw}))

    async def remembered(self) -> Past:
        """Return what earlier runs left, to add to. Raises RequestError if the state is not ours (MRTR-06)."""
        past = self._past
        if past is None:
            past = await recall(self._call, self._states)
            # Two at once, each with a store to wait for: the first to come back counts.
            past = self._past = self._past or past
        return past

    def _key(self, key: str) -> str:
        key = key or f"question-{len(self._asked) + 1}"
        if key in self._asked:
            raise LocalError(f"the key {key!r} was asked before in this call; every question needs a key of its own")
        if len(self._asked) >= MAX_QUESTIONS:
            raise LocalError(f"more than {MAX_QUESTIONS} questions in one call")
        self._asked.add(key)
        return key

    def _answer(self, past: Past, key: str, question: Question) -> msgspec.Raw | None:
        answered = past.answers.get(key)
        before = answered or past.pending.get(key)
        if before is None:
            if not self._fresh or key not in self._sent:
                return None  # never asked: nobody can have answered it (MRTR-11)
            # Without a state there is nothing to hold an answer against: the client knew what would be asked.
            before = Asked(question.digest(), question.label())
        if before.digest != question.digest():
            raise LocalError(
                f"this run asks {question.label()} where the last asked {before.label}: a function that asks is run "
                "again with the answer, and must ask the same, in the same order; keep what changes in a ctx.step, or "
                "give questions that are not always asked a key of their own"
            )
        if answered is None and key in self._sent:
            answered = past.answers[key] = Answered(before.digest, before.label, self._sent[key])
        return None if answered is None else answered.answer


def _read(key: str, question: Question, raw: msgspec.Raw) -> Any:
    try:
        return question.read(raw)
    except ValueError as error:
        reason = f"inputResponses.{key} does not fit {question.method}: {error}"
        raise RequestError(INVALID_PARAMS, reason) from None


def _sent(params: Any) -> Mapping[str, msgspec.Raw]:
    sent = getattr(params, "input_responses", UNSET)
    return {} if sent is UNSET else sent


def binding_of(call: Call) -> bytes:
    """Return what a call's state belongs to: method, name and arguments, and principal (MRTR-07)."""
    params = call.params
    named = getattr(params, "name", None) or getattr(params, "uri", "")
    arguments = getattr(params, "arguments", b"{}")
    try:
        arguments = _encode(msgspec.json.decode(arguments))
    except msgspec.DecodeError:
        raise not_ours() from None
    return _encode([call.method, named, hashlib.sha256(arguments).hexdigest(), call.caller.principal])


async def recall(call: Call, states: States) -> Past:
    """Return what earlier runs of a call left. Raises RequestError if its state is not ours (MRTR-06)."""
    state = call.params.request_state
    if state is UNSET:
        return Past(states.fresh())
    try:
        return _read_past(await states.load(state, binding_of(call)))
    except msgspec.DecodeError:
        raise not_ours() from None


async def redeem(call: Call, states: States) -> None:
    """Use up the state of a call, if it has one. Raises RequestError if it is not ours or was used up (MRTR-08)."""
    state = getattr(call.params, "request_state", UNSET)
    if state is not UNSET:
        await recall(call, states)
        await states.redeem(state)
