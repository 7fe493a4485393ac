"""Prompts: registered functions that make messages, and completion of their arguments.

Source: specification, server/prompts, server/utilities/completion.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from inspect import Signature, isawaitable, iscoroutinefunction, signature
from typing import Any, TypeAlias

from msgspec import UNSET

from dragoman.errors import RegistrationError, RequestError
from dragoman.protocol.exchange import Call, Prepared, Reply
from dragoman.protocol.limits import Limits
from dragoman.serving.context import ServerFace
from dragoman.serving.elsewhere import Elsewhere
from dragoman.serving.endpoints import PromptPlan
from dragoman.serving.faults import ArgumentFaults
from dragoman.serving.listing import Listing, register
from dragoman.serving.nearest import nearest
from dragoman.serving.running import Runner
from dragoman.serving.workers import Workers
from dragoman.wire.base import EMPTY, NULL
from dragoman.wire.jsonrpc import INVALID_PARAMS
from dragoman.wire.prompts import (
    Complete,
    CompleteResult,
    Completion,
    GetPrompt,
    GetPromptResult,
    ListPrompts,
    ListPromptsResult,
    Prompt,
    PromptReference,
    ResourceReference,
)

# Called with what is typed so far and, if it takes two, the arguments already chosen; returns suggestions.
Suggested: TypeAlias = Sequence[str] | Awaitable[Sequence[str]]
Completer: TypeAlias = (
    Callable[[str, Mapping[str, str], Call], Suggested]
    | Callable[[str, Mapping[str, str]], Suggested]
    | Callable[[str], Suggested]
)
_Asked: TypeAlias = Callable[[str, Mapping[str, str], Call], Awaitable[Sequence[str]]]
MOST = 100  # suggestions in one answer (PROMPT-07)


class Registered:
    """A prompt and its function."""

    __slots__ = ("definition", "function", "plan", "scopes", "tags", "where")

    def __init__(self, definition: Prompt, plan: PromptPlan, function: Callable[..., Any]) -> None:
        self.definition = definition
        self.plan = plan
        self.function = function
        self.where = plan.where
        self.scopes: frozenset[str] = frozenset()  # what a caller needs
        self.tags: frozenset[str] = frozenset()


class Prompts:
    """All prompts of one server, and the handlers of their methods."""

    def __init__(self, limits: Limits, face: ServerFace, workers: Workers) -> None:
        self._runner = Runner(face, workers)
        self.listing: Listing[Registered | Elsewhere] = Listing(limits.listed, lambda prompt: prompt.definition, _page)

    def add(self, prompt: Registered) -> None:
        """Register a prompt. Raises RegistrationError if the name is taken."""
        register(self.listing, prompt.definition.name, prompt, "prompt")

    async def list(self, call: Call) -> Prepared:
        """Answer `prompts/list`."""
        params: ListPrompts = call.params
        return self.listing.at(params.cursor)

    async def get(self, call: Call) -> Reply:
        """Answer `prompts/get`. Raises RequestError for an unknown name or faulty arguments (PROMPT-03)."""
        params: GetPrompt = call.params
        prompt = self.listing.get(params.name)
        if prompt is None:
            hint = nearest(params.name, self.listing.names())
            raise RequestError(INVALID_PARAMS, f"unknown prompt {params.name[:100]!r}{hint}")
        if isinstance(prompt, Elsewhere):
            return await prompt.answer(call)
        plan = prompt.plan
        try:
            arguments = plan.decode(EMPTY if memoryview(params.arguments) == NULL else params.arguments)
        except ArgumentFaults as faults:
            raise RequestError(INVALID_PARAMS, str(faults)) from None
        messages = await self._runner.run(plan, prompt.function, arguments, call, plan.messages)
        return GetPromptResult(messages=messages, description=prompt.definition.description)


class Completions:
    """Suggestions per argument of a prompt, and per variable of a resource template."""

    def __init__(self, prompts: Listing[Any], templates: Listing[Any], workers: Workers) -> None:
        self._prompts = prompts
        self._templates = templates
        self._workers = workers
        self._completers: dict[tuple[str, str], _Asked] = {}

    def __len__(self) -> int:
        return len(self._completers)

    def add(self, reference: str, argument: str, completer: Completer) -> None:
        """Let `completer` suggest values for `argument` of the prompt or template `reference`.

        Raises RegistrationError for a function that takes neither one nor two arguments.
        """
        self._completers[reference, argument] = _asked(completer, self._workers)

    async def complete(self, call: Call) -> Reply:
        """Answer `completion/complete`: nothing where nobody suggests any. Raises RequestError for an unknown `ref`."""
        params: Complete = call.params
        reference = params.ref.name if isinstance(params.ref, PromptReference) else params.ref.uri
        completer = self._completers.get((reference, params.argument.name))
        if completer is None:
            entry = self._known(params.ref).get(reference)
            if isinstance(entry, Elsewhere) and entry.complete is not None:
                return await entry.complete(call)
            self._check(params.ref, reference)
            return CompleteResult(completion=Completion(values=[]))
        chosen = params.context.arguments if params.context is not UNSET else UNSET
        values = list(await completer(params.argument.value, chosen if chosen is not UNSET else {}, call))
        return CompleteResult(
            completion=Completion(values=values[:MOST], total=len(values), has_more=len(values) > MOST)
        )

    def _known(self, kind: PromptReference | ResourceReference) -> Listing[Any]:
        return self._prompts if isinstance(kind, PromptReference) else self._templates

    def _check(self, kind: PromptReference | ResourceReference, reference: str) -> None:
        known = self._known(kind)
        if reference in known or any(name == reference for name, _ in self._completers):
            return
        what = "prompt" if known is self._prompts else "resource template"
        hint = nearest(reference, known.names())
        raise RequestError(INVALID_PARAMS, f"unknown {what} {reference[:100]!r}{hint}")


def _asked(completer: Callable[..., Any], workers: Workers) -> _Asked:
    """Return a completer as one that is awaited and takes all three; a plain function runs in a worker thread."""
    takes = signature(completer)
    most = max((count for count in (1, 2, 3) if _fits(takes, count)), default=0)
    if not most:
        raise RegistrationError(
            f"a completion takes what is typed and, if it wants, the arguments already chosen and the call, not {takes}"
        )

    async def ask(typed: str, chosen: Mapping[str, str], call: Call) -> Sequence[str]:
        given = (typed, chosen, call)[:most]
        found = completer(*given) if iscoroutinefunction(completer) else await workers.run(completer, *given)
        values: Sequence[str] = await found if isawaitable(found) else found
        return values

    return ask


def _fits(takes: Signature, count: int) -> bool:
    try:
        takes.bind(*("typed", {}, None)[:count])
    except TypeError:
        return False
    return True


def _page(prompts: list[Any], cursor: Any) -> ListPromptsResult:
    return ListPromptsResult(prompts=prompts, next_cursor=cursor)
