"""The questions a function can ask: a form, a page to visit, a model's answer, the user's folders.

Each knows what the client must have declared, sub-modes included (MRTR-05, ELIC-02, SAMP-02).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from dragoman.errors import DeclinedError, LocalError
from dragoman.serving.forms import Form, form_of
from dragoman.serving.question import Question
from dragoman.wire.content import TextContent
from dragoman.wire.lifecycle import ClientCapabilities
from dragoman.wire.questions import (
    ELICIT,
    ROOTS,
    SAMPLE,
    CreateMessage,
    CreateMessageResult,
    Elicit,
    ElicitResult,
    ListRoots,
    ListRootsResult,
    SamplingMessage,
)

MAX_TOKENS = 1024
_answered = msgspec.json.Decoder(ElicitResult).decode
_sampled = msgspec.json.Decoder(CreateMessageResult).decode
_listed = msgspec.json.Decoder(ListRootsResult).decode


def form(message: str, wanted: Any) -> Question:
    """Return the question that asks the user to fill in a form for the type `wanted`, or for a schema."""
    made = form_of(wanted)
    params = Elicit(mode="form", message=message, requested_schema=made.schema)
    return Question(ELICIT, params, _needs_form, lambda raw: _filled(raw, message, made))


def page(message: str, url: str) -> Question:
    """Return the question that asks the user to visit a page; the answer is True. Raises LocalError for a bad URL."""
    if not url.startswith(("https://", "http://")):
        raise LocalError(f"a page to visit is https:// (or http://), not {url[:100]!r}")
    # The id is for the revision that has one; it must be the same in every run.
    digest = hashlib.sha256(f"{message}\0{url}".encode()).hexdigest()
    params = Elicit(mode="url", message=message, url=url, elicitation_id=f"page-{digest[:32]}")
    return Question(ELICIT, params, _needs_url, lambda raw: _visited(raw, message))


def sample(messages: Any, *, max_tokens: int = MAX_TOKENS, **options: Any) -> Question:
    """Return the question that asks the client's model; `options` are the other fields of `CreateMessage`."""
    params = CreateMessage(messages=_conversation(messages), max_tokens=max_tokens, **options)
    tools = params.tools is not UNSET or params.tool_choice is not UNSET
    return Question(SAMPLE, params, _needs_tools if tools else _needs_sampling, _decoded(_sampled))


def roots() -> Question:
    """Return the question for the folders that the user works in."""
    return Question(ROOTS, ListRoots(), _needs_roots, lambda raw: _decoded(_listed)(raw).roots)


def _conversation(messages: Any) -> list[SamplingMessage]:
    items: Sequence[Any] = [messages] if isinstance(messages, str | SamplingMessage) else messages
    return [
        SamplingMessage(role="user", content=TextContent(text=item)) if isinstance(item, str) else item
        for item in items
    ]


def _answer(raw: msgspec.Raw, message: str) -> ElicitResult:
    result: ElicitResult = _decoded(_answered)(raw)
    if result.action != "accept":
        raise DeclinedError(message, result.action)
    return result


def _filled(raw: msgspec.Raw, message: str, made: Form) -> Any:
    content = _answer(raw, message).content
    return made.read(content if isinstance(content, Mapping) else {})


def _visited(raw: msgspec.Raw, message: str) -> bool:
    _answer(raw, message)
    return True


def _decoded(decode: Any) -> Any:
    def read(raw: msgspec.Raw) -> Any:
        try:
            return decode(raw)
        except msgspec.DecodeError as error:
            raise ValueError(str(error)) from None

    return read


def _needs_form(has: ClientCapabilities) -> dict[str, Any] | None:
    declared = has.elicitation
    # Neither mode named means forms (ELIC-01).
    if declared is not UNSET and (declared.form is not UNSET or declared.url is UNSET):
        return None
    return {"elicitation": {"form": {}}}


def _needs_url(has: ClientCapabilities) -> dict[str, Any] | None:
    declared = has.elicitation
    return None if declared is not UNSET and declared.url is not UNSET else {"elicitation": {"url": {}}}


def _needs_sampling(has: ClientCapabilities) -> dict[str, Any] | None:
    return None if has.sampling is not UNSET else {"sampling": {}}


def _needs_tools(has: ClientCapabilities) -> dict[str, Any] | None:
    declared = has.sampling
    return None if declared is not UNSET and declared.tools is not UNSET else {"sampling": {"tools": {}}}


def _needs_roots(has: ClientCapabilities) -> dict[str, Any] | None:
    return None if has.roots is not UNSET else {"roots": {}}
