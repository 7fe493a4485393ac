"""Asking the client, in every era, with one line of user code.

Where the protocol has a way back, the question goes out and the function waits. Where
it has none, the function is *replayed*: its first run stops at the unanswered
question, the client sends the call again with the answer, and the function runs
again from its beginning; what was answered before returns at once.

    run 1: ask A -> stop            -> input_required {A}, state {}
    run 2: ask A = a, ask B -> stop -> input_required {B}, state {A: a}
    run 3: ask A = a, ask B = b, ... -> result

Source: specification, basic/patterns/mrtr; requirements MRTR-01 to MRTR-12.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_type_hints

import msgspec
from msgspec import UNSET

from dragoman.errors import LocalError, RequestError
from dragoman.ports.state import States
from dragoman.protocol.exchange import Call
from dragoman.protocol.sealed import not_ours
from dragoman.serving.suspended import Suspended
from dragoman.wire.jsonrpc import INVALID_PARAMS
from dragoman.wire.lifecycle import ClientCapabilities
from dragoman.wire.questions import InputRequest, InputRequired

T = TypeVar("T")
SUPPORTED = frozenset({"tools/call", "prompts/get", "resources/read"})
INPUT_REQUIRED = "input_required"
MAX_QUESTIONS = 100  # in all rounds of one call
_encode = msgspec.json.Encoder(order="sorted").encode


class Question(msgspec.Struct, frozen=True):
    """One question: what goes out, what the client must have declared, and how to read the answer.

    `read` raises ValueError for an answer that does not fit.
    """

    method: str
    params: Any
    missing: Callable[[ClientCapabilities], dict[str, Any] | None]
    read: Callable[[msgspec.Raw], Any]

    def digest(self) -> str:
        """Return what tells this question from others."""
        return hashlib.sha256(_encode([self.method, self.params])).hexdigest()[:32]


class Past(msgspec.Struct):
    """What a call knows of its earlier runs: answers with the digests of their questions, and results of steps."""

    answers: dict[str, tuple[str, msgspec.Raw]] = {}
    steps: dict[str, msgspec.Raw] = {}
    pending: dict[str, str] = {}


_read_past = msgspec.json.Decoder(Past).decode


class Asking:
    """The questions of one call in the era without a way back."""

    def __init__(self, call: Call, states: States, past: Past) -> None:
        self._call = call
        self._states = states
        self._past = past
        self._sent: Mapping[str, msgspec.Raw] = _sent(call.params)
        self._pending: dict[str, Question] = {}
        self._asked: set[str] = set()
        self.conflict = False

    def ask(self, questions: Mapping[str, Question]) -> dict[str, Any]:
        """Return the answers to all of `questions`. Raises Suspended if one is missing, RequestError if one is bad."""
        if self._pending:
            self.conflict = True
            raise LocalError("two questions at the same time: put them in one `ctx.ask_all({...})`")
        found = {self._key(key): question for key, question in questions.items()}
        answers: dict[str, Any] = {}
        for (key, question), name in zip(found.items(), questions, strict=True):
            raw = self._answer(key, question)
            if raw is None:
                self._pending[key] = question
            else:
                answers[name] = self._read(key, question, raw)
        if self._pending:
            raise Suspended(self)
        return answers

    def _key(self, key: str) -> str:
        key = key or f"question-{len(self._asked) + 1}"
        if key in self._asked:
            raise LocalError(f"the key {key!r} was asked before in this call; every question needs a key of its own")
        if len(self._asked) >= MAX_QUESTIONS:
            raise LocalError(f"more than {MAX_QUESTIONS} questions in one call")
        self._asked.add(key)
        return key

    def _answer(self, key: str, question: Question) -> msgspec.Raw | None:
        before = self._past.answers.get(key)
        digest = question.digest()
        if before is not None:
            if before[0] != digest:
                raise LocalError(
                    f"the question {key!r} ({question.method}) is not the one that was answered before: a function "
                    "that asks must ask the same, in the same order, whenever it runs again"
                )
            return before[1]
        raw = self._sent.get(key)
        if raw is None or self._past.pending.get(key, digest) != digest:
            return None
        self._past.answers[key] = (digest, raw)
        return raw

    def _read(self, key: str, question: Question, raw: msgspec.Raw) -> Any:
        try:
            return question.read(raw)
        except ValueError as error:
            reason = f"inputResponses.{key} does not fit {question.method}: {error}"
            raise RequestError(INVALID_PARAMS, reason) from None

    async def required(self) -> InputRequired:
        """Return the result that asks the client for what is missing. Raises LocalError after a conflict."""
        if self.conflict:
            raise LocalError("two questions at the same time: put them in one `ctx.ask_all({...})`")
        requests: dict[str, InputRequest] = {}
        for key, question in self._pending.items():
            requests[key] = InputRequest(method=question.method, params=question.params)
            self._past.pending[key] = question.digest()
        state = await self._states.save(_encode(self._past), binding_of(self._call))
        return InputRequired(result_type=INPUT_REQUIRED, input_requests=requests, request_state=state)

    async def step(self, name: str, run: Callable[[str], Any], kind: Any) -> Any:
        """Return the result of a step, running it only if no earlier run has (see `Context.step`)."""
        before = self._past.steps.get(name)
        if before is None:
            before = await self._claimed(name, run)
            self._past.steps[name] = before
        return msgspec.json.decode(before, type=kind)

    async def _claimed(self, name: str, run: Callable[[str], Any]) -> msgspec.Raw:
        """Run a step under a claim, so that the same request sent twice runs it once."""
        state = self._call.params.request_state
        if not isinstance(state, str):
            return await _run(run, f"{name}-{self._states.fresh()}")
        claim = hashlib.sha256(f"{state}\0{name}".encode()).hexdigest()
        there = await self._states.claim(claim)
        if there == b"":
            raise LocalError(
                f"the step {name!r} began in another run of this call and its result was never recorded: "
                "whether it took effect is unknown"
            )
        if there is not None:
            return msgspec.Raw(there)
        try:
            result = await _run(run, claim)
        except Exception:
            # It said itself that it failed; only a step of which nothing was heard is in doubt.
            await self._states.release(claim)
            raise
        await self._states.record(claim, bytes(result))
        return result


def _sent(params: Any) -> Mapping[str, msgspec.Raw]:
    sent = getattr(params, "input_responses", UNSET)
    return {} if sent is UNSET else sent


def binding_of(call: Call) -> bytes:
    """Return what a call's state belongs to: method, name and arguments, session and subject of the caller."""
    params = call.params
    named = getattr(params, "name", None) or getattr(params, "uri", "")
    arguments = getattr(params, "arguments", b"{}")
    try:
        arguments = _encode(msgspec.json.decode(arguments))
    except msgspec.DecodeError:
        raise not_ours() from None
    return _encode([call.method, named, hashlib.sha256(arguments).hexdigest(), call.caller.subject])


async def begin(call: Call, states: States) -> Asking:
    """Return the questions of a call. Raises RequestError if its state is not ours (MRTR-06)."""
    if call.method not in SUPPORTED:
        raise LocalError(f"{call.method} cannot ask: only {', '.join(sorted(SUPPORTED))} can (MRTR-02)")
    state = call.params.request_state
    if state is UNSET:
        return Asking(call, states, Past())
    try:
        past = _read_past(await states.load(state, binding_of(call)))
    except msgspec.DecodeError:
        raise not_ours() from None
    return Asking(call, states, past)


async def _run(run: Callable[[str], Any], key: str) -> msgspec.Raw:
    result = run(key)
    if inspect.isawaitable(result):
        result = await result
    return msgspec.Raw(_encode(result))


def step_of(run: Callable[..., Any], loop: asyncio.AbstractEventLoop | None) -> tuple[Callable[[str], Any], Any]:
    """Return a step's function, taking its key, and the type that its result is read back as.

    The step of a plain function is a plain function too; it must not run on the
    event loop, `loop`.
    """
    takes_key = len(inspect.signature(run).parameters) > 0
    kind = get_type_hints(run).get("return", Any) if inspect.isroutine(run) else Any

    def keyed(key: str) -> Any:
        return run(key) if takes_key else run()

    if loop is None or inspect.iscoroutinefunction(run):
        return keyed, kind
    return lambda key: loop.run_in_executor(None, keyed, key), kind


async def ask(call: Call, states: States, questions: Mapping[str, Question]) -> dict[str, Any]:
    """Return the answers to `questions`, however this call's era asks. Raises RequestError for an undeclared need."""
    for question in questions.values():
        needed = question.missing(call.caller.capabilities)
        if needed is not None:
            raise call.era.undeclared(question.method, needed)
    if call.era.replays:
        asking: Asking | None = call.asking
        if asking is None:
            asking = call.asking = await begin(call, states)
        return asking.ask(questions)
    return await _by_door(call, questions)


async def _by_door(call: Call, questions: Mapping[str, Question]) -> dict[str, Any]:
    if call.asking is not None:
        raise LocalError("two questions at the same time: put them in one `ctx.ask_all({...})`")
    call.asking = questions
    try:
        sent = [call.door.ask(question.method, call.era.trim(question.params)) for question in questions.values()]
        answers = await asyncio.gather(*sent)
    finally:
        call.asking = None
    found: dict[str, Any] = {}
    for (key, question), raw in zip(questions.items(), answers, strict=True):
        try:
            found[key] = question.read(raw)
        except ValueError as error:
            raise LocalError(f"the client's answer to {question.method} does not fit: {error}") from None
    return found


async def step(call: Call, states: States, name: str, run: Callable[[str], Any], kind: Any) -> Any:
    """Return the result of a step of this call, run once (see `Context.step`)."""
    if not call.era.replays:
        return msgspec.json.decode(await _run(run, f"{name}-{states.fresh()}"), type=kind)
    if call.asking is None:
        call.asking = await begin(call, states)
    return await call.asking.step(name, run, kind)
