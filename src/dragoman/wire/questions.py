"""What a server may ask its client: a form, a visit to a page, a model's answer, the user's folders.

Source: specification, client/elicitation, client/sampling, client/roots, basic/patterns/mrtr.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, field

from dragoman.wire.base import Meta, Opt, Role, Wire
from dragoman.wire.content import SamplingContent
from dragoman.wire.lifecycle import Result

ELICIT = "elicitation/create"
SAMPLE = "sampling/createMessage"
ROOTS = "roots/list"


class Elicit(Wire, frozen=True, kw_only=True):
    """Parameters of `elicitation/create`: a form, or a page to visit when `mode` is "url"."""

    message: str
    mode: Opt[Literal["form", "url"]] = UNSET
    requested_schema: Opt[dict[str, Any]] = UNSET
    url: Opt[str] = UNSET
    elicitation_id: Opt[str] = UNSET
    meta: Opt[Meta] = field(name="_meta", default=UNSET)


class ElicitResult(Wire, frozen=True, kw_only=True):
    """What the user did; `content` only for an accepted form (ELIC-07)."""

    action: Literal["accept", "decline", "cancel"]
    content: Opt[dict[str, Any] | None] = UNSET
    meta: Opt[Meta] = field(name="_meta", default=UNSET)


class ModelHint(Wire, frozen=True, kw_only=True):
    """Part of a model's name; the earlier in the list, the more it counts (SAMP-05)."""

    name: Opt[str] = UNSET


class ModelPreferences(Wire, frozen=True, kw_only=True):
    """What matters in choosing a model; priorities go from 0 to 1."""

    hints: Opt[list[ModelHint]] = UNSET
    cost_priority: Opt[float] = UNSET
    speed_priority: Opt[float] = UNSET
    intelligence_priority: Opt[float] = UNSET


class SamplingMessage(Wire, frozen=True, kw_only=True):
    """One message of a conversation with a model."""

    role: Role
    content: SamplingContent | list[SamplingContent]
    meta: Opt[Meta] = field(name="_meta", default=UNSET)


class CreateMessage(Wire, frozen=True, kw_only=True):
    """Parameters of `sampling/createMessage`; `max_tokens` is binding (SAMP-04)."""

    messages: list[SamplingMessage]
    max_tokens: int
    model_preferences: Opt[ModelPreferences] = UNSET
    system_prompt: Opt[str] = UNSET
    include_context: Opt[str] = UNSET
    temperature: Opt[float] = UNSET
    stop_sequences: Opt[list[str]] = UNSET
    metadata: Opt[dict[str, Any]] = UNSET
    tools: Opt[list[Any]] = UNSET
    tool_choice: Opt[dict[str, Any]] = UNSET
    meta: Opt[Meta] = field(name="_meta", default=UNSET)


class CreateMessageResult(Wire, frozen=True, kw_only=True):
    """A model's answer. `stop_reason` is an open set: endTurn, stopSequence, maxTokens, toolUse, ... (SAMP-07)."""

    role: Role
    content: SamplingContent | list[SamplingContent]
    model: str
    stop_reason: Opt[str] = UNSET
    meta: Opt[Meta] = field(name="_meta", default=UNSET)


class ListRoots(Wire, frozen=True, kw_only=True):
    """Parameters of `roots/list`: none."""

    meta: Opt[Meta] = field(name="_meta", default=UNSET)


class Root(Wire, frozen=True, kw_only=True):
    """A folder or file that the user works in, as a file:// URI. Advice, not access control (SAMP-11)."""

    uri: str
    name: Opt[str] = UNSET
    meta: Opt[Meta] = field(name="_meta", default=UNSET)


class ListRootsResult(Wire, frozen=True, kw_only=True):
    """The user's folders."""

    roots: list[Root]
    meta: Opt[Meta] = field(name="_meta", default=UNSET)


class InputRequest(Wire, frozen=True, kw_only=True):
    """One question inside an `InputRequired`: a request without id (MRTR-04)."""

    method: str
    params: Any


class InputRequired(Result, frozen=True, kw_only=True):
    """The call cannot go on without answers: send it again with them, and with `request_state` unchanged."""

    input_requests: Opt[dict[str, InputRequest]] = UNSET
    request_state: Opt[str] = UNSET


class AnyInputRequired(Result, frozen=True, kw_only=True):
    """The same as a client reads it, questions undecoded."""

    input_requests: Opt[dict[str, RawRequest]] = UNSET
    request_state: Opt[str] = UNSET


class RawRequest(msgspec.Struct, frozen=True):
    """A question whose parameters are not decoded yet."""

    method: str
    params: msgspec.Raw = msgspec.Raw(b"{}")
